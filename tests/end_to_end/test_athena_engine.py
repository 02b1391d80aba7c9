"""Athena over exported logs on the embedded cloud: the same rows as DuckDB, and its errors."""

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from ops.aws.athena import AthenaTarget, QueryStopped, RunningQuery, list_tables
from ops.aws.cloud import Cloud
from ops.aws.s3.objects import Bucket
from ops.errors import InputError, NotFound, QueryError, SlipwayError
from ops.logs.engines.athena import AthenaEngine
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Location, Scope
from ops.logs.search import exploration
from ops.logs.search.exploration import LogEvent
from ops.logs.search.model import Search
from ops.logs.search.query_parser import parse
from ops.logs.search.saved_queries import FOLDER, SavedQuery, load_queries
from tests.ops.embedded.overlay import unique
from tests.ops.logs.made_events import START, rows

ACCOUNT, REGION = "111111111111", "eu-west-1"
OTHER = "222222222222"
DAYS = Scope(START.replace(tzinfo=UTC), START.replace(tzinfo=UTC) + timedelta(days=3))
NASTY = [
    "",
    "two\nlines",
    "tab\t and \\t",
    "\\",
    "'; DROP TABLE events; --",
    '"a","b"',
    "emoji \U0001f69a",
    "x,y",
]
QUERIES, _ = load_queries([FOLDER])
PROJECTED = {
    "projection.enabled": "true",
    "projection.date.type": "date",
    "projection.date.format": "yyyy-MM-dd",
    "projection.date.range": "2024-01-01,NOW+1000DAYS",
    "projection.hour.type": "integer",
    "projection.hour.range": "0,23",
    "projection.hour.digits": "2",
}
PLACED = {
    "projection.account.type": "injected",
    "projection.region.type": "enum",
    "projection.region.values": "eu-west-1,us-east-1",
}


