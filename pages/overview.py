"""Overview: the state of all four jobs, what needs attention, recent changes, and accounts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import streamlit as st

from app.overview import activity, cards
from app.overview.attention import show_attention
from app.overview.reader import FRESH_S, status_reader
from app.shared.components import plain, show_error
from app.shared.inventory import inventory_scan, is_outdated, start_scan
from app.shared.refreshing import show_refreshing
from app.shared.session import workbench
from app.shared.words import ago, count
from ops.errors import SlipwayError
from ops.status.attention import attention
from ops.status.facts import Status
from ops.support_stacks.liveness import assess_usage

FIRST_READ_S = 1.0  # a page without its first content refreshes this often
INVENTORY_AGE = timedelta(minutes=30)

bench = workbench()
reader, scan = status_reader(bench), inventory_scan(bench)


def is_read() -> bool:
    return reader.status is not None and not scan.unread


def look(now: datetime) -> None:
    """Start to read what is not fresh. The inventory reads much more than the rest, so less often."""
    reader.look(0 if reader.status else FIRST_READ_S)
    old = scan.started_at is None or now - scan.started_at > INVENTORY_AGE or is_outdated(bench, scan)
    if old and not reader.outage:
        start_scan(bench, scan, wait_s=0)


def show_overview() -> None:
    now = datetime.now(UTC)
    look(now)
    if reader.error:
        show_error(reader.error)
    if reader.status is None:
        st.caption("Reading every account and region…")
        cards.show_skeletons()
        return
    graph = assess_usage(scan.result, now) if scan.result else None
    failure = scan.error if isinstance(scan.error, SlipwayError) else None
    status = replace(reader.status, support=graph, support_error=failure)
    show_summary(status, now)
    cards.show_cards(status, scan, now)
    show_attention(attention(status), complete=not status.incomplete)
    left, right = st.columns(2)
    with left:
        activity.show_changes(bench, now)
    with right:
        activity.show_accounts(status.places)


def show_summary(status: Status, now: datetime) -> None:
    """Show what was read, and when; in an outage, that it is not the present."""
    read = ago(status.at, now)
    if outage := reader.outage:
        st.warning(
            f"{plain(str(outage))} {plain(outage.hint)} Last read {read}.", icon=":material/cloud_off:"
        )
    unread = sum(reading.error is not None for reading in status.places)
    parts = [count(len(bench.cloud.accounts), "account"), count(len(status.places), "region")]
    if unread:
        parts.append(f"{count(unread, 'region')} not read")
    parts.append(f"{'at least ' if unread else ''}{count(len(status.pipelines), 'snapshot pipeline')}")
    st.caption(f"{', '.join(parts)}. Read {read}{', reading…' if reader.reading else '.'}")


def draw() -> bool:
    """Draw the page; return whether its first reading is now complete."""
    show_overview()
    return not read_before and is_read()


with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
    st.title("Overview")
    st.button("Refresh", key="refresh", icon=":material/refresh:", on_click=reader.refresh)
read_before = is_read()
show_refreshing(draw, every=FRESH_S if read_before else FIRST_READ_S)
