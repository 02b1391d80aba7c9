"""Dashboards: panels that show saved queries, in TOML files next to the queries.

    title = "Operations"
    description = "Errors and latency of every log group."

    [[panel]]
    title = "Errors over time"
    query = "errors_over_time"        # a saved query
    parameters = { minutes = 15 }     # its defaults otherwise
    wide = true                       # the whole width, not half of it

    [[panel]]
    title = "Errors"
    query = "totals"
    show = "number"                   # chart (the default), table, or number
    column = "errors"                 # of a number: its value in the first row

A chart is the query's own, or `chart = "line time errors log_group"`, as in a query's header.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import InputError, QueryError, SlipwayError
from ops.logs.search.query import Value
from ops.logs.search.saved.queries import ALIASES, Chart, SavedQuery, parse_chart
from ops.text.toml_tables import TomlTable, read_toml

MOST_PANELS = 30  # each is a query, or a part of one


@dataclass(frozen=True)
class Panel:
    """One saved query on a dashboard. `values` has a value for each of the query's parameters.

    `show` is `chart`, `table`, or `number`, which has a `column`.
    """

    title: str
    query: SavedQuery
    show: str
    values: Mapping[str, Value] = field(default_factory=dict)
    chart: Chart | None = None
    column: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Dashboard:
    """Panels in order; `name` is the file name without its suffix."""

    name: str
    title: str
    description: str
    panels: tuple[Panel, ...]


def parse_dashboard(name: str, text: str, queries: Iterable[SavedQuery]) -> Dashboard:
    """Parse the text of a dashboard's file. Raises InputError with the line of a mistake."""
    root = read_toml(text, f"{name}.toml", InputError)
    root.check_keys("title", "description", "panel")
    by_name = {query.name: query for query in queries}
    tables = root.tables("panel")
    if not 1 <= len(tables) <= MOST_PANELS:
        raise InputError(
            f"{name}.toml has {len(tables)} panels.", hint=f"Add 1 to {MOST_PANELS} tables [[panel]]."
        )
    panels = tuple(_panel(table, by_name) for table in tables)
    title = root.text("title", name.replace("_", " ").capitalize())
    return Dashboard(name, title, root.text("description", "", like=".*"), panels)


def load_dashboards(
    folders: Iterable[Path], queries: Iterable[SavedQuery]
) -> tuple[list[Dashboard], list[SlipwayError]]:
    """Return all dashboards, sorted by title, and the errors of files that cannot be read.

    The first folder that has a name keeps it.
    """
    queries = list(queries)
    dashboards: dict[str, Dashboard] = {}
    errors: list[SlipwayError] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.toml"))):
        try:
            if path.stem in dashboards:
                raise InputError(f"{path} has the name of another dashboard.", hint="Rename the file.")
            dashboards[path.stem] = parse_dashboard(path.stem, path.read_text("utf-8"), queries)
        except InputError as error:
            errors.append(error)
        except (OSError, UnicodeDecodeError) as error:
            errors.append(
                InputError(f"Cannot read {path.name}.", hint="Save it as UTF-8.", detail=str(error))
            )
    return sorted(dashboards.values(), key=lambda dashboard: dashboard.title), errors


def _panel(table: TomlTable, queries: Mapping[str, SavedQuery]) -> Panel:
    table.check_keys("title", "query", "show", "parameters", "chart", "column", "wide")
    name = table.text("query", means="the name of a saved query")
    query = queries.get(name) or queries.get(ALIASES.get(name, ""))
    if query is None:
        raise table.mistake("query", f"is {name!r}, which does not exist.", "Name a file in queries/.")
    show = table.choice("show", "chart", "table", "number")
    try:
        values = query.bound(table.table("parameters").values)
    except InputError as error:
        raise table.mistake("parameters", f"cannot be used: {error}", error.hint) from error
    chart = _chart(table, query) if show == "chart" else None
    column = table.text("column", "") if show != "number" else table.text("column", means="a column")
    wide = table.values.get("wide", False)
    if not isinstance(wide, bool):
        raise table.mistake("wide", f"is {wide!r}.", "Write true or false.")
    return Panel(table.text("title", query.title), query, show, values, chart, column, wide)


def _chart(table: TomlTable, query: SavedQuery) -> Chart:
    text = table.text("chart", "", like=".*")
    if text:
        try:
            return parse_chart(text, text, 1)
        except QueryError as error:
            raise table.mistake("chart", f"is {text!r}.", error.hint.replace("-- chart: ", "")) from error
    if query.chart is None:
        raise table.mistake(
            "query",
            f"is {query.name}, which has no chart.",
            'Add chart = "line x-column y-column", or show = "table".',
        )
    return query.chart
