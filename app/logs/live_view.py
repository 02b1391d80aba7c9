"""The live tail: new events of the search's log groups, straight from CloudWatch Logs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import streamlit as st

from app.logs import progress as logs_progress
from app.logs.data import PageQueries
from app.logs.event_list import Rows, changed_filter, show_events
from app.logs.search_bar import go, rerun_if_changed
from app.logs.state import View
from app.shared.components import empty_state, errors_shown, plain
from app.shared.refreshing import refreshing
from app.shared.session import Workbench
from app.shared.words import count, duration
from ops.logs.datasets import Dataset
from ops.logs.lake.lines.levels import Levels
from ops.logs.search.estimate import Estimate
from ops.logs.search.exploration import AROUND, LogEvent
from ops.logs.search.model import Search
from ops.logs.tail import GROUPS, KEPT, LiveTail, most_frequent

POLL_S = 5
BEHIND = timedelta(seconds=60)  # from which on the lag is shown
HELP = (
    "Read new events from CloudWatch Logs, a few minutes before they are exported. Every event is read with "
    "FilterLogEvents, free of charge: nothing is sampled, and it does not end, unlike StartLiveTail, which "
    "samples above 500 events per second and ends after 3 hours."
)


def show_toggle(view: View) -> None:
    """Show the switch between exported and live events."""
    st.session_state["logs_live"] = view.live
    st.toggle("Live", key="logs_live", help=HELP, on_change=_switched, args=(view,))


def _switched(view: View) -> None:
    go(replace(view, live=st.session_state["logs_live"], open=""))


def show_live(bench: Workbench, dataset: Dataset, expected: Estimate, view: View, search: Search) -> None:
    """Show the live tail of the log groups in which the search finds exported events."""
    queries = PageQueries(dataset, expected.chosen)
    tail = _tail(bench, dataset, queries, view, search)
    live = tail is None and logs_progress.live(queries)

    @refreshing(POLL_S if tail else logs_progress.POLL_S if live else None)
    def show() -> None:
        rerun_if_changed(view)
        queries = PageQueries(dataset, expected.chosen)
        tail = _tail(bench, dataset, queries, view, search)
        if tail is None:
            _show_search(queries, expected, view, search)
            logs_progress.settled(queries, live=live)
            return
        tail.poll(datetime.now(UTC))
        _show_status(tail, view)
        with errors_shown():
            _show_events(tail, view, search)

    show()


def _tail(
    bench: Workbench, dataset: Dataset, queries: PageQueries, view: View, search: Search
) -> LiveTail | None:
    """Return the tail of this search; None until its log groups are known."""
    key = (view.query, dataset.name)
    known, tail = st.session_state.get("logs_tail", (None, None))
    if known == key:
        found: LiveTail = tail
        return found
    page = queries.page(search, None, 0, [])
    if not page.answered or not page.answer:
        return None
    tail = LiveTail(bench.cloud, most_frequent(page.answer), search.condition, Levels(dataset.rules))
    st.session_state["logs_tail"] = key, tail
    return tail


def _show_search(queries: PageQueries, expected: Estimate, view: View, search: Search) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="logs_tools"):
        logs_progress.show_progress(queries, expected)
        show_toggle(view)
    page = queries.page(search, None, 0, [])
    if logs_progress.shown(queries, page, 660):
        empty_state(
            "No log groups to read",
            "The live tail reads the log groups in which the search finds exported events. "
            "Choose a longer time range, or remove a filter.",
        )


def _show_status(tail: LiveTail, view: View) -> None:
    events, now = tail.events, datetime.now(UTC)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="logs_tools"):
        st.markdown(f"**{count(len(events), 'live event')}**", width="content")
        st.caption(
            f"Read from CloudWatch Logs every {POLL_S} s, not sampled. The newest {KEPT:,} are kept.",
            width="stretch",
        )
        with st.popover(count(len(tail.groups), "log group"), key="logs_live_groups"):
            st.caption(f"The {GROUPS} log groups with most of the exported events that the search found:")
            for place in tail.groups:
                st.markdown(plain(f"{place.group} ({place.account}, {place.region})"))
        show_toggle(view)
    for place, error in tail.unread.items():
        name = f"{place.group} ({place.account}, {place.region})"
        st.warning(plain(f"Not read: {name}. {error} {error.hint}"), icon=":material/warning:")
    if (lag := tail.behind(now)) > BEHIND:
        st.warning(
            f"{duration(lag)} behind: the log groups have more events than can be read. "
            "Name one log group in the search.",
            icon=":material/hourglass:",
        )


def _show_events(tail: LiveTail, view: View, search: Search) -> None:
    events = tail.events
    if not events:
        empty_state("No matching events yet", "New events appear here within seconds of being written.")
        return
    opened = next((event for event in events if event.key == view.open), None)
    answer = show_events(
        Rows(events, total=len(events)),
        search,
        zone=view.tz,
        wrap=view.wrap,
        columns=view.columns,
        opened=opened.key if opened else "",
        context=_context(events, opened) if opened else None,
    )
    if (toggled := answer.get("toggled")) is not None:
        go(replace(view, open=str(toggled)), afresh=False)
        st.rerun()
    if clicked := answer.get("filter"):
        go(view.with_filter(changed_filter(clicked)), afresh=False)
        st.rerun()


def _context(events: list[LogEvent], opened: LogEvent) -> list[LogEvent]:
    """Return the live events of the log stream around the opened one, oldest first."""
    place = (opened.account, opened.region, opened.group, opened.stream)
    same = [one for one in reversed(events) if (one.account, one.region, one.group, one.stream) == place]
    at = same.index(opened)
    return same[max(0, at - AROUND) : at + AROUND + 1]
