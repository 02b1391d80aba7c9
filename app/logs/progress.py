"""The progress line of the Logs page, with a Stop button while a query runs."""

import time
from datetime import timedelta
from typing import TypeVar

import streamlit as st

from app.logs.background import BackgroundQuery
from app.logs.data import PageQueries
from app.logs.search_bar import show_query_error
from app.shared.components import plain, show_error
from app.shared.words import count, duration, visible
from ops.errors import InputError
from ops.logs.search.cursor import QueryCanceled
from ops.logs.search.estimate import Estimate

AT_ONCE_S = 0.7  # queries that end within this time show no progress
POLL_S = 0.5
LINE_PX = 40
T = TypeVar("T")


def live(queries: PageQueries) -> bool:
    """Wait a moment, and return whether queries are still running."""
    queries.release_others()
    queries.wait(AT_ONCE_S)
    return queries.busy


def settled(queries: PageQueries, *, live: bool) -> None:
    """Rerun the whole page when polling must start or stop."""
    if live != queries.busy:
        st.rerun()


def show_progress(queries: PageQueries, expected: Estimate) -> None:
    """Show the progress and time of running queries; at the end, time, cost, and warnings."""
    unfinished = [query for query in queries.queries if not queries.waiting(query) and not query.answered]
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", height=LINE_PX, border=False
    ):
        if queries.busy:
            _show_running(queries, expected)
        elif unfinished and all(map(_was_stopped, unfinished)):
            st.markdown(":material/stop_circle: Stopped. Loaded data is kept.", width="content")
            _show_retry(queries)
        elif unfinished:
            st.markdown(":material/error: Some queries failed.", width="content")
            _show_retry(queries)
        else:
            _show_ended(queries)


def _show_running(queries: PageQueries, expected: Estimate) -> None:
    running = [query for query in queries.queries if queries.waiting(query)]
    elapsed = timedelta(seconds=time.monotonic() - min(query.started for query in running))
    about = duration(timedelta(seconds=max(1, round(expected.cost.seconds))))
    progress = running[0].progress
    text = f"{progress.text if progress else 'Queued'} · {duration(elapsed)} of about {about}"
    st.progress((progress.share if progress else None) or 0.0, plain(text), width="stretch")
    st.button("Stop", icon=":material/stop:", key="logs_stop", on_click=queries.stop)


def _show_retry(queries: PageQueries) -> None:
    st.button("Retry", icon=":material/refresh:", key="logs_again", on_click=queries.retry, type="tertiary")


def _show_ended(queries: PageQueries) -> None:
    seconds = max((query.took_s for query in queries.queries), default=0.0)
    dollars = sum(query.dollars for query in queries.queries)
    cost = f", \\${dollars:.5f}" if queries.engine == "athena" else ""
    st.caption(f"Completed in {seconds:.1f} s{cost}.", width="content")


def show_notes(queries: PageQueries) -> None:
    """Show what the queries warn about."""
    notes = list(dict.fromkeys(note for query in queries.queries for note in query.notes))
    if notes:
        with st.expander(count(len(notes), "warning"), icon=":material/warning:", key="logs_notes"):
            st.code(visible("\n".join(notes[:200])), language=None, wrap_lines=True)


def shown(queries: PageQueries, query: BackgroundQuery[T], height: int, sql: str = "") -> bool:
    """Return whether the result is available; if not, show a placeholder or the error."""
    if query.answered:
        return True
    if queries.waiting(query):
        st.skeleton(height=height)
    elif query.error and not _was_stopped(query):
        if isinstance(query.error, InputError):
            show_query_error(query.error, sql)
        else:
            show_error(query.error)
    return False


def _was_stopped(query: BackgroundQuery[T]) -> bool:
    return query.running or isinstance(query.error, QueryCanceled)
