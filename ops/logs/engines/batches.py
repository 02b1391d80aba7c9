"""Parse new objects into events, a batch at a time: fast readers first, exact ones for what those reject."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ops.errors import SlipwayError
from ops.logs.engines.duckdb_readers import SQL, has_matching_suffix
from ops.logs.engines.files import ObjectFiles
from ops.logs.lake.gzipped import inflate
from ops.logs.lake.layout import LogFormat, LogObject
from ops.logs.lake.parts import PartFacts
from ops.logs.lake.readers import END_OF_TIME, EVENTS, is_well_formed, read_lines

BATCH_BYTES = 8 << 20  # of compressed objects in memory at a time: about 50 MB of text
READS = 8  # objects read in parallel


def batches(objects: Iterable[LogObject], limit_bytes: int = BATCH_BYTES) -> Iterator[list[LogObject]]:
    """Yield objects of one format, in key order, up to `limit_bytes` (at least one object) at a time."""
    batch: list[LogObject] = []
    size = 0
    for obj in sorted(objects, key=lambda obj: (obj.kind, obj.key)):
        if batch and (size + obj.size > limit_bytes or obj.kind is not batch[0].kind):
            yield batch
            batch, size = [], 0
        batch.append(obj)
        size += obj.size
    if batch:
        yield batch


def read_batch(
    files: ObjectFiles, connection: duckdb.DuckDBPyConnection, batch: Sequence[LogObject]
) -> tuple[pa.Table, list[LogObject], list[str]]:
    """Return the events of a batch of one hour, the objects that were read, and notes about the rest."""
    kind = batch[0].kind
    fast = (
        _lines(files, batch)
        if kind in (LogFormat.RAW, LogFormat.OLDER)
        else _duckdb_batch(files, connection, batch)
    )
    tables, read = ([fast[0]], fast[1]) if fast else ([], [])
    notes: list[str] = []
    for obj in [obj for obj in batch if obj not in read]:
        try:
            parsed = files.read(obj, files.store.read(obj.key, obj.etag), f"{files.store.name}/{obj.key}")
        except (SlipwayError, OSError) as error:
            cause = (
                error.strerror if isinstance(error, OSError) else str(error)
            )  # without the cached file's path
            notes.append(f"Cannot read {obj.key}: {cause or type(error).__name__}")
            continue
        tables.append(parsed.events)
        notes += parsed.notes
        read.append(obj)
    if len(tables) != 1:
        tables = [table.cast(EVENTS) for table in tables] or [EVENTS.empty_table()]
    return pa.concat_tables(tables), read, notes


def _lines(files: ObjectFiles, batch: Sequence[LogObject]) -> tuple[pa.Table, list[LogObject]] | None:
    """Return the events of the valid raw objects, and those objects."""
    with ThreadPoolExecutor(READS, "read") as pool:
        read = pool.map(lambda obj: _valid_content(files, obj), batch)
        contents = {obj: content for obj, content in zip(batch, read, strict=True) if content is not None}
    if not contents:
        return None
    return read_lines(batch[0].kind, contents.values(), batch[0].partition), list(contents)


def _valid_content(files: ObjectFiles, obj: LogObject) -> bytes | None:
    try:
        content, fault = inflate(files.content(obj))
    except (SlipwayError, OSError):
        return None  # the exact reader reports the error
    return content if not fault and is_well_formed(content) else None


def _duckdb_batch(
    files: ObjectFiles, connection: duckdb.DuckDBPyConnection, batch: Sequence[LogObject]
) -> tuple[pa.Table, list[LogObject]] | None:
    """Return the events read with DuckDB's reader, if it accepts all of the objects."""
    paths: dict[LogObject, Path] = {}
    for obj in batch if batch[0].kind in SQL else ():
        try:
            path = files.fetch(obj.key, obj.etag, obj.size)
            if has_matching_suffix(path):
                paths[obj] = path
        except (SlipwayError, OSError):
            continue  # the exact reader reports the error
    table = _read_with_duckdb(connection, batch[0].kind, list(paths.values())) if paths else None
    return None if table is None else (table, list(paths))


def usable_parts(
    parts: Mapping[Path, PartFacts], fresh: Set[tuple[str, str]], given: Set[str]
) -> dict[Path, PartFacts]:
    """Return the cached parts that hold only `fresh` objects, none of them twice, and whose needs are met.

    `given` are the names of parts that are read in any case.
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


def readable(connection: duckdb.DuckDBPyConnection, kind: LogFormat, path: Path) -> bool:
    """Return whether DuckDB's reader accepts the whole file."""
    return _read_with_duckdb(connection, kind, [path]) is not None


def _read_with_duckdb(
    connection: duckdb.DuckDBPyConnection, kind: LogFormat, paths: list[Path]
) -> pa.Table | None:
    try:
        with connection.cursor() as cursor:
            table = cursor.sql(SQL[kind](paths)).to_arrow_table().cast(EVENTS)
    except duckdb.Error:
        return None
    # DuckDB reads a missing JSON field as NULL, and any number as a time, without an error.
    if any(table[name].null_count for name in EVENTS.names if name != "id"):
        return None
    times = pc.min_max(table["ts"].cast(pa.int64())).as_py()
    return table if not len(table) or (times["min"] >= 0 and times["max"] < END_OF_TIME) else None
