"""What both query engines promise: the same rows, with progress, cost, and cancellation."""

import pickle
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.aws.athena import results
from ops.aws.cloud import Cloud
from ops.errors import InputError
from ops.logs.engines import backwards
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.lake.layout import Scope
from ops.logs.search.cursor import Cursor, QueryCanceled, QueryEngine
from ops.logs.search.model import And, Filter, Not, Search, Term
from ops.logs.search.query import (
    Count,
    Events,
    Histogram,
    Patterns,
    Query,
    Select,
    Sql,
    TopValues,
    sql_query,
)
from tests.end_to_end.athena_lake import DAYS, Lake, json_table, made, put_json

LONG_S = 60
ENGINES = ("duckdb", "athena")
FOUND = Search(DAYS, And((Term("cannot"), Not(Term("11")), Filter("group", "/app*", "glob"))))
SELECTS: list[Select] = [
    Events(5),
    Events(5, newest_first=False),
    Count(),
    Histogram(300),
    TopValues(("level", "group", "pattern"), 3),
    Patterns(50),
]
EVERY = [
    *(Query(Search(DAYS), select) for select in SELECTS),
    *(Query(FOUND, select) for select in SELECTS),
    sql_query(DAYS, "SELECT log_group, count(*) AS n FROM events WHERE id > $id GROUP BY 1", {"id": "005"}),
    sql_query(Scope(DAYS.start, DAYS.end, groups=("/web/*",)), "SELECT message FROM events ORDER BY ts"),
]
LARGE = sql_query(DAYS, "SELECT a.message, b.message AS other FROM events a, events b, events c")


ENDLESS = sql_query(
    DAYS,
    "SELECT count(*) AS n FROM events a, events b, events c, events d, events e, events f, events g "
    "WHERE a.id < g.id",
)


def kind(query: Query) -> str:
    return f"{type(query.select).__name__} of {len(query.search.terms)} terms"


@pytest.fixture(scope="module")
def lake(cloud: Cloud) -> Iterator[Lake]:
    lake = Lake(cloud)
    json_table(lake)
    put_json(lake, list(made()))
    yield lake
    lake.close()


@pytest.fixture(scope="module")
def duckdb(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> DuckDbEngine:
    return lake.duckdb(tmp_path_factory.mktemp("cache"))


@pytest.fixture(params=ENGINES)
def engine(lake: Lake, duckdb: DuckDbEngine, request: pytest.FixtureRequest) -> QueryEngine:
    return duckdb if request.param == "duckdb" else lake.engine


def rows(engine: QueryEngine, query: Query) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = engine.run(query).table().to_pylist()
    return sorted(found, key=str) if isinstance(query.select, Sql) else found


@pytest.mark.parametrize("query", EVERY, ids=kind)
def test_the_same_query_gives_the_same_rows(lake: Lake, duckdb: DuckDbEngine, query: Query) -> None:
    found = rows(duckdb, query)
    assert found
    assert found == rows(lake.engine, query)


@pytest.mark.parametrize("query", EVERY, ids=kind)
def test_a_query_can_be_sent_to_another_process(duckdb: DuckDbEngine, query: Query) -> None:
    pickled = pickle.loads(pickle.dumps(query))
    assert pickled == query
    assert hash(pickled) == hash(query)
    assert rows(duckdb, pickled) == rows(duckdb, query)


def test_nothing_is_read_before_the_first_batch(engine: QueryEngine) -> None:
    cursor = engine.run(EVERY[0])
    assert (cursor.progress.done_bytes, cursor.cost.size_bytes, cursor.cost.dollars) == (0, 0, 0.0)
    with pytest.raises(InputError):
        engine.run(sql_query(DAYS, "SELEC 1"))
    with pytest.raises(InputError):
        engine.run(sql_query(DAYS, "DELETE FROM events"))


@pytest.mark.parametrize("query", EVERY, ids=kind)
def test_progress_grows_to_the_total(engine: QueryEngine, query: Query) -> None:
    cursor = engine.run(once(query))
    done = [cursor.progress.done_bytes]
    for _ in cursor:
        done.append(cursor.progress.done_bytes)
    assert done == sorted(done)
    assert cursor.progress.share == 1.0
    assert cursor.progress.total_bytes == cursor.progress.done_bytes == cursor.cost.size_bytes > 0


def test_progress_covers_the_steps_of_a_search(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hours are read one after another, and the first rows are there before the last objects are read."""
    monkeypatch.setattr(backwards, "AT_ONCE_BYTES", 0)  # small hours are otherwise read in one step
    fresh = lake.duckdb(tmp_path)
    until_last = Scope(DAYS.start, DAYS.start + timedelta(hours=31))
    cursor = fresh.run(Query(Search(until_last), Events(1000)))
    done = [cursor.progress.done_bytes for _ in cursor]
    assert len(set(done)) > 1
    assert 0 < done[0] < done[-1] == fresh.estimate(until_last).size_bytes


def test_the_cost_is_known_before_and_after(engine: QueryEngine, duckdb: DuckDbEngine) -> None:
    expected = engine.estimate(DAYS)
    cursor = engine.run(once(Query(Search(DAYS), Count())))
    cursor.table()
    assert expected.size_bytes > 0 and expected.seconds > 0
    assert cursor.cost.size_bytes == expected.size_bytes
    assert cursor.cost.dollars == expected.dollars
    assert (expected.dollars == 0.0) is (engine is duckdb)
    assert cursor.cost.seconds > 0


def once(query: Query) -> Query:
    """Return the query with another range, so that Athena does not reuse the result of the previous test."""
    global _runs
    _runs += 1
    scope = Scope(DAYS.start, DAYS.end + timedelta(milliseconds=_runs), groups=query.scope.groups)
    search = Search(scope, query.search.condition)
    return Query(search, query.select)


_runs = 0


def test_a_canceled_query_gives_no_further_batch(
    engine: QueryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "BLOCK_BYTES", 100_000)  # of a batch of the result
    cursor = engine.run(LARGE)
    batches = iter(cursor)
    size = next(batches).num_rows
    cursor.cancel()
    with pytest.raises(QueryCanceled) as canceled:
        next(batches)
    assert canceled.value.hint
    assert 0 < size < len(list(made())) ** 3


def test_a_query_canceled_before_it_starts_reads_nothing(engine: QueryEngine) -> None:
    cursor = engine.run(once(EVERY[0]))
    cursor.cancel()
    with pytest.raises(QueryCanceled):
        cursor.table()
    assert cursor.cost.size_bytes == 0


def test_a_running_statement_is_canceled(engine: QueryEngine) -> None:
    cursor = engine.run(ENDLESS)
    errors: list[BaseException] = []
    reader = threading.Thread(target=read, args=(cursor, errors), daemon=True)
    reader.start()
    while cursor.progress.text == "Queued" and reader.is_alive():
        reader.join(0.01)
    cursor.cancel()
    reader.join(LONG_S)
    assert not reader.is_alive()
    assert isinstance(errors[0], QueryCanceled)


def read(cursor: Cursor, errors: list[BaseException]) -> None:
    try:
        cursor.table()
    except BaseException as error:
        errors.append(error)


def test_a_large_result_is_truncated(engine: QueryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "BLOCK_BYTES", 100_000)
    cursor = engine.run(Query(LARGE.search, LARGE.select, limit_bytes=200_000))
    assert 200_000 < cursor.table().nbytes < 4_000_000
    assert not cursor.complete
    whole = engine.run(Query(Search(DAYS), Count(), limit_bytes=1))
    assert whole.table().num_rows == 1
    assert whole.complete
