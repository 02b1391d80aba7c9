"""Athena over exported logs on the embedded cloud: the same rows as DuckDB, and its errors."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ops.aws.athena.queries import AthenaTarget, list_tables
from ops.aws.cloud import Cloud
from ops.aws.s3.objects import Bucket
from ops.errors import InputError, NotFound, QueryError, SlipwayError
from ops.logs.engines.athena import AthenaEngine
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.lake.layout import Location, Scope
from ops.logs.lake.listing import Lister
from ops.logs.search import exploration
from ops.logs.search.cursor import Cursor, Progress, QueryCanceled
from ops.logs.search.exploration import LogEvent
from ops.logs.search.language.parser import parse
from ops.logs.search.model import Search
from ops.logs.search.query import sql_query
from ops.logs.search.saved.queries import FOLDER, SavedQuery, load_queries
from tests.end_to_end.athena_lake import (
    ACCOUNT,
    DAYS,
    NASTY,
    OTHER,
    REGION,
    Lake,
    cloudwatch_table,
    json_table,
    made,
    put_json,
    raw_table,
)
from tests.ops.logs.sample_lake import ask

QUERIES, _ = load_queries([FOLDER])


@pytest.fixture(scope="module")
def lake(cloud: Cloud) -> Iterator[Lake]:
    lake = Lake(cloud)
    json_table(lake)
    events = list(made())
    put_json(lake, events)
    put_json(lake, [*events[:3], events[3]])  # delivered again, under other keys
    yield lake
    lake.close()


@pytest.fixture(scope="module")
def here(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> DuckDbEngine:
    return lake.duckdb(tmp_path_factory.mktemp("cache"))


def test_every_column_is_read_exactly(lake: Lake, here: DuckDbEngine) -> None:
    sql = "SELECT * FROM events ORDER BY ts, id"
    found = ask(lake.engine, DAYS, sql).to_pylist()
    assert found == ask(here, DAYS, sql).to_pylist()
    assert [row["message"] for row in found] == [
        event.message for event in sorted(made(), key=lambda one: (one.at, one.id))
    ]


@pytest.mark.parametrize("query", QUERIES, ids=[query.name for query in QUERIES])
def test_every_saved_query_returns_the_same_as_on_duckdb(
    lake: Lake, here: DuckDbEngine, query: SavedQuery
) -> None:
    values = query.bound({})
    cursor = lake.engine.run(sql_query(DAYS, query.sql, values))
    table, wanted = cursor.table(), ask(here, DAYS, query.sql, values)
    assert table.column_names == wanted.column_names
    assert table.to_pylist() == wanted.to_pylist()
    assert table.num_rows
    assert cursor.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "cannot -11", "level:error", 
        "STRAẞE OR (cannot NOT 11)", "status:>=500 OR $.status:4??", "status:*",
        "level:error level:fatal", "group:/app*", "-group:/nasty -level:error",
        "/reach \\d+/", "/(?i)REACH/c", '"Cannot"c', "$.status:>=500", "$.userIdentity.arn:arn*",
        '"; DROP TABLE"',
        "account:222222222222", 'pattern:"ERROR cannot reach *"', 'template:"ERROR cannot reach *"', "id:n3",
    ],
)  # fmt: skip
def test_a_search_finds_the_same_as_on_duckdb(lake: Lake, here: DuckDbEngine, text: str) -> None:
    search = Search(DAYS, parse(text))
    assert keys(exploration.newest(lake.engine, search, 50)) == keys(exploration.newest(here, search, 50))
    assert exploration.histogram(lake.engine, search).to_pylist() == (
        exploration.histogram(here, search).to_pylist()
    )


def keys(events: list[LogEvent]) -> list[str]:
    return [event.key for event in events]


def test_raw_and_cloudwatch_tables_are_read_exactly(cloud: Cloud) -> None:
    lake = Lake(cloud)
    raw_table(lake)
    cloudwatch_table(lake)
    escape = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
    hour = "date=2026-11-23/hour=05"
    lake.put(
        f"raw/account={ACCOUNT}/region={REGION}/{hour}/a.gz",
        [f"/raw:s:1\t{at}\t{text.translate(escape)}" for at, text in enumerate(NASTY, 1795410000000)],
    )
    record = {
        "messageType": "DATA_MESSAGE", "owner": OTHER, "logGroup": "/cw", "logStream": "s2",
        "subscriptionFilters": ["slipway-us-east-1"],
        "logEvents": [
            {"id": str(n), "timestamp": 1795410000000 + n, "message": text} for n, text in enumerate(NASTY)
        ],
    }  # fmt: skip
    lake.put(
        f"cloudwatch/{hour}/b.gz",
        [json.dumps(record), json.dumps({**record, "messageType": "CONTROL_MESSAGE"})],
    )
    found = ask(
        lake.engine,
        DAYS,
        "SELECT account, region, log_group, log_stream, message FROM events ORDER BY log_group, ts",
    )
    rows_ = [tuple(row.values()) for row in found.to_pylist()]
    assert rows_[: len(NASTY)] == [(OTHER, "us-east-1", "/cw", "s2", text) for text in NASTY]
    assert rows_[len(NASTY) :] == [(ACCOUNT, REGION, "/raw", "s:1", text) for text in NASTY]


def test_only_the_partitions_of_the_scope_are_scanned(lake: Lake) -> None:
    hour = Scope(DAYS.start, DAYS.start + timedelta(hours=1))
    less, everything = (completed(lake, scope, "SELECT count(*) AS n FROM events") for scope in (hour, DAYS))
    assert 0 < less.cost.size_bytes < everything.cost.size_bytes
    assert less.cost.dollars > 0
    account = Scope(DAYS.start, DAYS.end, accounts=(OTHER,))
    assert ask(lake.engine, account, "SELECT count(*) AS n FROM events")["n"].to_pylist() == [1]


def test_the_same_query_reuses_the_previous_result(lake: Lake) -> None:
    sql = "SELECT count(*) AS again FROM events"
    first, second = (lake.engine.run(sql_query(DAYS, sql)) for _ in range(2))
    assert first.table() == second.table()
    assert (second.cost.size_bytes, second.cost.dollars) == (0, 0.0)


def completed(lake: Lake, scope: Scope, sql: str) -> Cursor:
    cursor = lake.engine.run(sql_query(scope, sql))
    cursor.table()
    return cursor


def test_a_query_can_be_canceled_while_it_runs(lake: Lake) -> None:
    sql = "SELECT count(*) AS n FROM events a, events b, events c, events d, events e WHERE a.id < e.id"
    cursor = lake.engine.run(sql_query(DAYS, sql))
    report = cursor.report

    def cancel(progress: Progress) -> None:
        report(progress)
        cursor.cancel()

    cursor.report = cancel  # type: ignore[method-assign]
    with pytest.raises(QueryCanceled):
        cursor.table()
    assert cursor.progress.text.startswith(("Queued in Athena", "Athena: "))


def test_unsupported_syntax_is_reported_before_the_query_is_sent(lake: Lake) -> None:
    with pytest.raises(QueryError) as raised:
        ask(lake.engine, DAYS, "SELECT list(id) FROM events")
    assert raised.value.column == 8


def test_a_query_over_the_data_limit_is_reported(cloud: Cloud) -> None:
    lake = Lake(cloud)
    json_table(lake)
    noise = random.Random(5).randbytes(11_000_000)
    lake.s3.put_object(Bucket=lake.bucket, Key=f"json/{next(made()).folder}/large.gz", Body=noise)
    assert lake.engine.scan_limit() == 10_000_000
    with pytest.raises(InputError, match="exceeded the data limit of the workgroup") as raised:
        ask(lake.engine, DAYS, "SELECT count(*) AS n FROM events")
    assert "shorter time range" in raised.value.hint


def test_a_database_without_logs_has_a_hint(cloud: Cloud) -> None:
    lake = Lake(cloud)
    with pytest.raises(NotFound, match="no table of exported logs"):
        ask(lake.engine, DAYS, "SELECT 1 AS x FROM events")
    lister = Lister(Bucket(cloud, lake.bucket, ACCOUNT, REGION), Location(lake.bucket))
    nowhere = AthenaTarget(ACCOUNT, REGION, lake.target.database, "no-such-group")
    with pytest.raises(SlipwayError):
        AthenaEngine(cloud, nowhere, lister).scan_limit()
    assert list_tables(cloud, lake.target) == []
