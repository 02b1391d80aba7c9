"""Events of one millisecond keep the order of their IDs: in pages, in context, and on both engines."""

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from ops.audit import Actor, FileAudit
from ops.logs.compaction.local import plan_compaction
from ops.logs.lake.layout import COLUMNS, LogFormat
from ops.logs.search import exploration
from ops.logs.search.model import Search
from ops.logs.search.query import Events, Query
from ops.logs.search.sql import statements
from ops.plan import execute
from tests.ops.logs.engines.athena_on_duckdb import run_translated
from tests.ops.logs.sample_lake import DAY, START, Lake, Made

WRITTEN = ["begin", "validate", "charge", "reserve", "answer", "end"]  # not in the order of the alphabet
TRACE = [Made(text, 7, id=f"39{n:054}") for n, text in enumerate(WRITTEN)]


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("kind", [LogFormat.JSON, LogFormat.CLOUDWATCH])
def test_a_trace_of_one_millisecond_is_in_the_order_of_its_ids(
    tmp_path: Path, kind: LogFormat, compacted: bool
) -> None:
    lake = Lake(tmp_path)
    lake.put(kind, [TRACE[n] for n in (4, 0, 2)])
    lake.put(kind, [TRACE[n] for n in (5, 3, 1)])
    if compacted:
        plan = plan_compaction(lake.engine, DAY, DAY.end + timedelta(days=1))
        execute(plan, actor=Actor("me", "test"), audit=FileAudit(tmp_path / "audit.jsonl"))
        lake.engine.list(DAY, fresh=True)
    newest = exploration.newest(lake.engine, Search(DAY), 10)
    assert [event.message for event in newest] == WRITTEN[::-1]
    assert exploration.older(lake.engine, Search(DAY), newest[:2], 10) == newest[2:]
    for event in newest:
        assert [line.message for line in exploration.around(lake.engine, event)] == WRITTEN


def test_the_order_is_reversed_as_a_whole_on_both_engines() -> None:
    connection = duckdb.connect()
    columns = ", ".join(f"{column.name} {column.type}" for column in COLUMNS)
    connection.execute(f"CREATE TABLE events ({columns})")
    at = START.replace(tzinfo=None)
    for group, id_, message in (("a", None, "x"), ("b", None, "w"), ("a", "2", "y"), ("b", "1", "z")):
        row = ["1", "r", group, "s", at, message, id_, "*", None]
        connection.execute(f"INSERT INTO events VALUES ({', '.join('?' * 9)})", row)
    found = []
    for newest_first in (True, False):
        (statement,) = statements(Query(Search(DAY), Events(9, newest_first)))
        here = connection.execute(statement.sql, statement.parameters).fetchall()
        assert run_translated(connection, statement.sql, statement.parameters) == here
        found.append(here)
    assert found[0] == found[1][::-1]
    assert [row[5] for row in found[1]] == ["x", "w", "z", "y"]