class Lake:
    """A bucket with the export's layout, its tables, and a workgroup."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.bucket = unique("lake")
        self.target = AthenaTarget(ACCOUNT, REGION, unique("logs").replace("-", "_"), unique("group"))
        self.s3, self.glue, self.athena = (
            cloud.client(name, ACCOUNT, REGION) for name in ("s3", "glue", "athena")
        )
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.glue.create_database(DatabaseInput={"Name": self.target.database})
        self.athena.create_work_group(
            Name=self.target.work_group,
            Configuration={
                "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results/"},
                "BytesScannedCutoffPerQuery": 10_000_000,
            },
        )
        self.engine = AthenaEngine(cloud, self.target)

    def table(
        self, kind: str, columns: dict[str, str], serde: str, partitions: Sequence[str], **settings: str
    ) -> None:
        folders = "".join(f"{name}=${{{name}}}/" for name in partitions)
        self.glue.create_table(
            DatabaseName=self.target.database,
            TableInput={
                "Name": kind,
                "Parameters": {
                    **PROJECTED,
                    **(PLACED if "account" in partitions else {}),
                    "storage.location.template": f"s3://{self.bucket}/{kind}/{folders}",
                },
                "PartitionKeys": [{"Name": name, "Type": "string"} for name in partitions],
                "StorageDescriptor": {
                    "Columns": [{"Name": name, "Type": type_} for name, type_ in columns.items()],
                    "Location": f"s3://{self.bucket}/{kind}/",
                    "SerdeInfo": {"SerializationLibrary": serde, "Parameters": settings},
                },
            },
        )

    def put(self, key: str, lines: Sequence[str]) -> None:
        body = gzip.compress("".join(f"{line}\n" for line in lines).encode())
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def close(self) -> None:
        self.glue.delete_database(Name=self.target.database)


def json_table(lake: Lake) -> None:
    columns = {
        "group": "string",
        "stream": "string",
        "timestamp": "bigint",
        "id": "string",
        "message": "string",
    }
    lake.table("json", columns, "org.openx.data.jsonserde.JsonSerDe", ("account", "region", "date", "hour"))


def raw_table(lake: Lake) -> None:
    columns = {"source": "string", "timestamp": "bigint", "message": "string"}
    serde = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
    lake.table("raw", columns, serde, ("account", "region", "date", "hour"), **{"field.delim": "\t"})


def cloudwatch_table(lake: Lake) -> None:
    columns = {
        "messagetype": "string",
        "owner": "string",
        "loggroup": "string",
        "logstream": "string",
        "subscriptionfilters": "array<string>",
        "logevents": "array<struct<id:string,timestamp:bigint,message:string>>",
    }
    lake.table("cloudwatch", columns, "org.openx.data.jsonserde.JsonSerDe", ("date", "hour"))


@dataclass(frozen=True)
class Put:
    group: str
    at: datetime
    message: str
    id: str
    account: str = ACCOUNT

    @property
    def millis(self) -> int:
        return round(self.at.replace(tzinfo=UTC).timestamp() * 1000)

    @property
    def folder(self) -> str:
        return f"account={self.account}/region={REGION}/date={self.at:%Y-%m-%d}/hour={self.at:%H}"


def made() -> Iterator[Put]:
    for number, (group, minute, message, _) in enumerate(rows()):
        yield Put(group, START + timedelta(minutes=minute), message, f"{number:03}")
    for number, message in enumerate(NASTY):
        yield Put("/nasty", START + timedelta(hours=5, seconds=number), message, f"n{number}")
    yield Put("/other", START + timedelta(hours=5), "INFO from another account", "o1", OTHER)


def put_json(lake: Lake, events: Sequence[Put]) -> None:
    for number, event in enumerate(events):
        line = {
            "account": event.account, "region": REGION, "group": event.group, "stream": "s1",
            "timestamp": event.millis, "id": event.id, "message": event.message,
        }  # fmt: skip
        lake.put(f"json/{event.folder}/{number}.gz", [json.dumps(line, ensure_ascii=False)])


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
    """The other engine, on the same bucket."""
    cache = FileCache(tmp_path_factory.mktemp("cache"), 1 << 30)
    store = Bucket(lake.cloud, lake.bucket, ACCOUNT, REGION)
    return DuckDbEngine(store, Location(lake.bucket), cache, threads=1)


def test_every_column_is_read_exactly(lake: Lake, here: DuckDbEngine) -> None:
    sql = "SELECT * FROM events ORDER BY ts, id"
    found = lake.engine.query(DAYS, sql).to_pylist()
    assert found == here.query(DAYS, sql).to_pylist()
    assert [row["message"] for row in found] == [
        event.message for event in sorted(made(), key=lambda one: (one.at, one.id))
    ]


@pytest.mark.parametrize("query", QUERIES, ids=[query.name for query in QUERIES])
def test_every_saved_query_returns_the_same_as_on_duckdb(
    lake: Lake, here: DuckDbEngine, query: SavedQuery
) -> None:
    values = query.bound({})
    answer = lake.engine.sql(DAYS, query.sql, values)
    table, wanted = answer.table(), here.query(DAYS, query.sql, values)
    assert table.column_names == wanted.column_names
    assert table.to_pylist() == wanted.to_pylist()
    assert table.num_rows
    assert answer.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "cannot -11", "level:error", "level:error level:fatal", "group:/app*", "-group:/nasty -level:error",
        "/reach \\d+/", "/(?i)REACH/c", '"Cannot"c', "$.status:>=500", "$.userIdentity.arn:arn*",
        '"; DROP TABLE"',
        "account:222222222222", 'pattern:"ERROR cannot reach *"', 'template:"ERROR cannot reach *"', "id:n3",
    ],
)  # fmt: skip
def test_a_search_finds_the_same_as_on_duckdb(lake: Lake, here: DuckDbEngine, text: str) -> None:
    query = parse(text)
    search = Search(DAYS, query.terms, query.filters)
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
    found = lake.engine.query(
        DAYS, "SELECT account, region, log_group, log_stream, message FROM events ORDER BY log_group, ts"
    )
    rows_ = [tuple(row.values()) for row in found.to_pylist()]
    assert rows_[: len(NASTY)] == [(OTHER, "us-east-1", "/cw", "s2", text) for text in NASTY]
    assert rows_[len(NASTY) :] == [(ACCOUNT, REGION, "/raw", "s:1", text) for text in NASTY]


def test_only_the_partitions_of_the_scope_are_scanned(lake: Lake) -> None:
    everything = lake.engine.sql(DAYS, "SELECT count(*) AS n FROM events")
    hour = Scope(DAYS.start, DAYS.start + timedelta(hours=1))
    less = lake.engine.sql(hour, "SELECT count(*) AS n FROM events")
    assert 0 < less.finished.scanned_bytes < everything.finished.scanned_bytes
    assert less.dollars > 0
    account = Scope(DAYS.start, DAYS.end, accounts=(OTHER,))
    assert lake.engine.query(account, "SELECT count(*) AS n FROM events")["n"].to_pylist() == [1]


def test_the_same_query_reuses_the_previous_result(lake: Lake) -> None:
    sql = "SELECT count(*) AS again FROM events"
    first, second = (lake.engine.sql(DAYS, sql) for _ in range(2))
    assert (second.finished.reused, second.dollars) == (True, 0.0)
    assert first.table() == second.table()


def test_progress_is_reported_and_a_query_can_be_canceled(lake: Lake) -> None:
    seen: list[RunningQuery] = []
    lake.engine.sql(DAYS, "SELECT min(id) AS first FROM events", report=seen.append)
    assert seen[-1].state == "SUCCEEDED"
    with pytest.raises(QueryStopped):
        sql = "SELECT count(*) AS n FROM events a, events b, events c, events d, events e WHERE a.id < e.id"
        lake.engine.sql(DAYS, sql, cancelled=lambda: True)


def test_unsupported_syntax_is_reported_before_the_query_is_sent(lake: Lake) -> None:
    with pytest.raises(QueryError) as raised:
        lake.engine.query(DAYS, "SELECT list(id) FROM events")
    assert raised.value.column == 8


def test_a_query_over_the_data_limit_is_reported(cloud: Cloud) -> None:
    lake = Lake(cloud)
    json_table(lake)
    noise = random.Random(5).randbytes(11_000_000)
    lake.s3.put_object(Bucket=lake.bucket, Key=f"json/{next(made()).folder}/large.gz", Body=noise)
    assert lake.engine.scan_limit() == 10_000_000
    with pytest.raises(InputError, match="exceeded the data limit of the workgroup") as raised:
        lake.engine.query(DAYS, "SELECT count(*) AS n FROM events")
    assert "shorter time range" in raised.value.hint


def test_a_database_without_logs_has_a_hint(cloud: Cloud) -> None:
    lake = Lake(cloud)
    with pytest.raises(NotFound, match="no table of exported logs"):
        lake.engine.query(DAYS, "SELECT 1 AS x FROM events")
    nowhere = AthenaTarget(ACCOUNT, REGION, lake.target.database, "no-such-group")
    with pytest.raises(SlipwayError):
        AthenaEngine(cloud, nowhere).scan_limit()
    assert list_tables(cloud, lake.target) == []
