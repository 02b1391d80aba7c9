"""The SQL view of the Logs page: saved queries, schema, editor, and the result as chart, table, and files."""

import re
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
from app.logs.search_bar import go, show_link, show_query_error
from app.logs.state import View
from app.logs.views import show_files
from app.shared.components import empty_state, plain
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import count, listed, visible
from ops.errors import InputError
from ops.logs.datasets import Dataset
from ops.logs.lake.layout import COLUMNS
from ops.logs.search.estimate import Estimate
from ops.logs.search.model import Search
from ops.logs.search.query import Value, sql_query
from ops.logs.search.saved_queries import (
    ALIASES,
    FOLDER,
    Chart,
    SavedQuery,
    load_queries,
    parse_query,
)

OWN = "Your own SQL"
EXAMPLE = """SELECT log_group, level, count(*) AS events
FROM events
GROUP BY log_group, level
ORDER BY events DESC
LIMIT 100"""
SHOWN = 10_000  # rows of a result on the page; downloads have all rows
RESULT_PX = 400
FIELDS = 200  # JSON fields offered as columns
NAME = re.compile(r"[a-z0-9_]{1,60}")


def folders(bench: Workbench) -> list[Path]:
    """Return the folders of saved queries: Slipway's, then the user's own."""
    return [FOLDER, bench.settings.data / "queries"]


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
            parsed = parse_query(query.name if query else "own", sql)
            values = parsed.bound({item.name: view.values.get(item.name) for item in parsed.parameters})
            _show_parameters(parsed, view)
            _show_buttons(bench, view, sql)
            if view.sql or view.saved:
                _show_result(dataset, expected, search, parsed, values)
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
        on_change=lambda: go(
            replace(view, saved=st.session_state["logs_saved"], sql="", values={}), afresh=False
        ),
    )
    chosen = by_name.get(name)
    if view.saved and not chosen:
        st.warning(f"The saved query {plain(view.saved)} no longer exists.", icon=":material/warning:")
    if chosen:
        st.caption(plain(chosen.description))
    return chosen


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


def _show_parameters(query: SavedQuery, view: View) -> None:
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
                args=(view, parameter.name, key),
            )


def _set_value(view: View, name: str, key: str) -> None:
    go(replace(view, values={**view.values, name: st.session_state[key]}), afresh=False)


def _show_buttons(bench: Workbench, view: View, sql: str) -> None:
    with st.container(horizontal=True):
        if st.button("Run", type="primary", icon=":material/play_arrow:", key="logs_run"):
            go(replace(view, sql="" if view.saved and not view.sql else sql), afresh=True)
            st.rerun()
        _show_saving(bench, view, sql)
        show_link(view)


def _show_saving(bench: Workbench, view: View, sql: str) -> None:
    with st.popover("Save", icon=":material/bookmark:", key="logs_save"):
        name = st.text_input(
            "Name", key="logs_save_name", placeholder="my_query", help="Lowercase letters, digits, and _"
        )
        if not st.button("Save", key="logs_save_now", disabled=not name):
            return
        if not NAME.fullmatch(name):
            st.error("The name is not valid. Use only lowercase letters, digits, and _.")
            return
        folder = bench.settings.data / "queries"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.sql").write_text(sql + "\n", "utf-8")
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

    @st.fragment(run_every=logs_progress.POLL_S if live else None)
    def result() -> None:
        queries, running = start()
        logs_progress.show_progress(queries, expected)
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
    if (drawn := result_chart(frame, chart)) is not None:
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
        "For a JSON field, use CASE WHEN json_valid(message) THEN message-\\>\\>'\\$.path' END. "
        "Write DuckDB SQL; for Athena, it is translated. Queries read the time range above."
    )
