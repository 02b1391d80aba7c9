"""The view Alerts: create an alert of the search, and list, test, pause, resume, and delete alerts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app.logs.state import View
from app.shared import time_zone
from app.shared.components import (
    empty_state,
    errors_shown,
    operation_button,
    perform_call,
    plain,
    show_error,
)
from app.shared.session import Workbench
from app.shared.statuses import Badge
from app.shared.words import ago, count, visible
from ops.errors import SlipwayError
from ops.logs.alerts.changes import Alerts
from ops.logs.alerts.model import WINDOWS, Alert, AlertRule, Judgement
from ops.logs.datasets import Dataset
from ops.logs.export.ledger.model import DELIVERY_DELAY
from ops.logs.search.time_ranges import relative_text
from ops.operations import Operation
from ops.plan import AuditedCall

KEPT_S = 300
BADGES = {
    "OK": Badge("OK", "check_circle", "green"),
    "Firing": Badge("Firing", "notifications_active", "red"),
    "Unknown": Badge("Unknown", "help", "gray"),
    "Paused": Badge("Paused", "pause_circle", "orange"),
    "Not started": Badge("Not started", "schedule", "gray"),
}
SIDES = {"over": "More events than", "under": "Fewer events than"}
TESTED = "logs_alert_tested"  # session state: the last test by the name of its alert


def show_alerts(bench: Workbench, dataset: Dataset, view: View) -> None:
    """Show the whole view."""
    alerts = Alerts(bench.cloud, dataset)
    try:
        listed, errors = alerts.list()
    except SlipwayError as error:
        show_error(error)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="logs_alerts_tools"):
        st.markdown(_summary(listed), width="content")
        _show_creation(bench, alerts, dataset, view)
    st.caption(
        "The export counts the events of each window with Athena, "
        f"{int(DELIVERY_DELAY.total_seconds() // 60)} minutes after its end, when they are delivered."
    )
    for unread in errors:
        st.warning(f"{plain(str(unread))} {plain(unread.hint)}", icon=":material/warning:")
    if not listed:
        empty_state("No alerts", "Enter a search, and choose Create alert to be notified of its events.")
    for alert in listed:
        with st.container(border=True):
            _show_alert(bench, alerts, alert)


def _summary(listed: list[Alert]) -> str:
    firing = sum(alert.status == "Firing" for alert in listed)
    unknown = sum(alert.status == "Unknown" for alert in listed)
    parts = [f"**{count(len(listed), 'alert')}**"]
    parts += [f"{number} {word}" for number, word in ((firing, "firing"), (unknown, "unknown")) if number]
    return " · ".join(parts)


@st.cache_data(ttl=KEPT_S, max_entries=20, show_spinner=False)
def _topics(_alerts: Alerts, dataset: str) -> tuple[str, ...]:
    return _alerts.function().topics


def _show_creation(bench: Workbench, alerts: Alerts, dataset: Dataset, view: View) -> None:
    with st.popover("Create alert", icon=":material/add_alert:", key="logs_alert_creation"), errors_shown():
        topics = _topics(alerts, dataset.name)
        refusal = Operation.CHANGE_ALERTS.refusal(bench.actor.role)
        if not topics:
            st.caption(
                "The export has no topic to notify. Deploy it with a notification email, or with the ARN of "
                "a topic in the parameter AlertTopics."
            )
        with st.form("logs_alert_form", border=False):
            st.caption("Search")
            st.code(visible(view.query) or "all events", language=None, wrap_lines=True)
            name = st.text_input(
                "Name",
                key="logs_alert_name",
                placeholder="checkout-errors",
                help="Lowercase letters, digits, - and _",
            )
            window = st.selectbox("Window", WINDOWS, key="logs_alert_window", format_func=relative_text)
            comparison = st.selectbox(
                "Fire on", list(SIDES), key="logs_alert_comparison", format_func=SIDES.__getitem__
            )
            threshold = st.number_input("Events per window", 0, step=1, key="logs_alert_threshold")
            topic = st.selectbox("Topic", topics, key="logs_alert_topic", format_func=_topic_name)
            created = st.form_submit_button(
                "Create alert", type="primary", disabled=bool(refusal or not topics), help=refusal or None
            )
        if created:
            link = (st.context.url or "").partition("?")[0]
            rule = AlertRule(name, view.query, window, comparison, int(threshold), str(topic), link)
            _make(bench, lambda: alerts.create(rule, datetime.now(UTC)))


def _topic_name(arn: str) -> str:
    return arn.rpartition(":")[2]


def _show_alert(bench: Workbench, alerts: Alerts, alert: Alert) -> None:
    rule, now = alert.rule, datetime.now(UTC)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{BADGES[alert.status].markdown} **{plain(rule.name)}**", width="content")
        st.markdown(f"Fires on {rule.condition}", width="stretch")
        _show_buttons(bench, alerts, alert)
    st.code(visible(rule.search) or "all events", language=None, wrap_lines=True)
    if alert.last:
        since = f" · {alert.last.status.label} since {ago(alert.last.since, now)}"
        st.caption(f"Last window: {_result(alert.last)}{since} · notifies {plain(_topic_name(rule.topic))}")
    else:
        st.caption(f"No window was judged yet · notifies {plain(_topic_name(rule.topic))}")
    if alert.is_late(now):
        st.warning("Not judged in time. Check the log of the export's function.", icon=":material/warning:")
    if alert.unsent:
        st.warning(
            f"{count(alert.unsent, 'notice')} not sent yet. Check the topic.", icon=":material/warning:"
        )
    name, tested = st.session_state.get(TESTED, ("", None))
    if name == rule.name and tested:
        label = BADGES[tested.status.label].markdown
        st.markdown(f"Test: {label} {_result(tested)}. No notice was sent.")


def _result(judgement: Judgement) -> str:
    """Return the count and the window as Markdown."""
    events = "not counted" if judgement.events is None else count(judgement.events, "event")
    if judgement.partly and judgement.events is not None:
        events = f"at least {events}"
    reason = f" · {plain(judgement.partly)}" if judgement.partly else ""
    window = time_zone.span(judgement.start, judgement.end, time_zone.zone())
    return f"{events}, {window} ({time_zone.name()}){reason}"


def _show_buttons(bench: Workbench, alerts: Alerts, alert: Alert) -> None:
    name = alert.rule.name

    def button(label: str, icon: str) -> bool:
        return operation_button(
            bench,
            Operation.CHANGE_ALERTS,
            label,
            icon=f":material/{icon}:",
            key=f"logs_alert_{label.lower()}_{name}",
            type="tertiary",
        )

    if button("Test", "science"):
        with st.spinner("Counting the last complete window…", show_time=True):
            _make(bench, lambda: alerts.test(name), lambda result: _remember(name, result))
    if alert.paused and button("Resume", "play_arrow"):
        _make(bench, lambda: alerts.resume(name))
    if not alert.paused and button("Pause", "pause"):
        _make(bench, lambda: alerts.pause(name))
    with st.popover("Delete", icon=":material/delete:", type="tertiary", key=f"logs_alert_deletion_{name}"):
        st.markdown("The alert and its state are deleted.")
        if button("Delete alert", "delete"):
            _make(bench, lambda: alerts.delete(name))


def _remember(name: str, result: Judgement) -> None:
    st.session_state[TESTED] = (name, result)


def _make(
    bench: Workbench,
    call: Callable[[], AuditedCall[Any]],
    then: Callable[[Any], None] = lambda result: None,
) -> None:
    """Make the call, and show the alerts as they are after it, or why it failed."""
    try:
        then(perform_call(bench, call()))
    except SlipwayError as error:
        show_error(error)
        return
    st.rerun()
