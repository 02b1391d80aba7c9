"""Background queries: run once, stopped when no session waits, started again after a failure."""

import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from app.logs import background
from app.logs.background import BackgroundQueries, BackgroundQuery, CanceledBeforeStart
from ops.errors import AwsError
from ops.logs.engines.loading import QueryCanceled
from ops.logs.engines.progress import TrackedEngine

LONG_S = 30


class Slow:
    """An engine whose queries run until `go` is set, or until they are stopped."""

    name, has_patterns = "duckdb", True

    def __init__(self) -> None:
        self.runs = 0
        self.go = threading.Event()

    def sql(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("only `work` is called")

    def work(self, watched: TrackedEngine) -> Any:
        self.runs += 1
        while not self.go.wait(0.01):
            if watched._cancelled():
                raise QueryCanceled("Stopped.")
        return pa.table({"n": [self.runs]})


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
    queries: BackgroundQueries, slow: Any, key: str = "k", by: str = "me", **others: Any
) -> BackgroundQuery:
    return queries.start(key, by, lambda: slow, slow.work, **others)


def ended(query: BackgroundQuery) -> BackgroundQuery:
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
    assert not query.stop.is_set()
    queries.stop("you")
    assert isinstance(ended(query).error, QueryCanceled)
    assert start(queries, slow) is query
    queries.retry("me")
    assert start(queries, slow) is not query


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
    def fail(watched: TrackedEngine) -> None:
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
    assert isinstance(ended(second).error, CanceledBeforeStart)
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
