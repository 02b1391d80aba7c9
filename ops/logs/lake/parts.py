"""Write events as one Parquet part: duplicates dropped, pattern and level added, sorted.

The part's metadata names its sources, so that no second file has to be kept consistent with it. The column
`pattern` is stored under its former name `template`: parts are read by every version of Slipway.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ops.logs.lake.buffers import Positions
from ops.logs.lake.layout import OLD_PATTERN_NAME as PATTERN
from ops.logs.lake.lines.levels import Levels
from ops.logs.lake.patterns import patterns_of

ROW_GROUP = 122_880  # rows: the size of DuckDB's own row groups, so that each is one unit of work
NOTES = b"slipway"
CODED = ("account", "region", "log_group", "log_stream", PATTERN, "level")
POSITION = "position"
ADDED = (PATTERN, "level", POSITION)
RULES = "rules"
FIRST_RULES = "1"  # of parts that do not name their rules
IDENTITY = ("account", "region", "log_group", "log_stream", "id")


@dataclass(frozen=True)
class PartFacts:
    """A part's metadata: its sources as (key, etag), and the parts whose events it leaves out (`needs`).

    `rules` identifies the rules by which the levels were determined (`Levels.id`).
    """

    sources: frozenset[tuple[str, str]]
    rows: int = 0
    needs: frozenset[str] = field(default=frozenset())
    notes: tuple[str, ...] = ()
    pattern_count: int = 0
    rules: str = FIRST_RULES

    def to_json(self) -> bytes:
        """Return the facts without those in the Parquet footer."""
        facts: dict[str, object] = {
            "sources": sorted(self.sources),
            "needs": sorted(self.needs),
            "notes": self.notes,
            RULES: self.rules,
        }
        facts["templates"] = self.pattern_count
        return json.dumps(facts).encode()


@dataclass(frozen=True)
class Extent:
    """The range of a part's events, from its footer; account and region only if all events share them."""

    first: datetime
    last: datetime
    account: str | None
    region: str | None
    pattern_count: int


def finish(events: pa.Table, levels: Levels, batch: int = 0) -> pa.Table:
    """Add pattern, level, and position, and sort by log group, pattern, and time (stable).

    Similar events are adjacent: the file is smaller, and a search for a pattern reads less of it. The
    position keeps the order in which events without IDs were written, and is NULL if there are IDs. The
    positions of a later `batch` of the hour are greater.
    """
    messages = events["message"].chunks or [pa.array([], pa.string())]
    masked = patterns_of(*messages)
    columns = {name: _one(events[name]) for name in events.column_names if name != "message"}
    together = _together(messages)
    columns |= {"message": together, PATTERN: masked, "level": levels.of(together, masked)}
    columns[POSITION] = _positions(columns["id"], batch)
    for name in CODED:
        if not pa.types.is_dictionary(columns[name].type):
            columns[name] = columns[name].dictionary_encode()
    kinds = _ranks(columns["log_group"]) * len(masked.dictionary) + _ranks(masked)
    order = pa.array(_order(kinds, columns["ts"].cast(pa.int64()).to_numpy()))
    ordered = {name: columns[name].take(order) for name in [*events.column_names, *ADDED]}
    if pa.types.is_dictionary(ordered["message"].type):
        ordered["message"] = ordered["message"].dictionary_decode().cast(pa.string())
    return pa.table(ordered)


def _positions(ids: pa.Array, batch: int) -> pa.Array:
    if ids.null_count < len(ids):
        return pa.nulls(len(ids), pa.int64())
    return pa.array(np.arange(len(ids), dtype=np.int64) + (batch << 32))


def _together(messages: list[pa.Array]) -> pa.Array:
    """Return the messages as one array; dictionaries from `picked` are joined without decoding."""
    if not pa.types.is_dictionary(messages[0].type):
        return pa.concat_arrays(messages)
    sizes = [len(chunk.dictionary) for chunk in messages]
    before = np.cumsum([0, *sizes[:-1]])
    numbers = [chunk.indices.to_numpy() + at for chunk, at in zip(messages, before, strict=True)]
    return pa.DictionaryArray.from_arrays(
        np.concatenate(numbers), pa.concat_arrays([chunk.dictionary for chunk in messages])
    )


def _order(kinds: Positions, times: Positions) -> Positions:
    """Return the row order by pattern, then time (stable): sorted as one integer per row if that fits."""
    rows = len(kinds)
    if not rows:
        return np.zeros(0, np.int64)
    span = int(times.max()) - int(times.min()) + 1
    if (int(kinds.max()) + 1) * span * rows >= 1 << 63:
        return np.asarray(np.lexsort((times, kinds)), np.int64)
    numbers: Positions = (kinds * span + (times - times.min())) * rows + np.arange(rows)
    numbers.sort()
    return numbers % rows


def _ranks(column: pa.DictionaryArray) -> Positions:
    """Return the rank of each row's value."""
    ranks = pc.rank(column.dictionary, tiebreaker="dense").to_numpy().astype(np.int64)
    rank_of_rows: Positions = ranks[column.indices.to_numpy()]
    return rank_of_rows


