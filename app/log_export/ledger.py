"""The tabs Ledger, Failed, Backfill, and Retention."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from app.log_export.ledger_chart import ledger_chart, savings_chart
from app.shared import time_zone
from app.shared.charts import show_chart
from app.shared.components import (
    clear_caches_once,
    empty_state,
    errors_shown,
    operation_button,
    plain,
)
from app.shared.dialogs import confirm
from app.shared.plans.panel import show_plan_panel
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, money
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.export import replay
from ops.logs.export.backfill.plan import BackfillRequest, plan_backfill
from ops.logs.export.ledger import exported
from ops.logs.export.ledger.reader import ExportReport, read_export_report
from ops.logs.export.replay import ErrorObject, Stream, plan_replay
from ops.logs.export.retention import RETENTION_CHOICES_DAYS, RetentionAdvice, plan_retention
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import HOUR, Location, hour_of
from ops.logs.lake.store import bucket_of
from ops.operations import Operation
from ops.text.sizes import size

REPORT_TTL_S = 300
ERRORS_TTL_S = 30
GB = 1 << 30
CACHE_BYTES = 10 * GB
DAY_H = 24
CHANGES = (Operation.REPLAY_RECORDS, Operation.BACKFILL_LOGS, Operation.SET_RETENTION)


@st.cache_resource(show_spinner=False)
def engine_of(_bench: Workbench, location: Location) -> DuckDbEngine:
    store = bucket_of(_bench.cloud, location)
    return DuckDbEngine(store, location, FileCache(_bench.settings.data / "logs-cache", CACHE_BYTES))


def export_report(bench: Workbench, location: Location) -> ExportReport:
    """Return log groups, ledger, and backfills, read again after each change made with Slipway."""
    _clear_caches_after_changes(bench)
    return _export_report(bench, location)


@st.cache_data(ttl=REPORT_TTL_S, show_spinner="Comparing ingested and exported events…")
def _export_report(_bench: Workbench, location: Location, hours: int = DAY_H) -> ExportReport:
    """Count all events at most once per REPORT_TTL_S for all viewers."""
    now = datetime.now(UTC)
    end = hour_of(now) + HOUR
    counting = exported.counter(engine_of(_bench, location))
    return read_export_report(_bench.cloud, location, counting, end - hours * HOUR, end, now)


def _clear_caches_after_changes(bench: Workbench) -> None:
    for work in bench.plan_runs.recent():
        if work.plan.operation in CHANGES and not work.running:
            clear_caches_once(work.id)


@st.cache_data(ttl=ERRORS_TTL_S, show_spinner="Reading failed records…")
def error_objects(_bench: Workbench, location: Location) -> list[ErrorObject]:
    return replay.list_error_objects(_bench.cloud, location)


def show_ledger(report: ExportReport) -> None:
    """Show a summary, totals, a chart, and all incomplete hours."""
    ledger = report.ledger
    subscribed = sum(entry.since is not None for entry in report.groups)
    if not subscribed:
        empty_state(
            "No log group is exported yet",
            "Once log groups are subscribed, the ledger compares the events that CloudWatch ingested with "
            "those in the bucket, by log group and hour.",
        )
        return
    st.markdown(_verdict(report))
    figures = {
        "Ingested": sum(row.ingested.events for row in ledger.rows),
        "Exported": sum(row.exported.events for row in ledger.rows),
        "Failed": ledger.failed,
        "Missing": ledger.missing,
    }
    with st.container(horizontal=True):
        for label, value in figures.items():
            st.metric(label, f"{value:,}", border=True)
    show_chart(
        ledger_chart,
        ledger.by_hour(),
        time_zone.zone(),
        empty="No chart: CloudWatch ingested no events of the exported log groups in these hours.",
        key="ledger-chart",
    )
    _show_rows(report)
    st.caption(
        f"Counted {ago(report.at, datetime.now(UTC))}, from {time_zone.stamp(ledger.start)}. *Partial*: the "
        "log group was subscribed during the hour, so only part of it is exported."
    )
    if ledger.unread:
        with st.expander(f"Not read: {len(ledger.unread)}"):
            st.markdown("\n".join(f"- {plain(reason)}" for reason in ledger.unread))
    for note in report.notes:
        st.caption(plain(note))


def _show_rows(report: ExportReport) -> None:
    """Show incomplete hours, those with the most missing events first."""
    rows = [row for row in report.ledger.rows if row.incomplete]
    if not rows:
        return
    names = _account_names(report)
    table = [
        {
            "Status": row.status.capitalize(),
            "Log group": row.at.group,
            time_zone.titled("Hour"): time_zone.cell(row.at.hour),
            "Missing": row.missing,
            "Failed": row.failed,
            "Ingested": row.ingested.events,
            "Exported": row.exported.events,
            "In other hours": row.elsewhere,
            "Ingested bytes": size(row.ingested.size_bytes),
            "Account": names.get(row.at.account, row.at.account),
            "Region": row.at.region,
        }
        for row in sorted(rows, key=lambda row: -row.missing)
    ]
    group = st.column_config.TextColumn(width="medium")
    show_table(table, key="ledger-rows", column_config={"Log group": group})


def _account_names(report: ExportReport) -> dict[str, str]:
    return {entry.group.place.account.id: entry.group.place.account.name for entry in report.groups}


def _verdict(report: ExportReport) -> str:
    ledger = report.ledger
    groups = count(len(ledger.by_group()), "log group")
    if ledger.missing:
        return (
            f":material/error: **{ledger.missing:,} events are missing** in {groups}. See the hours below "
            "and the log group of the delivery stream."
        )
    if ledger.unread:
        return (
            ":material/help: **It is unknown whether events are missing**: not everything could be read. "
            f"No loss was found in {groups}."
        )
    if ledger.failed:
        return (
            f":material/warning: No events are missing, but **{ledger.failed:,} events failed**. Replay them."
        )
    return f":material/check_circle: All events of {groups} are in the bucket or in transit."


def show_failed(bench: Workbench, location: Location, stream: Stream | None) -> None:
    """Show failed records and their replay."""
    advice = "Replay the rest again."
    busy = _show_latest(bench, Operation.REPLAY_RECORDS, "object", advice)
    with errors_shown():
        _clear_caches_after_changes(bench)
        objects = error_objects(bench, location)
        if not objects:
            empty_state(
                "No failed records",
                "Records that the processor cannot parse or Firehose cannot deliver appear here, unchanged "
                "and with the reason. After you fix the cause, replay them to the stream.",
            )
            return
        rows = [
            {
                "Object": error_object.key,
                "Records": error_object.records,
                "Events": error_object.events,
                "Unreadable": error_object.unreadable,
                "Reasons": ", ".join(error_object.reasons),
            }
            for error_object in objects
        ]
        show_table(rows, key="failed")
        if stream is None:
            st.caption("Cannot replay: the central stack is not in the configured accounts and regions.")
        elif operation_button(
            bench,
            Operation.REPLAY_RECORDS,
            "Replay",
            icon=":material/replay:",
            key="replay",
            disabled=busy,
        ):
            confirm(bench, plan_replay(bench.cloud, location, stream, objects), "Replay failed records")


def show_backfill(bench: Workbench, location: Location, report: ExportReport) -> None:
    """Show the progress of backfills, and the log groups that need one."""
    advice = "Start it again to continue where it stopped."
    busy = _show_latest(bench, Operation.BACKFILL_LOGS, "log group", advice)
    states = list(report.backfills.values())
    if states:
        accounts = _account_names(report)
        rows = [
            {
                "Log group": state.group,
                "Progress": state.share,
                "Events": state.events,
                "Until": time_zone.stamp(
                    datetime.fromisoformat(state.cut if state.complete else state.until)
                ),
                "Account": accounts.get(state.account, state.account),
                "Region": state.region,
            }
            for state in states
        ]
        bar = st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0)
        columns = {"Progress": bar, "Log group": st.column_config.TextColumn(width="medium")}
        show_table(rows, key="backfills", column_config=columns)
    requests = report.backfill_requests()
    if not requests:
        empty_state(
            "Nothing to backfill",
            "A backfill exports events from before a log group's subscription to the same bucket.",
        )
        return
    older = "is older than its" if len(requests) == 1 else "are older than their"
    st.markdown(f"**{count(len(requests), 'log group')} {older} subscription.**")
    show_table(
        [_request_row(request, location) for request in requests],
        key="backfill-requests",
        column_config={"Log group": st.column_config.TextColumn(width="medium")},
    )
    names = {"/".join(request.group.key): request for request in requests}
    selected = st.multiselect("Log groups", list(names), key="backfill-groups", placeholder="All")
    if operation_button(
        bench,
        Operation.BACKFILL_LOGS,
        "Backfill",
        icon=":material/history:",
        key="backfill",
        disabled=busy,
    ):
        targets = [names[name] for name in selected or names]
        with errors_shown():
            plan = plan_backfill(bench.cloud, location, targets, stopped=partial(_backfill_stops, bench))
            confirm(bench, plan, "Backfill log groups")


def _request_row(request: BackfillRequest, location: Location) -> dict[str, str]:
    return {
        "Log group": request.group.name,
        time_zone.titled("From"): time_zone.cell(request.start),
        time_zone.titled("Until"): time_zone.cell(request.cut),
        "Stored": size(request.group.stored_bytes),
        "Method": "Export task" if request.uses_export_task(location) else "FilterLogEvents",
        "Account": request.group.place.account.name,
        "Region": request.group.place.region,
    }


def show_retention(
    bench: Workbench, report: ExportReport, clock: Callable[[], datetime] | None = None
) -> None:
    """Show the storage cost of logs that never expire, and set the retention of verified log groups."""
    busy = _show_latest(bench, Operation.SET_RETENTION, "log group", "Select the rest again.")
    advice = report.advice()
    if not advice:
        empty_state(
            "All log groups have a retention",
            "Log groups whose events never expire appear here with their cost.",
        )
        return
    total = sum(item.cost for item in advice)
    have = "has" if len(advice) == 1 else "have"
    st.markdown(f"{count(len(advice), 'log group')} {have} no retention: **{money(total)}/month**.")
    event = show_table(
        [_advice_row(item) for item in advice],
        key="retention",
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "Log group": st.column_config.TextColumn(width="medium"),
            "Export": st.column_config.TextColumn(width="medium"),
        },
    )
    st.caption(
        "Select rows at their left edge. Only log groups whose export is verified can get a retention."
    )
    days = st.radio(
        "Retention (days)",
        RETENTION_CHOICES_DAYS,
        index=RETENTION_CHOICES_DAYS.index(30),
        key="retention-days",
        horizontal=True,
    )
    selected = [advice[row] for row in event.selection.rows]
    show_chart(savings_chart, [(each, _saved(selected or advice, each)) for each in RETENTION_CHOICES_DAYS])
    what = f"the {count(len(selected), 'selected log group')}" if selected else "all of them"
    st.caption(
        f"Estimated savings for {what}: {money(_saved(selected or advice, days))}/month at {days} days, of "
        f"{money(sum(item.cost for item in selected or advice))}/month (list price of us-east-1)."
    )
    if operation_button(
        bench,
        Operation.SET_RETENTION,
        "Set retention",
        icon=":material/auto_delete:",
        key="set-retention",
        disabled=busy or not selected,
    ):
        with errors_shown():
            now = clock or (lambda: datetime.now(UTC))
            action = f"Set retention of {count(len(selected), 'log group')}"
            confirm(bench, plan_retention(bench.cloud, selected, days, now), action)


def _saved(advice: Sequence[RetentionAdvice], days: int) -> float:
    """Return what the retention saves each month, in dollars."""
    return sum(item.saved[days] for item in advice)


def _advice_row(advice: RetentionAdvice) -> dict[str, str]:
    return {
        "Log group": advice.group.name,
        "Export": "Verified" if advice.proof.proven else advice.proof.reason,
        "Stored": size(advice.group.stored_bytes),
        "Cost per month": money(advice.cost),
        **{f"Savings at {days} d": money(advice.saved[days]) for days in RETENTION_CHOICES_DAYS},
        "Account": advice.group.place.account.name,
        "Region": advice.group.place.region,
    }


def _show_latest(bench: Workbench, operation: Operation, thing: str, advice: str) -> bool:
    """Show the last plan of the operation, whoever started it; return whether it is running."""
    work = next((work for work in bench.plan_runs.recent() if work.plan.operation is operation), None)
    if work is None:
        return False
    then = partial(_clear_caches_after_changes, bench)
    show_plan_panel(bench, work, key=operation.name, thing=thing, then=then, advice=advice)
    return work.running


def _backfill_stops(bench: Workbench) -> bool:
    """Whether to stop the backfill, which checks after each day because a log group may take hours."""
    return any(
        work.stopping for work in bench.plan_runs.recent() if work.plan.operation is Operation.BACKFILL_LOGS
    )
