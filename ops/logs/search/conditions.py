"""Write the condition of a search as SQL over the columns of `events`. Values are bound. Pure.

With `has_patterns`, the distinct values of `pattern` are in `known_patterns`: terms are tested on those
first, and messages are read only where the pattern does not decide (`message_filter`).
"""

from dataclasses import dataclass, field
from datetime import datetime

from ops.logs.search import message_fields
from ops.logs.search.folding import folded, folded_sql
from ops.logs.search.message_filter import PatternCondition, escaped, parts_of, pattern_condition
from ops.logs.search.model import FIELD_ALIASES, FIELDS, And, Condition, Filter, Not, Or, Term, leaves
from ops.logs.search.query import Value

COLUMN = {"group": "log_group", "stream": "log_stream", **FIELD_ALIASES}
NO_SPACE = r"[^ \t\r\n]*"  # what a star of a wildcard stands for

Values = dict[str, Value | datetime]


@dataclass
class Bound:
    """Collects values under generated parameter names; an equal value has one name."""

    by_name: Values = field(default_factory=dict)
    _names: dict[tuple[type, Value], str] = field(default_factory=dict)

    def add(self, value: Value) -> str:
        """Return the placeholder of the value."""
        name = self._names.setdefault((type(value), value), f"p{len(self.by_name)}")
        self.by_name[name] = value
        return f"${name}"


def where(condition: Condition, values: Bound, *, has_patterns: bool = False) -> str:
    """Return the condition as SQL, which is never NULL below a NOT."""
    match condition:
        case And(conditions):
            return _joined(conditions, values, " AND ", "true", has_patterns)
        case Or(conditions):
            return _joined(conditions, values, " OR ", "false", has_patterns)
        case Not(inner):
            return f"NOT coalesce({where(inner, values, has_patterns=has_patterns)}, false)"
        case Term():
            return _term(condition, values, has_patterns=has_patterns)
        case Filter():
            return f"({_filter(condition, values, has_patterns=has_patterns)})"


def reads_messages(condition: Condition) -> bool:
    """Return whether the condition is one on messages, which patterns can decide or narrow down."""
    return any(isinstance(leaf, Term) or not _is_column(leaf.field) for leaf in leaves(condition))


def _is_column(name: str) -> bool:
    return name in FIELDS or COLUMN.get(name, name) in COLUMN.values()


def _joined(
    conditions: tuple[Condition, ...], values: Bound, operator: str, nothing: str, has_patterns: bool
) -> str:
    parts = [where(one, values, has_patterns=has_patterns) for one in conditions]
    if operator == " OR " and has_patterns and (prefilter := possible(Or(conditions), values)):
        return f"({_among(prefilter)} AND ({operator.join(parts)}))"
    return f"({operator.join(parts)})" if parts else nothing


def possible(condition: Condition, values: Bound) -> str:
    """Return a condition that the pattern of every matching event meets; empty if there is none.

    It prunes the patterns of all alternatives together: DuckDB does not if one of them reads messages.
    """
    match condition:
        case And(conditions):
            parts = [text for one in conditions if (text := possible(one, values))]
            return " AND ".join(parts)
        case Or(conditions):
            every = [possible(one, values) for one in conditions]
            return f"({' OR '.join(every)})" if every and all(every) else ""
        case Term():
            on_pattern = pattern_condition(condition)
            return _on_pattern(on_pattern, condition, values) if on_pattern else ""
        case _:
            return ""


def _among(condition: str) -> str:
    return f"pattern IN (SELECT pattern FROM known_patterns WHERE {condition})"


def _term(term: Term, values: Bound, *, has_patterns: bool) -> str:
    on_pattern = pattern_condition(term) if has_patterns else None
    conditions = [_among(_on_pattern(on_pattern, term, values))] if on_pattern else []
    if not (on_pattern and on_pattern.exact):
        conditions.append(_on_message(term, values))
    return f"({' AND '.join(conditions)})"


