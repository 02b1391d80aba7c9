"""The view of message patterns, compared with a baseline."""

from dataclasses import replace

import pandas as pd
import pyarrow as pa
import streamlit as st

from app.logs import progress as logs_progress
from app.logs.data import PageQueries
from app.logs.search_bar import go
from app.logs.state import View
from app.shared.components import empty_state
from app.shared.refreshing import refreshing
from app.shared.tables import show_table
from app.shared.words import count
from ops.logs.datasets import Dataset
from ops.logs.search.estimate import Estimate
from ops.logs.search.language.writing import text_of
from ops.logs.search.model import Filter, Operator, Search, all_of, conjuncts, filters_in
from ops.logs.search.patterns import BASELINES, FALLING, NEW, RISING

PATTERNS = 500  # rows of the table
PLACEHOLDER_PX = 640


def show_patterns(dataset: Dataset, expected: Estimate, view: View, search: Search) -> None:
    """Show the message patterns, compared with a baseline."""
    queries = PageQueries(dataset, expected.chosen)
    queries.patterns(search, view.baseline)
    live = logs_progress.live(queries)

    @refreshing(logs_progress.POLL_S if live else None)
    def show() -> None:
        queries = PageQueries(dataset, expected.chosen)
        query = queries.patterns(search, view.baseline)
        logs_progress.show_progress(queries, expected)
        logs_progress.show_notes(queries)
        show_baselines(view)
        if logs_progress.shown(queries, query, PLACEHOLDER_PX):
            _show_comparison(query.answer, view, search)
        logs_progress.settled(queries, live=live)

    show()


def show_baselines(view: View) -> None:
    """Show the choice of the baseline."""
    st.session_state["logs_baseline"] = view.baseline
    st.segmented_control(
        "Compare with",
        tuple(BASELINES),
        format_func=lambda name: BASELINES[name].removeprefix("the ").capitalize(),
        key="logs_baseline",
        required=True,
        on_change=_compared_with,
        args=(view,),
    )


def _compared_with(view: View) -> None:
    go(replace(view, baseline=st.session_state["logs_baseline"]))


def _show_comparison(table: pa.Table, view: View, search: Search) -> None:
    frame = compared(table.to_pandas())
    if frame.empty:
        empty_state("No matching events", "Choose a longer time range, or remove a filter.")
        return
    changes = table["change"].to_pylist()
    st.markdown(
        f"**{count(len(frame), 'pattern')}** · {changes.count(NEW)} new · {changes.count(RISING)} at least "
        f"twice as frequent as in {BASELINES[view.baseline]}"
    )
    if not sum(table["before"].to_pylist()):
        st.caption("There are no events in the baseline, so every pattern is new.")
    if len(frame) > PATTERNS:
        st.caption(f"The first {PATTERNS} are shown: new ones, then rising ones, then the most frequent.")
        frame = frame.head(PATTERNS)
    chosen = show_table(
        frame.drop(columns="glob"),
        height=620,
        key=f"logs_patterns-{view.query}-{view.time}-{view.baseline}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Events": st.column_config.NumberColumn(format="localized"),
            "Baseline": st.column_config.NumberColumn(format="localized"),
            "Pattern": st.column_config.TextColumn(width="large"),
            "Example": st.column_config.TextColumn(width="large"),
        },
    )
    if chosen.selection.rows:
        glob = str(frame.iloc[chosen.selection.rows[0]]["glob"])
        st.button(
            "Show events",
            icon=":material/list:",
            key="logs_pattern_events",
            on_click=go,
            args=(_only(view, search, glob),),
        )


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the patterns of the range with the columns of the table, and `glob`; the order stays."""
    frame = frame[frame["events"] > 0]
    times = frame["events"] / frame["before"].clip(lower=1)
    changes = [
        NEW if change == NEW else f"× {factor:.1f}" if change == RISING
        else f"÷ {1 / factor:.1f}" if change == FALLING else "="
        for change, factor in zip(frame["change"], times, strict=True)
    ]  # fmt: skip
    names = {
        "Change": "Change", "level": "Level", "events": "Events", "before": "Baseline", "pattern": "Pattern",
        "log_groups": "Log groups", "first_seen": "First seen", "last_seen": "Last seen",
        "example": "Example", "id": "ID", "glob": "glob",
    }  # fmt: skip
    return frame.assign(Change=changes).rename(columns=names)[list(names.values())]


def _only(view: View, search: Search, glob: str) -> View:
    """Return the view of the events whose pattern matches the glob."""
    kept = [
        one for one in conjuncts(search.condition) if not any(f.field == "pattern" for f in filters_in(one))
    ]
    operator: Operator = "glob" if "*" in glob or "?" in glob else "="
    condition = all_of((*kept, Filter("pattern", glob, operator)))
    return replace(view, view="events", query=text_of(condition), open="")
