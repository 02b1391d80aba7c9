"""Background queries: run once, stopped when no session waits, started again after a failure."""

import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

import pyarrow as pa
import pytest

from app.logs import background
from app.logs.background import BackgroundQueries, BackgroundQuery
from ops.errors import AwsError
from ops.logs.lake.layout import Scope
from ops.logs.search.cursor import Cursor, QueryCanceled, QueryEngine
from ops.logs.search.estimate import Cost
from ops.logs.search.query import Query, sql_query
from tests.ops.logs.sample_lake import DAY

LONG_S = 30
T = TypeVar("T")
ANY = sql_query(DAY, "SELECT 1")


class Slow:
    """An engine whose queries run until `go` is set, or until they are canceled."""

    def __init__(self) -> None:
        self.runs = 0
        self.go = threading.Event()

    def estimate(self, scope: Scope) -> Cost:
        raise AssertionError("only queries are run")

    def run(self, query: Query) -> Cursor:
        def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
            self.runs += 1
            while not self.go.wait(0.01):
                cursor.check()
            cursor.note(f"note {self.runs}")
            cursor.spend(0, 10, 0.5)
            yield pa.record_batch({"n": [self.runs]})

        return Cursor(read)


def work(engine: QueryEngine) -> pa.Table:
    return engine.run(ANY).table()


@pytest.fixture
def slow() -> Iterator[Slow]:
    engine = Slow()
    yield engine
    engine.go.set()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def start(
    queries: BackgroundQueries,
    slow: Slow,
    key: str = "k",
    by: str = "me",
    after: BackgroundQuery[pa.Table] | None = None,
) -> BackgroundQuery[pa.Table]:
    return queries.start(key, by, lambda: slow, work, after)


def ended(query: BackgroundQuery[T]) -> BackgroundQuery[T]:
    query.wait(LONG_S)
    assert not query.running
    return query


def test_the_same_query_runs_once_and_its_result_is_kept(slow: Slow) -> None:
    queries = BackgroundQueries()
    first = start(queries, slow)
    assert start(queries, slow, by="you") is first
    slow.go.set()
    assert ended(first).answer["n"].to_pylist() == [1]
    assert start(queries, slow, by="third") is first
    queries.forget("me")
    assert ended(start(queries, slow)).answer["n"].to_pylist() == [2]


def test_stopping_affects_only_the_session_that_stops(slow: Slow) -> None:
    queries = BackgroundQueries()
    query = start(queries, slow)
    start(queries, slow, by="you")
    queries.stop("me")
    assert "me" in query.left
    assert start(queries, slow) is query  # shown as stopped, not started again
    assert not query.canceled.is_set()
    queries.stop("you")
    assert isinstance(ended(query).error, QueryCanceled)
    assert start(queries, slow) is query
    queries.retry("me")
    assert start(queries, slow) is not query


def test_stopping_between_two_queries_cancels_the_second(slow: Slow) -> None:
    queries, between = BackgroundQueries(), threading.Event()
    stopped = threading.Event()

    def twice(engine: QueryEngine) -> pa.Table:
        work(engine)
        slow.go.clear()
        between.set()
        assert stopped.wait(LONG_S)
        return work(engine)

    slow.go.set()
    query = queries.start("k", "me", lambda: slow, twice)
    assert between.wait(LONG_S)
    queries.stop("me")
    stopped.set()
    assert isinstance(ended(query).error, QueryCanceled)
    assert (query.notes, query.dollars) == (("note 1",), 0.5)


def test_a_query_that_is_no_longer_shown_is_stopped(slow: Slow) -> None:
    queries = BackgroundQueries()
    old, kept = start(queries, slow, "old"), start(queries, slow, "kept")
    queries.release("me", {"kept"})
    assert isinstance(ended(old).error, QueryCanceled)
    assert kept.running
    assert start(queries, slow, "old") is not old


def test_a_query_that_nobody_watches_is_stopped(slow: Slow) -> None:
    clock = Clock()
    query = start(BackgroundQueries(clock), slow)
    clock.now += background.UNWATCHED_S + 1
    assert isinstance(ended(query).error, QueryCanceled)


def test_a_failed_query_is_started_again_for_other_sessions(slow: Slow) -> None:
    def fail(engine: QueryEngine) -> pa.Table:
        raise AwsError("no", code="X")

    queries = BackgroundQueries()
    failed = ended(queries.start("k", "me", lambda: slow, fail))
    slow.go.set()
    assert isinstance(failed.error, AwsError)
    assert start(queries, slow) is failed
    assert ended(start(queries, slow, by="after a reload")).answered
    assert start(queries, slow).answered


def test_a_query_waits_for_another_and_can_be_stopped_before_it_starts(slow: Slow) -> None:
    queries = BackgroundQueries()
    first = start(queries, slow, "1")
    second = start(queries, slow, "2", by="you", after=first)
    queries.stop("you")
    assert isinstance(ended(second).error, QueryCanceled)
    assert second.cursors == []
    assert first.running
    assert slow.runs == 1


def test_the_least_recently_shown_result_is_discarded(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "KEPT_BYTES", 20)
    slow.go.set()
    queries = BackgroundQueries()
    first, second = ended(start(queries, slow, "1")), ended(start(queries, slow, "2"))
    assert first.weight == second.weight == 8
    third = ended(start(queries, slow, "3"))
    start(queries, slow, "3")
    assert start(queries, slow, "3") is third
    assert start(queries, slow, "2") is second
    assert start(queries, slow, "1") is not first
