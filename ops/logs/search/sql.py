"""Searches as SQL over `events`, which is cut to the search's scope. Values are bound, never pasted. Pure.

The dialect is DuckDB's, within what `translation` can turn into Athena's. `marked` is for an engine that
knows `events` as two relations, `masked_events` whose templates are at hand as `known_templates`, and
`plain_events`: in the first, terms are tested on the templates first (`pattern`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.logs.lake.layout import COLUMNS
from ops.logs.search.model import Filter, Search, Term
from ops.logs.search.pattern_filter import OnTemplates, needles, on_templates

COLUMN = {"group": "log_group", "stream": "log_stream"}
ALL = ", ".join(column.name for column in COLUMNS)
TIES = "account, region, log_group, log_stream, id, message"
MASKED = ("template", "level")
FACETS = ("account", "region", "group", "stream", "level", "template")


@dataclass(frozen=True)
class Statement:
    """SQL, its parameters' values, and texts that every event it looks for holds (`pattern.needles`)."""

    sql: str
    parameters: dict[str, Any] = field(default_factory=dict)
    needles: tuple[str, ...] = ()


class _Values:
    """Gives each value a name of its own."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def add(self, value: Any) -> str:
        name = f"p{len(self.found)}"
        self.found[name] = value
        return f"${name}"


def newest(search: Search, limit: int, *, marked: bool = False) -> Statement:
    """The newest events first."""
    return _ordered(search, limit, f"ts DESC, {TIES}", marked)


def oldest(search: Search, limit: int, *, marked: bool = False) -> Statement:
    """The oldest events first."""
    return _ordered(search, limit, f"ts, {TIES}", marked)


def _ordered(search: Search, limit: int, order: str, marked: bool) -> Statement:
    ends = f"ORDER BY {order} LIMIT {int(limit)}"
    if not marked or any(one.field in MASKED for one in search.filters):
        source, values = _source(search, marked)
        return Statement(f"SELECT {ALL} FROM {source} {ends}", values, needles(search.terms))
    # Plain events have no template yet: it is made for those alone that are shown.
    names = ", ".join(column.name for column in COLUMNS if column.name not in MASKED)
    masked, plain, found = _both(search)
    return Statement(
        f"SELECT {names}, coalesce(template, template_of(message)) AS template, "
        f"coalesce(level, level_of(template_of(message))) AS level FROM ("
        f"SELECT {ALL} FROM masked_events WHERE {masked} UNION ALL "
        f"SELECT {names}, NULL AS template, NULL AS level FROM plain_events WHERE {plain} {ends}) "
        f"ORDER BY {order}",
        found,
        needles(search.terms),
    )


def total(search: Search, *, marked: bool = False) -> Statement:
    """How many events there are."""
    source, values = _source(search, marked)
    return Statement(f"SELECT count(*) AS events FROM {source}", values, needles(search.terms))


def histogram(search: Search, width: timedelta, *, marked: bool = False) -> Statement:
    """Events by interval and level."""
    source, values = _source(search, marked)
    seconds = int(width.total_seconds())
    return Statement(
        f"SELECT time_bucket(INTERVAL {seconds} SECOND, ts) AS time, level, count(*) AS events "
        f"FROM {source} GROUP BY 1, 2 ORDER BY 1, 2",
        values,
        needles(search.terms),
    )


def facet(search: Search, name: str, limit: int, *, marked: bool = False) -> Statement:
    """The most frequent values of a field, with their counts."""
    source, values = _source(search, marked)
    column = COLUMN.get(name, name)
    return Statement(
        f"SELECT {column} AS value, count(*) AS events FROM {source} "
        f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {int(limit)}",
        values,
        needles(search.terms),
    )


def templates(search: Search, since: datetime, limit: int, *, marked: bool = False) -> Statement:
    """Templates with their counts from `since` on and before it. What is new has none before."""
    source, values = _source(search, marked)
    return Statement(
        "SELECT template, min(level) AS level, count(*) FILTER (WHERE ts >= $since) AS events, "
        "count(*) FILTER (WHERE ts < $since) AS before, count(DISTINCT log_group) AS log_groups, "
        "min(ts) AS first_seen, max(ts) AS last_seen, min(message) AS example "
        f"FROM {source} "
        f"GROUP BY template ORDER BY events DESC, template LIMIT {int(limit)}",
        {**values, "since": _naive(since)},
        needles(search.terms),
    )


def _source(search: Search, marked: bool) -> tuple[str, dict[str, Any]]:
    """What stands after FROM up to the end of the WHERE clause."""
    masked, plain, values = _both(search)
    if not (marked and search.terms):
        return f"events WHERE {plain}", {name: value for name, value in values.items() if f"${name}" in plain}
    union = f"SELECT * FROM masked_events WHERE {masked} UNION ALL SELECT * FROM plain_events WHERE {plain}"
    return f"({union})", values


def _both(search: Search) -> tuple[str, str, dict[str, Any]]:
    """The conditions on masked and on plain events."""
    values = _Values()
    frame = _frame(search, values)
    plain = [*frame, *(_term(term, values, templates=False) for term in search.terms)]
    masked = [*frame, *(_term(term, values, templates=True) for term in search.terms)]
    return " AND ".join(masked) or "true", " AND ".join(plain) or "true", values.found


def _frame(search: Search, values: _Values) -> list[str]:
    """The conditions of the filters; to the scope `events` is cut already."""
    conditions: list[str] = []
    by_field: dict[str, list[Filter]] = {}
    for one in search.filters:
        if one.operator in ("=", "glob") and not one.negated:
            by_field.setdefault(one.field, []).append(one)
        else:
            conditions.append(_filter(one, values))
    for alternatives in by_field.values():
        conditions += _alternatives(alternatives, values)
    return conditions


def _alternatives(filters: Iterable[Filter], values: _Values) -> list[str]:
    each = [_filter(one, values) for one in filters]
    return [f"({' OR '.join(each)})"] if each else []


def _filter(one: Filter, values: _Values) -> str:
    if one.field.startswith("$"):
        path = values.add(one.field)
        value = f"CASE WHEN json_valid(message) THEN json_extract_string(message, {path}) END"
    else:
        value = COLUMN.get(one.field, one.field)
    condition = _compared(value, one, values)
    return f"NOT coalesce({condition}, false)" if one.negated else f"({condition})"


def _compared(value: str, one: Filter, values: _Values) -> str:
    if one.operator == "glob":
        return f"{value} LIKE {values.add(_like(one.value))} ESCAPE '\\'"
    if one.operator == "=":
        return f"{value} = {values.add(one.value)}"
    text = f"{value} {one.operator} {values.add(one.value)}"
    try:
        number = float(one.value)
    except ValueError:
        return text
    as_number = f"try_cast({value} AS DOUBLE)"
    bound = values.add(number)
    return f"CASE WHEN {as_number} IS NULL THEN {text} ELSE {as_number} {one.operator} {bound} END"


def _like(glob: str) -> str:
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


def _term(term: Term, values: _Values, *, templates: bool) -> str:
    hint = on_templates(term) if templates else None
    conditions = []
    if hint:
        known = f"SELECT template FROM known_templates WHERE {_on_template(hint, term, values)}"
        conditions.append(f"template IN ({known})")
    if not (hint and hint.exact):
        conditions.append(_on_message(term, values))
    condition = f"({' AND '.join(conditions)})"
    return f"NOT {condition}" if term.negated else condition


def _on_message(term: Term, values: _Values) -> str:
    if term.kind == "regex":
        pattern = term.pattern if term.case_sensitive else f"(?i){term.pattern}"
        return f"regexp_matches(message, {values.add(pattern)})"
    if term.case_sensitive:
        return f"contains(message, {values.add(term.pattern)})"
    return f"contains(lower(message), {values.add(term.pattern.lower())})"


def _on_template(hint: OnTemplates, term: Term, values: _Values) -> str:
    if hint.regex:
        return f"regexp_matches(template, {values.add(hint.regex)})"
    texts = [text if term.case_sensitive else text.lower() for text in hint.texts]
    column = "template" if term.case_sensitive else "lower(template)"
    return f"({' AND '.join(f'contains({column}, {values.add(text)})' for text in texts)})"


def _naive(moment: datetime) -> datetime:
    """`ts` is UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)
