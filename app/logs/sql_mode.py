"""The SQL view of the Logs page: saved queries, schema, editor, and the result as chart, table, and files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import streamlit as st

from app.logs import progress as logs_progress
from app.logs.background import BackgroundQuery
from app.logs.charts import result_chart
from app.logs.data import ANSWER_BYTES, PageQueries
from app.logs.result_table import json_paths, readable, units, with_fields
from app.logs.search_bar import RUN_NEXT, go, show_link, show_query_error
from app.logs.state import View
from app.logs.views import show_files
from app.shared import time_zone
from app.shared.components import empty_state, operation_button, perform_call, plain, show_error
from app.shared.refreshing import refreshing
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import count, listed, visible
from ops.errors import InputError, SlipwayError
from ops.logs.datasets import Dataset
from ops.logs.lake.layout import COLUMNS
from ops.logs.search.estimate import Estimate
from ops.logs.search.insights.translation import as_sql
from ops.logs.search.model import Search
from ops.logs.search.query import Value, sql_query
from ops.logs.search.saved.queries import (
    ALIASES,
    FOLDER,
    Chart,
    SavedQuery,
    load_queries,
    parse_query,
)
from ops.logs.search.saved.saving import save_call, team_folder
from ops.operations import Operation

OWN = "Your own SQL"
EXAMPLE = """SELECT log_group, level, count(*) AS events
FROM events
GROUP BY log_group, level
ORDER BY events DESC
LIMIT 100"""
SHOWN = 10_000  # rows of a result on the page; downloads have all rows
RESULT_PX = 400
FIELDS = 200  # JSON fields offered as columns
RAN = "logs_ran"  # session state: the query that the user has run


def folders(bench: Workbench) -> list[Path]:
    """Return the folders of saved queries: Slipway's, then the user's own."""
    return [FOLDER, team_folder(bench.settings)]


def show_sql(bench: Workbench, dataset: Dataset, expected: Estimate, view: View, search: Search) -> None:
    """Show the whole view; queries read the time range above it."""
    queries, errors = load_queries(folders(bench))
    for error in errors:
        with st.expander(plain(str(error)), icon=":material/warning:"):
            st.caption(plain(error.hint))
            st.code(visible(error.detail), language=None)
    side, main = st.columns([1, 4], gap="medium")
    with side:
        _show_schema()
    with main:
        query = _choose(queries, view)
        sql = _edit(view, query)
        with _mistakes_shown():
            translated = as_sql(sql)
            parsed = parse_query(query.name if query else "own", translated)
            if translated != sql:
                _show_translation(view, translated)
            values = parsed.bound({item.name: view.values.get(item.name) for item in parsed.parameters})
            this = dataset.name, sql.strip(), tuple(values.items())
            if st.session_state.pop(RUN_NEXT, False):
                st.session_state[RAN] = this
            ran = st.session_state.get(RAN) == this
            _show_parameters(parsed, view, ran=ran)
            _show_buttons(bench, view, sql, query)
            if ran:
                _show_result(dataset, expected, search, parsed, values)
            elif view.sql or view.saved:  # a link: whoever wrote it does not decide what runs
                empty_state("This query has not run yet", "Read the SQL, and click Run.")
            else:
                empty_state("No query has run yet", "Select a saved query, or write your own, and click Run.")


@contextmanager
def _mistakes_shown() -> Iterator[None]:
    """Show mistakes in the query with their position."""
    try:
        yield
    except InputError as error:
        show_query_error(error)


def _choose(queries: Sequence[SavedQuery], view: View) -> SavedQuery | None:
    by_name = {query.name: query for query in queries}
    name = view.saved if view.saved in by_name else ALIASES.get(view.saved, "")
    st.session_state["logs_saved"] = name if name in by_name else ""
    st.selectbox(
        "Saved queries",
        ["", *by_name],
        key="logs_saved",
        format_func=lambda name: by_name[name].title if name else OWN,
        on_change=_select,
        args=(view,),
    )
    chosen = by_name.get(name)
    if view.saved and not chosen:
        st.warning(f"The saved query {plain(view.saved)} no longer exists.", icon=":material/warning:")
    if chosen:
        st.caption(plain(chosen.description))
    return chosen


def _select(view: View) -> None:
    """Show the saved query that the user selected, and run it."""
    st.session_state[RUN_NEXT] = bool(st.session_state["logs_saved"])
    go(replace(view, saved=st.session_state["logs_saved"], sql="", values={}), afresh=False)


def _edit(view: View, query: SavedQuery | None) -> str:
    given = view.sql or (query.sql if query else EXAMPLE)
    st.session_state["logs_sql"] = given
    typed = st.text_area(
        "SQL",
        key="logs_sql",
        height="content",
        label_visibility="collapsed",
        on_change=lambda: go(replace(view, sql=st.session_state["logs_sql"]), afresh=False),
    )
    return str(typed)


def _show_translation(view: View, translated: str) -> None:
    """Show the SQL of a Logs Insights query, and a button that continues with it."""
    st.caption(
        "This CloudWatch Logs Insights query runs as the following SQL. Fields without @ are JSON fields."
    )
    st.code(visible(translated), language="sql")
    st.button(
        "Edit SQL",
        icon=":material/edit:",
        key="logs_edit_sql",
        on_click=go,
        args=(replace(view, sql=translated, saved=""),),
        kwargs={"afresh": False},
    )


def _show_parameters(query: SavedQuery, view: View, *, ran: bool) -> None:
    if not query.parameters:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for parameter in query.parameters:
            key = f"logs_parameter_{parameter.name}"
            st.session_state[key] = view.values.get(parameter.name, str(parameter.default))
            st.text_input(
                parameter.name,
                key=key,
                help=plain(parameter.help) or None,
                width=180,
                on_change=_set_value,
                args=(view, parameter.name, key, ran),
            )


def _set_value(view: View, name: str, key: str, ran: bool) -> None:
    """Set the parameter, and run the query again if it has run."""
    st.session_state[RUN_NEXT] = ran
    go(replace(view, values={**view.values, name: st.session_state[key]}), afresh=False)


def _show_buttons(bench: Workbench, view: View, sql: str, query: SavedQuery | None) -> None:
    with st.container(horizontal=True):
        if st.button("Run", type="primary", icon=":material/play_arrow:", key="logs_run"):
            st.session_state[RUN_NEXT] = True
            go(replace(view, sql="" if view.saved and not view.sql else sql), afresh=True)
            st.rerun()
        _show_saving(bench, view, sql, query)
        show_link(view)


def _show_saving(bench: Workbench, view: View, sql: str, query: SavedQuery | None) -> None:
    with st.popover("Save", icon=":material/bookmark:", key="logs_save"):
        name = st.text_input(
            "Name", key="logs_save_name", placeholder="my_query", help="Lowercase letters, digits, and _"
        )
        if not operation_button(bench, Operation.SAVE_QUERY, "Save", key="logs_save_now", disabled=not name):
            return
        seen = query.sql if query and query.name == name else ""
        try:
            perform_call(bench, save_call(team_folder(bench.settings), name, sql, replaces=seen))
        except SlipwayError as error:
            show_error(error)
            return
        go(replace(view, saved=name, sql=""), afresh=False)
        st.rerun()


def _show_result(
    dataset: Dataset, expected: Estimate, search: Search, query: SavedQuery, values: Mapping[str, Value]
) -> None:
    def start() -> tuple[PageQueries, BackgroundQuery[pa.Table]]:
        queries = PageQueries(dataset, expected.chosen)
        asked = sql_query(search.scope, query.sql, values, limit_bytes=ANSWER_BYTES)
        return queries, queries.sql(asked)

    queries, _ = start()
    live = logs_progress.live(queries)

    @refreshing(logs_progress.POLL_S if live else None)
    def result() -> None:
        queries, running = start()
        logs_progress.show_progress(queries, expected)
        logs_progress.show_notes(queries)
        if logs_progress.shown(queries, running, RESULT_PX, query.sql):
            _show_answer(running, query)
        logs_progress.settled(queries, live=live)

    result()


def _show_answer(finished: BackgroundQuery[pa.Table], query: SavedQuery) -> None:
    table = finished.answer
    frame = readable(table.slice(0, SHOWN))
    if frame.empty:
        empty_state("The query returned no rows", "Choose a longer time range, or change the query.")
        return
    if query.chart:
        _show_chart(frame, query.name, query.chart)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(_row_count(table.num_rows, complete=finished.complete), width="content")
        with st.container(horizontal=True, width="content"):
            frame = _with_chosen_fields(frame)
            show_files(lambda: table, query.name if query.name != "own" else "result")
    show_table(frame, key="logs_result", column_config=units(frame))


def _show_chart(frame: pd.DataFrame, name: str, chart: Chart) -> None:
    if (drawn := result_chart(frame, chart, time_zone.zone())) is not None:
        st.altair_chart(drawn, width="stretch", key=f"logs_chart-{name}")
        return
    columns = listed([column for column in (chart.x, chart.y, chart.color) if column])
    st.caption(f"No chart: the result must have the columns {plain(columns)}, at least one of them numeric.")


def _with_chosen_fields(frame: pd.DataFrame) -> pd.DataFrame:
    """Let the user select fields of the JSON messages, and return the table with them as columns."""
    paths = json_paths(frame["message"].tolist()) if "message" in frame.columns else []
    if not paths:
        return frame
    with st.popover("Fields", icon=":material/data_object:", key="logs_fields"):
        chosen = st.multiselect("JSON fields to show as columns", paths[:FIELDS], key="logs_fields_chosen")
    return with_fields(frame, "message", chosen) if chosen else frame


def _row_count(rows: int, *, complete: bool) -> str:
    shown = f", showing the first {SHOWN:,}" if rows > SHOWN else ""
    if complete:
        return f"**{count(rows, 'row')}**{shown}"
    return f"**First {rows:,} rows**{shown}. The result is truncated: add a condition, or group the rows."


def _show_schema() -> None:
    st.markdown("**events**")
    rows = [
        {"Column": column.name, "Type": column.type.lower(), "Description": column.help} for column in COLUMNS
    ]
    show_table(rows, key="logs_schema")
    st.caption(
        "For a JSON field, use json_field(message, '\\$.path'). CloudWatch Logs Insights queries work too. "
        "Write DuckDB SQL; for Athena, it is translated. Queries read the time range above."
    )
