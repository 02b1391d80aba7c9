"""The tab Coverage: the state of every log group, and subscribing and unsubscribing log groups."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import streamlit as st

from app.log_export import data
from app.log_export.canaries import show_canaries
from app.log_export.data import CoverageScan
from app.shared.components import empty_state, errors_shown, operation_button, plain, show_error
from app.shared.dialogs import confirm
from app.shared.plans.panel import show_plan_panel
from app.shared.refreshing import show_refreshing
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, sentence
from ops.logs.export.canary import Canaries
from ops.logs.export.coverage.reading import Coverage
from ops.logs.export.coverage.seen import Seen, Sight, judge_seen
from ops.logs.export.coverage.subscriptions import CAN_SUBSCRIBE, plan_subscribe, plan_unsubscribe
from ops.logs.export.coverage.verdicts import GAPS, INCLUDED, CoverageState, GroupCoverage
from ops.logs.export.ledger.model import GroupKey
from ops.logs.lake.layout import Location
from ops.operations import Operation
from ops.text.sizes import size

POLL_S = 1.0
SHORT_READING_S = 2.0
ROWS = 200  # per page of the table
REASONS = 8  # below the table
LOST = 50  # log groups listed that do not arrive
OPERATIONS = (Operation.SUBSCRIBE_GROUPS, Operation.UNSUBSCRIBE_GROUPS)


def show_coverage(bench: Workbench, location: Location | None) -> None:
    """Show the last scan. The first visit starts one, which is read-only."""
    scan = data.coverage_scan(bench)
    refresh = st.button("Refresh", key="coverage-refresh", icon=":material/refresh:", disabled=scan.running)
    if refresh or scan.unread:
        data.start_coverage_scan(bench, SHORT_READING_S)
    if scan.running:
        _show_progress(scan)
    if scan.error and not scan.running:
        show_error(scan.error)
    for work in bench.plan_runs.recent()[:5]:
        if work.plan.operation in OPERATIONS:
            show_plan_panel(
                bench,
                work,
                key="coverage",
                thing="log group",
                then=partial(data.read_coverage_again, bench),
                advice="Create a new plan for the rest; completed steps are kept.",
            )
            break
    if scan.result is None:
        return
    _show_state(scan.result)
    _show_unread(scan.result)
    if not scan.result.groups:
        empty_state("No log groups", "Log groups of all configured accounts and regions appear here.")
        return
    last, canaries = None, Canaries(error="the bucket was not read")
    if location:
        with errors_shown():
            canaries = data.canaries(bench, location)
            last = data.last_exported(bench, location)
        if canaries.found or scan.result.of(*INCLUDED):
            show_canaries(bench, canaries, scan.result.at, "coverage")
    entries = scan.result.groups
    seen = [judge_seen(entry, last, canaries, scan.result.at) for entry in entries]
    _show_seen(entries, seen)
    _show_groups(
        bench,
        scan.result,
        {entry.group.key: sight for entry, sight in zip(entries, seen, strict=True)},
    )


def _show_progress(scan: CoverageScan) -> None:
    """Show the progress of the scan, and rerun the page when it has finished."""

    def panel() -> bool:
        done = sum(progress.done for progress in scan.progress.values())
        total = sum(progress.total for progress in scan.progress.values())
        text = f"Reading {done:,} of {total:,} log groups, about 5 per second, account, and region"
        st.progress(min(done / total, 1.0) if total else 0.0, text=text)
        return not scan.running

    show_refreshing(panel, every=POLL_S)


def _show_state(coverage: Coverage) -> None:
    included = coverage.of(*INCLUDED)
    exported = coverage.of(CoverageState.SUBSCRIBED)
    gaps = coverage.of(*GAPS)
    read = f"{count(len(coverage.groups), 'log group')} read {ago(coverage.at, datetime.now(UTC))}."
    if not included:
        st.markdown(f":material/info: **No export includes any log group.** {read}")
    elif gaps:
        verb = "is" if len(gaps) == 1 else "are"
        st.markdown(
            f":material/warning: **{len(gaps):,} of {count(len(included), 'included log group')} {verb} not "
            f"exported.** See the reasons below. {read}"
        )
    else:
        st.markdown(
            f":material/check_circle: **{len(exported):,} of {count(len(included), 'included log group')} "
            f"exported.** {read}"
        )


def _show_seen(entries: Sequence[GroupCoverage], seen: Sequence[Sight]) -> None:
    """Show what arrives, and each reason for a group of which nothing does."""
    states: Counter[Seen] = Counter(sight.state for sight in seen if sight.state is not Seen.NOT_CONFIGURED)
    if not states:
        return
    words = " · ".join(f"{states[state]:,} {state}" for state in Seen if states[state])
    st.caption(f"Seen in the bucket in the last 24 hours: {words}")
    lost = [
        (entry, sight) for entry, sight in zip(entries, seen, strict=True) if sight.state is Seen.NOT_ARRIVING
    ]
    if lost:
        with st.expander(f"Not arriving: {count(len(lost), 'log group')}", icon=":material/warning:"):
            lines = [f"- {plain(entry.group.name)}: {plain(sight.reason)}" for entry, sight in lost[:LOST]]
            st.markdown("\n".join(lines))


def _show_unread(coverage: Coverage) -> None:
    for reading in coverage.unread:
        where = f"{reading.place.account.name}, {reading.place.region}"
        st.warning(
            f"Cannot read {plain(where)}: {plain(str(reading.error))}", icon=":material/visibility_off:"
        )
    for note in coverage.notes:
        st.caption(plain(note))


def _show_groups(bench: Workbench, coverage: Coverage, seen: Mapping[GroupKey, Sight]) -> None:
    entries = _filtered(coverage)
    pages = max(1, -(-len(entries) // ROWS))
    number = 1
    if pages > 1:
        number = st.pagination(pages, key=f"coverage-page-{pages}")
    rows = entries[(number - 1) * ROWS : number * ROWS]
    event = show_table(
        pd.DataFrame(
            {name: [cell(entry, seen[entry.group.key]) for entry in rows] for name, cell in COLUMNS.items()}
        ),
        key=f"coverage-{_digest(rows)}",
        height=min(36 * (len(rows) + 1), 560),
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "Log group": st.column_config.TextColumn(width="medium"),
            "Ingested per day": st.column_config.TextColumn(help="IncomingBytes of the last 24 hours"),
            "Last exported": st.column_config.TextColumn(
                help="Time of the newest event in the bucket within the last 24 hours"
            ),
        },
    )
    selected = [rows[row] for row in event.selection.rows if row < len(rows)]
    _show_reasons(selected or entries)
    _show_actions(bench, entries, selected)


def _show_reasons(entries: Sequence[GroupCoverage]) -> None:
    """Show each reason once, with the number of log groups that have it, or the name of the only one."""
    by_reason: dict[str, list[GroupCoverage]] = {}
    for entry in entries:
        if entry.reason:
            by_reason.setdefault(entry.reason, []).append(entry)
    most = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    lines = [
        f"- **{count(len(found), 'log group') if len(found) > 1 else plain(found[0].group.name)}**: "
        f"{plain(sentence(reason))}"
        for reason, found in most[:REASONS]
    ]
    if len(most) > REASONS:
        lines.append(f"- {count(len(most) - REASONS, 'other reason')}: filter the log groups.")
    if lines:
        st.markdown("\n".join(lines))


def _digest(rows: Sequence[GroupCoverage]) -> str:
    """Return a key for these rows, so that a selection does not carry over to other rows."""
    words = [[*entry.group.key, entry.state.value] for entry in rows]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:12]


def _filtered(coverage: Coverage) -> list[GroupCoverage]:
    """Filter by state and name; gaps come first, then the largest log groups."""
    states = Counter(entry.state for entry in coverage.groups)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        states_shown = st.pills(
            "State",
            [state for state in CoverageState if states[state]],
            format_func=lambda state: f"{state.capitalize()} · {states[state]:,}",
            selection_mode="multi",
            key="coverage-states",
        )
        text_filter = st.text_input("Log group contains", key="coverage-filter", width=260).strip().lower()
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


COLUMNS: dict[str, Callable[[GroupCoverage, Sight], str]] = {
    "State": lambda entry, sight: entry.state.capitalize(),
    "Seen": lambda entry, sight: sight.state.capitalize() or "–",
    "Log group": lambda entry, sight: entry.group.name,
    "Account": lambda entry, sight: entry.group.place.account.name,
    "Region": lambda entry, sight: entry.group.place.region,
    "Subscribed by": lambda entry, sight: entry.exported_by or "–",
    "Ingested per day": lambda entry, sight: (
        "Unknown" if entry.bytes_per_day is None else size(round(entry.bytes_per_day))
    ),
    "Retention": lambda entry, sight: (
        f"{entry.group.retention_days} days" if entry.group.retention_days else "Never expire"
    ),
    "Last exported": lambda entry, sight: ago(sight.at, datetime.now(UTC)) if sight.at else "–",
}


def _show_actions(
    bench: Workbench, entries: Sequence[GroupCoverage], selected: Sequence[GroupCoverage]
) -> None:
    """Show actions for the selected rows; without a selection, all gaps in the table can be subscribed."""
    ready = [
        entry
        for entry in entries
        if entry.state in CAN_SUBSCRIBE and entry.state is not CoverageState.UNSUBSCRIBED
    ]
    with st.container(horizontal=True):
        targets = list(selected) or ready
        label = f"Subscribe {count(len(targets), 'log group')}" if targets else "Subscribe"
        on = operation_button(
            bench,
            Operation.SUBSCRIBE_GROUPS,
            label,
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
    st.caption(
        "Select rows at their left edge, also to see only their reasons. To include excluded log groups, "
        "change the export's parameters."
    )
    with errors_shown():
        if on:
            confirm(bench, plan_subscribe(bench.cloud, targets), f"Subscribe {_groups(targets)}")
        if off:
            confirm(bench, plan_unsubscribe(bench.cloud, selected), f"Unsubscribe {_groups(selected)}")


def _groups(entries: Sequence[GroupCoverage]) -> str:
    return count(len(entries), "log group")
