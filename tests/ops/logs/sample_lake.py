"""A dataset in a folder, written like the log export writes it, for tests."""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from ops.logs.engines.duckdb import DuckDbEngine, DuckDbQueryFailed
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Location, LogFormat, Partition, Scope, folder, hour_of
from ops.logs.search.cursor import Cursor, QueryEngine
from ops.logs.search.query import Value, sql_query
from tests.ops.logs.folder_store import Folder

ACCOUNT, REGION = "111111111111", "eu-west-1"
START = datetime(2026, 11, 24, 10, tzinfo=UTC)
DAY = Scope(START, START + timedelta(hours=24))
HERE = Location("lake")


@dataclass(frozen=True)
class Made:
    """An event in the lake."""

    message: str
    seconds: float = 0
    group: str = "/app/one"
    stream: str = "s"
    id: str = ""

    @property
    def ts(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    @property
    def millis(self) -> int:
        return round(self.ts.timestamp() * 1000)


def escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def encode(kind: LogFormat, events: Iterable[Made]) -> bytes:
    """Return the bytes of an object with the events."""
    events = list(events)
    if kind is LogFormat.CLOUDWATCH:
        return b"".join(gzip.compress(json.dumps(_record(event)).encode()) for event in events)
    if kind is LogFormat.JSON:
        lines = [
            {
                "account": ACCOUNT,
                "region": REGION,
                "group": one.group,
                "stream": one.stream,
                "timestamp": one.millis,
                "id": one.id,
                "message": one.message,
            }
            for one in events
        ]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    else:
        change = escape if kind is LogFormat.RAW else str
        text = "".join(
            f"{one.group}:{change(one.stream)}\t{one.millis}\t{change(one.message)}\n" for one in events
        )
    return gzip.compress(text.encode())


def _record(event: Made) -> dict[str, object]:
    return {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": event.group,
        "logStream": event.stream,
        "subscriptionFilters": [f"slipway-{REGION}"],
        "logEvents": [{"id": event.id, "timestamp": event.millis, "message": event.message}],
    }


def ask(
    engine: QueryEngine, scope: Scope, sql: str, parameters: Mapping[str, Value] | None = None
) -> pa.Table:
    """Return all rows of a SELECT over the events in the scope."""
    return engine.run(sql_query(scope, sql, parameters)).table()


class Lake:
    """The folder and an engine for it."""

    def __init__(self, root: Path, cache_bytes: int = 1 << 30) -> None:
        self.store = Folder(root / "bucket")
        self.cache = FileCache(root / "cache", cache_bytes)
        self.engine = DuckDbEngine(self.store, HERE, self.cache, threads=2)
        self._names = 0

    def put(self, kind: LogFormat, events: Iterable[Made], name: str = "") -> str:
        """Put the events, which must be of one hour, into an object; return its key."""
        events = list(events)
        return self.put_bytes(kind, encode(kind, events), events[0].ts, name)

    def put_bytes(self, kind: LogFormat, body: bytes, at: datetime = START, name: str = "") -> str:
        self._names += 1
        partition = Partition(hour_of(at), ACCOUNT, REGION)
        key = folder(HERE, kind, partition) + (name or f"{self._names:04}.gz")
        self.store.put(key, body)
        return key

    def rows(
        self, sql: str = "SELECT log_group, log_stream, ts, message FROM events", scope: Scope = DAY
    ) -> list:  # type: ignore[type-arg]
        """Return the rows of a query, sorted."""
        table = self._table(sql, scope)
        return sorted(tuple(row.values()) for row in table.to_pylist())

    def _table(self, sql: str, scope: Scope) -> pa.Table:
        """Run the query, and run it again if a damaged file must be read another way."""
        try:
            return self.run(sql, scope).table()
        except DuckDbQueryFailed as error:
            if not str(error.hint).startswith("Run the query again"):
                raise
            return self.run(sql, scope).table()

    def run(self, sql: str, scope: Scope = DAY) -> Cursor:
        """Return the cursor of a SELECT over the objects that exist now."""
        self.engine.list(scope, fresh=True)
        return self.engine.run(sql_query(scope, sql))

    def messages(self, scope: Scope = DAY) -> list[str]:
        return [message for (message,) in self.rows("SELECT message FROM events", scope)]

    def notes(self, scope: Scope = DAY) -> str:
        cursor = self.run("SELECT message FROM events", scope)
        cursor.table()
        return "\n".join(cursor.notes)


def noise(length: int) -> str:
    return base64.b64encode(bytes(n % 251 for n in range(length))).decode()
