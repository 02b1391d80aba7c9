"""The page Audit: the audit records, their filters, and a table."""

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from app.shared import address, time_zone
from app.shared.components import empty_state
from app.shared.session import Workbench
from app.shared.statuses import AUDIT_RESULTS
from app.shared.tables import show_table
from app.shared.words import ago, count
from ops.audit import Record

READ_TTL_S = 10
MAX_RECORDS = 1000


@st.cache_data(ttl=READ_TTL_S, show_spinner="Reading the audit log…")
def latest(_bench: Workbench) -> list[Record]:
    """Return the latest records. They are cached for READ_TTL_S and shared by all sessions."""
    return _bench.audit.read(MAX_RECORDS)


def filter_inputs() -> tuple[str, list[str]]:
    """Show the inputs for search text and results, and return their values. The text is kept in the URL."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address.follow("text", "audit-text", "")
        text = st.text_input(
            "Search",
            key="audit-text",
            placeholder="User, resource, account, or text",
            icon=":material/search:",
        )
        results = st.pills(
            "Result",
            list(AUDIT_RESULTS),
            selection_mode="multi",
            key="audit-results",
            format_func=AUDIT_RESULTS.__getitem__,
        )
    address.keep("text", "audit-text", "", text)
    return text, list(results)


def matching(records: Sequence[Record], text: str, results: Sequence[str]) -> list[Record]:
    """Return the records that contain every word and have one of the results.

    Without `results`, the record of a step's start is left out if the step has finished.
    """
    words = text.casefold().split()
    finished = {(record.plan, record.step) for record in records if record.result != "started"}
    return [
        record
        for record in records
        if (record.result in results if results else _is_latest(record, finished))
        and all(word in _all_text(record) for word in words)
    ]


def _is_latest(record: Record, finished: set[tuple[str, str]]) -> bool:
    return record.result != "started" or (record.plan, record.step) not in finished


def _all_text(record: Record) -> str:
    return "\n".join(str(value) for value in vars(record).values()).casefold()


def show(records: Sequence[Record], matches: Sequence[Record]) -> None:
    """Show the matching records in a table. Selecting a row shows all fields of the record."""
    if not records:
        empty_state("No changes yet", "Changes made on a page or on the command line appear here.")
        return
    if not matches:
        empty_state(
            "No matching records", f"Searched {count(len(records), 'record')}. Remove a filter to see more."
        )
        return
    now = datetime.now(UTC)
    event = show_table(
        [_row(record, now) for record in matches],
        key="audit-table",
        on_select="rerun",
        selection_mode="single-row",
        height=min(480, 36 * (len(matches) + 1) + 3),
    )
    shown = f"{len(matches):,} of the latest {count(len(records), 'record')}"
    st.caption(f"{shown}. Select a row to see all its fields.")
    for row in event.selection.rows:
        if row < len(matches):
            fields = vars(matches[row]).items()
            st.json({name: value for name, value in fields if value not in ("", None, {})})


def _row(record: Record, now: datetime) -> dict[str, str]:
    moment = datetime.fromisoformat(record.at)
    return {
        time_zone.titled("Time"): f"{time_zone.cell(moment)} ({ago(moment, now)})",
        "User": f"{record.actor} ({record.via})",
        "Change": record.does,
        "Resource": record.resource,
        "Account": record.account,
        "Region": record.region,
        "Result": AUDIT_RESULTS.get(record.result, record.result),
        "Reason": record.reason,
    }
