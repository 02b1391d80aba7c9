"""The views of the Logs page: events with histogram and facets, and message patterns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import streamlit as st

from app.logs import data as logs_data
from app.logs import progress as logs_progress
from app.logs import search_bar
from app.logs.background import BackgroundQuery
from app.logs.charts import brushed
from app.logs.charts import histogram as chart
from app.logs.data import PageQueries
from app.logs.event_list import changed_filter, show_events, show_facets
from app.logs.search_bar import go, now
from app.logs.state import View
from app.shared.charts import show_chart
from app.shared.components import empty_state, errors_shown
from app.shared.tables import show_table
from app.shared.words import count
from ops.logs.datasets import Dataset
from ops.logs.search import exploration
from ops.logs.search.estimate import Estimate
from ops.logs.search.exploration import LogEvent, ValueCount
from ops.logs.search.model import Filter, Search
from ops.logs.search.output import to_csv, to_parquet
from ops.logs.search.query_parser import ParsedQuery, text_of

FOLLOW_S = 5
FOLLOWS_S = 2.0  # to wait for new events before showing the previous ones again
WINDOW = 5  # pages of the list in the browser at the same time
_FOLLOW_HELP = {
    "range": "Show new events as they are delivered. Requires a relative time range.",
    "athena": "Not available with Athena, which charges for every query. To follow, choose DuckDB.",
}
HISTOGRAM_PX, FACETS_PX, LIST_PX = 220, 400, 640


@dataclass(frozen=True)
class SearchResults:
    """The background queries of one search and of the expanded event."""

    search: Search
    histogram: BackgroundQuery[pa.Table]
    facets: BackgroundQuery[dict[str, list[ValueCount]]]
    pages: tuple[BackgroundQuery[list[LogEvent]], ...]
    opened: LogEvent | None = None
    missed: bool = False
    around: BackgroundQuery[list[LogEvent]] | None = None
    file: BackgroundQuery[pa.Table] | None = None


def show_events_view(dataset: Dataset, expected: Estimate, view: View, search: Search) -> None:
    """Show histogram, facets, and events, refreshed while queries run and in follow mode."""
    engine = expected.chosen
    queries = PageQueries(dataset, engine)
    following = follows(view, engine)
    _start(queries, view, search)
    live = logs_progress.live(queries)

    @st.fragment(run_every=logs_progress.POLL_S if live else FOLLOW_S if following else None)
    def show() -> None:
        queries = PageQueries(dataset, engine)
        results = _followed(queries, view, search) if following else _start(queries, view, search)
        logs_progress.show_progress(queries, expected)
        with errors_shown():
            _show_histogram(queries, view, results)
        side, main = st.columns([1, 4], gap="medium")
        with side, errors_shown():
            _show_facets(queries, view, results)
        with main, errors_shown():
            _show_list(queries, view, results)
        logs_progress.settled(queries, live=live)

    show()


def follows(view: View, engine: str) -> bool:
    """Return whether follow mode is on; never with Athena, which charges for every query."""
    return bool(st.session_state.get("logs_follow")) and view.range.last is not None and engine != "athena"


def _start(queries: PageQueries, view: View, search: Search) -> SearchResults:
    """Start the queries of a search, the list first: it ends early, and users wait for it most."""
    st.session_state.setdefault("logs_pages", 1)
    paged = (view.query, view.time, queries.engine, view.dataset)
    if st.session_state.get("logs_paged") != paged:
        st.session_state["logs_paged"], st.session_state["logs_pages"] = paged, 1
    pages: list[BackgroundQuery[list[LogEvent]]] = []
    shown: list[LogEvent] = []
    for number in range(st.session_state["logs_pages"]):
        pages.append(queries.page(search, number, shown))
        if not pages[-1].answered:
            break
        shown = [*shown, *pages[-1].answer]
    opened, missed = _opened(queries, view, search, shown)
    around = queries.around(opened) if opened else None
    histogram, facets = queries.histogram(search), queries.facets(search)
    file = queries.file(search) if st.session_state.get("logs_file_for") == search else None
    return SearchResults(search, histogram, facets, tuple(pages), opened, missed, around, file)


def _followed(queries: PageQueries, view: View, search: Search) -> SearchResults:
    """Return the search up to now once its results are available, and the previous one until then."""
    st.session_state[search_bar.NOW] = search_bar.together(datetime.now(UTC), FOLLOW_S)
    last: Search = st.session_state.get("logs_followed") or search
    following: Search = st.session_state.pop("logs_following", None) or view.search(now())
    ahead = PageQueries(queries.dataset, queries.engine)
    results = _start(ahead, view, following)
    ahead.wait(FOLLOWS_S)
    if ahead.busy:
        st.session_state["logs_following"] = following
        return _start(queries, view, last)
    st.session_state["logs_followed"] = following
    return _start(queries, view, results.search)


def _show_histogram(queries: PageQueries, view: View, results: SearchResults) -> None:
    if not logs_progress.shown(queries, results.histogram, HISTOGRAM_PX):
        return
    search, engine, table = results.search, queries.engine, results.histogram.answer
    total = sum(table["events"].to_pylist())
    scope = search.scope
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{total:,}** event{'' if total == 1 else 's'}", width="content")
        with st.container(horizontal=True, width="content", gap="small"):
            st.toggle(
                "Follow",
                key="logs_follow",
                disabled=view.range.last is None or engine == "athena",
                help=_FOLLOW_HELP["athena" if engine == "athena" else "range"],
                on_change=_restarted,
                args=(view,),
            )
            st.session_state["logs_wrap"] = view.wrap
            st.toggle("Wrap", key="logs_wrap", on_change=_wrapped, args=(view,))
            _show_downloads(results, total)
            search_bar.show_link(view)
    width = exploration.width_for(scope)
    selection = show_chart(
        chart,
        table.to_pylist(),
        width,
        scope.start,
        scope.end,
        view.tz,
        key=f"logs_histogram-{view.time}-{view.query}-{view.zone}",
        on_select="rerun",
        width="stretch",
    )
    st.caption(
        f"{_span(width)} per bar. Drag to zoom in. Time zone: {view.zone}."
        if total
        else f"Time zone: {view.zone}."
    )
    if chosen := brushed(selection.selection, view.tz):
        go(view.with_range(max(chosen[0], scope.start.replace(microsecond=0)), chosen[1]))
        st.rerun()


def _show_facets(queries: PageQueries, view: View, results: SearchResults) -> None:
    if not logs_progress.shown(queries, results.facets, FACETS_PX):
        return
    if clicked := show_facets(results.facets.answer, results.search).get("filter"):
        go(view.with_filter(changed_filter(clicked)), afresh=False)
        st.rerun()


def _show_list(queries: PageQueries, view: View, results: SearchResults) -> None:
    if not results.pages[0].answered:
        logs_progress.shown(queries, results.pages[0], LIST_PX)
        return
    if not results.pages[0].answer:
        empty_state(
            "No matching events",
            "Choose a longer time range, or remove a filter. New events are delivered after a few minutes.",
        )
        return
    answered = [page.answer for page in results.pages if page.answered]
    window = answered[-WINDOW:]
    events = [event for page in window for event in page]
    opened = results.opened
    if results.missed:
        st.warning("The event in this link is no longer in the logs.", icon=":material/warning:")
    if opened and opened.key not in {event.key for event in events}:
        events = [opened, *events]
    answer = show_events(
        events,
        results.search,
        zone=view.tz,
        wrap=view.wrap,
        opened=opened.key if opened else "",
        context=_context(queries, results),
        newer=len(answered) > WINDOW,
        more=len(answered[-1]) == logs_data.PAGE,
    )
    if not logs_progress.shown(queries, results.pages[-1], 40):
        return
    if (toggled := answer.get("toggled")) is not None:
        go(replace(view, open=str(toggled)), afresh=False)
        st.rerun()
    if clicked := answer.get("filter"):
        go(view.with_filter(changed_filter(clicked)), afresh=False)
        st.rerun()
    if turned := {"more": 1, "newer": -1}.get(
        "more" if answer.get("more") else "newer" if answer.get("newer") else ""
    ):
        st.session_state["logs_pages"] += turned
        st.rerun()


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


def show_patterns(dataset: Dataset, expected: Estimate, view: View, search: Search) -> None:
    """Show the message patterns, compared with the previous period."""
    queries = PageQueries(dataset, expected.chosen)
    queries.patterns(search)
    live = logs_progress.live(queries)

    @st.fragment(run_every=logs_progress.POLL_S if live else None)
    def show() -> None:
        queries = PageQueries(dataset, expected.chosen)
        query = queries.patterns(search)
        logs_progress.show_progress(queries, expected)
        if logs_progress.shown(queries, query, LIST_PX):
            _show_comparison(query.answer, view, search)
        logs_progress.settled(queries, live=live)

    show()


def _show_comparison(table: pa.Table, view: View, search: Search) -> None:
    frame = compared(table.to_pandas())
    if frame.empty:
        empty_state("No matching events", "Choose a longer time range, or remove a filter.")
        return
    new = int((frame["Change"] == "new").sum())
    rising = int((frame["Change"].str.startswith("×")).sum())
    st.markdown(
        f"**{count(len(frame), 'pattern')}** · {new} new · {rising} at least twice as frequent as in the "
        f"previous {_span(search.scope.end - search.scope.start)}"
    )
    chosen = show_table(
        frame,
        height=620,
        key=f"logs_patterns-{view.query}-{view.time}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Events": st.column_config.NumberColumn(format="localized"),
            "Previous period": st.column_config.NumberColumn(format="localized"),
            "Pattern": st.column_config.TextColumn(width="large"),
            "Example": st.column_config.TextColumn(width="large"),
        },
    )
    if chosen.selection.rows:
        pattern = str(frame.iloc[chosen.selection.rows[0]]["Pattern"])
        st.button(
            "Show events",
            icon=":material/list:",
            key="logs_pattern_events",
            on_click=go,
            args=(_only(view, search, pattern),),
        )


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort new patterns first, then rising ones, and add the change compared with the previous period."""
    frame = frame[frame["events"] > 0].copy()
    new = frame["before"] == 0
    factor = frame["events"] / frame["before"].clip(lower=1)
    frame["Change"] = [
        "new" if is_new else f"× {times:.1f}" if times >= 2 else f"÷ {1 / times:.1f}" if times <= 0.5 else "="
        for is_new, times in zip(new, factor, strict=True)
    ]
    order = pd.DataFrame({"new": ~new, "factor": -factor.where(factor >= 2, 0), "events": -frame["events"]})
    frame = frame.loc[order.sort_values(["new", "factor", "events"]).index]
    names = {
        "level": "Level", "events": "Events", "before": "Previous period", "pattern": "Pattern",
        "log_groups": "Log groups", "first_seen": "First seen (UTC)", "last_seen": "Last seen (UTC)",
        "example": "Example",
    }  # fmt: skip
    shown = frame.rename(columns=names)
    return shown[["Change", *names.values()]]


def _only(view: View, search: Search, pattern: str) -> View:
    """Return the view of the events with the pattern."""
    kept = tuple(one for one in search.filters if one.field != "pattern")
    query = ParsedQuery(search.terms, (*kept, Filter("pattern", pattern)))
    return replace(view, view="events", query=text_of(query), open="")


def _span(width: timedelta) -> str:
    seconds = int(width.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return count(seconds // size, unit)
    return count(seconds, "second")


def _wrapped(view: View) -> None:
    go(replace(view, wrap=st.session_state["logs_wrap"]), afresh=False)


def _restarted(view: View) -> None:
    go(view)
