"""What is searched for, as data: the page, the command line and notebooks make it, the engines run it."""

from dataclasses import dataclass
from typing import Literal

from ops.logs.lake.layout import Scope

Operator = Literal["=", "glob", "<", "<=", ">", ">="]
FIELDS = ("account", "region", "group", "stream", "level", "template", "id")
LEVELS = ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")


@dataclass(frozen=True)
class Term:
    """Text that the message holds, or a regular expression (RE2) that matches somewhere in it."""

    pattern: str
    kind: Literal["text", "regex"] = "text"
    negated: bool = False
    case_sensitive: bool = False


@dataclass(frozen=True)
class Filter:
    """A condition on one field: one of FIELDS, or `$.path` in a message that is JSON.

    `<` and its like compare as numbers where both sides are numbers, else as text.
    """

    field: str
    value: str
    operator: Operator = "="
    negated: bool = False


@dataclass(frozen=True)
class Search:
    """Events in the scope that meet every term and every filter. Filters on one field with `=` or `glob`,
    not negated, are alternatives of each other."""

    scope: Scope
    terms: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()
