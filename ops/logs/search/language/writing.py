"""A condition as the text of a search bar. Pure."""

import re

from ops.errors import QueryError
from ops.logs.search.clicks import alternatives_of
from ops.logs.search.language.parser import parse
from ops.logs.search.model import And, Condition, Filter, Not, Or, Term


def text_of(condition: Condition) -> str:
    """Return a text that `parse` turns into exactly this condition."""
    return "" if condition == And() else _text(condition)


def parses_as(text: str, condition: Condition) -> bool:
    """Return whether the text means exactly this condition."""
    try:
        return parse(text) == condition
    except QueryError:
        return False


def _text(condition: Condition) -> str:
    match condition:
        case Term():
            return _term(condition)
        case Filter():
            return _filter(condition)
        case Not(inner):
            return f"-{_text(inner)}" if isinstance(inner, Term | Filter) else f"NOT {_inner(inner)}"
        case And(()):
            return "*"
        case And(conditions):
            return (" AND " if _would_join(conditions) else " ").join(map(_inner, conditions))
        case Or(conditions):
            return " OR ".join(map(_inner, conditions))


def _inner(condition: Condition) -> str:
    compound = isinstance(condition, And | Or) and condition.conditions
    return f"({_text(condition)})" if compound else _text(condition)


def _would_join(conditions: tuple[Condition, ...]) -> bool:
    """Return whether values of the same field would be alternatives next to each other."""
    fields = [one.field for one in conditions if isinstance(one, Filter) and alternatives_of(one)]
    return len(fields) > len(set(fields))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _term(term: Term) -> str:
    flag = "c" if term.case_sensitive else ""
    if term.kind == "regex":
        return f"/{_slashes_escaped(term.text)}/{flag}"
    if not flag and parses_as(f"-{term.text}", Not(term)) and parses_as(term.text, term):
        return term.text
    return f"{_quoted(term.text)}{flag}"


def _slashes_escaped(regex: str) -> str:
    """Escape every slash that is not escaped yet."""
    return re.sub(r"(\\.)|/", lambda match: match[1] or r"\/", regex, flags=re.DOTALL)


def _filter(filter_: Filter) -> str:
    field, value = filter_.field, filter_.value
    if filter_.operator == "regex":
        return f"{field}=~/{_slashes_escaped(value)}/"
    if filter_.operator == "glob":
        return f"{field}:{value}"
    operator = "" if filter_.operator == "=" else filter_.operator
    value = value.lower() if field == "level" else value
    plain = f"{field}:{operator}{value}"
    if value and parses_as(plain, filter_):
        return plain
    return f"{field}:{operator}{_quoted(value)}"
