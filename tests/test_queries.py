"""Every saved query returns the expected rows, and the same rows with Athena's SQL."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from ops.errors import InputError, NotFound
from ops.logs.engines.translation import to_athena
from ops.logs.lake.layout import COLUMNS
from ops.logs.search.saved.queries import FOLDER, SavedQuery, find_query, load_queries, parse_query
from tests.ops.logs.engines.athena_on_duckdb import run_translated
from tests.ops.logs.made_events import APP, LAMBDA, START, WEB, rows

QUERIES, ERRORS = load_queries([FOLDER])
NAMES = [query.name for query in QUERIES]
EXPECTED = {
    "errors_over_time", "top_patterns", "new_patterns", "slowest_invocations", "cold_starts", "lambda_cost",
    "access_5xx", "latency_percentiles", "rejected_flows", "top_talkers", "cloudtrail_who", "ingestion_cost",
    "stream_gaps", "totals",
}  # fmt: skip


@pytest.fixture(scope="module")
def events() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    columns = ", ".join(f"{column.name} {column.type}" for column in COLUMNS)
    connection.execute(f"CREATE TABLE events ({columns})")
    for number, (group, minute, message, level) in enumerate(rows()):
        when = START + timedelta(minutes=minute)
        pattern = re.sub(r"\d+", "*", message)
        row = ["111111111111", "eu-west-1", group, "s1", when, message, str(number), pattern, level]
        connection.execute(f"INSERT INTO events VALUES ({', '.join('?' * 9)})", row)
    return connection


def answer(events: duckdb.DuckDBPyConnection, name: str, **given: Any) -> list[dict[str, Any]]:
    query = find_query(QUERIES, name)
    result = events.execute(query.sql, query.bound(given))
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def test_all_expected_queries_exist_and_can_be_read() -> None:
    assert set(NAMES) >= EXPECTED
    assert not ERRORS
    assert all(query.title and query.description for query in QUERIES)


@pytest.mark.parametrize("query", QUERIES, ids=NAMES)
def test_it_returns_rows_with_the_columns_of_its_chart(
    events: duckdb.DuckDBPyConnection, query: SavedQuery
) -> None:
    found = answer(events, query.name)
    assert found
    if chart := query.chart:
        assert {chart.x, chart.y, chart.color or chart.x} <= set(found[0])


@pytest.mark.parametrize("query", QUERIES, ids=NAMES)
def test_athena_returns_the_same(events: duckdb.DuckDBPyConnection, query: SavedQuery) -> None:
    translated = to_athena(query.sql)
    assert sqlglot.parse_one(translated.sql, read="athena")
    assert not translated.notes
    values = query.bound({})
    assert run_translated(events, query.sql, values) == events.execute(query.sql, values).fetchall()


def test_errors_over_time(events: duckdb.DuckDBPyConnection) -> None:
    assert answer(events, "errors_over_time") == [{"time": START, "log_group": APP, "errors": 3}]
    by_minute = answer(events, "errors_over_time", minutes="1")
    assert [row["time"].minute for row in by_minute] == [0, 3, 4]


def test_patterns(events: duckdb.DuckDBPyConnection) -> None:
    top = answer(events, "top_patterns", top=1)
    assert len(top) == 1
    assert top[0]["pattern"].startswith("*.*.*.* - -")
    new = answer(events, "new_patterns")
    assert [row["example"] for row in new] == [
        "",
        "WARN never seen before 7",
        "naïve 🙂 '; DROP TABLE events; --",
    ]


def test_former_names_of_queries_still_work(tmp_path: Path) -> None:
    assert find_query(QUERIES, "top_templates") is find_query(QUERIES, "top_patterns")
    assert find_query(QUERIES, "new_templates") is find_query(QUERIES, "new_patterns")
    (tmp_path / "top_templates.sql").write_text("-- title: Mine\nSELECT template FROM events")
    own, _ = load_queries([FOLDER, tmp_path])
    assert find_query(own, "top_templates").title == "Mine"


def test_lambda_reports(events: duckdb.DuckDBPyConnection) -> None:
    slow = answer(events, "slowest_invocations")
    assert [(row["duration_ms"], row["init_ms"], row["cold_start"]) for row in slow] == [
        (900.0, None, False),
        (120.5, 300.25, True),
        (20.25, None, False),
    ]
    assert slow[0]["memory_mb"] == 512
    cold = answer(events, "cold_starts")[0]
    assert (cold["invocations"], cold["cold_starts"], cold["average_init_ms"]) == (3, 1, 300.3)
    cost = answer(events, "lambda_cost", gb_second=1.0, million_requests=0)[0]
    assert cost["dollars"] == pytest.approx((121 + 21 + 901) * 0.5 / 1000)


TEXT_REPORT = (
    "REPORT RequestId: 4a1b-7\tDuration: 147.25 ms\tBilled Duration: 201 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 91 MB\tRestore Duration: 500.5 ms\tBilled Restore Duration: 53 ms\t"
)
JSON_REPORT = (
    '{"time":"2026-11-23T00:00:00.080Z","type":"platform.report","record":{"requestId":"4a1b-7",'
    '"status":"success","spans":[{"name":"responseLatency","durationMs":1.5}],"metrics":{"durationMs":147.25,'
    '"billedDurationMs":201,"memorySizeMB":512,"maxMemoryUsedMB":91,"restoreDurationMs":500.5,'
    '"billedRestoreDurationMs":53}}}'
)


@pytest.mark.parametrize("name", ["cold_starts", "lambda_cost", "slowest_invocations", "latency_percentiles"])
def test_a_report_in_json_counts_as_one_in_text(name: str) -> None:
    answers = []
    for message in (TEXT_REPORT, JSON_REPORT, JSON_REPORT.replace('":', '" : ')):
        connection = duckdb.connect()
        columns = ", ".join(f"{column.name} {column.type}" for column in COLUMNS)
        connection.execute(f"CREATE TABLE events ({columns})")
        connection.execute(
            "INSERT INTO events VALUES ('1', 'r', ?, 's', ?, ?, '1', '', NULL)", [LAMBDA, START, message]
        )
        answers.append(answer(connection, name))
    assert answers[0] and answers.count(answers[0]) == 3
    (row,) = answers[0]
    assert row.get("cold_starts", 1) == 1 and row.get("init_ms", 500.5) == 500.5
    assert row.get("request_id", "4a1b-7") == "4a1b-7" and row.get("p50", 147.25) == 147.25


def test_access_logs(events: duckdb.DuckDBPyConnection) -> None:
    shown = [(row["time"].minute, row["requests"], row["errors"]) for row in answer(events, "access_5xx")]
    assert shown == [(0, 2, 0), (5, 2, 1), (10, 1, 1), (15, 1, 0), (20, 1, 1)]
    latency = {row["log_group"]: row for row in answer(events, "latency_percentiles")}
    assert (latency[WEB]["requests"], latency[WEB]["p50"], latency[WEB]["slowest"]) == (7, 0.4, 7.5)
    assert latency[LAMBDA]["p95"] == 900.0


def test_flows(events: duckdb.DuckDBPyConnection) -> None:
    rejected = answer(events, "rejected_flows")
    assert [(row["source"], row["port"], row["protocol"], row["flows"]) for row in rejected] == [
        ("10.9.9.9", 22, "TCP", 2)
    ]
    assert [(row["source"], row["bytes"]) for row in answer(events, "top_talkers")] == [
        ("10.0.0.1", 9000),
        ("10.9.9.9", 150),
    ]


def test_calls_by_identity(events: duckdb.DuckDBPyConnection) -> None:
    changes = answer(events, "cloudtrail_who")
    assert [(row["who"], row["call"], row["calls"], row["failed"]) for row in changes] == [
        ("arn:aws:iam::1:user/ada", "DeleteBucket", 2, 1)
    ]
    assert len(answer(events, "cloudtrail_who", reads="yes")) == 2


def test_ingestion_counts_bytes(events: duckdb.DuckDBPyConnection) -> None:
    found = {row["log_group"]: row for row in answer(events, "ingestion_cost", dollars_gb=1024**3)}
    messages = [message for group, _, message, _ in rows() if group == APP]
    assert found[APP]["bytes"] == sum(len(message.encode()) + 26 for message in messages)
    assert found[APP]["dollars"] == found[APP]["bytes"]


def test_gaps(events: duckdb.DuckDBPyConnection) -> None:
    found = answer(events, "stream_gaps", log_group="/app")
    assert [row["minutes"] for row in found] == [1740.0, 56.0]


def test_values_are_bound_and_cannot_change_the_query(events: duckdb.DuckDBPyConnection) -> None:
    assert answer(events, "stream_gaps", log_group="' OR 1=1; DROP TABLE events; --") == []
    assert events.execute("SELECT count(*) FROM events").fetchone() != (0,)


def test_an_own_query_never_replaces_a_shipped_one_and_errors_are_reported(tmp_path: Path) -> None:
    (tmp_path / "lambda_cost.sql").write_text("-- title: Mine\nSELECT count(*) FROM events")
    (tmp_path / "broken.sql").write_text("SELECT FROM FROM")
    (tmp_path / "latin.sql").write_bytes(b"-- title: \xff\nSELECT 1 FROM events")
    found, errors = load_queries([FOLDER, tmp_path])
    assert find_query(found, "lambda_cost").title == "Lambda cost by function"
    assert [re.findall(r"\w+\.sql", str(error)) for error in errors] == [
        ["broken.sql"],
        ["lambda_cost.sql"],
        ["latin.sql"],
    ]
    with pytest.raises(NotFound, match="no saved query 'nope'"):
        find_query(found, "nope")


def test_a_query_without_a_header_is_named_after_its_file() -> None:
    assert parse_query("my_query", "SELECT 1 AS x FROM events").title == "My query"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-- parameter: x = 1\nSELECT 1 FROM events", "The parameter in line 1 is not valid"),
        ("-- parameter: x integer = a\nSELECT $x FROM events", "Line 1: x is 'a'"),
        ("-- chart: pie a b\nSELECT 1 FROM events", "The chart in line 1 is not valid"),
        ("SELECT $x FROM events", "\\$x is not declared"),
        ("-- parameter: x text = a\nSELECT 1 FROM events", "\\$x is declared but not used"),
        ("DELETE FROM events", "DELETE is not allowed"),
    ],
)
def test_a_mistake_in_a_file_is_reported(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_query("q", text)


def test_a_value_of_the_wrong_type_and_an_unknown_parameter_are_rejected() -> None:
    query = find_query(QUERIES, "errors_over_time")
    assert query.bound({"minutes": ""}) == {"minutes": 5}
    with pytest.raises(InputError, match="minutes is 'soon'"):
        query.bound({"minutes": "soon"})
    with pytest.raises(InputError, match="no parameter 'nope'"):
        query.bound({"nope": 1})
