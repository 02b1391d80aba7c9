"""An export's central stack with its compactor, on the embedded cloud; hours of logs in its bucket."""

import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import boto3

from ops.aws.athena.queries import AthenaTarget
from ops.aws.cloud import Cloud
from ops.aws.s3.objects import Bucket
from ops.embedded.lifecycle import RunningCloud
from ops.logs.engines.athena import AthenaEngine
from ops.logs.engines.athena_levels import level_sql
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.export.deployment.stacks import central_body
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import HOUR, Location, LogFormat, Partition, Scope, folder, hour_of
from ops.logs.lake.listing import Lister
from tests.ops.embedded.overlay import ACCOUNT, REGION, client, eventually, unique
from tests.ops.functions.source import load
from tests.ops.logs.sample_lake import ask, escape

BEGINS = hour_of(datetime.now(UTC)) - 30 * HOUR


@dataclass(frozen=True)
class Put:
    """An event; `id` is for formats with event IDs."""

    message: str
    second: int = 0
    id: str = ""
    group: str = "/app/one"

    def encoded(self, kind: LogFormat, account: str) -> str:
        millis = round((BEGINS + timedelta(seconds=self.second)).timestamp() * 1000)
        if kind is LogFormat.RAW:
            return f"{self.group}:s\t{millis}\t{escape(self.message)}"
        if kind is LogFormat.CLOUDWATCH:
            events = [{"id": self.id, "timestamp": millis, "message": self.message}]
            record = {"messageType": "DATA_MESSAGE", "owner": account, "logGroup": self.group}
            filters = [f"slipway-{REGION}"]
            return json.dumps(
                {**record, "logStream": "s", "subscriptionFilters": filters, "logEvents": events}
            )
        place = {"account": account, "region": REGION, "group": self.group, "stream": "s"}
        text = json.dumps({**place, "timestamp": millis, "id": self.id, "message": self.message})
        return text


