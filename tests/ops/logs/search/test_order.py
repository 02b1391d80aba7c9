"""Events of one millisecond keep their order: in pages, in context, and by their IDs on both engines."""

import gzip
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from ops.audit import Actor, FileAudit
from ops.logs.compaction.local import plan_compaction
from ops.logs.lake.layout import COLUMNS, LogFormat
from ops.logs.search import exploration
from ops.logs.search.language.parser import parse
from ops.logs.search.model import And, Filter, Search
from ops.logs.search.query import Events, Query
from ops.logs.search.sql import statements
from ops.plan import execute
from tests.ops.logs.engines.athena_on_duckdb import run_translated
from tests.ops.logs.sample_lake import DAY, START, Lake, Made, encode

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
        compact(lake, tmp_path)
    newest = exploration.newest(lake.engine, Search(DAY), 10)
    assert [event.message for event in newest] == WRITTEN[::-1]
    assert exploration.older(lake.engine, Search(DAY), newest[:2], 10) == newest[2:]
    for event in newest:
        assert [line.message for line in exploration.around(lake.engine, event)] == WRITTEN


@pytest.mark.parametrize(
    ("state", "query"),
    [
        ("raw", ""), ("raw", "step"), ("raw", "level:info"), ("raw", "step level:info"), ("older", ""),
        ("compacted", ""), ("compacted", "step level:info"), ("late", ""), ("damaged", "step"),
    ],
)  # fmt: skip
def test_a_trace_without_ids_reads_as_it_was_written(tmp_path: Path, state: str, query: str) -> None:
    kind = LogFormat.OLDER if state == "older" else LogFormat.RAW
    lake = Lake(tmp_path)
    lines = [f"INFO step {text}" for text in WRITTEN]

    def put(*chosen: str) -> None:
        """Put the lines, and the same lines of another stream between them."""
        made = [Made(text, 7, stream=stream) for text in chosen for stream in ("x", "a")]
        body = encode(kind, made)
        lake.put_bytes(kind, gzip.decompress(body) + b"\xff" if state == "damaged" else body)

    if state == "damaged":
        put(*lines)
    else:
        put(*lines[:3])
        if state == "late":
            compact(lake, tmp_path)
        put(*lines[3:])
    if state == "compacted":
        compact(lake, tmp_path)
    lake.engine.list(DAY, fresh=True)
    search = Search(DAY, And((parse(query), Filter("stream", "x"))))
    newest = exploration.newest(lake.engine, search, 10)
    assert [event.message.rstrip("�") for event in newest] == lines[::-1]
    assert exploration.newest(lake.engine, search, 4) == newest[:4]
    assert exploration.older(lake.engine, search, newest[:4], 10) == newest[4:]
    oldest = lake.engine.run(Query(search, Events(10, newest_first=False))).table()
    assert exploration.events_of(oldest) == newest[::-1]
    assert exploration.around(lake.engine, newest[2]) == newest[::-1]


def compact(lake: Lake, folder: Path) -> None:
    plan = plan_compaction(lake.engine, DAY, DAY.end + timedelta(days=1))
    execute(plan, actor=Actor("me", "test"), audit=FileAudit(folder / "audit.jsonl"))
    lake.engine.list(DAY, fresh=True)


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
