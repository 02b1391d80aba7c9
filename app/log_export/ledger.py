"""Ledger, failed records, backfill and retention of exported logs, as parts of a page."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from app.log_export.ledger_chart import ledger_chart
from app.shared.components import (
    confirm_plan,
    empty_state,
    errors_shown,
    forget_once,
    operation_button,
    plain,
)
from app.shared.dialogs import close_dialog, dialog
from app.shared.drawn import show_chart
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, money, size, utc
from app.shared.work_panel import show_work_panel
from ops.aws.s3.objects import Bucket
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.export import replay
from ops.logs.export.backfill.plan import BackfillRequest, plan_backfill
from ops.logs.export.ledger import exported
from ops.logs.export.ledger.reader import ExportReport, read_export_report
from ops.logs.export.replay import ErrorObject, Stream, plan_replay
from ops.logs.export.retention import RETENTION_CHOICES_DAYS, RetentionAdvice, plan_retention
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import HOUR, Location, hour_of
from ops.operations import Operation
from ops.plan import Plan

REPORT_TTL_S = 300
ERRORS_TTL_S = 30
GB = 1 << 30
CACHE_BYTES = 10 * GB
DAY_H = 24
CHANGES = (Operation.REPLAY_RECORDS, Operation.BACKFILL_LOGS, Operation.SET_RETENTION)


@st.cache_resource(show_spinner=False)
def engine_of(_bench: Workbench, location: Location) -> DuckDbEngine:
    store = Bucket(_bench.cloud, location.bucket, location.account, location.region)
    return DuckDbEngine(store, location, FileCache(_bench.settings.data / "logs-cache", CACHE_BYTES))


def export_report(bench: Workbench, location: Location) -> ExportReport:
    """Groups, ledger and backfills, as they are since the last of our changes to them ended."""
    _forget_before_changes(bench)
    return _export_report(bench, location)


@st.cache_data(ttl=REPORT_TTL_S, show_spinner="Comparing what came in with what is in the bucket…")
def _export_report(_bench: Workbench, location: Location, hours: int = DAY_H) -> ExportReport:
    """However many look, everything is counted once in STOCK_TTL_S."""
    now = datetime.now(UTC)
    end = hour_of(now) + HOUR
    counting = exported.counter(engine_of(_bench, location))
    return read_export_report(_bench.cloud, location, counting, end - hours * HOUR, end, now)


def _forget_before_changes(bench: Workbench) -> None:
    for work in bench.works.recent():
        if work.plan.operation in CHANGES and not work.running:
            forget_once(work.id)


@st.cache_data(ttl=ERRORS_TTL_S, show_spinner="Reading the error prefix…")
def error_objects(_bench: Workbench, location: Location) -> list[ErrorObject]:
    return replay.list_error_objects(_bench.cloud, location)


def show_ledger(report: ExportReport) -> None:
    """One sentence, four figures, a chart, and every hour that is not complete."""
    ledger = report.ledger
    subscribed = sum(entry.since is not None for entry in report.groups)
    if not subscribed:
        empty_state(
            "No log group is exported yet",
            "The ledger compares what CloudWatch took in with what lies in the bucket, group by group and "
            "hour by hour, once groups are subscribed.",
        )
        return
    st.markdown(_verdict(report))
    figures = {
        "Taken in": sum(row.ingested.events for row in ledger.rows),
        "Exported": sum(row.exported.events for row in ledger.rows),
        "Failed": ledger.failed,
        "Missing": ledger.missing,
    }
    with st.container(horizontal=True):
        for label, value in figures.items():
            st.metric(label, f"{value:,}", border=True)
    show_chart(ledger_chart, ledger.by_hour(), key="ledger-chart")
    _show_rows(report)
    st.caption(
        f"Counted {ago(report.at, datetime.now(UTC))}, hours from {utc(ledger.start)}. *Begins* is the hour "
        "in which a subscription began: only part of it is exported."
    )
    for note in report.notes:
        st.caption(plain(note))


def _show_rows(report: ExportReport) -> None:
    """What is not complete; what is missing first."""
    rows = [row for row in report.ledger.rows if row.status not in ("complete", "under way")]
    if not rows:
        return
    names = _account_names(report)
    table = [
        {
            "Status": row.status,
            "Group": row.at.group,
            "Hour, UTC": f"{row.at.hour:%Y-%m-%d %H:%M}",
            "Missing": row.missing,
            "Failed": row.failed,
            "Taken in": row.ingested.events,
            "Exported": row.exported.events,
            "Bytes in": size(row.ingested.size_bytes),
            "Account": names.get(row.at.account, row.at.account),
            "Region": row.at.region,
        }
        for row in sorted(rows, key=lambda row: -row.missing)
    ]
    group = st.column_config.TextColumn(width="medium")
    show_table(table, key="ledger-rows", column_config={"Group": group})


def _account_names(report: ExportReport) -> dict[str, str]:
    return {entry.group.place.account.id: entry.group.place.account.name for entry in report.groups}


def _verdict(report: ExportReport) -> str:
    ledger = report.ledger
    groups = count(len(ledger.by_group()), "log group")
    if ledger.missing:
        return (
            f":material/error: **{ledger.missing:,} events are missing** in {groups}. See the hours below, "
            "and what the delivery stream logs."
        )
    if ledger.failed:
        return (
            f":material/warning: Nothing is lost; **{ledger.failed:,} events failed** and wait for a replay."
        )
    return f":material/check_circle: Every event of {groups} is in the bucket, or on its way."


def show_failed(bench: Workbench, location: Location, stream: Stream | None) -> None:
    """What lies under the error prefix, and its replay."""
    again = "Replay again what is left."
    busy = _show_latest(bench, Operation.REPLAY_RECORDS, "object", again)
    with errors_shown():
        _forget_before_changes(bench)
        objects = error_objects(bench, location)
        if not objects:
            empty_state(
                "Nothing has failed",
                "What the processor could not understand, or Firehose could not deliver, would lie here, "
                "whole, with the reason. After the cure it is put into the stream again.",
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
            st.caption("Replay needs the export's stream: its central stack is not among the accounts.")
        elif operation_button(
            bench,
            Operation.REPLAY_RECORDS,
            "Replay",
            icon=":material/replay:",
            key="replay",
            disabled=busy,
        ):
            _confirm(bench, plan_replay(bench.cloud, location, stream, objects), "Replay")


def show_backfill(bench: Workbench, location: Location, report: ExportReport) -> None:
    """How far the backfills are, and what is left to fetch."""
    again = "Start it again: it goes on where it stopped."
    busy = _show_latest(bench, Operation.BACKFILL_LOGS, "log group", again)
    states = list(report.backfills.values())
    if states:
        accounts = _account_names(report)
        rows = [
            {
                "Group": state.group,
                "Done": state.share,
                "Events": state.events,
                "Until": utc(datetime.fromisoformat(state.cut if state.complete else state.until)),
                "Account": accounts.get(state.account, state.account),
                "Region": state.region,
            }
            for state in states
        ]
        bar = st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0)
        columns = {"Done": bar, "Group": st.column_config.TextColumn(width="medium")}
        show_table(rows, key="backfills", column_config=columns)
    requests = report.wanted()
    if not requests:
        empty_state(
            "Nothing is left to fetch",
            "Events from before a group's subscription are fetched into the same bucket, once each.",
        )
        return
    older = "is older than its" if len(requests) == 1 else "are older than their"
    st.markdown(f"**{count(len(requests), 'log group')} {older} subscription.**")
    show_table(
        [_wanted_row(request, location) for request in requests],
        key="backfill-wanted",
        column_config={"Group": st.column_config.TextColumn(width="medium")},
    )
    names = {"/".join(request.group.key): request for request in requests}
    selected = st.multiselect("Log groups", list(names), key="backfill-groups", placeholder="All of them")
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
            stops = partial(_backfill_stops, bench)
            _confirm(bench, plan_backfill(bench.cloud, location, targets, stopped=stops), "Fetch")


def _wanted_row(request: BackfillRequest, location: Location) -> dict[str, str]:
    return {
        "Group": request.group.name,
        "From": f"{request.start:%Y-%m-%d %H:%M}",
        "Until": f"{request.cut:%Y-%m-%d %H:%M}",
        "Stored": size(request.group.stored_bytes),
        "By": "an export task" if request.uses_export_task(location) else "reading",
        "Account": request.group.place.account.name,
        "Region": request.group.place.region,
    }


def show_retention(
    bench: Workbench, report: ExportReport, clock: Callable[[], datetime] | None = None
) -> None:
    """What keeping logs for ever costs; retention for the chosen groups whose export is proven."""
    busy = _show_latest(bench, Operation.SET_RETENTION, "log group", "Choose again what is left.")
    advice = report.advice()
    if not advice:
        empty_state(
            "No log group keeps its logs for ever", "Groups without a retention appear here with their cost."
        )
        return
    total = sum(item.cost for item in advice)
    keep = "keeps" if len(advice) == 1 else "keep"
    st.markdown(f"{count(len(advice), 'log group')} {keep} logs for ever, for **{money(total)} a month**.")
    event = show_table(
        [_advice_row(item) for item in advice],
        key="retention",
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "Group": st.column_config.TextColumn(width="medium"),
            "Export": st.column_config.TextColumn(width="medium"),
        },
    )
    st.caption("Choose rows at their left edge. Retention is set only where the ledger proves the export.")
    days = st.radio(
        "Keep for days",
        RETENTION_CHOICES_DAYS,
        index=RETENTION_CHOICES_DAYS.index(30),
        key="retention-days",
        horizontal=True,
    )
    selected = [advice[row] for row in event.selection.rows]
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
            _confirm(bench, plan_retention(bench.cloud, selected, days, now), "Set retention")


def _advice_row(advice: RetentionAdvice) -> dict[str, str]:
    return {
        "Group": advice.group.name,
        "Export": "proven" if advice.proof.proven else advice.proof.reason,
        "Stored": size(advice.group.stored_bytes),
        "A month": money(advice.cost),
        **{f"Saved at {days} d": money(advice.saved[days]) for days in RETENTION_CHOICES_DAYS},
        "Account": advice.group.place.account.name,
        "Region": advice.group.place.region,
    }


def _show_latest(bench: Workbench, operation: Operation, thing: str, advice: str) -> bool:
    """The last plan of the operation as it goes on, whoever began it; whether it still runs."""
    work = next((work for work in bench.works.recent() if work.plan.operation is operation), None)
    if work is None:
        return False
    then = partial(_forget_before_changes, bench)
    show_work_panel(bench, work, key=operation.name, thing=thing, then=then, advice=advice)
    return work.running


def _backfill_stops(bench: Workbench) -> bool:
    """A group may take hours: its backfill asks after each day that it has fetched."""
    return any(
        work.stopping for work in bench.works.recent() if work.plan.operation is Operation.BACKFILL_LOGS
    )


@dialog("Confirm")
def _confirm(bench: Workbench, plan: Plan, button: str) -> None:
    st.markdown(f"**{plain(plan.title)}**")
    if confirm_plan(bench, plan, button=button):
        close_dialog()
