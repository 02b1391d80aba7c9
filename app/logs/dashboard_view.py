"""The dashboards of the Logs page: panels of saved queries, over the page's time range."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import streamlit as st

from app.logs import progress as logs_progress
from app.logs.background import BackgroundQuery
from app.logs.charts import result_chart
from app.logs.data import ANSWER_BYTES, PageQueries
from app.logs.result_table import number_text, readable, units
from app.logs.search_bar import go, show_link
from app.logs.sql_mode import folders
from app.logs.state import View
from app.shared import time_zone
from app.shared.components import empty_state, errors_shown, plain
from app.shared.refreshing import refreshing
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import count, visible
from ops.logs.datasets import Dataset
from ops.logs.search.estimate import Estimate
from ops.logs.search.model import Search
from ops.logs.search.query import Query, sql_query
from ops.logs.search.saved.dashboards import Dashboard, Panel, load_dashboards
from ops.logs.search.saved.queries import load_queries

ROWS = 200  # of a table
PANEL_PX, NUMBER_PX = 360, 80
RAN = "logs_dashboard_ran"  # session state: the dashboard and the range that the user has run on Athena


def show_dashboard(
    bench: Workbench, dataset: Dataset, expected: Estimate, view: View, search: Search
) -> None:
    """Show the chosen dashboard, refreshed while its queries run."""
    queries, _ = load_queries(folders(bench))
    dashboards, errors = load_dashboards(folders(bench), queries)
    for error in errors:
        with st.expander(plain(str(error)), icon=":material/warning:"):
            st.caption(plain(error.hint))
            st.code(visible(error.detail), language=None)
    dashboard = _choose(dashboards, view)
    if dashboard is None:
        empty_state("No dashboards", "Add a TOML file with panels to the folder of saved queries.")
        return
    asked = [
        sql_query(search.scope, panel.query.sql, panel.values, ANSWER_BYTES) for panel in dashboard.panels
    ]
    if not _may_run(dashboard, expected, asked, search):
        return
    live = logs_progress.live(_start(dataset, expected, asked)[0])

    @refreshing(logs_progress.POLL_S if live else None)
    def show() -> None:
        queries, answers = _start(dataset, expected, asked)
        logs_progress.show_progress(queries, expected)
        for row in rows_of(dashboard.panels):
            for place, number in zip(st.columns(len(row), border=True), row, strict=True):
                with place, errors_shown():
                    _show_panel(queries, answers[number], dashboard.panels[number], number)
        logs_progress.settled(queries, live=live)

    show()


def rows_of(panels: Sequence[Panel]) -> list[list[int]]:
    """Return the panels by row: numbers next to each other, wide ones alone, others in pairs."""
    rows: list[list[int]] = []
    for number, panel in enumerate(panels):
        previous = panels[number - 1] if rows else None
        together = (
            previous is not None
            and not panel.wide
            and not previous.wide
            and (panel.show == "number") == (previous.show == "number")
            and len(rows[-1]) < (6 if panel.show == "number" else 2)
        )
        if together:
            rows[-1].append(number)
        else:
            rows.append([number])
    return rows


def _choose(dashboards: Sequence[Dashboard], view: View) -> Dashboard | None:
    by_name = {dashboard.name: dashboard for dashboard in dashboards}
    if view.dashboard and view.dashboard not in by_name:
        st.warning(f"The dashboard {plain(view.dashboard)} no longer exists.", icon=":material/warning:")
    if not by_name:
        return None
    name = view.dashboard if view.dashboard in by_name else next(iter(by_name))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.session_state["logs_dashboard"] = name
        st.selectbox(
            "Dashboard",
            list(by_name),
            key="logs_dashboard",
            format_func=lambda one: by_name[one].title,
            label_visibility="collapsed",
            width=280,
            on_change=_chosen,
            args=(view,),
        )
        st.caption(plain(by_name[name].description), width="stretch")
        show_link(view)
    return by_name[name]


def _chosen(view: View) -> None:
    go(replace(view, dashboard=st.session_state["logs_dashboard"]), afresh=False)


def _may_run(dashboard: Dashboard, expected: Estimate, asked: Sequence[Query], search: Search) -> bool:
    """Return whether the queries may run: those on Athena cost money, and wait for a click."""
    this = dashboard.name, search.scope
    if expected.chosen != "athena" or st.session_state.get(RAN) == this:
        return True
    queries = len(set(asked))
    empty_state(
        "This dashboard has not run yet",
        f"Athena charges about ${expected.cost.dollars * queries:.4f} for its {count(queries, 'query')}.",
    )
    if st.button("Run queries", type="primary", icon=":material/play_arrow:", key="logs_dashboard_run"):
        st.session_state[RAN] = this
        st.rerun()
    return False


def _start(
    dataset: Dataset, expected: Estimate, asked: Sequence[Query]
) -> tuple[PageQueries, list[BackgroundQuery[pa.Table]]]:
    """Start the queries; panels with the same query share it."""
    queries = PageQueries(dataset, expected.chosen)
    return queries, [queries.sql(query) for query in asked]


def _show_panel(queries: PageQueries, answer: BackgroundQuery[pa.Table], panel: Panel, number: int) -> None:
    if panel.show != "number":
        st.markdown(f"**{plain(panel.title)}**")
    height = NUMBER_PX if panel.show == "number" else PANEL_PX
    if not logs_progress.shown(queries, answer, height, panel.query.sql):
        return
    frame = readable(answer.answer.slice(0, ROWS if panel.show == "table" else None))
    if panel.show == "number":
        _show_number(frame, panel)
    elif frame.empty:
        st.caption("The query returned no rows. Choose a longer time range.")
    elif panel.show == "table":
        show_table(frame, key=f"logs_panel-{number}", column_config=units(frame), height=PANEL_PX)
    elif panel.chart and (drawn := result_chart(frame, panel.chart, time_zone.zone())) is not None:
        st.altair_chart(drawn.properties(height=PANEL_PX), width="stretch", key=f"logs_panel-{number}")
    else:
        st.caption("No chart: the result must have the chart's columns, at least one of them numeric.")


def _show_number(frame: pd.DataFrame, panel: Panel) -> None:
    column = panel.column
    if column not in frame.columns:
        st.metric(plain(panel.title), "–", help=f"The result has no column {plain(column)}.")
        return
    value = frame[column].tolist()[0] if len(frame) else None
    st.metric(plain(panel.title), number_text(column, value))