def write_part(events: pa.Table, facts: PartFacts, path: Path) -> None:
    """Write the events from `finish`, with the facts as metadata."""
    facts = replace(facts, pattern_count=len(_one(events[PATTERN]).dictionary))
    with pq.ParquetWriter(
        path,
        events.schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=list(CODED),
        column_encoding={
            "ts": "DELTA_BINARY_PACKED",
            "message": "DELTA_LENGTH_BYTE_ARRAY",
            POSITION: "DELTA_BINARY_PACKED",
        },
        write_statistics=[name for name in events.column_names if name not in ("message", "id", POSITION)],
        store_schema=False,
        coerce_timestamps="ms",
    ) as writer:
        writer.write_table(events, row_group_size=ROW_GROUP)
        writer.add_key_value_metadata({NOTES: facts.to_json()})


def read_facts(path: Path) -> PartFacts | None:
    """Read the part's metadata; None if the file is not a complete part."""
    try:
        footer = pq.read_metadata(path)
        facts = json.loads((footer.metadata or {})[NOTES])
        return PartFacts(
            frozenset((key, etag) for key, etag in facts["sources"]),
            footer.num_rows,
            frozenset(facts["needs"]),
            tuple(facts["notes"]),
            int(facts["templates"]),
            facts.get(RULES, FIRST_RULES),
        )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def has_positions(path: Path) -> bool | None:
    """Return whether the part has the column `position`; None if it is not readable.

    Parts made by Athena or by earlier versions do not have it.
    """
    try:
        return POSITION in pq.read_schema(path).names
    except (OSError, pa.ArrowException):
        return None


def read_rules(path: Path) -> str | None:
    """Return the ID of the rules by which the part's levels were determined; None if it is not readable.

    Slipway stores it in the metadata, Athena in a column; parts of earlier versions have neither.
    """
    try:
        file = pq.ParquetFile(path)
        if facts := (file.metadata.metadata or {}).get(NOTES):
            return str(json.loads(facts).get(RULES, FIRST_RULES))
        if RULES not in file.schema_arrow.names or not file.metadata.num_row_groups:
            return FIRST_RULES
        return str(file.read_row_group(0, columns=[RULES])[RULES][0].as_py())
    except (OSError, ValueError, IndexError, AttributeError, pa.ArrowException):
        return None


def read_extent(path: Path) -> Extent | None:
    """Read the range of the part's events; None if it has no events or is not a complete part."""
    try:
        footer = pq.read_metadata(path)
        facts = json.loads((footer.metadata or {})[NOTES])
        place = {footer.schema.column(n).name: n for n in range(footer.num_columns)}
        bounds = {
            name: _bounds([footer.row_group(n).column(place[name]) for n in range(footer.num_row_groups)])
            for name in ("ts", "account", "region")
        }
        (first, last), (account, other), (region, another) = (
            bounds[name] for name in ("ts", "account", "region")
        )
        return Extent(
            first.replace(tzinfo=UTC),
            last.replace(tzinfo=UTC),
            account if account == other else None,
            region if region == another else None,
            int(facts["templates"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        return None


def _bounds(columns: list[pq.ColumnChunkMetaData]) -> tuple[Any, Any]:
    """Return the smallest and the largest value. Raises ValueError if the statistics do not have them."""
    statistics = [column.statistics for column in columns]
    if not all(entry and entry.has_min_max and not entry.null_count for entry in statistics):
        raise ValueError
    return min(entry.min for entry in statistics), max(entry.max for entry in statistics)


def drop_duplicates(events: pa.Table, others: Iterable[Path] = ()) -> tuple[pa.Table, frozenset[Path]]:
    """Drop events that occur twice or are in one of the parts `others`; also return those parts.

    Events without an ID cannot be distinguished from duplicates, so all of them stay.
    """
    ids = _one(events["id"])
    if ids.null_count == len(ids):
        return events, frozenset()
    seen: set[tuple[str, ...]] = set()
    holders: set[Path] = set()
    suspects = _repeated(ids)
    for other in others:
        theirs = pq.read_table(other, columns=list(IDENTITY))
        common = pc.and_(pc.is_valid(ids), pc.is_in(ids, _one(theirs["id"])))
        if not pc.any(common).as_py():
            continue
        both = theirs.filter(pc.is_in(_one(theirs["id"]), ids.filter(common)))
        rows = set(_identities(both))
        if rows & set(_identities(events.filter(common))):
            holders.add(other)
            seen |= rows
            suspects = pc.or_(suspects, common)
    if not pc.any(suspects).as_py():
        return events, frozenset()
    drop = []
    positions = pc.indices_nonzero(suspects).to_pylist()
    for position, identity in zip(positions, _identities(events.filter(suspects)), strict=True):
        if identity in seen:
            drop.append(position)
        seen.add(identity)
    keep = pc.invert(pc.is_in(pa.array(range(len(ids)), pa.int64()), pa.array(drop, pa.int64())))
    return events.filter(keep), frozenset(holders)


def _repeated(ids: pa.Array) -> pa.Array:
    """Flag the rows whose ID occurs in another row."""
    coded = ids.dictionary_encode()
    if len(coded.dictionary) + ids.null_count == len(ids):
        return pa.repeat(pa.scalar(False), len(ids))
    counts = pc.value_counts(coded.indices.drop_null())
    twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    return pc.and_(pc.is_valid(ids), pc.is_in(coded.indices, twice))


def _identities(events: pa.Table) -> Iterable[tuple[str, ...]]:
    return zip(*(events[name].to_pylist() for name in IDENTITY), strict=True)


def _one(column: pa.ChunkedArray) -> pa.Array:
    """Return the column as one array; a table without rows may have no chunk."""
    if not column.num_chunks:
        return pa.array([], column.type)
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
