"""Queries on an engine: pages without gaps or duplicates, context, keys, ranges of a histogram."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from ops.logs.lake.layout import COLUMNS, Scope
from ops.logs.search import exploration
from ops.logs.search.cursor import Cursor
from ops.logs.search.estimate import Cost
from ops.logs.search.model import Search
from ops.logs.search.query import Patterns, Query
from ops.logs.search.sql import statements

START = datetime(2026, 11, 24, tzinfo=UTC)
SEARCH = Search(Scope(START, START + timedelta(hours=1)))


class Memory:
    """Thirty events in DuckDB: three per millisecond, two of which are equal."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        columns = ", ".join(f"{column.name} {column.type}" for column in COLUMNS)
        self._connection.execute(f"CREATE TABLE everything ({columns})")
        for number in range(30):
            at = (START + timedelta(milliseconds=number // 3)).replace(tzinfo=None)
            message = f"m{number - number % 3 // 2}"
            row = ["1", "r", "g", f"s{number % 2}", at, message, None, "m*", "INFO"]
            if number % 3:
                row[3] = "s"
            self._connection.execute(f"INSERT INTO everything VALUES ({', '.join('?' * 9)})", row)

    def estimate(self, scope: Scope) -> Cost:
        raise AssertionError("an exploration asks for no estimate")

    def run(self, query: Query) -> Cursor:
        def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
            start, end = (moment.replace(tzinfo=None) for moment in (query.scope.start, query.scope.end))
            self._connection.execute(
                "CREATE OR REPLACE VIEW events AS SELECT * FROM everything "
                f"WHERE ts >= TIMESTAMP '{start}' AND ts < TIMESTAMP '{end}'"
            )
            for statement in statements(query):
                result = self._connection.sql(statement.sql, params=statement.parameters).to_arrow_table()
                yield from result.to_batches() or [pa.RecordBatch.from_pylist([], result.schema)]

        return Cursor(read)


@pytest.mark.parametrize("size", [1, 2, 4, 7, 100])
def test_pages_hold_every_event_once_in_order(size: int) -> None:
    engine = Memory()
    shown = exploration.newest(engine, SEARCH, size)
    while found := exploration.older(engine, SEARCH, shown, size):
        shown += found
    assert shown == exploration.newest(engine, SEARCH, 1000)
    assert len(shown) == 30 == exploration.count(engine, SEARCH)


@pytest.mark.parametrize("size", [1, 2, 4, 7, 100])
def test_pages_towards_newer_events_hold_every_event_once_in_order(size: int) -> None:
    engine = Memory()
    everything = exploration.newest(engine, SEARCH, 1000)
    shown = everything[-1:]
    while found := exploration.newer(engine, SEARCH, shown, size):
        shown = [*found, *shown]
    assert shown == everything


def test_an_event_is_found_by_its_key_with_its_context() -> None:
    engine = Memory()
    event = exploration.newest(engine, SEARCH, 30)[12]
    assert exploration.find(engine, event.key, SEARCH) == event
    around = exploration.around(engine, event, lines=3)
    assert event in around
    assert {one.stream for one in around} == {event.stream}
    assert [one.ts for one in around] == sorted(one.ts for one in around)


@pytest.mark.parametrize("key", ["", "x", "9-z", "99999999999999999999-a"])
def test_an_invalid_key_finds_nothing(key: str) -> None:
    assert exploration.find(Memory(), key, SEARCH) is None


@pytest.mark.parametrize("hours", [1, 24, 24 * 7, 24 * 365])
def test_a_histogram_has_a_bounded_number_of_bars(hours: int) -> None:
    scope = Scope(START, START + timedelta(hours=hours))
    assert 20 <= timedelta(hours=hours) / exploration.width_for(scope) <= exploration.BARS


def test_counts_by_value_and_by_pattern() -> None:
    engine = Memory()
    assert sum(one.events for one in exploration.facets(engine, SEARCH)["stream"]) == 30
    counted = engine.run(Query(SEARCH, Patterns(5))).table().to_pylist()
    assert [(row["pattern"], row["log_group"], row["events"]) for row in counted] == [("m*", "g", 30)]