def _on_message(term: Term, values: Bound) -> str:
    if term.kind == "regex":
        regex = term.text if term.case_sensitive else f"(?i){term.text}"
        return f"regexp_matches(message, {values.add(regex)})"
    message = "message" if term.case_sensitive else folded_sql("message")
    text = term.text if term.case_sensitive else folded(term.text)
    if term.kind == "wildcard":
        regex = NO_SPACE.join(map(escaped, parts_of(term.kind, text)))
        return f"regexp_matches({message}, {values.add(regex)})"
    return f"contains({message}, {values.add(text)})"


def _on_pattern(condition: PatternCondition, term: Term, values: Bound) -> str:
    if condition.regex:
        return f"regexp_matches(pattern, {values.add(condition.regex)})"
    pattern = "pattern" if term.case_sensitive else folded_sql("pattern")
    return f"({' AND '.join(f'contains({pattern}, {values.add(text)})' for text in condition.texts)})"


def _filter(filter_: Filter, values: Bound, *, has_patterns: bool) -> str:
    name = filter_.field
    if _is_column(name):
        return _compared(COLUMN.get(name, name), filter_, values)
    condition = _of_message(filter_, values)
    texts = message_fields.pattern_texts(name) if has_patterns and filter_.value else ()
    if not texts:
        return condition
    named = " AND ".join(f"contains(pattern, {values.add(text)})" for text in texts)
    escapes = f"contains(pattern, {values.add(message_fields.ESCAPE)})"
    return f"{_among(f'({named}) OR {escapes}')} AND {condition}"


def _of_message(filter_: Filter, values: Bound) -> str:
    """Return the condition on a field of the message."""
    in_json = message_fields.json_sql(filter_.field, values.add)
    if filter_.field.startswith("$"):
        return _compared(in_json, filter_, values)
    start, end = message_fields.written_as(filter_.field), message_fields.END
    if filter_.operator == "=" and filter_.value:
        written = values.add(start + escaped(filter_.value) + end)
        return f"({in_json} = {values.add(filter_.value)} OR regexp_matches(message, {written}))"
    if (filter_.operator, filter_.value) == ("glob", "*"):
        return f"({in_json} IS NOT NULL OR regexp_matches(message, {values.add(start)}))"
    return _compared(message_fields.value_sql(in_json, filter_.field, values.add), filter_, values)


def _compared(value: str, filter_: Filter, values: Bound) -> str:
    if filter_.operator == "glob":
        if filter_.value == "*":
            return f"{value} IS NOT NULL"
        return f"{value} LIKE {values.add(_like(filter_.value))} ESCAPE '\\'"
    if filter_.operator == "regex":
        return f"regexp_matches({value}, {values.add(f'(?i){filter_.value}')})"
    if filter_.operator == "=":
        return f"{value} = {values.add(filter_.value)}" if filter_.value else f"coalesce({value}, '') = ''"
    return _ordered(value, filter_, values)


def _ordered(value: str, filter_: Filter, values: Bound) -> str:
    """Compare numbers if both are numbers, else text; integers of any length exactly."""
    text = f"{value} {filter_.operator} {values.add(filter_.value)}"
    try:
        number = float(filter_.value)
    except ValueError:
        return text
    as_number = f"try_cast({value} AS DOUBLE)"
    compared = f"{as_number} {filter_.operator} {values.add(number)}"
    if abs(number) >= 2**53 and filter_.value.lstrip("+-").isdecimal():
        # From 2⁵³ on, different integers are the same double.
        digits, exact = values.add("^[+-]?[0-9]{1,37}$"), "DECIMAL(38, 0)"
        bound = f"cast({values.add(filter_.value)} AS {exact})"
        whole = f"try_cast({value} AS {exact}) {filter_.operator} {bound}"
        compared = f"CASE WHEN regexp_matches({value}, {digits}) THEN {whole} ELSE {compared} END"
    return f"CASE WHEN {as_number} IS NULL THEN {text} ELSE {compared} END"


def _like(glob: str) -> str:
    literal = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return literal.replace("*", "%").replace("?", "_")
