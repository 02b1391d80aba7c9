"""The relation `events` in DuckDB's SQL: compacted parts, raw files, and tables, limited to a scope. Pure."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa

from ops.logs.engines.duckdb_readers import path_list, pattern_sql, raw_sql
from ops.logs.engines.loading import Loaded
from ops.logs.lake.layout import COLUMNS, OLD_PATTERN_NAME, Scope
from ops.logs.lake.parts import POSITION, Extent
from ops.text.quoting import plain_literal

# The events whose distinct patterns are in `known_patterns`, and the others; placed events are the same, with
# positions. DuckDB numbers lines with one thread, so only queries that return events in order use them.
MASKED_EVENTS, PLAIN_EVENTS, PLACED_EVENTS = "masked_events", "plain_events", "placed_events"
FRESH = 1 << 60  # added to the positions of raw objects, which are newer than the compacted ones
ALL = ", ".join(column.name for column in COLUMNS)
NAMES = "account, region, log_group, log_stream, ts, message, id"


def relations(
    loaded: Loaded,
    scope: Scope,
    known: Collection[Path],
    extents: Mapping[Path, Extent],
    leveled: Collection[Path],
    positioned: Collection[Path],
    old_name: bool = False,
) -> dict[str, str]:
    """Return the SQL of `events`, and of the relations that it consists of, limited to the scope.

    The parts in `known` are masked events, the others plain events, and placed events if their order matters.
    Masked and placed events have the column `position`, which is their order within a log stream and a
    millisecond, or NULL. Parts whose extent is inside the scope are not filtered; those outside are skipped.
    The levels of the parts in `leveled` are read, and those of others determined by the function `level_of`;
    the parts in `positioned` have positions. `old_name` adds the column `template`, the former name of
    `pattern`.
    """
    condition = _inside(scope)

    def read(parts: list[Path]) -> list[str]:
        groups: dict[tuple[str, str, str], list[Path]] = {}
        for path in parts:
            extent = extents.get(path)
            if _whole(extent, scope) or _touched(extent, scope):
                where = "" if _whole(extent, scope) else f" WHERE {condition}"
                level = "level" if path in leveled else f"level_of(message, {OLD_PATTERN_NAME}) AS level"
                position = POSITION if path in positioned else f"NULL::BIGINT AS {POSITION}"
                groups.setdefault((where, level, position), []).append(path)
        return [
            f"SELECT {NAMES}, {OLD_PATTERN_NAME} AS pattern, {level}, {position} "
            f"FROM read_parquet({path_list(chosen)}, hive_partitioning = false){where}"
            for (where, level, position), chosen in groups.items()
        ]

    masked = [
        f"SELECT {', '.join(map(_column, table.schema))} FROM loaded_{n} WHERE {condition}"
        for n, table in enumerate(loaded.tables)
    ]
    masked += read([path for path in loaded.parts if path in known])
    plain = read([path for path in loaded.parts if path not in known])
    placed = list(plain)
    if loaded.raw:
        pattern, raw = pattern_sql("message"), raw_sql(loaded.raw)
        numbered = f"SELECT *, row_number() OVER () + {FRESH} AS {POSITION} FROM ({raw})"
        for relation, source, position in (
            (plain, raw, f"NULL::BIGINT AS {POSITION}"),
            (placed, numbered, POSITION),
        ):
            relation.append(
                f"SELECT {NAMES}, {pattern} AS pattern, level_of(message, {pattern}) AS level, {position} "
                f"FROM ({source}) WHERE {condition}"
            )
    nothing = ", ".join(f"NULL::{column.type} AS {column.name}" for column in COLUMNS)
    empty = f"SELECT {nothing}, NULL::BIGINT AS {POSITION} WHERE false"
    by_name = {
        name: " UNION ALL ".join(parts) or empty
        for name, parts in ((MASKED_EVENTS, masked), (PLAIN_EVENTS, plain), (PLACED_EVENTS, placed))
    }
    read_from = [name for name, parts in ((MASKED_EVENTS, masked), (PLAIN_EVENTS, plain)) if parts]
    events = " UNION ALL ".join(f"SELECT {ALL} FROM {name}" for name in read_from or [PLAIN_EVENTS])
    if old_name:
        events = f"SELECT *, pattern AS {OLD_PATTERN_NAME} FROM ({events})"
    return by_name | {"events": events}


def _whole(extent: Extent | None, scope: Scope) -> bool:
    """Return whether every event of the part is in the scope."""
    return (
        extent is not None
        and not scope.groups
        and scope.start <= extent.first
        and extent.last < scope.end
        and (not scope.accounts or extent.account in scope.accounts)
        and (not scope.regions or extent.region in scope.regions)
    )


def _touched(extent: Extent | None, scope: Scope) -> bool:
    """Return whether the part may have events in the scope."""
    return extent is None or (extent.first < scope.end and extent.last >= scope.start)


def _column(column: pa.Field) -> str:
    """Return the column under the name in `events`; DuckDB reads an Arrow dictionary as an ENUM: cast it."""
    name = "pattern" if column.name == OLD_PATTERN_NAME else column.name
    type_ = "::VARCHAR" if pa.types.is_dictionary(column.type) else ""
    return f"{column.name}{type_} AS {name}"


def _inside(scope: Scope) -> str:
    """Return the scope as an SQL condition."""
    start, end = (f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'" for moment in (scope.start, scope.end))
    conditions = [f"ts >= {start} AND ts < {end}"]
    for column, values in (("account", scope.accounts), ("region", scope.regions)):
        if values:
            conditions.append(f"{column} IN ({', '.join(map(plain_literal, values))})")
    if scope.groups:
        conditions.append(f"({' OR '.join(map(_group, scope.groups))})")
    return " AND ".join(conditions)


def _group(glob: str) -> str:
    """Return the condition for a glob with `*` and `?`; equality, where possible, lets DuckDB prune parts."""
    if not set(glob) & set("*?"):
        return f"log_group = {plain_literal(glob)}"
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"log_group LIKE {plain_literal(escaped.replace('*', '%').replace('?', '_'))} ESCAPE '\\'"
