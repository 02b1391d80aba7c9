"""Write queries as SQL over `events`, which is limited to the query's scope. Values are bound. Pure.

The dialect is DuckDB's, within what `ops.logs.engines.translation` supports for Athena. `has_patterns` is for
an engine that offers `events` as two relations, `masked_events` and `plain_events`: the distinct patterns of
the first are in `known_patterns`, and terms are tested on those first (`message_filter`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ops.logs.lake.layout import COLUMNS
from ops.logs.search.message_filter import PatternCondition, needles, pattern_condition
from ops.logs.search.model import FIELD_ALIASES, Filter, Search, Term
from ops.logs.search.query import Count, Events, Histogram, Patterns, Query, Sql, TopValues, Value

COLUMN = {"group": "log_group", "stream": "log_stream", **FIELD_ALIASES}
ALL = ", ".join(column.name for column in COLUMNS)
# The total order of events: CloudWatch Logs numbers the events of one millisecond by their IDs.
ORDER = ("ts", "id", "account", "region", "log_group", "log_stream", "message")
MASKED = ("pattern", "level")


Values = dict[str, Value | datetime]


@dataclass(frozen=True)
class Statement:
    """SQL, the values of its parameters, and texts that every event in question contains (`needles`)."""

    sql: str
    parameters: Values = field(default_factory=dict)
    needles: tuple[str, ...] = ()


class _Values:
    """Collects values under generated parameter names."""

    def __init__(self) -> None:
        self.by_name: Values = {}

    def add(self, value: Value) -> str:
        name = f"p{len(self.by_name)}"
        self.by_name[name] = value
        return f"${name}"


def statements(query: Query, *, has_patterns: bool = False) -> tuple[Statement, ...]:
    """Return the SQL that answers the query: the results of several statements follow one another."""
    search = query.search
    match query.select:
        case Sql(text, parameters):
            return (Statement(text, dict(parameters)),)
        case Events(limit, newest_first):
            direction = "DESC NULLS LAST" if newest_first else "ASC NULLS FIRST"  # the exact reverse
            order = ", ".join(f"{name} {direction}" for name in ORDER)
            return (_ordered(search, limit, order, has_patterns),)
        case Count():
            return (_total(search, has_patterns),)
        case Histogram(width_s):
            return (_histogram(search, width_s, has_patterns),)
        case TopValues(fields, limit):
            return tuple(_top_values(search, name, limit, has_patterns) for name in fields)
        case Patterns(since, limit):
            return (_patterns(search, since, limit, has_patterns),)


def _ordered(search: Search, limit: int, order: str, has_patterns: bool) -> Statement:
    ends = f"ORDER BY {order} LIMIT {int(limit)}"
    if not has_patterns or any(
        COLUMN.get(filter_.field, filter_.field) in MASKED for filter_ in search.filters
    ):
        source, values = _source(search, has_patterns)
        return Statement(f"SELECT {ALL} FROM {source} {ends}", values, needles(search.terms))
    # Compute pattern and level of plain events only for the rows in the result.
    names = ", ".join(column.name for column in COLUMNS if column.name not in MASKED)
    masked, plain, values = _both(search)
    return Statement(
        f"SELECT {names}, coalesce(pattern, pattern_of(message)) AS pattern, "
        f"coalesce(level, level_of(message, pattern_of(message))) AS level FROM ("
        f"SELECT {ALL} FROM masked_events WHERE {masked} UNION ALL "
        f"SELECT {names}, NULL AS pattern, NULL AS level FROM plain_events WHERE {plain} {ends}) "
        f"ORDER BY {order}",
        values,
        needles(search.terms),
    )


def _total(search: Search, has_patterns: bool) -> Statement:
    source, values = _source(search, has_patterns)
    return Statement(f"SELECT count(*) AS events FROM {source}", values, needles(search.terms))


def _histogram(search: Search, width_s: int, has_patterns: bool) -> Statement:
    source, values = _source(search, has_patterns)
    return Statement(
        f"SELECT time_bucket(INTERVAL {int(width_s)} SECOND, ts) AS time, level, count(*) AS events "
        f"FROM {source} GROUP BY 1, 2 ORDER BY 1, 2",
        values,
        needles(search.terms),
    )


def _top_values(search: Search, name: str, limit: int, has_patterns: bool) -> Statement:
    source, values = _source(search, has_patterns)
    column = COLUMN.get(name, name)
    return Statement(
        f"SELECT '{name}' AS field, {column} AS value, count(*) AS events FROM {source} "
        f"GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT {int(limit)}",
        values,
        needles(search.terms),
    )


def _patterns(search: Search, since: datetime, limit: int, has_patterns: bool) -> Statement:
    source, values = _source(search, has_patterns)
    return Statement(
        "SELECT pattern, min(level) AS level, count(*) FILTER (WHERE ts >= $since) AS events, "
        "count(*) FILTER (WHERE ts < $since) AS before, count(DISTINCT log_group) AS log_groups, "
        "min(ts) AS first_seen, max(ts) AS last_seen, min(message) AS example "
        f"FROM {source} "
        f"GROUP BY pattern ORDER BY events DESC, pattern LIMIT {int(limit)}",
        {**values, "since": _naive(since)},
        needles(search.terms),
    )


def _source(search: Search, has_patterns: bool) -> tuple[str, Values]:
    """Return the SQL from after FROM to the end of the WHERE clause, and its values."""
    masked, plain, values = _both(search)
    if not (has_patterns and search.terms):
        return f"events WHERE {plain}", {name: value for name, value in values.items() if f"${name}" in plain}
    union = f"SELECT * FROM masked_events WHERE {masked} UNION ALL SELECT * FROM plain_events WHERE {plain}"
    return f"({union})", values


def _both(search: Search) -> tuple[str, str, Values]:
    """Return the conditions on masked and on plain events, and their values."""
    values = _Values()
    filters = _filters(search, values)
    plain = [*filters, *(_term(term, values, patterns=False) for term in search.terms)]
    masked = [*filters, *(_term(term, values, patterns=True) for term in search.terms)]
    return " AND ".join(masked) or "true", " AND ".join(plain) or "true", values.by_name


def _filters(search: Search, values: _Values) -> list[str]:
    """Return the conditions of the filters; `events` is limited to the scope already."""
    conditions: list[str] = []
    by_field: dict[str, list[Filter]] = {}
    for filter_ in search.filters:
        if filter_.operator in ("=", "glob") and not filter_.negated:
            by_field.setdefault(filter_.field, []).append(filter_)
        else:
            conditions.append(_filter(filter_, values))
    for alternatives in by_field.values():
        conditions += _alternatives(alternatives, values)
    return conditions


def _alternatives(filters: Iterable[Filter], values: _Values) -> list[str]:
    conditions = [_filter(filter_, values) for filter_ in filters]
    return [f"({' OR '.join(conditions)})"] if conditions else []


def _filter(filter_: Filter, values: _Values) -> str:
    if filter_.field.startswith("$"):
        path = values.add(filter_.field)
        value = f"CASE WHEN json_valid(message) THEN json_extract_string(message, {path}) END"
    else:
        value = COLUMN.get(filter_.field, filter_.field)
    condition = _compared(value, filter_, values)
    return f"NOT coalesce({condition}, false)" if filter_.negated else f"({condition})"


def _compared(value: str, filter_: Filter, values: _Values) -> str:
    if filter_.operator == "glob":
        return f"{value} LIKE {values.add(_like(filter_.value))} ESCAPE '\\'"
    if filter_.operator == "=":
        return f"{value} = {values.add(filter_.value)}"
    text = f"{value} {filter_.operator} {values.add(filter_.value)}"
    try:
        number = float(filter_.value)
    except ValueError:
        return text
    as_number = f"try_cast({value} AS DOUBLE)"
    bound = values.add(number)
    return f"CASE WHEN {as_number} IS NULL THEN {text} ELSE {as_number} {filter_.operator} {bound} END"


def _like(glob: str) -> str:
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


def _term(term: Term, values: _Values, *, patterns: bool) -> str:
    on_pattern = pattern_condition(term) if patterns else None
    conditions = []
    if on_pattern:
        known = f"SELECT pattern FROM known_patterns WHERE {_on_pattern(on_pattern, term, values)}"
        conditions.append(f"pattern IN ({known})")
    if not (on_pattern and on_pattern.exact):
        conditions.append(_on_message(term, values))
    condition = f"({' AND '.join(conditions)})"
    return f"NOT {condition}" if term.negated else condition


def _on_message(term: Term, values: _Values) -> str:
    if term.kind == "regex":
        regex = term.text if term.case_sensitive else f"(?i){term.text}"
        return f"regexp_matches(message, {values.add(regex)})"
    if term.case_sensitive:
        return f"contains(message, {values.add(term.text)})"
    return f"contains(lower(message), {values.add(term.text.lower())})"


def _on_pattern(condition: PatternCondition, term: Term, values: _Values) -> str:
    if condition.regex:
        return f"regexp_matches(pattern, {values.add(condition.regex)})"
    texts = [text if term.case_sensitive else text.lower() for text in condition.texts]
    column = "pattern" if term.case_sensitive else "lower(pattern)"
    return f"({' AND '.join(f'contains({column}, {values.add(text)})' for text in texts)})"


def _naive(moment: datetime) -> datetime:
    """Return the time in UTC without a zone, as in `ts`."""
    return moment.astimezone(UTC).replace(tzinfo=None)