class Export:
    """The stack, its bucket, and its Lambda function."""

    def __init__(self, embedded: RunningCloud, cloud: Cloud, **parameters: str) -> None:
        self.embedded, self.cloud = embedded, cloud
        self.name = unique("compacting")
        self.cloudformation, self.lambda_, self.s3 = (
            client(embedded, name) for name in ("cloudformation", "lambda", "s3")
        )
        destination = self.name.replace("-", "")
        given = {
            "LogGroupNamePrefix": "/nowhere/",
            "DestinationName": destination,
            "CompactDays": "2",
            **parameters,
        }
        staging = {"Bucket": self.name, "Key": "template.json"}
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.s3.put_object(**staging, Body=central_body().encode())
        self.cloudformation.create_stack(
            StackName=self.name,
            TemplateURL=f"https://s3.{REGION}.amazonaws.com/{self.name}/template.json",
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )
        eventually(lambda: self._status() == "CREATE_COMPLETE", within_s=120)
        stack = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        self.bucket = self.outputs["Bucket"].rpartition(":")[2]
        self.location = Location(self.bucket, "logs/", ACCOUNT, REGION)
        database = self.outputs["Database"]
        self.store = Bucket(cloud, self.bucket, ACCOUNT, REGION)
        target = AthenaTarget(ACCOUNT, REGION, database, database)
        self.athena = AthenaEngine(cloud, target, Lister(self.store, self.location))

    def _status(self) -> str:
        status = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]
        assert not status.endswith(("FAILED", "ROLLBACK_COMPLETE")), status
        return str(status)

    def close(self) -> None:
        self.cloudformation.delete_stack(StackName=self.name)

    def call(self, event: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Invoke the deployed function; return its response, and whether it failed."""
        answer = self.lambda_.invoke(FunctionName=self.outputs["Compactor"], Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), "FunctionError" in answer

    def module(self) -> Any:
        """Return the same function in this process, for fault injection."""
        configuration = self.lambda_.get_function_configuration(FunctionName=self.outputs["Compactor"])
        keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test"}
        with mock.patch.dict(os.environ, {"AWS_ENDPOINT_URL": self.embedded.endpoint, **keys}):
            boto3.DEFAULT_SESSION = None  # the default session would keep other credentials
            variables = configuration["Environment"]["Variables"]
            module = load("log_compactor", **variables, LEVEL=level_sql())
            boto3.DEFAULT_SESSION = None
        return module


@dataclass
class Hour:
    """One hour of a separate account in the export's bucket, with readers for it."""

    export: Export
    account: str
    cache: Path
    names: int = 0
    engine: DuckDbEngine = field(init=False)

    def __post_init__(self) -> None:
        files = FileCache(self.cache, 1 << 30)
        self.engine = DuckDbEngine(self.export.store, self.export.location, files, threads=1)

    @property
    def scope(self) -> Scope:
        return Scope(BEGINS, BEGINS + HOUR, accounts=(self.account,), regions=(REGION,))

    @property
    def event(self) -> dict[str, Any]:
        """The event with which the command invokes the function."""
        hour = f"{BEGINS:%Y-%m-%dT%H}"
        return {"first": hour, "last": hour, "accounts": [self.account], "regions": [REGION]}

    def folder(self, kind: LogFormat) -> str:
        return folder(self.export.location, kind, Partition(BEGINS, self.account, REGION))

    def put(self, kind: LogFormat, events: Iterable[Put], name: str = "") -> str:
        """Put the events into an object; return its key."""
        lines = [event.encoded(kind, self.account) for event in events]
        return self.put_bytes(kind, gzip.compress("".join(f"{line}\n" for line in lines).encode()), name)

    def put_bytes(self, kind: LogFormat, body: bytes, name: str = "") -> str:
        self.names += 1
        key = self.folder(kind) + (name or f"{self.names:04}.gz")
        self.export.s3.put_object(Bucket=self.export.bucket, Key=key, Body=body)
        return key

    def rows(self, sql: str = "SELECT * FROM events", **parameters: Any) -> list[Any]:
        """Return the rows from DuckDB, sorted."""
        self.engine.list(self.scope, fresh=True)
        return sorted(map(str, ask(self.engine, self.scope, sql, parameters).to_pylist()))

    def athena_rows(self) -> list[Any]:
        sql = "SELECT account, region, log_group, log_stream, ts, message, id, pattern, level FROM events"
        table = ask(self.export.athena, self.scope, f"{sql} -- {unique('fresh')}")
        return sorted(map(str, table.to_pylist()))

    def messages(self) -> list[str]:
        self.engine.list(self.scope, fresh=True)
        return sorted(ask(self.engine, self.scope, "SELECT message FROM events")["message"].to_pylist())

    def keys(self, kind: LogFormat) -> list[str]:
        return [one.key for one in self.export.store.list(self.folder(kind))]

    @property
    def parts(self) -> list[str]:
        """The keys beside the manifest, whether it names them or not."""
        return [key for key in self.keys(LogFormat.COMPACTED) if not key.endswith("_manifest.json")]

    def standing(self) -> tuple[int, int]:
        """Return the number of objects in parts, and of the others."""
        listing = self.engine.list(self.scope, fresh=True)
        return listing.covered, len(listing.fresh)

    def clear(self) -> None:
        for kind in (LogFormat.JSON, LogFormat.RAW, LogFormat.COMPACTED):
            for key in self.keys(kind):
                self.export.store.delete(key)


@contextmanager
def an_hour(export: Export, cache: Path) -> Iterator[Hour]:
    hour = Hour(export, f"{int(unique('x')[2:], 16):012}"[-12:], cache)
    yield hour
    hour.clear()


class Killed(BaseException):
    """The process was killed."""


class Disturbed:
    """A client that calls `before` ahead of each call, to inject faults."""

    def __init__(self, inner: Any, before: Callable[[str], None]) -> None:
        self._inner, self._before = inner, before

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if name == "get_paginator":

            def paginator(of: str) -> Any:
                self._before(of)
                return call(of)

            return paginator

        def disturbed(**arguments: Any) -> Any:
            self._before(name)
            return call(**arguments)

        return disturbed
