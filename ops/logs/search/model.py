"""A search as data: pages, commands, and notebooks create it, and the query engines run it."""

from dataclasses import dataclass
from typing import Literal

from ops.logs.lake.layout import OLD_PATTERN_NAME, Scope

Operator = Literal["=", "glob", "<", "<=", ">", ">="]
FIELDS = ("account", "region", "group", "stream", "level", "pattern", "id")
FIELD_ALIASES = {OLD_PATTERN_NAME: "pattern"}  # former names, which saved links and queries still use
LEVELS = ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")


@dataclass(frozen=True)
class Term:
    """A text that the message contains, or a regular expression (RE2) that matches in it."""

    text: str
    kind: Literal["text", "regex"] = "text"
    negated: bool = False
    case_sensitive: bool = False


@dataclass(frozen=True)
class Filter:
    """A condition on one field: one of FIELDS, or `$.path` in a JSON message.

    `<`, `<=`, `>`, and `>=` compare numbers if both sides are numbers, else text.
    """

    field: str
    value: str
    operator: Operator = "="
    negated: bool = False


@dataclass(frozen=True)
class Search:
    """The events in the scope that match every term and every filter.

    Filters on the same field with `=` or `glob` that are not negated are alternatives.
    """

    scope: Scope
    terms: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()
