"""`events` as DuckDB reads it: compacted parts, raw files and tables as SQL, cut to a scope. Pure."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa

from ops.logs.engines.loading import Loaded
from ops.logs.engines.stock import level_sql, path_list, quoted, raw_sql, template_sql
from ops.logs.lake.layout import COLUMNS, Scope
from ops.logs.lake.parts import Extent

# `events` with its templates at hand, and without.
MASKED_EVENTS, PLAIN_EVENTS = "masked_events", "plain_events"
NAMES = "account, region, log_group, log_stream, ts, message, id"


def relations(
    loaded: Loaded, scope: Scope, known: Collection[Path], extents: Mapping[Path, Extent]
) -> dict[str, str]:
    """SQL of `events` and of the two relations that it is made of, cut to the scope.

    The parts in `known` are masked events, the others plain ones. What `extents` say is inside the scope is
    not looked at again, what they say is outside not at all.
    """
    condition = _inside(scope)

    def read(parts: list[Path]) -> list[str]:
        whole = [path for path in parts if _whole(extents.get(path), scope)]
        cut = [path for path in parts if path not in set(whole) and _touched(extents.get(path), scope)]
        return [
            f"SELECT {NAMES}, template, level "
            f"FROM read_parquet({path_list(chosen)}, hive_partitioning = false){where}"
            for chosen, where in ((whole, ""), (cut, f" WHERE {condition}"))
            if chosen
        ]

    masked = [
        f"SELECT {', '.join(_plainly(column) for column in table.schema)} FROM loaded_{n} WHERE {condition}"
        for n, table in enumerate(loaded.tables)
    ]
    masked += read([path for path in loaded.parts if path in known])
    plain = read([path for path in loaded.parts if path not in known])
    if loaded.raw:
        template = template_sql("message")
        plain.append(
            f"SELECT {NAMES}, {template} AS template, {level_sql(template)} AS level "
            f"FROM ({raw_sql(loaded.raw)}) WHERE {condition}"
        )
    nothing = ", ".join(f"NULL::{column.type} AS {column.name}" for column in COLUMNS)
    found = {
        name: " UNION ALL ".join(parts)
        for name, parts in ((MASKED_EVENTS, masked), (PLAIN_EVENTS, plain))
        if parts
    }
    both = " UNION ALL ".join(f"SELECT * FROM {name}" for name in found)
    empty = f"SELECT {nothing} WHERE false"
    return {MASKED_EVENTS: empty, PLAIN_EVENTS: empty} | found | {"events": both or empty}


def _whole(extent: Extent | None, scope: Scope) -> bool:
    """Whether every event is in the scope."""
    return (
        extent is not None
        and not scope.groups
        and scope.start <= extent.first
        and extent.last < scope.end
        and (not scope.accounts or extent.account in scope.accounts)
        and (not scope.regions or extent.region in scope.regions)
    )


def _touched(extent: Extent | None, scope: Scope) -> bool:
    """Whether an event may be in the scope."""
    return extent is None or (extent.first < scope.end and extent.last >= scope.start)


def _plainly(column: pa.Field) -> str:
    """A text that Arrow holds by number is an ENUM to DuckDB."""
    return f"{column.name}::VARCHAR AS {column.name}" if pa.types.is_dictionary(column.type) else column.name


def _inside(scope: Scope) -> str:
    """The scope as a condition."""
    start, end = (f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'" for moment in (scope.start, scope.end))
    conditions = [f"ts >= {start} AND ts < {end}"]
    for column, values in (("account", scope.accounts), ("region", scope.regions)):
        if values:
            conditions.append(f"{column} IN ({', '.join(map(quoted, values))})")
    if scope.groups:
        conditions.append(f"({' OR '.join(map(_group, scope.groups))})")
    return " AND ".join(conditions)


def _group(glob: str) -> str:
    """`*` for any text and `?` for one character; nothing else is special. By equality, parts are pruned."""
    if not set(glob) & set("*?"):
        return f"log_group = {quoted(glob)}"
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"log_group LIKE {quoted(escaped.replace('*', '%').replace('?', '_'))} ESCAPE '\\'"
