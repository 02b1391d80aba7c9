"""What the page Audit is made of: the records, a way to search them, a table."""

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from app.shared.components import empty_state
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count
from ops.audit import Record

READ_TTL_S = 10
NEWEST = 1000
RESULTS = ("started", "done", "failed", "skipped", "already done")


@st.cache_data(ttl=READ_TTL_S, show_spinner="Reading the audit…")
def newest(_bench: Workbench) -> list[Record]:
    """The newest records; however many look, AWS is asked once in READ_TTL_S."""
    return _bench.audit.read(NEWEST)


def ask_search() -> tuple[str, list[str]]:
    """Words to look for, and results; the words stand in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if "audit-text" not in st.session_state:
            st.session_state["audit-text"] = st.query_params.get("text", "")
        text = st.text_input(
            "Search",
            key="audit-text",
            placeholder="a person, a resource, an account, a word",
            icon=":material/search:",
        )
        results = st.pills("Results", RESULTS, selection_mode="multi", key="audit-results")
    if text:
        st.query_params["text"] = text
    else:
        st.query_params.pop("text", None)
    return text, list(results)


def matching(records: Sequence[Record], text: str, results: Sequence[str]) -> list[Record]:
    """Records that hold every word in one of their fields, and end as asked; a step that has ended is
    shown by its end alone."""
    words = text.casefold().split()
    ended = {(record.plan, record.step) for record in records if record.result != "started"}
    return [
        record
        for record in records
        if (record.result in results if results else _tells(record, ended))
        and all(word in _all_text(record) for word in words)
    ]


def _tells(record: Record, ended: set[tuple[str, str]]) -> bool:
    return record.result != "started" or (record.plan, record.step) not in ended


def _all_text(record: Record) -> str:
    return "\n".join(str(value) for value in vars(record).values()).casefold()


def show(records: Sequence[Record], found: Sequence[Record]) -> None:
    """The table; a click on a row shows everything that is known of it."""
    if not records:
        empty_state("Nothing was changed yet", "Whatever a page or the command line changes is listed here.")
        return
    if not found:
        empty_state(
            "No record fits", f"{count(len(records), 'record')} were looked at. Take a word or a result away."
        )
        return
    now = datetime.now(UTC)
    event = show_table(
        [_row(record, now) for record in found],
        key="audit-table",
        on_select="rerun",
        selection_mode="single-row",
        height=min(480, 36 * (len(found) + 1) + 3),
    )
    st.caption(f"{count(len(found), 'record')} of the newest {len(records)}. A row shows all that is known.")
    for row in event.selection.rows:
        if row < len(found):
            st.json({name: value for name, value in vars(found[row]).items() if value not in ("", None, {})})


def _row(record: Record, now: datetime) -> dict[str, str]:
    moment = datetime.fromisoformat(record.at)
    return {
        "When": f"{moment:%Y-%m-%d %H:%M:%S} ({ago(moment, now)})",
        "Who": f"{record.actor} ({record.via})",
        "What": record.does,
        "Resource": record.resource,
        "Account": record.account,
        "Region": record.region,
        "Result": record.result,
        "Why": record.reason,
    }
