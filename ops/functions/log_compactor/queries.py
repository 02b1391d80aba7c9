"""The SQL of the compactor, for one hour of one account and region and a batch of objects. Pure."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

BUCKET = os.environ["BUCKET"]
PREFIX = os.environ["PREFIX"]
ADDRESS = f"s3://{BUCKET}/"
# From the log explorer, so that both have one definition: for each format, a SELECT of events with `fault`
# and `path`, and the expressions for pattern and level. Parts store the pattern in the column `template`.
EVENTS = {"json": os.environ["JSON_EVENTS"], "raw": os.environ["RAW_EVENTS"]}
PATTERN, LEVEL = os.environ["TEMPLATE"], os.environ["LEVEL"]
RULES = os.environ["RULES"]  # identifies the rules of levels; a part has them in its column `rules`
PARTS = '"logs_compacted"'
COLUMNS = "account, region, log_group, log_stream, ts, message, id"
IDENTITY = ("account", "region", "log_group", "log_stream", "id")


@dataclass(frozen=True)
class Hour:
    """One hour of one account and region, and the format of its sources."""

    kind: str
    account: str
    region: str
    begins: datetime

    @property
    def name(self) -> str:
        return f"{self.begins:date=%Y-%m-%d/hour=%H/}"

    def folder(self, kind: str = "") -> str:
        return f"{PREFIX}{kind or self.kind}/account={self.account}/region={self.region}/{self.name}"

    def condition(self, of: str = "") -> str:
        """Return the condition for the hour's partition; `of` is the prefix of account and region columns."""
        return (
            f"{of}account = {_text(self.account)} AND {of}region = {_text(self.region)} "
            f"AND \"date\" = '{self.begins:%Y-%m-%d}' AND hour = '{self.begins:%H}'"
        )


@dataclass(frozen=True)
class SourceObject:
    """An S3 object with events. `etag` is without quotes."""

    key: str
    size: int
    etag: str


def count(hour: Hour, batch: Sequence[SourceObject], known: Sequence[str]) -> str:
    """Count events and faults per object, without duplicates within the batch and in known parts."""
    marked = f"SELECT path, fault FROM ({_events(hour, batch, known)}) AS batch"
    return (
        f"SELECT SUBSTR(path, {len(ADDRESS) + 1}) AS path, COUNT(*) AS events, COUNT_IF(fault) AS faults "
        f"FROM ({marked}) AS marked GROUP BY path"
    )


def unload(hour: Hour, batch: Sequence[SourceObject], known: Sequence[str], folder: str) -> str:
    """Write the same events to the folder as Parquet."""
    masked = f"SELECT {COLUMNS}, {PATTERN} AS template FROM ({_events(hour, batch, known)}) AS batch"
    return (
        f"UNLOAD (SELECT {COLUMNS}, template, {LEVEL} AS level, {_text(RULES)} AS rules "
        f"FROM ({masked}) AS masked ORDER BY log_group, template, ts) TO {_text(ADDRESS + folder)} "
        "WITH (format = 'PARQUET', compression = 'ZSTD')"
    )


def count_parts(hour: Hour, keys: Iterable[str]) -> str:
    """Count the events of each file."""
    return (
        f'SELECT SUBSTR("$path", {len(ADDRESS) + 1}) AS path, COUNT(*) AS events FROM {PARTS} '
        f'WHERE {hour.condition("in_")} AND "$path" IN ({_addresses(keys)}) GROUP BY "$path"'
    )


def text_size(source: SourceObject) -> int:
    """Return the bytes that the object's address takes in a query."""
    return len(_addresses([source.key]).encode()) + 2


def _events(hour: Hour, batch: Sequence[SourceObject], known: Sequence[str]) -> str:
    """Select the batch's events; if they have IDs, each once, and without those in the `known` parts.

    Known parts are named by the first path component of their name in the hour's folder.
    """
    paths = _addresses(source.key for source in batch)
    delivered = f'{EVENTS[hour.kind]} WHERE {hour.condition()} AND "$path" IN ({paths})'
    if hour.kind == "raw":
        return delivered
    numbered = (
        f"SELECT {COLUMNS}, fault, path, ROW_NUMBER() OVER "
        f"(PARTITION BY {', '.join(IDENTITY)} ORDER BY path) AS nth FROM ({delivered}) AS delivered"
    )
    once = f"SELECT {COLUMNS}, fault, path FROM ({numbered}) AS numbered WHERE (id IS NULL OR nth = 1)"
    return f"{once} AND NOT EXISTS ({_held(hour, known)})" if known else once


def _held(hour: Hour, known: Sequence[str]) -> str:
    """Select the row `numbered` from the known parts."""
    begins = len(ADDRESS + hour.folder("compacted")) + 1
    names = f"SPLIT_PART(SUBSTR(\"$path\", {begins}), '/', 1) IN ({', '.join(map(_text, known))})"
    same = " AND ".join(f"held.{name} = numbered.{name}" for name in IDENTITY)
    return f"SELECT 1 FROM {PARTS} AS held WHERE {hour.condition('in_')} AND {names} AND {same}"


def _addresses(keys: Iterable[str]) -> str:
    return ", ".join(_text(ADDRESS + key) for key in keys)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
