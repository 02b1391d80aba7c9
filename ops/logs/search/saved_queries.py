"""Saved queries: SQL files with a header, read and checked. Values are bound to `$parameters`, never pasted.

    -- title: Errors over time
    -- description: Events of level ERROR and FATAL, by interval.
    -- parameter: minutes integer = 5 -- Width of an interval
    -- chart: line time errors log_group
    SELECT …

A chart is `line`, `area` or `bar`, then the columns of x, y and, optionally, colour.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.errors import InputError, NotFound, QueryError, SlipwayError
from ops.logs.engines.translation import parameters_of

FOLDER = Path(__file__).parents[3] / "queries"
Value = str | int | float

TYPES: dict[str, type] = {"text": str, "integer": int, "number": float}
CHARTS = ("line", "area", "bar")

_HEADER = re.compile(r"--\s*(title|description|parameter|chart):\s*(.*)")
_PARAMETER = re.compile(r"([a-z_][a-z0-9_]*)\s+(text|integer|number)\s*=\s*(.*?)(?:\s+--\s+(.*))?")


@dataclass(frozen=True)
class Parameter:
    """A `$name` of the query, with what is bound where the user gives nothing."""

    name: str
    type: str
    default: Value
    help: str = ""


@dataclass(frozen=True)
class Chart:
    """How the result is drawn: columns by name."""

    kind: str
    x: str
    y: str
    colour: str = ""


@dataclass(frozen=True)
class SavedQuery:
    """One file: `name` is the file's, without the ending."""

    name: str
    title: str
    description: str
    sql: str
    parameters: tuple[Parameter, ...] = ()
    chart: Chart | None = None

    def bound(self, given: Mapping[str, object]) -> dict[str, Value]:
        """A value for every parameter: the given one in its type, else its default. Raises InputError."""
        known = {parameter.name: parameter for parameter in self.parameters}
        if unknown := [name for name in given if name not in known]:
            raise InputError(
                f"{self.title} has no parameter {unknown[0]!r}.",
                field=unknown[0],
                hint=f"It has: {', '.join(known) or 'none'}.",
            )
        return {name: _value(parameter, given.get(name)) for name, parameter in known.items()}


def parse_query(name: str, text: str) -> SavedQuery:
    """The query that a file holds. Raises QueryError at the line of a mistake."""
    headers, parameters, chart = {}, [], None
    for number, line in enumerate(text.splitlines(), 1):
        match = _HEADER.fullmatch(line.strip())
        if not match:
            continue
        if match[1] == "parameter":
            parameters.append(_parameter(match[2], text, number))
        elif match[1] == "chart":
            chart = _chart(match[2], text, number)
        else:
            headers[match[1]] = match[2].strip()
    query = SavedQuery(
        name,
        headers.get("title", "") or name.replace("_", " ").capitalize(),
        headers.get("description", ""),
        text.strip(),
        tuple(parameters),
        chart,
    )
    _check_parameters(query)
    return query


def load_queries(folders: Iterable[Path]) -> tuple[list[SavedQuery], list[SlipwayError]]:
    """All queries by title; one in a later folder replaces its namesake. What cannot be read is returned
    as errors beside the rest."""
    found: dict[str, SavedQuery] = {}
    errors: list[SlipwayError] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.sql"))):
        try:
            found[path.stem] = parse_query(path.stem, path.read_text("utf-8"))
        except QueryError as error:
            errors.append(InputError(f"{path.name}: {error}", hint=error.hint, detail=error.marked))
        except (OSError, UnicodeDecodeError) as error:
            errors.append(
                InputError(f"{path.name} cannot be read.", hint="Save it as UTF-8.", detail=str(error))
            )
    return sorted(found.values(), key=lambda query: query.title), errors


def find_query(queries: Iterable[SavedQuery], name: str) -> SavedQuery:
    """The query of that name. Raises NotFound."""
    queries = list(queries)
    for query in queries:
        if query.name == name:
            return query
    names = ", ".join(query.name for query in queries)
    raise NotFound(f"There is no saved query {name!r}.", hint=f"There are: {names}.")


def _parameter(text: str, whole: str, line: int) -> Parameter:
    match = _PARAMETER.fullmatch(text.strip())
    if not match:
        raise QueryError(
            f"Line {line} is no parameter.",
            text=whole,
            line=line,
            hint="Write: -- parameter: name text|integer|number = default -- what it is",
        )
    declared = Parameter(match[1], match[2], "", match[4] or "")
    try:
        return Parameter(match[1], match[2], _value(declared, match[3]), match[4] or "")
    except InputError as error:
        raise QueryError(f"Line {line}: {error}", text=whole, line=line, hint=error.hint) from error


def _chart(text: str, whole: str, line: int) -> Chart:
    kind, *columns = text.split()
    if kind not in CHARTS or not 2 <= len(columns) <= 3:
        raise QueryError(
            f"Line {line} is no chart.",
            text=whole,
            line=line,
            hint=f"Write: -- chart: {'|'.join(CHARTS)} x-column y-column [colour-column]",
        )
    return Chart(kind, *columns)


def _check_parameters(query: SavedQuery) -> None:
    used = set(parameters_of(query.sql))
    declared = {parameter.name for parameter in query.parameters}
    if missing := sorted(used - declared):
        raise QueryError(
            f"${missing[0]} is not declared.",
            text=query.sql,
            hint=f"Add a line: -- parameter: {missing[0]} text = default -- what it is",
        )
    if unused := sorted(declared - used):
        raise QueryError(f"${unused[0]} is declared but not used.", text=query.sql, hint="Remove its line.")


def _value(parameter: Parameter, given: object) -> Value:
    if given is None or (given == "" and parameter.type != "text"):
        return parameter.default
    try:
        value: Value = TYPES[parameter.type](given)
        return value
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{parameter.name} is {given!r}, which is no {parameter.type}.",
            field=parameter.name,
            hint=parameter.help or f"Give a value of type {parameter.type}.",
        ) from error
