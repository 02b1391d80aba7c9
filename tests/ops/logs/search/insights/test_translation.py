"""Queries of CloudWatch Logs Insights: their rows on both engines, and what is refused by name."""

import json
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from ops.errors import QueryError
from ops.logs.engines.translation import to_athena
from ops.logs.lake.layout import COLUMNS
from ops.logs.search.insights.recognition import looks_like_insights
from ops.logs.search.insights.translation import to_sql
from ops.logs.search.message_fields import MACRO
from tests.ops.logs.engines.athena_on_duckdb import run_translated

REPORT = (
    "REPORT RequestId: 3f2a\tDuration: {0} ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 64 MB"
)
MESSAGES = [
    json.dumps({"status": 500, "user": {"name": "ada"}, "took": 12.5, "level": "ERROR"}),
    json.dumps({"status": 200, "user": {"name": "bob"}, "took": 2, "items": [{"id": "x"}]}),
    json.dumps({"status": 404, "user": {"name": "ada"}, "took": 7}),
    "ERROR user=ada took 17 ms",
    "ERROR user=bob took 3 ms",
    REPORT.format("12.5"),
    REPORT.format("100.25"),
]  # fmt: skip
START = datetime(2026, 11, 24, 10)


@pytest.fixture(scope="module")
def events() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute(MACRO)
    connection.execute(f"CREATE TABLE events ({', '.join(f'{one.name} {one.type}' for one in COLUMNS)})")
    for n, message in enumerate(MESSAGES):
        row = ["1", "r", f"g{n % 2}", "s", START + timedelta(minutes=n), message, str(n), message[:5], None]
        connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    return connection


def rows(events: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """Return the rows on DuckDB, which are the same on Athena."""
    sql = to_sql(query)
    found: list[tuple[Any, ...]] = events.execute(sql).fetchall()
    assert run_translated(events, sql, {}) == found
    return found


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("fields @message | filter @message like /took 17/", [(MESSAGES[3],)]),
        ("fields @timestamp, status | filter status >= 500 # a comment", [(START, "500")]),
        ("# first\nfilter user.name = 'ada' and status in [404, 500] | fields status | sort status asc",
         [("404",), ("500",)]),
        ("filter @message not like 'REPORT' and not ispresent(status) | stats count(*) as n", [(2,)]),
        ("fields items.0.id as item | filter ispresent(item) | display item", [("x",)]),
        ("parse @message 'user=* took * ms' as user, took | filter ispresent(user) | "
         "stats sum(took) by user | sort user",
         [("ada", 17.0), ("bob", 3.0)]),
        (r"parse @message /user=(?<who>\w+) (?:took) (?<ms>\d+)/ | filter who = 'bob' | fields ms + 1 as n",
         [(4.0,)]),
        ("filter @type = 'REPORT' | stats max(@duration), avg(@memorySize / 1000000) as mb, count(*)",
         [(100.25, 128.0, 2)]),
        ("stats count(*) as n by @log | sort n desc | limit 1", [("1:g0", 4)]),
        ("stats count(*) as n by bin(5m) as t | filter n < 5 | display n", [(2,)]),
        ("stats count(*) as n by @logStream, bin(1m) | stats max(n), count(*) as bins by @logStream",
         [("s", 1.0, 7)]),
        ("filter ispresent(status) | fields status | sort @timestamp desc | limit 2 | sort status",
         [("200",), ("404",)]),
        ("filter ispresent(user.name) | dedup user.name | fields status | sort status", [("200",), ("404",)]),
        ("filter status = 500 or (status = 200 and user.name like 'o') | stats count_distinct(user.name)",
         [(2,)]),
        ("filter @message like /ERROR user/ | fields substr(@message, 0, 5) as s, toupper('a') as u, "
         "strlen(@message) % 2 as r | limit 1",
         [("ERROR", "A", 0.0)]),
        ("stats earliest(status), latest(@message) by 1", None),
        ("pattern @message | limit 1", [("{\"sta", 3)]),
        ("fields `user.name` as who | filter who =~ /^a/ | stats count() by who", [("ada", 2)]),
        ("filter level = \"ERROR\" | limit 5", [(START, MESSAGES[0])]),
    ],
)  # fmt: skip
def test_a_query_has_the_same_rows_on_both_engines(
    events: duckdb.DuckDBPyConnection, query: str, wanted: list[tuple[Any, ...]] | None
) -> None:
    assert looks_like_insights(query)
    found = rows(events, query)
    if wanted is not None:
        assert found == wanted


@pytest.mark.parametrize(
    ("query", "column", "words"),
    [
        ("fields @message | diff", 19, "The command diff is not supported"),
        ("fields @message | anomaly", 19, "The command anomaly is not supported"),
        ("fields isIpv4InSubnet(ip, '10.0.0.0/8')", 8, "The function isIpv4InSubnet() is not supported"),
        ("fields @ingestionTime", 8, "The field @ingestionTime is not supported"),
        ("filter @timestamp > 1700000000000", 19, "@timestamp cannot be compared"),
        ("stats count(*) by bin(1mo)", 23, "This interval of bin()"),
        ("stats status by x | limit 1", 14, "does not group events"),
        ("fields count(*) | limit 1", 17, "can only be used in stats"),
        ("parse @message 'a* b*' as one", 16, "parse finds 2 values, and names 1"),
        ("stats count(*) as n | filter status = 1", 30, "There is no field 'status' after stats"),
        ("filter status = | limit 1", 17, "Unexpected '|'"),
        ("filter (status = 1", 19, "')' is expected"),
        ("fields 'open | limit 1", 8, "Unexpected"),
        ("fields pct(x) | limit 1", 8, "takes 2 arguments"),
        ("stats pct(x, y) | limit 1", 7, "pct() needs a number"),
    ],
)
def test_what_has_no_equivalent_is_refused_by_name(query: str, column: int, words: str) -> None:
    with pytest.raises(QueryError) as raised:
        to_sql(query)
    assert words in str(raised.value)
    assert (raised.value.line, raised.value.column) == (1, column)
    assert raised.value.hint


def test_events_are_limited_and_the_newest_come_first(events: duckdb.DuckDBPyConnection) -> None:
    sql = to_sql("fields @timestamp")
    assert "LIMIT 10000" in sql
    assert events.execute(sql).fetchone() == (START + timedelta(minutes=6),)


def test_percentiles_are_approximate_on_athena(events: duckdb.DuckDBPyConnection) -> None:
    sql = to_sql("filter @type = 'REPORT' | stats pct(@duration, 50) as p by bin(1h)")
    assert events.execute(sql).fetchall() == [(START, 56.375)]
    translated = to_athena(sql)
    assert "APPROX_PERCENTILE" in translated.sql
    assert "approximate" in translated.notes[0]


@pytest.mark.parametrize("text", ["limit 20", "filter failed", "parse error", "stats", "pattern:x", "sort"])
def test_a_search_is_not_taken_for_a_query(text: str) -> None:
    assert not looks_like_insights(text)


def test_texts_cannot_leave_their_quotation_marks(events: duckdb.DuckDBPyConnection) -> None:
    query = """fields `a'b` as `x"; DROP TABLE events; --` | filter @message = "'; DROP TABLE events; --" """
    assert events.execute(to_sql(query)).fetchall() == []
