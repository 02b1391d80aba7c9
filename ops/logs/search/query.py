"""A query as plain data: what an engine is asked, in this process or in another one. Pure.

A query reads the relation `events` of a dataset, limited to the scope of its search. `Sql` selects with a
statement of its own; the others select from the events that match the search.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ops.errors import InputError
from ops.logs.lake.layout import Scope
from ops.logs.search.model import EVERYTHING, Search

Value = str | int | float


@dataclass(frozen=True)
class Sql:
    """The rows of a SELECT over `events`, in DuckDB's dialect; each `$name` is bound to its parameter."""

    text: str
    parameters: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True)
class Events:
    """The newest or the oldest events, at most `limit` (None: all), with the columns of `events`."""

    limit: int | None
    newest_first: bool = True


@dataclass(frozen=True)
class Count:
    """The number of events, as `events`."""


@dataclass(frozen=True)
class Histogram:
    """The number of `events` by `time` (start of the interval, UTC) and `level`, without empty intervals."""

    width_s: int


@dataclass(frozen=True)
class TopValues:
    """The most frequent values of each field, at most `limit`, as `field`, `value`, and `events`."""

    fields: tuple[str, ...]
    limit: int


@dataclass(frozen=True)
class Patterns:
    """The number of `events` by `pattern` and `log_group`, the most frequent ones, at most `limit`."""

    limit: int


Select = Sql | Events | Count | Histogram | TopValues | Patterns


@dataclass(frozen=True)
class Query:
    """What an engine is asked. A result larger than `limit_bytes` is truncated; 0 is no limit.

    Raises InputError for SQL with a condition, which would have no effect.
    """

    search: Search
    select: Select
    limit_bytes: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.select, Sql) and (self.search.condition != EVERYTHING):
            raise InputError(
                "SQL cannot be combined with a search.", field="sql", hint="Write the conditions in the SQL."
            )

    @property
    def scope(self) -> Scope:
        """The time range, accounts, regions, and log groups that are read."""
        return self.search.scope


def sql_query(
    scope: Scope, text: str, parameters: Mapping[str, Value] | None = None, limit_bytes: int = 0
) -> Query:
    """Return the query for a SELECT over the events in the scope."""
    return Query(Search(scope), Sql(text, tuple((parameters or {}).items())), limit_bytes)
