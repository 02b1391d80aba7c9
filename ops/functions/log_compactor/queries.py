"""The queries of the compactor: over one hour of one place, and the objects of a batch. Pure."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

BUCKET = os.environ["BUCKET"]
PREFIX = os.environ["PREFIX"]
ADDRESS = f"s3://{BUCKET}/"
# The relation `events` in Athena SQL, as the explorer has it: columns of an event, whether it has a fault,
# its object, out of the table of each kind; and what a message's template and level are.
EVENTS = {"json": os.environ["JSON_EVENTS"], "raw": os.environ["RAW_EVENTS"]}
TEMPLATE, LEVEL = os.environ["TEMPLATE"], os.environ["LEVEL"]
PARTS = '"logs_compacted"'
COLUMNS = "account, region, log_group, log_stream, ts, message, id"
IDENTITY = ("account", "region", "log_group", "log_stream", "id")


@dataclass(frozen=True)
class Hour:
    """One hour of one place, and the kind of its sources."""

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
        """The hour's partition; `of` begins the names of its account and region."""
        return (
            f"{of}account = {_text(self.account)} AND {of}region = {_text(self.region)} "
            f"AND \"date\" = '{self.begins:%Y-%m-%d}' AND hour = '{self.begins:%H}'"
        )


@dataclass(frozen=True)
class Source:
    """An object of events. `etag` without quotes."""

    key: str
    size: int
    etag: str


def count(hour: Hour, batch: Sequence[Source], known: Sequence[str]) -> str:
    """Key, events and faults of each object, without the events that an earlier one or a known part holds."""
    found = f"SELECT path, fault FROM ({_events(hour, batch, known)}) AS found"
    return (
        f"SELECT SUBSTR(path, {len(ADDRESS) + 1}) AS path, COUNT(*) AS events, COUNT_IF(fault) AS faults "
        f"FROM ({found}) AS marked GROUP BY path"
    )


def unload(hour: Hour, batch: Sequence[Source], known: Sequence[str], folder: str) -> str:
    """Writes the same events into the folder as Parquet."""
    masked = f"SELECT {COLUMNS}, {TEMPLATE} AS template FROM ({_events(hour, batch, known)}) AS found"
    return (
        f"UNLOAD (SELECT {COLUMNS}, template, {LEVEL} AS level FROM ({masked}) AS masked "
        f"ORDER BY log_group, template, ts) TO {_text(ADDRESS + folder)} "
        "WITH (format = 'PARQUET', compression = 'ZSTD')"
    )


def count_parts(hour: Hour, keys: Iterable[str]) -> str:
    """Key and events of each of the files."""
    return (
        f'SELECT SUBSTR("$path", {len(ADDRESS) + 1}) AS path, COUNT(*) AS events FROM {PARTS} '
        f'WHERE {hour.condition("in_")} AND "$path" IN ({_addresses(keys)}) GROUP BY "$path"'
    )


def text_size(source: Source) -> int:
    """Bytes of a query that name the object."""
    return len(_addresses([source.key]).encode()) + 2


def _events(hour: Hour, batch: Sequence[Source], known: Sequence[str]) -> str:
    """The batch's events; where they have ids, each once, and none that a part holds that is `known`.

    A part is known by its name in the hour's folder, parts of one folder by that.
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
    """The row `numbered` in one of the known parts."""
    begins = len(ADDRESS + hour.folder("compacted")) + 1
    names = f"SPLIT_PART(SUBSTR(\"$path\", {begins}), '/', 1) IN ({', '.join(map(_text, known))})"
    same = " AND ".join(f"held.{name} = numbered.{name}" for name in IDENTITY)
    return f"SELECT 1 FROM {PARTS} AS held WHERE {hour.condition('in_')} AND {names} AND {same}"


def _addresses(keys: Iterable[str]) -> str:
    return ", ".join(_text(ADDRESS + key) for key in keys)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
