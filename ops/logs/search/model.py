"""A search as data: pages, commands, and notebooks create it, and the query engines run it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ops.logs.lake.layout import OLD_PATTERN_NAME, Scope

Operator = Literal["=", "glob", "regex", "<", "<=", ">", ">="]
FIELDS = ("account", "region", "group", "stream", "level", "pattern", "id")
FIELD_ALIASES = {OLD_PATTERN_NAME: "pattern"}  # former names, which saved links and queries still use
LEVELS = ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")
ALTERNATIVE = ("=", "glob")  # the operators of filters that are alternatives next to each other


@dataclass(frozen=True)
class Term:
    """A text that the message contains, or a regular expression (RE2) that matches in it.

    In a `wildcard`, each `*` stands for any text without spaces. If case is ignored, texts are compared as
    `ops.logs.search.folding` folds them.
    """

    text: str
    kind: Literal["text", "regex", "wildcard"] = "text"
    case_sensitive: bool = False


@dataclass(frozen=True)
class Filter:
    """A condition on one field; `regex` is a regular expression (RE2) that ignores case.

    The field is one of FIELDS, `$.path` in a JSON message, or any other name: a field of the message, in JSON
    or written as `name=value` or `name: value`. A value exists if it matches the glob `*`. `<`, `<=`, `>`,
    and `>=` compare numbers if both sides are numbers, else text. An empty value also matches a missing one.
    """

    field: str
    value: str
    operator: Operator = "="


@dataclass(frozen=True)
class Not:
    """The events that do not match the condition."""

    condition: "Condition"


@dataclass(frozen=True)
class And:
    """The events that match every condition; without conditions, all events."""

    conditions: tuple["Condition", ...] = ()


@dataclass(frozen=True)
class Or:
    """The events that match at least one of the conditions."""

    conditions: tuple["Condition", ...]


Condition = Term | Filter | Not | And | Or
EVERYTHING = And()


@dataclass(frozen=True)
class Search:
    """The events in the scope that match the condition."""

    scope: Scope
    condition: Condition = EVERYTHING

    @property
    def terms(self) -> list[Term]:
        """All terms, wherever they are in the condition."""
        return [leaf for leaf in leaves(self.condition) if isinstance(leaf, Term)]

    @property
    def filters(self) -> list[Filter]:
        """All filters, wherever they are in the condition."""
        return filters_in(self.condition)


def leaves(condition: Condition, *, positive: bool = False) -> Iterator[Term | Filter]:
    """Yield the terms and filters of the condition; with `positive`, those that are not under a `Not`."""
    match condition:
        case Not(inner):
            if not positive:
                yield from leaves(inner)
        case And(conditions) | Or(conditions):
            for one in conditions:
                yield from leaves(one, positive=positive)
        case _:
            yield condition


def filters_in(condition: Condition) -> list[Filter]:
    """Return all filters, wherever they are in the condition."""
    return [leaf for leaf in leaves(condition) if isinstance(leaf, Filter)]


def conjuncts(condition: Condition) -> tuple[Condition, ...]:
    """Return the conditions that all hold for a matching event."""
    return condition.conditions if isinstance(condition, And) else (condition,)


def all_of(conditions: tuple[Condition, ...]) -> Condition:
    """Return the condition that every one of the conditions holds, without nested conjunctions."""
    flat = tuple(part for one in conditions for part in conjuncts(one))
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(conditions: tuple[Condition, ...]) -> Condition:
    """Return the condition that one of the conditions holds, without nested disjunctions."""
    flat = tuple(part for one in conditions for part in (one.conditions if isinstance(one, Or) else (one,)))
    return flat[0] if len(flat) == 1 else Or(flat)
