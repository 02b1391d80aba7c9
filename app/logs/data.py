"""The data of the Logs page: datasets, and background queries on them."""

import atexit
import secrets
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import pyarrow as pa
import streamlit as st

from app.logs.background import AT_ONCE, BackgroundQueries, BackgroundQuery
from app.shared import session as shared
from app.shared.session import Workbench
from ops.logs.api import table_of
from ops.logs.datasets import Dataset, open_dataset
from ops.logs.engines.execution.workers import Workers
from ops.logs.lake.layout import Scope
from ops.logs.search import exploration, patterns
from ops.logs.search.cursor import QueryEngine
from ops.logs.search.deltas import Delta, compare_with_rest
from ops.logs.search.estimate import Estimate
from ops.logs.search.exploration import LogEvent, ValueCount
from ops.logs.search.model import Search
from ops.logs.search.query import Query

PAGE = 200  # events per page of the list
KEPT_S = 900
ANSWER_BYTES = 64_000_000  # larger results of SQL are truncated
DOWNLOADED = 100_000  # maximum number of events in a file
FILE_COLUMNS = "ts", "level", "account", "region", "log_group", "log_stream", "message", "id", "pattern"

T = TypeVar("T")


@st.cache_resource(max_entries=20, show_spinner=False)
def dataset(_bench: Workbench, address: str) -> Dataset:
    """Return the dataset at the address, one object per process: it holds the cache. Raises NotFound."""
    return open_dataset(_bench.cloud, address, workers())


def _close(pool: Workers) -> None:
    atexit.unregister(pool.close)
    pool.close()


@st.cache_resource(show_spinner=False, on_release=_close)
def workers() -> Workers:
    """Return the worker processes that run this process's queries: as many as there are slots."""
    pool = Workers(AT_ONCE)
    atexit.register(pool.close)
    return pool


@st.cache_data(ttl=KEPT_S, max_entries=100, show_spinner=False)
def estimate(_dataset: Dataset, name: str, scope: Scope, engine: str) -> Estimate:
    return _dataset.estimate(scope, engine)


@st.cache_resource(show_spinner=False)
def background_queries() -> BackgroundQueries:
    """Return the background queries of this process."""
    return BackgroundQueries()


def session() -> str:
    """Return the ID of this browser tab."""
    return str(st.session_state.setdefault("logs_by", secrets.token_hex(8)))


def forget() -> None:
    """Discard this session's results and the cached estimates, so that they are read again."""
    background_queries().forget(session())
    estimate.clear()


class PageQueries:
    """The background queries of one session on one dataset and engine."""

    def __init__(self, dataset: Dataset, engine: str) -> None:
        self.session = session()
        self.engine = engine
        self.queries: list[BackgroundQuery[object]] = []
        self.dataset = dataset

    def page(
        self, search: Search, end: datetime | None, number: int, shown: list[LogEvent]
    ) -> BackgroundQuery[list[LogEvent]]:
        """Query the newest events before `end` for page 0, else those next to the shown ones."""
        scope = search.scope
        to_end = replace(search, scope=replace(scope, end=min(end or scope.end, scope.end)))
        if not number:
            return self._start("page", (to_end, 0), lambda engine: exploration.newest(engine, to_end, PAGE))
        if number > 0:
            return self._start(
                "page", (to_end, number), lambda engine: exploration.older(engine, to_end, shown, PAGE)
            )
        return self._start(
            "newer", (search, end, number), lambda engine: exploration.newer(engine, search, shown, PAGE)
        )

    def histogram(self, search: Search) -> BackgroundQuery[pa.Table]:
        return self._start("histogram", search, lambda engine: exploration.histogram(engine, search))

    def deltas(self, search: Search, rest: Search) -> BackgroundQuery[list[Delta]]:
        return self._start("deltas", (search, rest), lambda engine: compare_with_rest(engine, search, rest))

    def facets(self, search: Search) -> BackgroundQuery[dict[str, list[ValueCount]]]:
        return self._start("facets", search, lambda engine: exploration.facets(engine, search))

    def patterns(self, search: Search, baseline: str) -> BackgroundQuery[pa.Table]:
        return self._start(
            "patterns",
            (search, baseline),
            lambda engine: patterns.patterns(engine, search, self.dataset.patterns, baseline),
        )

    def file(self, search: Search) -> BackgroundQuery[pa.Table]:
        """Query the newest events as a table to download."""
        return self._start("file", search, lambda engine: _rows(engine, search))

    def around(self, event: LogEvent) -> BackgroundQuery[list[LogEvent]]:
        return self._start("around", event, lambda engine: exploration.around(engine, event))

    def find(self, key: str, within: Search) -> BackgroundQuery[LogEvent | None]:
        return self._start("find", (key, within), lambda engine: exploration.find(engine, key, within))

    def sql(self, query: Query) -> BackgroundQuery[pa.Table]:
        return self._start("sql", query, lambda engine: engine.run(query).table())

    def waiting(self, query: BackgroundQuery[T]) -> bool:
        """Return whether the query is running, and was not stopped in this session."""
        return query.running and self.session not in query.left

    @property
    def busy(self) -> bool:
        return any(map(self.waiting, self.queries))

    def wait(self, seconds: float) -> None:
        """Wait for short queries, so that the page can show their results without a placeholder."""
        deadline = time.monotonic() + seconds
        for query in self.queries:
            if self.waiting(query):
                query.wait(deadline - time.monotonic())

    def release_others(self) -> None:
        """Stop the queries that this session started before and no longer shows."""
        background_queries().release(self.session, {query.key for query in self.queries})

    def stop(self) -> None:
        background_queries().stop(self.session)

    def retry(self) -> None:
        background_queries().retry(self.session)

    def _start(self, kind: str, request: Hashable, work: Callable[[QueryEngine], T]) -> BackgroundQuery[T]:
        """Start a query: in sequence on DuckDB, where they read the same objects; in parallel on Athena."""
        before = self.queries[-1] if self.queries and self.engine != "athena" else None
        key = (self.dataset.name, self.engine, kind, request)
        query = background_queries().start(
            key,
            self.session,
            lambda: self.dataset.engine(self.engine),
            work,
            before,
            person=shared.workbench().actor.name,
            where=self.engine,
        )
        if query not in self.queries:
            self.queries.append(query)
        return query


def _rows(engine: QueryEngine, search: Search) -> pa.Table:
    table = table_of(exploration.newest(engine, search, DOWNLOADED))
    names = {"ts": "time"}
    return table.select(FILE_COLUMNS).rename_columns([names.get(name, name) for name in FILE_COLUMNS])
