"""The view of deltas: what distinguishes the events of a part of the range from the rest."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from app.logs import progress as logs_progress
from app.logs.charts import brushed
from app.logs.charts import histogram as chart
from app.logs.data import PageQueries
from app.logs.event_list import UNKNOWN
from app.logs.search_bar import go, show_query_error
from app.logs.state import View
from app.shared.charts import show_chart
from app.shared.components import empty_state, errors_shown
from app.shared.refreshing import refreshing
from app.shared.tables import show_table
from app.shared.time_zone import span
from ops.errors import InputError
from ops.logs.datasets import Dataset
from ops.logs.search import exploration
from ops.logs.search.deltas import SAMPLED, Delta
from ops.logs.search.estimate import Estimate
from ops.logs.search.model import Filter, Search
from ops.logs.search.time_ranges import between

HISTOGRAM_PX, TABLE_PX = 76, 560


def show_deltas(dataset: Dataset, expected: Estimate, view: View, search: Search) -> None:
    """Show the values and patterns whose share in the range differs most from the rest."""
    try:
        whole = view.rest(search)
    except InputError as error:
        show_query_error(error)
        return
    queries = PageQueries(dataset, expected.chosen)
    queries.histogram(whole)
    queries.deltas(search, whole)
    live = logs_progress.live(queries)

    @refreshing(logs_progress.POLL_S if live else None)
    def show() -> None:
        queries = PageQueries(dataset, expected.chosen)
        bars, found = queries.histogram(whole), queries.deltas(search, whole)
        logs_progress.show_progress(queries, expected)
        logs_progress.show_notes(queries)
        st.caption(
            f"Events from {_span(search, view)}, compared with the others from {_span(whole, view)}. "
            "Drag over the histogram to choose the range."
        )
        with errors_shown():
            if logs_progress.shown(queries, bars, HISTOGRAM_PX):
                _show_histogram(bars.answer.to_pylist(), whole, view)
        with errors_shown():
            if logs_progress.shown(queries, found, TABLE_PX):
                _show_table(found.answer, view)
        logs_progress.settled(queries, live=live)

    show()


def _span(search: Search, view: View) -> str:
    return span(search.scope.start, search.scope.end, view.tz)


def _show_histogram(counts: list[dict[str, object]], whole: Search, view: View) -> None:
    scope = whole.scope
    selection = show_chart(
        chart,
        counts,
        exploration.width_for(scope),
        scope.start,
        scope.end,
        view.tz,
        key=f"logs_deltas_histogram-{view.time}-{view.around}-{view.query}",
        on_select="rerun",
        width="stretch",
    )
    if chosen := brushed(selection.selection, view.tz):
        start = max(chosen[0], scope.start.replace(microsecond=0))
        go(replace(view, time=between(start, chosen[1]).text, around=between(scope.start, scope.end).text))
        st.rerun()


def _show_table(deltas: list[Delta], view: View) -> None:
    if not deltas:
        empty_state(
            "No significant differences",
            "Choose another range in the histogram, for example the minutes of a peak or of a rollout.",
        )
        return
    chosen = show_table(
        compared(deltas),
        height=TABLE_PX,
        key=f"logs_deltas-{view.query}-{view.time}-{view.around}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Value": st.column_config.TextColumn(width="large"),
            "In the range": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
            "In the rest": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
            "Difference": st.column_config.NumberColumn(format="percent"),
            "Significance": st.column_config.NumberColumn(
                format="%.1f σ", help="The difference in standard errors; below 3, values are left out."
            ),
        },
    )
    st.caption(f"Fields of messages are counted in the newest {SAMPLED:,} events of each side.")
    if chosen.selection.rows:
        delta = deltas[chosen.selection.rows[0]]
        st.button(
            "Show events",
            icon=":material/list:",
            key="logs_delta_events",
            on_click=go,
            args=(replace(view, view="events").with_filter(Filter(delta.field, delta.value)),),
        )


def compared(deltas: list[Delta]) -> pd.DataFrame:
    """Return the rows of the table, in the order of the deltas."""
    return pd.DataFrame(
        {
            "Field": [one.field for one in deltas],
            "Value": [one.value or UNKNOWN for one in deltas],
            "In the range": [one.inside / one.inside_events for one in deltas],
            "In the rest": [one.outside / one.outside_events for one in deltas],
            "Difference": [one.difference for one in deltas],
            "Significance": [abs(one.significance) for one in deltas],
        }
    )
