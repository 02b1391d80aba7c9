"""Write queries as SQL over `events`, which is limited to the query's scope. Values are bound. Pure.

The dialect is DuckDB's, within what `ops.logs.engines.translation` supports for Athena. `has_patterns` is for
an engine that offers `events` as two relations, `masked_events` and `plain_events` (or `placed_events`, with
the position of each event): the distinct patterns of the first are in `known_patterns`, and conditions are
tested on those first (`conditions`).
"""

from dataclasses import dataclass, field

from ops.logs.lake.layout import COLUMNS
from ops.logs.search.conditions import COLUMN, Bound, Values, reads_messages, where
from ops.logs.search.message_filter import needles
from ops.logs.search.model import Search
from ops.logs.search.query import Count, Events, Histogram, Patterns, Query, Sql, TopValues

ALL = ", ".join(column.name for column in COLUMNS)
# The total order of events: CloudWatch Logs numbers the events of one millisecond by their IDs. Without IDs,
# the events of a log stream are in the order of the objects and their lines, which only DuckDB knows.
ORDER = ("ts", "id", "account", "region", "log_group", "log_stream", "position", "message")
MASKED = ("pattern", "level")


@dataclass(frozen=True)
class Statement:
    """SQL, the values of its parameters, and texts that every event in question contains (`needles`)."""

    sql: str
    parameters: Values = field(default_factory=dict)
    needles: tuple[str, ...] = ()


def statements(query: Query, *, has_patterns: bool = False) -> tuple[Statement, ...]:
    """Return the SQL that answers the query: the results of several statements follow one another."""
    search = query.search
    match query.select:
        case Sql(text, parameters):
            return (Statement(text, dict(parameters)),)
        case Events(limit, newest_first):
            direction = "DESC NULLS LAST" if newest_first else "ASC NULLS FIRST"  # the exact reverse
            names = [name for name in ORDER if has_patterns or name != "position"]
            order = ", ".join(f"{name} {direction}" for name in names)
            return (_ordered(search, limit, order, has_patterns),)
        case Count():
            return (_total(search, has_patterns),)
        case Histogram(width_s):
            return (_histogram(search, width_s, has_patterns),)
        case TopValues(fields, limit):
            return tuple(_top_values(search, name, limit, has_patterns) for name in fields)
        case Patterns(limit):
            return (_patterns(search, limit, has_patterns),)


def _ordered(search: Search, limit: int | None, order: str, has_patterns: bool) -> Statement:
    ends = f"ORDER BY {order}" + ("" if limit is None else f" LIMIT {int(limit)}")
    if not has_patterns or any(
        COLUMN.get(filter_.field, filter_.field) in MASKED for filter_ in search.filters
    ):
        source, values = _source(search, has_patterns, ordered=True)
        return Statement(f"SELECT {ALL} FROM {source} {ends}", values, needles(search.condition))
    # Compute pattern and level of plain events only for the rows in the result.
    names = ", ".join(column.name for column in COLUMNS if column.name not in MASKED)
    masked, plain, values = _both(search)
    return Statement(
        f"SELECT {names}, coalesce(pattern, pattern_of(message)) AS pattern, "
        f"coalesce(level, level_of(message, pattern_of(message))) AS level FROM ("
        f"SELECT {ALL}, position FROM masked_events WHERE {masked} UNION ALL "
        f"SELECT {names}, NULL AS pattern, NULL AS level, position FROM placed_events WHERE {plain} {ends}) "
        f"ORDER BY {order}",
        values,
        needles(search.condition),
    )


def _total(search: Search, has_patterns: bool) -> Statement:
    source, values = _source(search, has_patterns)
    return Statement(f"SELECT count(*) AS events FROM {source}", values, needles(search.condition))


def _histogram(search: Search, width_s: int, has_patterns: bool) -> Statement:
    source, values = _source(search, has_patterns)
    return Statement(
        f"SELECT time_bucket(INTERVAL {int(width_s)} SECOND, ts) AS time, level, count(*) AS events "
        f"FROM {source} GROUP BY 1, 2 ORDER BY 1, 2",
        values,
        needles(search.condition),
    )


def _top_values(search: Search, name: str, limit: int, has_patterns: bool) -> Statement:
    source, values = _source(search, has_patterns)
    column = COLUMN.get(name, name)
    return Statement(
        f"SELECT '{name}' AS field, {column} AS value, count(*) AS events FROM {source} "
        f"GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT {int(limit)}",
        values,
        needles(search.condition),
    )


def _patterns(search: Search, limit: int, has_patterns: bool) -> Statement:
    source, values = _source(search, has_patterns)
    return Statement(
        "SELECT pattern, log_group, min(level) AS level, count(*) AS events, min(ts) AS first_seen, "
        f"max(ts) AS last_seen, min(message) AS example FROM {source} "
        f"GROUP BY pattern, log_group ORDER BY events DESC, pattern, log_group LIMIT {int(limit)}",
        values,
        needles(search.condition),
    )


def _source(search: Search, has_patterns: bool, ordered: bool = False) -> tuple[str, Values]:
    """Return the SQL from after FROM to the end of the WHERE clause, and its values.

    If it is `ordered`, an engine with patterns adds the column `position`.
    """
    if not (has_patterns and (reads_messages(search.condition) or ordered)):
        values = Bound()
        return f"events WHERE {where(search.condition, values)}", values.by_name
    masked, plain, by_name = _both(search)
    rest = "placed_events" if ordered else "plain_events"
    union = f"SELECT * FROM masked_events WHERE {masked} UNION ALL SELECT * FROM {rest} WHERE {plain}"
    return f"({union})", by_name


def _both(search: Search) -> tuple[str, str, Values]:
    """Return the conditions on masked and on plain events, and their values."""
    values = Bound()
    masked = where(search.condition, values, has_patterns=True)
    return masked, where(search.condition, values), values.by_name
