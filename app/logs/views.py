"""The view of events: histogram, facets, and the list."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import streamlit as st

from app.logs import data as logs_data
from app.logs import progress as logs_progress
from app.logs import search_bar
from app.logs.background import BackgroundQuery
from app.logs.charts import brushed
from app.logs.charts import histogram as chart
from app.logs.data import PageQueries
from app.logs.event_list import CHOICES, Rows, changed_filter, show_events, show_facets
from app.logs.live_view import show_toggle
from app.logs.result_table import json_paths
from app.logs.search_bar import current, go, now
from app.logs.state import View
from app.logs.window import Window, rank_of, window_at
from app.shared.charts import show_chart
from app.shared.components import empty_state, errors_shown
from app.shared.refreshing import refreshing
from ops.logs.datasets import Dataset
from ops.logs.search import exploration
from ops.logs.search.estimate import Estimate
from ops.logs.search.exploration import LogEvent, ValueCount
from ops.logs.search.model import Search
from ops.logs.search.output import to_csv, to_parquet
from ops.logs.search.patterns import BASELINES, shift_of, shifted

FOLLOW_S = 5
FOLLOWS_S = 2.0  # to wait for new events before showing the previous ones again
SAMPLED = 200  # events whose JSON fields are offered as columns
OFFERED = 50
_FOLLOW_HELP = {
    "range": "Show new events as they are delivered. Requires a relative time range.",
    "athena": "Not available with Athena, which charges for every query. To follow, choose DuckDB.",
}
HISTOGRAM_PX, FACETS_PX, LIST_PX = 76, 660, 660


@dataclass(frozen=True)
class SearchResults:
    """The background queries of one search and of the expanded event; pages by their number in the window."""

    search: Search
    window: Window
    histogram: BackgroundQuery[pa.Table]
    facets: BackgroundQuery[dict[str, list[ValueCount]]]
    pages: Mapping[int, BackgroundQuery[list[LogEvent]]]
    before: BackgroundQuery[pa.Table] | None = None
    opened: LogEvent | None = None
    missed: bool = False
    around: BackgroundQuery[list[LogEvent]] | None = None
    file: BackgroundQuery[pa.Table] | None = None

    @property
    def counts(self) -> list[dict[str, Any]]:
        """The rows of the histogram, as far as they are known."""
        return self.histogram.answer.to_pylist() if self.histogram.answered else []

    @property
    def answered(self) -> dict[int, list[LogEvent]]:
        """The events of the pages that were read, in order."""
        return {number: page.answer for number, page in sorted(self.pages.items()) if page.answered}


def show_events_view(dataset: Dataset, expected: Estimate, view: View, search: Search) -> None:
    """Show histogram, facets, and events, refreshed while queries run and in follow mode."""
    engine = expected.chosen
    queries = PageQueries(dataset, engine)
    following = follows(view, engine)
    _start(queries, view, search)
    live = logs_progress.live(queries)

    @refreshing(logs_progress.POLL_S if live else FOLLOW_S if following else None)
    def show() -> None:
        search_bar.rerun_if_changed(view)
        queries = PageQueries(dataset, engine)
        results = _followed(queries, view, search) if following else _start(queries, view, search)
        _show_tools(queries, expected, view, results)
        logs_progress.show_notes(queries)
        with st.container(key="logs_body"):
            side, main = st.columns([1, 5], gap="small")
        with side, errors_shown():
            _show_facets(queries, view, results)
        with main, errors_shown():
            _show_histogram(queries, view, results)
        with main, errors_shown():
            _show_list(queries, view, results)
        logs_progress.settled(queries, live=live)

    show()


def follows(view: View, engine: str) -> bool:
    """Return whether follow mode is on; never with Athena, which charges for every query."""
    return bool(st.session_state.get("logs_follow")) and view.range.last is not None and engine != "athena"


def _start(queries: PageQueries, view: View, search: Search) -> SearchResults:
    """Start the queries of a search, the list first: it ends early, and users wait for it most."""
    window = _window(queries, view)
    pages = _pages(queries, search, window)
    shown = [event for _, page in sorted(pages.items()) if page.answered for event in page.answer]
    opened, missed = _opened(queries, view, search, shown)
    around = queries.around(opened) if opened else None
    histogram, facets = queries.histogram(search), queries.facets(search)
    before = None
    if view.compare:
        before = queries.histogram(shifted(search, shift_of(search.scope, view.baseline)))
    file = queries.file(search) if st.session_state.get("logs_file_for") == search else None
    return SearchResults(search, window, histogram, facets, pages, before, opened, missed, around, file)


def _window(queries: PageQueries, view: View) -> Window:
    """Return the window of this search, which begins with the newest event, or with the one of a link."""
    paged = (view.query, view.time, queries.engine, view.dataset)
    if st.session_state.get("logs_paged") != paged:
        st.session_state["logs_paged"] = paged
        st.session_state["logs_window"] = Window(exploration.end_of(view.open))
    window: Window = st.session_state["logs_window"]
    return window


def _pages(
    queries: PageQueries, search: Search, window: Window
) -> dict[int, BackgroundQuery[list[LogEvent]]]:
    """Start the pages of the window, and those between it and page 0, as far as they are known to exist."""
    pages: dict[int, BackgroundQuery[list[LogEvent]]] = {}
    for numbers in (range(max(0, window.last) + 1), range(-1, window.first - 1, -1)):
        for number in numbers:
            shown = [event for _, page in sorted(pages.items()) for event in page.answer]
            page = queries.page(search, window.end, number, shown)
            if not page.answered:
                return {**pages, number: page}
            pages[number] = page
    return pages


def _followed(queries: PageQueries, view: View, search: Search) -> SearchResults:
    """Return the search up to now once its results are available, and the previous one until then."""
    st.session_state[search_bar.NOW] = search_bar.together(datetime.now(UTC), FOLLOW_S)
    last: Search = st.session_state.get("logs_followed") or search
    start, end = view.range.at(now())
    latest = replace(search, scope=replace(search.scope, start=start, end=end))
    following: Search = st.session_state.pop("logs_following", None) or latest
    ahead = PageQueries(queries.dataset, queries.engine)
    results = _start(ahead, view, following)
    ahead.wait(FOLLOWS_S)
    if ahead.busy:
        st.session_state["logs_following"] = following
        return _start(queries, view, last)
    st.session_state["logs_followed"] = following
    return _start(queries, view, results.search)


def _show_tools(queries: PageQueries, expected: Estimate, view: View, results: SearchResults) -> None:
    """Show the number of events and the progress, and what changes the list."""
    total = sum(row["events"] for row in results.counts)
    engine = queries.engine
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="logs_tools"):
        if results.histogram.answered:
            st.markdown(f"**{total:,}** event{'' if total == 1 else 's'}", width="content")
        logs_progress.show_progress(queries, expected)
        st.toggle(
            "Follow",
            key="logs_follow",
            disabled=view.range.last is None or engine == "athena",
            help=_FOLLOW_HELP["athena" if engine == "athena" else "range"],
            on_change=_restarted,
        )
        show_toggle(view)
        st.session_state["logs_wrap"] = view.wrap
        st.toggle("Wrap", key="logs_wrap", on_change=_wrapped)
        st.session_state["logs_compare"] = view.compare
        st.toggle(
            "Compare",
            key="logs_compare",
            help=f"Draw the events of {BASELINES[view.baseline]} as a line over the histogram.",
            on_change=_compared,
        )
        _show_columns(view, results)
        _show_downloads(results, total)
        search_bar.show_link(view)


def _show_columns(view: View, results: SearchResults) -> None:
    """Offer the columns of every event, and the JSON fields of the events in the list."""
    messages = [event.message for page in results.answered.values() for event in page]
    found = [path for path in json_paths(messages[:SAMPLED]) if "," not in path]
    options = list(dict.fromkeys([*CHOICES, *view.columns, *found[:OFFERED]]))
    with st.popover("Columns", icon=":material/view_column:", key="logs_columns_choice"):
        st.session_state["logs_columns"] = list(view.columns)
        st.multiselect("Columns before the message", options, key="logs_columns", on_change=_columns_chosen)


def _show_histogram(queries: PageQueries, view: View, results: SearchResults) -> None:
    if not logs_progress.shown(queries, results.histogram, HISTOGRAM_PX):
        return
    search, before = results.search, results.before
    scope = search.scope
    width = exploration.width_for(scope)
    selection = show_chart(
        chart,
        results.counts,
        width,
        scope.start,
        scope.end,
        view.tz,
        before.answer.to_pylist() if before and before.answered else (),
        shift_of(scope, view.baseline),
        key=f"logs_histogram-{view.time}-{view.query}-{view.zone}-{view.compare}",
        on_select="rerun",
        width="stretch",
    )
    if chosen := brushed(selection.selection, view.tz):
        start = max(chosen[0], scope.start.replace(microsecond=0))
        go(view.with_range(start, chosen[1], now()))
        st.rerun()


def _show_facets(queries: PageQueries, view: View, results: SearchResults) -> None:
    if not logs_progress.shown(queries, results.facets, FACETS_PX):
        return
    if clicked := show_facets(results.facets.answer, results.search).get("filter"):
        go(view.with_filter(changed_filter(clicked)), afresh=False)
        st.rerun()


def _show_list(queries: PageQueries, view: View, results: SearchResults) -> None:
    if 0 not in results.answered:
        logs_progress.shown(queries, results.pages[0], LIST_PX)
        return
    if not results.pages[0].answer and results.window.end is not None:  # nothing is that old
        _moved(Window())
    if not results.pages[0].answer:
        empty_state(
            "No matching events",
            "Choose a longer time range, or remove a filter. New events are delivered after a few minutes.",
        )
        return
    opened = results.opened
    if results.missed:
        st.warning("The event in this link is no longer in the logs.", icon=":material/warning:")
    answer = show_events(
        _rows(results),
        results.search,
        zone=view.tz,
        wrap=view.wrap,
        columns=view.columns,
        opened=opened.key if opened else "",
        context=_context(queries, results),
    )
    for page in results.pages.values():
        if not logs_progress.shown(queries, page, 40):
            return
    _follow_click(view, results, answer)


def _follow_click(view: View, results: SearchResults, answer: Mapping[str, Any]) -> None:
    if (toggled := answer.get("toggled")) is not None:
        go(replace(view, open=str(toggled)), afresh=False)
        st.rerun()
    if clicked := answer.get("filter"):
        go(view.with_filter(changed_filter(clicked)), afresh=False)
        st.rerun()
    if answer.get("more"):
        _moved(results.window.older)
    if answer.get("newer"):
        _moved(results.window.newer)
    if (rank := answer.get("seek")) is not None:
        go(replace(view, open=""), afresh=False)
        _moved(window_at(results.counts, exploration.width_for(results.search.scope), int(rank)))


def _moved(window: Window) -> None:
    st.session_state["logs_window"] = window
    st.rerun()


def _rows(results: SearchResults) -> Rows:
    """Return the events of the window, with the number of the first one and of all."""
    window, answered = results.window, results.answered
    inside = {number: page for number, page in answered.items() if window.first <= number <= window.last}
    events = [event for page in inside.values() for event in page]
    newest, oldest = min(inside), max(inside)
    full = len(inside[newest]) == logs_data.PAGE
    newer = newest > 0 or (window.end is not None and (newest == 0 or full))
    more = oldest in inside and (len(inside[oldest]) == logs_data.PAGE or (oldest < 0))
    rank = rank_of(results.counts, exploration.width_for(results.search.scope), window.end)
    skipped = sum(len(page) for number, page in answered.items() if 0 <= number < newest)
    first = rank + skipped - sum(len(page) for number, page in answered.items() if number < 0)
    first = max(1, first) if newer else 0
    counted = sum(row["events"] for row in results.counts)
    total = max(counted, first + len(events) + 1) if more else first + len(events)
    opened = results.opened
    if opened and opened.key not in {event.key for page in answered.values() for event in page}:
        events = [opened, *events]  # it does not match the search
    return Rows(events, first, total, newer, more)


def _opened(
    queries: PageQueries, view: View, search: Search, events: Sequence[LogEvent]
) -> tuple[LogEvent | None, bool]:
    """Return the expanded event, and whether it was searched for and does not exist."""
    if not view.open:
        return None, False
    for event in events:
        if event.key == view.open:
            return event, False
    lookup = queries.find(view.open, search)
    return (lookup.answer, lookup.answer is None) if lookup.answered else (None, False)


def _context(queries: PageQueries, results: SearchResults) -> list[LogEvent] | None:
    """Return the lines around the expanded event; None while loading. The list shows the same errors."""
    if results.opened is None or results.around is None or queries.waiting(results.around):
        return None
    context: list[LogEvent] = results.around.answer if results.around.answered else [results.opened]
    return context


def _show_downloads(results: SearchResults, total: int) -> None:
    search, file = results.search, results.file
    with st.popover("Download", icon=":material/download:", key="logs_download", disabled=not total):
        limit = logs_data.DOWNLOADED
        if total > limit:
            st.caption(f"The newest {limit:,} of {total:,} events. Narrow the search for others.")

        if file is None or not (file.running or file.answered):
            if st.button("Prepare download", key="logs_prepare"):
                st.session_state["logs_file_for"] = search
                st.rerun()
        elif file.answered:
            show_files(lambda: file.answer, "logs")
        else:
            st.caption("Preparing… See the progress above the histogram.")


def show_files(table: Callable[[], pa.Table], name: str) -> None:
    """Show download buttons, which create the file when clicked."""
    st.download_button(
        "Download CSV",
        lambda: to_csv(table()),
        f"{name}.csv",
        "text/csv",
        key=f"{name}_csv",
        on_click="ignore",
    )
    st.download_button(
        "Download Parquet",
        lambda: to_parquet(table()),
        f"{name}.parquet",
        "application/vnd.apache.parquet",
        key=f"{name}_parquet",
        on_click="ignore",
    )


def _wrapped() -> None:
    go(replace(current(), wrap=st.session_state["logs_wrap"]), afresh=False)


def _restarted() -> None:
    go(current())


def _compared() -> None:
    go(replace(current(), compare=st.session_state["logs_compare"]), afresh=False)


def _columns_chosen() -> None:
    go(replace(current(), columns=tuple(st.session_state["logs_columns"])), afresh=False)
