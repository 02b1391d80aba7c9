"""Coverage of the log export as a part of its page: every group, why not, subscribing and unsubscribing."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import streamlit as st

from app.log_export import data
from app.log_export.data import CoverageScan
from app.shared.components import confirm_plan, empty_state, errors_shown, operation_button, plain, show_error
from app.shared.dialogs import close_dialog, dialog
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, size
from app.shared.work_panel import show_work_panel
from ops.logs.export.coverage.last_events import LastEvents
from ops.logs.export.coverage.reading import Coverage
from ops.logs.export.coverage.subscriptions import CAN_SUBSCRIBE, plan_subscribe, plan_unsubscribe
from ops.logs.export.coverage.verdicts import GAPS, WANTED, CoverageState, GroupCoverage
from ops.logs.lake.layout import Location
from ops.operations import Operation
from ops.plan import Plan

POLL_S = 1.0
SHORT_READING_S = 2.0
ROWS = 200  # a page of the table
TITLES = ("Export ", "Stop exporting ")


def show_coverage(bench: Workbench, location: Location | None) -> None:
    """The last reading as it is; a page that is opened for the first time begins one: it changes nothing."""
    scan = data.coverage_scan(bench)
    again = st.button("Read again", key="coverage-again", icon=":material/refresh:", disabled=scan.running)
    if again or (scan.coverage is None and scan.error is None):
        scan.start(bench.cloud)
        scan.wait(SHORT_READING_S)
    if scan.running:
        _show_progress(scan)
    if scan.error and not scan.running:
        show_error(scan.error)
    for work in bench.works.recent()[:5]:
        if work.plan.title.startswith(TITLES):
            show_work_panel(
                bench,
                work,
                key="coverage",
                thing="log group",
                then=partial(scan.start, bench.cloud),
                advice="Plan again what is left: what is done stays done.",
            )
            break
    if scan.coverage is None:
        return
    _show_state(scan.coverage)
    _show_unread(scan.coverage)
    if not scan.coverage.groups:
        empty_state("No log groups", "Every log group of every account and region would be listed here.")
        return
    last = LastEvents(scan.coverage.at)
    if location:
        with errors_shown():
            last = data.last_exported(bench, location)
    _show_groups(bench, scan.coverage, last)


def _show_progress(scan: CoverageScan) -> None:
    """How far each place is; redraws the page once all are read."""

    @st.fragment(run_every=POLL_S)
    def panel() -> None:
        if not scan.running:
            st.rerun()
        done = sum(tick.done for tick in scan.ticks.values())
        total = sum(tick.total for tick in scan.ticks.values())
        text = f"Reading {done:,} of {total:,} log groups; AWS answers about five a second in each place"
        st.progress(min(done / total, 1.0) if total else 0.0, text=text)

    panel()


def _show_state(coverage: Coverage) -> None:
    wanted = coverage.of(*WANTED)
    exported = coverage.of(CoverageState.SUBSCRIBED)
    gaps = coverage.of(*GAPS)
    read = f"{count(len(coverage.groups), 'log group')} read {ago(coverage.at, datetime.now(UTC))}."
    if not wanted:
        st.markdown(f":material/info: **No log group is wanted by an export.** {read}")
    elif gaps:
        verb = "is" if len(gaps) == 1 else "are"
        st.markdown(
            f":material/warning: **{len(gaps):,} of {count(len(wanted), 'wanted log group')} {verb} not "
            f"exported.** The reasons stand below. {read}"
        )
    else:
        st.markdown(
            f":material/check_circle: **{len(exported):,} of {count(len(wanted), 'wanted log group')} "
            f"exported.** {read}"
        )


def _show_unread(coverage: Coverage) -> None:
    for reading in coverage.unread:
        where = f"{reading.place.account.name}, {reading.place.region}"
        st.warning(
            f"{plain(where)} could not be read: {plain(str(reading.error))}", icon=":material/visibility_off:"
        )
    for note in coverage.notes:
        st.caption(plain(note))


def _show_groups(bench: Workbench, coverage: Coverage, last: LastEvents) -> None:
    entries = _filtered(coverage)
    pages = max(1, -(-len(entries) // ROWS))
    number = 1
    if pages > 1:
        number = st.pagination(pages, key=f"coverage-page-{pages}")
    rows = entries[(number - 1) * ROWS : number * ROWS]
    event = show_table(
        pd.DataFrame([_row(entry, last) for entry in rows], columns=list(COLUMNS)),
        key=f"coverage-{_digest(rows)}",
        height=min(36 * (len(rows) + 1), 560),
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "Log group": st.column_config.TextColumn(width="medium"),
            "Why not": st.column_config.TextColumn(
                width="large" if any(entry.state in GAPS for entry in rows) else "small"
            ),
            "Bytes a day": st.column_config.TextColumn(help="IncomingBytes of the last 24 hours"),
            "Last exported": st.column_config.TextColumn(
                help="Time of the newest event in the bucket, from the last 24 hours"
            ),
        },
    )
    selected = [rows[row] for row in event.selection.rows if row < len(rows)]
    _show_actions(bench, entries, selected)


def _digest(rows: Sequence[GroupCoverage]) -> str:
    """Other rows are another table: what was chosen in one is not chosen in the other."""
    words = [[*entry.group.key, entry.state.value] for entry in rows]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:12]


def _filtered(coverage: Coverage) -> list[GroupCoverage]:
    """By state and by a word; gaps first, then the largest."""
    states = Counter(entry.state for entry in coverage.groups)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        states_shown = st.pills(
            "State",
            [state for state in CoverageState if states[state]],
            format_func=lambda state: f"{state} · {states[state]:,}",
            selection_mode="multi",
            key="coverage-states",
        )
        text_filter = st.text_input("Log group contains", key="coverage-word", width=260).strip().lower()
    order = [
        *GAPS,
        CoverageState.NOT_READ,
        CoverageState.PENDING,
        CoverageState.UNSUBSCRIBED,
        CoverageState.SUBSCRIBED,
    ]
    rank = {state: order.index(state) if state in order else len(order) for state in CoverageState}
    entries = [
        entry
        for entry in coverage.groups
        if (not states_shown or entry.state in states_shown) and text_filter in entry.group.name.lower()
    ]
    return sorted(
        entries, key=lambda entry: (rank[entry.state], -(entry.bytes_per_day or 0), entry.group.key)
    )


COLUMNS: dict[str, Callable[[GroupCoverage, LastEvents], str]] = {
    "State": lambda entry, last: entry.state.value,
    "Log group": lambda entry, last: entry.group.name,
    "Why not": lambda entry, last: entry.reason,
    "Account": lambda entry, last: entry.group.place.account.name,
    "Region": lambda entry, last: entry.group.place.region,
    "By": lambda entry, last: entry.exported_by or "–",
    "Bytes a day": lambda entry, last: (
        "unknown" if entry.bytes_per_day is None else size(round(entry.bytes_per_day))
    ),
    "Kept": lambda entry, last: (
        f"{entry.group.retention_days} d" if entry.group.retention_days else "for ever"
    ),
    "Last exported": lambda entry, last: _last(entry, last),
}


def _row(covered: GroupCoverage, last: LastEvents) -> dict[str, str]:
    return {name: cell(covered, last) for name, cell in COLUMNS.items()}


def _last(covered: GroupCoverage, last: LastEvents) -> str:
    at = last.by_group.get(covered.group.key)
    if at:
        return ago(at, datetime.now(UTC))
    return "not lately" if covered.state is CoverageState.SUBSCRIBED else "–"


def _show_actions(
    bench: Workbench, entries: Sequence[GroupCoverage], selected: Sequence[GroupCoverage]
) -> None:
    """Of the chosen rows; without any, all gaps that are shown can be subscribed."""
    ready = [
        entry
        for entry in entries
        if entry.state in CAN_SUBSCRIBE and entry.state is not CoverageState.UNSUBSCRIBED
    ]
    with st.container(horizontal=True):
        targets = list(selected) or ready
        label = f"Subscribe {len(selected):,} chosen" if selected else f"Subscribe all {len(ready):,} now"
        on = operation_button(
            bench,
            Operation.SUBSCRIBE_GROUPS,
            label if targets else "Subscribe now",
            key="subscribe",
            icon=":material/add_link:",
            type="primary",
            disabled=not targets,
        )
        off = operation_button(
            bench,
            Operation.UNSUBSCRIBE_GROUPS,
            "Unsubscribe",
            key="unsubscribe",
            icon=":material/link_off:",
            disabled=not selected,
        )
    st.caption("Choose rows at their left edge. Excluded groups are changed in the export's parameters.")
    with errors_shown():
        if on:
            _confirm(bench, plan_subscribe(bench.cloud, targets), "Subscribe")
        if off:
            _confirm(bench, plan_unsubscribe(bench.cloud, selected), "Unsubscribe")


@dialog("Plan")
def _confirm(bench: Workbench, plan: Plan, button: str) -> None:
    st.markdown(f"**{plain(plan.title)}**")
    if confirm_plan(bench, plan, button=button):
        close_dialog()
