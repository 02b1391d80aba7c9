"""A bucket with the export's layout and Athena tables on the embedded cloud, and both engines over it."""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.aws.athena.queries import AthenaTarget
from ops.aws.cloud import Cloud
from ops.aws.s3.objects import Bucket
from ops.logs.engines.athena import AthenaEngine
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Location, Scope
from ops.logs.lake.listing import Lister
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
        lister = Lister(Bucket(cloud, self.bucket, ACCOUNT, REGION), Location(self.bucket))
        self.engine = AthenaEngine(cloud, self.target, lister)

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

    def duckdb(self, cache: Path) -> DuckDbEngine:
        """Return the other engine, on the same bucket."""
        store = Bucket(self.cloud, self.bucket, ACCOUNT, REGION)
        return DuckDbEngine(store, Location(self.bucket), FileCache(cache, 1 << 30), threads=1)

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
