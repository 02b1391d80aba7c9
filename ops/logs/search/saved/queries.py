"""Saved queries: SQL files with a header. Values are bound to `$parameters`, never put into the SQL text.

    -- title: Errors over time
    -- description: Events of level ERROR and FATAL, by interval.
    -- parameter: minutes integer = 5 -- Width of an interval
    -- chart: line time errors log_group
    SELECT …

A chart is `line`, `area`, or `bar`, followed by the columns for x, y, and optionally color.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.errors import InputError, NotFound, QueryError, SlipwayError
from ops.logs.search.query import Value

FOLDER = Path(__file__).parents[4] / "queries"

TYPES: dict[str, type] = {"text": str, "integer": int, "number": float}
CHARTS = ("line", "area", "bar")
ALIASES = {"top_templates": "top_patterns", "new_templates": "new_patterns"}  # former names

_HEADER = re.compile(r"--\s*(title|description|parameter|chart):\s*(.*)")
_PARAMETER = re.compile(r"([a-z_][a-z0-9_]*)\s+(text|integer|number)\s*=\s*(.*?)(?:\s+--\s+(.*))?")


@dataclass(frozen=True)
class Parameter:
    """A `$name` of the query and its default value."""

    name: str
    type: str
    default: Value
    help: str = ""


@dataclass(frozen=True)
class Chart:
    """The chart of a result: its kind, and the columns for its axes and color."""

    kind: str
    x: str
    y: str
    color: str = ""


@dataclass(frozen=True)
class SavedQuery:
    """A saved query; `name` is the file name without its suffix."""

    name: str
    title: str
    description: str
    sql: str
    parameters: tuple[Parameter, ...] = ()
    chart: Chart | None = None

    def bound(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Return a value for every parameter: the given one, converted, or the default. Raises InputError."""
        known = {parameter.name: parameter for parameter in self.parameters}
        if unknown := [name for name in given if name not in known]:
            raise InputError(
                f"{self.title} has no parameter {unknown[0]!r}.",
                field=unknown[0],
                hint=f"Its parameters are: {', '.join(known)}." if known else "It has no parameters.",
            )
        return {name: _value(parameter, given.get(name)) for name, parameter in known.items()}


def parse_query(name: str, text: str) -> SavedQuery:
    """Parse the text of a query file. Raises QueryError with the line of a mistake."""
    headers, parameters, chart = {}, [], None
    for number, line in enumerate(text.splitlines(), 1):
        match = _HEADER.fullmatch(line.strip())
        if not match:
            continue
        if match[1] == "parameter":
            parameters.append(_parameter(match[2], text, number))
        elif match[1] == "chart":
            chart = parse_chart(match[2], text, number)
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
    """Return all queries, sorted by title, and the errors of files that cannot be read.

    The first folder that has a name keeps it: a query of the same name in a later one is an error.
    """
    queries: dict[str, SavedQuery] = {}
    errors: list[SlipwayError] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.sql"))):
        if path.stem in queries:
            errors.append(InputError(f"{path} has the name of another saved query.", hint="Rename the file."))
            continue
        try:
            queries[path.stem] = parse_query(path.stem, path.read_text("utf-8"))
        except QueryError as error:
            errors.append(InputError(f"{path.name}: {error}", hint=error.hint, detail=error.marked))
        except (OSError, UnicodeDecodeError) as error:
            errors.append(
                InputError(f"Cannot read {path.name}.", hint="Save it as UTF-8.", detail=str(error))
            )
    return sorted(queries.values(), key=lambda query: query.title), errors


def find_query(queries: Iterable[SavedQuery], name: str) -> SavedQuery:
    """Return the query of that name, or of that former name. Raises NotFound."""
    by_name = {query.name: query for query in queries}
    query = by_name.get(name) or by_name.get(ALIASES.get(name, ""))
    if query is None:
        raise NotFound(f"There is no saved query {name!r}.", hint=f"Saved queries: {', '.join(by_name)}.")
    return query


def _parameter(text: str, whole: str, line: int) -> Parameter:
    match = _PARAMETER.fullmatch(text.strip())
    if not match:
        raise QueryError(
            f"The parameter in line {line} is not valid.",
            text=whole,
            line=line,
            hint="Use: -- parameter: name text|integer|number = default -- description",
        )
    declared = Parameter(match[1], match[2], "", match[4] or "")
    try:
        return Parameter(match[1], match[2], _value(declared, match[3]), match[4] or "")
    except InputError as error:
        raise QueryError(f"Line {line}: {error}", text=whole, line=line, hint=error.hint) from error


def parse_chart(text: str, whole: str, line: int) -> Chart:
    """Parse `line time errors log_group`. Raises QueryError with that line of the whole text."""
    kind, *columns = text.split()
    if kind not in CHARTS or not 2 <= len(columns) <= 3:
        raise QueryError(
            f"The chart in line {line} is not valid.",
            text=whole,
            line=line,
            hint=f"Use: -- chart: {'|'.join(CHARTS)} x-column y-column [color-column]",
        )
    return Chart(kind, *columns)


def _check_parameters(query: SavedQuery) -> None:
    from ops.logs.search.sql_check import parameters_of  # sqlglot is slow to import

    used = set(parameters_of(query.sql))
    declared = {parameter.name for parameter in query.parameters}
    if missing := sorted(used - declared):
        raise QueryError(
            f"The parameter ${missing[0]} is not declared.",
            text=query.sql,
            hint=f"Add a line: -- parameter: {missing[0]} text = default -- description",
        )
    if unused := sorted(declared - used):
        raise QueryError(
            f"The parameter ${unused[0]} is declared but not used.", text=query.sql, hint="Remove its line."
        )


def _value(parameter: Parameter, given: object) -> Value:
    if given is None or (given == "" and parameter.type != "text"):
        return parameter.default
    try:
        value: Value = TYPES[parameter.type](given)
        return value
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{parameter.name} is {given!r}, which is not of type {parameter.type}.",
            field=parameter.name,
            hint=parameter.help or f"Enter a value of type {parameter.type}.",
        ) from error
