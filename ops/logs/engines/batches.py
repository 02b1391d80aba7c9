"""Fresh objects → events, a batch at a time: quick readers first, the exact ones for what those refuse."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa

from ops.errors import SlipwayError
from ops.logs.engines.stock import SQL, named_right
from ops.logs.lake.gzipped import inflate
from ops.logs.lake.layout import Kind, LogObject
from ops.logs.lake.parts import PartFacts
from ops.logs.lake.readers import EVENTS, faultless, read_lines, read_object
from ops.logs.lake.store import Store

BATCH_BYTES = 8 << 20  # of compressed sources that are in memory at once: some 50 MB of text
READS = 8  # objects that are read at once


class Files(Protocol):
    """Where a batch's objects are: `ops.logs.engines.loading.Loader`."""

    store: Store

    def fetch(self, key: str, etag: str, size: int) -> Path: ...

    def content(self, obj: LogObject) -> bytes: ...


def batches(objects: Iterable[LogObject], limit_bytes: int = BATCH_BYTES) -> Iterator[list[LogObject]]:
    """Objects of one kind, in the order of their keys, `limit_bytes` or one object at a time."""
    batch: list[LogObject] = []
    size = 0
    for obj in sorted(objects, key=lambda one: (one.kind, one.key)):
        if batch and (size + obj.size > limit_bytes or obj.kind is not batch[0].kind):
            yield batch
            batch, size = [], 0
        batch.append(obj)
        size += obj.size
    if batch:
        yield batch


def read_batch(
    files: Files, connection: duckdb.DuckDBPyConnection, batch: Sequence[LogObject]
) -> tuple[pa.Table, list[LogObject], list[str]]:
    """The events of a batch of one hour, the objects that were read, and notes about others and faults."""
    kind = batch[0].kind
    quick = _lines(files, batch) if kind in (Kind.RAW, Kind.OLDER) else _stock_batch(files, connection, batch)
    tables, read = ([quick[0]], quick[1]) if quick else ([], [])
    notes: list[str] = []
    for obj in [one for one in batch if one not in read]:
        try:
            found = read_object(
                obj.kind, files.store.read(obj.key, obj.etag), obj.partition, f"{files.store.name}/{obj.key}"
            )
        except (SlipwayError, OSError) as error:
            notes.append(f"{obj.key} could not be read: {error}")
            continue
        tables.append(found.events)
        notes += found.notes
        read.append(obj)
    if len(tables) != 1:
        tables = [table.cast(EVENTS) for table in tables] or [EVENTS.empty_table()]
    return pa.concat_tables(tables), read, notes


def _lines(files: Files, batch: Sequence[LogObject]) -> tuple[pa.Table, list[LogObject]] | None:
    """The raw objects without a fault, read as one."""
    with ThreadPoolExecutor(READS, "read") as pool:
        found = pool.map(lambda obj: _faultless_content(files, obj), batch)
        contents = {obj: content for obj, content in zip(batch, found, strict=True) if content is not None}
    if not contents:
        return None
    return read_lines(batch[0].kind, contents.values(), batch[0].partition), list(contents)


def _faultless_content(files: Files, obj: LogObject) -> bytes | None:
    try:
        content, whole = inflate(files.content(obj))
    except (SlipwayError, OSError):
        return None  # the exact reader says what is wrong
    return content if whole and faultless(content) else None


def _stock_batch(
    files: Files, connection: duckdb.DuckDBPyConnection, batch: Sequence[LogObject]
) -> tuple[pa.Table, list[LogObject]] | None:
    """The objects that DuckDB's reader takes, if it takes all of them."""
    paths: dict[LogObject, Path] = {}
    for obj in batch if batch[0].kind in SQL else ():
        try:
            path = files.fetch(obj.key, obj.etag, obj.size)
            if named_right(path):
                paths[obj] = path
        except (SlipwayError, OSError):
            continue  # the exact reader says what is wrong
    table = _stock(connection, batch[0].kind, list(paths.values())) if paths else None
    return None if table is None else (table, list(paths))


def usable(
    parts: Mapping[Path, PartFacts], fresh: Set[tuple[str, str]], given: Set[str]
) -> dict[Path, PartFacts]:
    """Of the parts made before, those that hold fresh objects only, none twice, and whose needs are met.

    `given` are names of parts that are read in any case.
    """
    chosen: dict[Path, PartFacts] = {}
    taken: set[tuple[str, str]] = set()
    for path, facts in parts.items():
        if facts.sources <= fresh and not facts.sources & taken:
            chosen[path] = facts
            taken |= facts.sources
    while True:
        names = given | {path.name for path in chosen}
        lacking = [path for path, facts in chosen.items() if not facts.needs <= names]
        if not lacking:
            return chosen
        for path in lacking:
            del chosen[path]


def readable(connection: duckdb.DuckDBPyConnection, kind: Kind, path: Path) -> bool:
    """Whether DuckDB's reader takes the whole file."""
    return _stock(connection, kind, [path]) is not None


def _stock(connection: duckdb.DuckDBPyConnection, kind: Kind, paths: list[Path]) -> pa.Table | None:
    try:
        with connection.cursor() as cursor:
            table = cursor.sql(SQL[kind](paths)).to_arrow_table().cast(EVENTS)
    except duckdb.Error:
        return None
    # A field that is missing in JSON is no fault to DuckDB.
    return None if any(table[name].null_count for name in EVENTS.names if name != "id") else table
