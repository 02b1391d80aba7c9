"""What the page Logs is made of: histogram, facets, list of events, templates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import streamlit as st

from app.logs import data as logs_data
from app.logs import progress as logs_progress
from app.logs import search_bar
from app.logs.charts import brushed
from app.logs.charts import histogram as chart
from app.logs.data import Asking, Source
from app.logs.event_list import changed_filter, show_events, show_facets
from app.logs.questions import Question
from app.logs.search_bar import go, now
from app.logs.state import View
from app.shared.charts import show_chart
from app.shared.components import empty_state, errors_shown
from app.shared.tables import show_table
from app.shared.words import count
from ops.logs.engines.estimate import Estimate
from ops.logs.search import exploration
from ops.logs.search.exploration import Event
from ops.logs.search.model import Filter, Search
from ops.logs.search.output import to_csv, to_parquet
from ops.logs.search.query_parser import Query, text_of

FOLLOW_S = 5
FOLLOWS_S = 2.0  # a look at fresh events may take so long before the page shows the last ones again
WINDOW = 5  # pages of the list that a browser holds at once
_FOLLOW_HELP = {
    "range": "Shows new events as they are delivered; needs a range that ends now",
    "athena": "Off with Athena, which charges for every look. Choose DuckDB or a shorter range to follow.",
}
HISTOGRAM_PX, FACETS_PX, LIST_PX = 220, 400, 640


@dataclass(frozen=True)
class Found:
    """The questions of one search, and of the event that is open."""

    search: Search
    histogram: Question
    facets: Question
    pages: tuple[Question, ...]
    opened: Event | None = None
    missed: bool = False
    around: Question | None = None
    file: Question | None = None


def show_found(source: Source, expected: Estimate, view: View, search: Search) -> None:
    """Histogram, facets and events of a search; they renew themselves while they run, and in follow mode."""
    engine = expected.chosen
    asking = Asking(source, engine)
    following = follows(view, engine)
    _ask(asking, view, search)
    live = logs_progress.live(asking)

    @st.fragment(run_every=logs_progress.LOOK_S if live else FOLLOW_S if following else None)
    def found() -> None:
        now_asking = Asking(source, engine)
        asked = _followed(now_asking, view, search) if following else _ask(now_asking, view, search)
        logs_progress.show_standing(now_asking, expected)
        with errors_shown():
            _show_histogram(now_asking, view, asked)
        side, main = st.columns([1, 4], gap="medium")
        with side, errors_shown():
            _show_facets(now_asking, view, asked)
        with main, errors_shown():
            _show_list(now_asking, view, asked)
        logs_progress.settled(now_asking, live=live)

    found()


def follows(view: View, engine: str) -> bool:
    """Whether fresh events are shown as they come. Athena charges for every look, so not there."""
    return bool(st.session_state.get("logs_follow")) and view.range.last is not None and engine != "athena"


def _ask(asking: Asking, view: View, search: Search) -> Found:
    """The list first: it stops as soon as it has enough, and is what one waits for."""
    st.session_state.setdefault("logs_pages", 1)
    wanted = (view.query, view.time, asking.engine, view.dataset)
    if st.session_state.get("logs_paged") != wanted:
        st.session_state["logs_paged"], st.session_state["logs_pages"] = wanted, 1
    pages: list[Question] = []
    shown: list[Event] = []
    for number in range(st.session_state["logs_pages"]):
        pages.append(asking.page(search, number, shown))
        if not pages[-1].answered:
            break
        shown = [*shown, *pages[-1].answer]
    opened, missed = _opened(asking, view, search, shown)
    around = asking.around(opened) if opened else None
    found = asking.histogram(search), asking.facets(search), tuple(pages)
    file = asking.file(search) if st.session_state.get("logs_file_for") == search else None
    return Found(search, *found, opened, missed, around, file)


def _followed(asking: Asking, view: View, search: Search) -> Found:
    """The search up to now, once it is answered; until then as it was answered last."""
    st.session_state[search_bar.NOW] = search_bar.together(datetime.now(UTC), FOLLOW_S)
    last: Search = st.session_state.get("logs_followed") or search
    following: Search = st.session_state.pop("logs_following", None) or view.search(now())
    ahead = Asking(asking.source, asking.engine)
    found = _ask(ahead, view, following)
    ahead.wait(FOLLOWS_S)
    if ahead.busy:
        st.session_state["logs_following"] = following
        return _ask(asking, view, last)
    st.session_state["logs_followed"] = following
    return _ask(asking, view, found.search)


def _show_histogram(asking: Asking, view: View, found: Found) -> None:
    if not logs_progress.shown(asking, found.histogram, HISTOGRAM_PX):
        return
    search, engine, table = found.search, asking.engine, found.histogram.answer
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
            _show_downloads(found, total)
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
        f"Bars of {_span(width)}; drag over them to look closer. Times in {view.zone}."
        if total
        else f"Times in {view.zone}."
    )
    if chosen := brushed(selection.selection, view.tz):
        go(view.with_range(max(chosen[0], scope.start.replace(microsecond=0)), chosen[1]))
        st.rerun()


def _show_facets(asking: Asking, view: View, found: Found) -> None:
    if not logs_progress.shown(asking, found.facets, FACETS_PX):
        return
    if clicked := show_facets(found.facets.answer, found.search).get("filter"):
        go(view.with_filter(changed_filter(clicked)), afresh=False)
        st.rerun()


def _show_list(asking: Asking, view: View, found: Found) -> None:
    if not found.pages[0].answered:
        logs_progress.shown(asking, found.pages[0], LIST_PX)
        return
    if not found.pages[0].answer:
        empty_state(
            "Nothing found in this range",
            "Choose a wider range of time, or take a filter away. New logs arrive some minutes after they "
            "are written.",
        )
        return
    answered = [page.answer for page in found.pages if page.answered]
    window = answered[-WINDOW:]
    events = [event for page in window for event in page]
    opened = found.opened
    if found.missed:
        st.warning("The event of this link is not in the logs any more.", icon=":material/warning:")
    if opened and opened.key not in {event.key for event in events}:
        events = [opened, *events]
    answer = show_events(
        events,
        found.search,
        zone=view.tz,
        wrap=view.wrap,
        opened=opened.key if opened else "",
        context=_context(asking, found),
        newer=len(answered) > WINDOW,
        more=len(answered[-1]) == logs_data.PAGE,
    )
    if not logs_progress.shown(asking, found.pages[-1], 40):
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


def _opened(asking: Asking, view: View, search: Search, events: Sequence[Event]) -> tuple[Event | None, bool]:
    """The event that is open, and whether it was looked for and is not there."""
    if not view.open:
        return None, False
    for event in events:
        if event.key == view.open:
            return event, False
    found = asking.find(view.open, search)
    return (found.answer, found.answer is None) if found.answered else (None, False)


def _context(asking: Asking, found: Found) -> list[Event] | None:
    """None while it is read. What keeps it from being read is shown where it keeps the list from it."""
    if found.opened is None or found.around is None or asking.waiting(found.around):
        return None
    context: list[Event] = found.around.answer if found.around.answered else [found.opened]
    return context


def _show_downloads(found: Found, total: int) -> None:
    search, file = found.search, found.file
    with st.popover("Download", icon=":material/download:", key="logs_download", disabled=not total):
        limit = logs_data.DOWNLOADED
        if total > limit:
            st.caption(f"The newest {limit:,} of {total:,} events. Narrow the search for others.")

        if file is None or not (file.running or file.answered):
            if st.button("Prepare the file", key="logs_prepare"):
                st.session_state["logs_file_for"] = search
                st.rerun()
        elif file.answered:
            show_files(lambda: file.answer, "logs")
        else:
            st.caption("It is being prepared; the line above the histogram says how far that is.")


def show_files(table: Callable[[], pa.Table], name: str) -> None:
    """Buttons that make the file when they are pressed."""
    st.download_button(
        "CSV", lambda: to_csv(table()), f"{name}.csv", "text/csv", key=f"{name}_csv", on_click="ignore"
    )
    st.download_button(
        "Parquet",
        lambda: to_parquet(table()),
        f"{name}.parquet",
        "application/vnd.apache.parquet",
        key=f"{name}_parquet",
        on_click="ignore",
    )


def show_templates(source: Source, expected: Estimate, view: View, search: Search) -> None:
    """Kinds of message, compared with as long a time before."""
    asking = Asking(source, expected.chosen)
    asking.templates(search)
    live = logs_progress.live(asking)

    @st.fragment(run_every=logs_progress.LOOK_S if live else None)
    def found() -> None:
        now_asking = Asking(source, expected.chosen)
        question = now_asking.templates(search)
        logs_progress.show_standing(now_asking, expected)
        if logs_progress.shown(now_asking, question, LIST_PX):
            _show_compared(question.answer, view, search)
        logs_progress.settled(now_asking, live=live)

    found()


def _show_compared(table: pa.Table, view: View, search: Search) -> None:
    frame = compared(table.to_pandas())
    if frame.empty:
        empty_state("Nothing found in this range", "Choose a wider range of time, or take a filter away.")
        return
    fresh = int((frame["Change"] == "new").sum())
    rising = int((frame["Change"].str.startswith("×")).sum())
    st.markdown(
        f"**{count(len(frame), 'kind')} of message**: {fresh} new, {rising} at least twice as frequent "
        f"as in the {_span(search.scope.end - search.scope.start)} before."
    )
    chosen = show_table(
        frame,
        height=620,
        key=f"logs_templates-{view.query}-{view.time}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Events": st.column_config.NumberColumn(format="localized"),
            "Before": st.column_config.NumberColumn(format="localized"),
            "Template": st.column_config.TextColumn(width="large"),
            "Example": st.column_config.TextColumn(width="large"),
        },
    )
    if chosen.selection.rows:
        template = str(frame.iloc[chosen.selection.rows[0]]["Template"])
        st.button(
            "Show its events",
            icon=":material/list:",
            key="logs_template_events",
            on_click=go,
            args=(_only(view, search, template),),
        )


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """New and rising kinds of message first, with the change in words."""
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
        "level": "Level", "events": "Events", "before": "Before", "template": "Template",
        "log_groups": "Groups", "first_seen": "First seen (UTC)", "last_seen": "Last seen (UTC)",
        "example": "Example",
    }  # fmt: skip
    shown = frame.rename(columns=names)
    return shown[["Change", "Level", "Events", "Before", "Template", *list(names.values())[4:]]]


def _only(view: View, search: Search, template: str) -> View:
    kept = tuple(one for one in search.filters if one.field != "template")
    query = Query(search.terms, (*kept, Filter("template", template)))
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
