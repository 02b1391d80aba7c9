"""`python -m ops logs search|sql|templates|compact|estimate`: exported logs on a terminal and in a pipe."""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.text import Text

from ops.cli.context import Context, readable
from ops.errors import InputError, QueryError
from ops.logs.api import table_of
from ops.logs.compaction.athena import find_compactor
from ops.logs.compaction.local import plan_compaction
from ops.logs.datasets import Dataset, open_dataset
from ops.logs.engines.estimate import Cost, Estimate
from ops.logs.engines.progress import Standing, Watched
from ops.logs.lake.layout import Scope
from ops.logs.search import exploration
from ops.logs.search.model import Search
from ops.logs.search.output import csv_rows, safe_cell
from ops.logs.search.query_parser import parse
from ops.logs.search.saved_queries import FOLDER, SavedQuery, find_query, load_queries, parse_query
from ops.logs.search.time_ranges import parse_range, zone_of

Options = argparse.Namespace
COLOURS = {"FATAL": "bold red", "ERROR": "red", "WARN": "yellow", "INFO": "blue"}
FORMATS = ("table", "json", "csv")


def add(verbs: Any) -> None:
    search_ = _verb(verbs, "search", search, "find events, newest first")
    search_.add_argument("text", nargs="*", help='words, "phrases", /regex/, level:error, group:/aws/*, -not')
    search_.add_argument("--limit", type=int, default=100, help="events at most (default 100)")
    search_.add_argument("--full", action="store_true", help="whole messages instead of one line each")
    sql_ = _verb(verbs, "sql", sql, "run a saved query, a file or a SELECT over events")
    sql_.add_argument(
        "query", nargs="?", default="", help="a name, a path or SQL (default: list the saved ones)"
    )
    sql_.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of the query")
    templates_ = _verb(verbs, "templates", templates, "kinds of message, against as long a time before")
    templates_.add_argument("text", nargs="*", help="as for search")
    compact_ = _verb(verbs, "compact", compact, "make Parquet beside the hours that are over; sources stay")
    compact_.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")
    _verb(verbs, "estimate", show_estimate, "what a query would read, take and cost")


def compact(context: Context, options: Options) -> None:
    dataset = open_dataset(context.cloud, options.dataset)
    maker = find_compactor(context.cloud, dataset.location) if options.engine == "athena" else None
    plan = plan_compaction(dataset.duckdb, _scope(context, options), maker=maker)
    if not plan.steps:
        context.echo("Nothing to compact: every hour of the range that is over has its parts.")
        return
    context.carry_out(plan, dry_run=options.dry_run, confirmed="")


def _verb(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument("--last", default="1h", metavar="RANGE", help="15m, 3h, 7d or START/END (default 1h)")
    parser.add_argument("--zone", default="UTC", help="of times without an offset (default UTC)")
    parser.add_argument("--dataset", default="", metavar="S3URL", help="default: the first that is known")
    parser.add_argument("--account", nargs="*", default=[], help="names or ids")
    parser.add_argument("--region", nargs="*", default=[])
    parser.add_argument("--engine", choices=("auto", "duckdb", "athena"), default="auto")
    parser.add_argument("--format", choices=FORMATS, default="", help="default: a table; JSON on a pipe")
    parser.set_defaults(command=command)
    return parser


def search(context: Context, options: Options) -> None:
    with _mistakes_marked():
        wanted = _search(context, options)
    dataset = open_dataset(context.cloud, options.dataset)
    with _asked(context, "Searching…", dataset, wanted.scope, options) as engine:
        found = exploration.newest(engine, wanted, options.limit)
    if (form := _format(context, options)) != "table":
        _write(table_of(found), form)
        return
    zone = zone_of(options.zone)
    for event in reversed(found):  # the newest next to the prompt
        context.console.print(_line(event, zone, full=options.full), soft_wrap=True)
    if not found:
        context.echo("Nothing found. Choose a longer time with --last, or take a term away.")


def sql(context: Context, options: Options) -> None:
    queries, errors = load_queries([FOLDER, context.settings.data / "queries"])
    for error in errors:
        context.errors.print(Text(readable(f"{error} {error.hint}")))
    if not options.query:
        rows = [
            {"name": query.name, "title": query.title, "parameters": _parameters(query)} for query in queries
        ]
        context.show(rows, empty="There are no saved queries.")
        return
    with _mistakes_marked():
        query = _query(options.query, queries)
        values = query.bound(dict(_pair(text) for text in options.set))
    dataset = open_dataset(context.cloud, options.dataset)
    scope = _scope(context, options)
    with _mistakes_marked(), _asked(context, "Running…", dataset, scope, options) as engine:
        table = engine.query(scope, query.sql, values)
    _show_table(context, options, table, "The query answers no rows. Choose a longer time with --last.")


def templates(context: Context, options: Options) -> None:
    with _mistakes_marked():
        wanted = _search(context, options)
    dataset = open_dataset(context.cloud, options.dataset)
    with _asked(context, "Comparing with the time before…", dataset, wanted.scope, options) as engine:
        table = exploration.templates(engine, wanted)
    _show_table(context, options, table, "Nothing found. Choose a longer time with --last.")


def show_estimate(context: Context, options: Options) -> None:
    dataset = open_dataset(context.cloud, options.dataset)
    with _running(context, "Listing…"):
        found = dataset.estimate(_scope(context, options), options.engine)
    rows = [_cost_row("DuckDB", found.duckdb), *([_cost_row("Athena", found.athena)] if found.athena else [])]
    context.show(rows, empty="", value={"engines": rows, "chosen": found.chosen, "why": found.why})
    if not context.as_json:
        context.echo(_choice(found))


def _cost_row(engine: str, cost: Cost) -> dict[str, Any]:
    return {
        "engine": engine,
        "objects": cost.objects,
        "bytes": cost.size_bytes,
        "seconds": round(cost.seconds, 1),
        "dollars": round(cost.dollars, 4),
    }


def _choice(found: Estimate) -> str:
    return f"{'Athena' if found.chosen == 'athena' else 'DuckDB'}: {found.why}."


def _search(context: Context, options: Options) -> Search:
    query = parse(" ".join(options.text))
    return Search(_scope(context, options), query.terms, query.filters)


def _scope(context: Context, options: Options) -> Scope:
    start, end = parse_range(options.last, zone_of(options.zone)).at(datetime.now(UTC))
    accounts = tuple(name if name.isdigit() else context.cloud.account(name).id for name in options.account)
    return Scope(start, end, accounts, tuple(options.region))


@contextmanager
def _asked(
    context: Context, what: str, dataset: Dataset, scope: Scope, options: Options
) -> Iterator[Watched]:
    """The engine to ask: on a terminal with a word on which, and how far it is; remarks come at the end."""
    with _running(context, what) as tell:
        chosen = options.engine
        if chosen == "auto":
            found = dataset.estimate(scope)
            chosen = found.chosen
            if context.errors.is_terminal:
                context.errors.print(Text(_choice(found), style="dim"))
        engine = Watched(dataset.engine(chosen), tell)
        yield engine
    for note in engine.notes:
        context.errors.print(Text(readable(note), style="yellow"))


def _query(wanted: str, saved: Sequence[SavedQuery]) -> SavedQuery:
    """A SELECT, a file, or the saved query of that name."""
    if len(wanted.split()) > 1:
        return parse_query("query", wanted)
    path = Path(wanted)
    if path.suffix == ".sql":
        try:
            return parse_query(path.stem, path.read_text("utf-8"))
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error
    return find_query(saved, wanted)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{text!r} sets nothing.", field="set", hint="Write NAME=VALUE.")
    return name, value


def _parameters(query: SavedQuery) -> str:
    return ", ".join(f"{parameter.name}={parameter.default}" for parameter in query.parameters)


def _line(event: exploration.Event, zone: tzinfo, *, full: bool) -> Text:
    local = event.ts.astimezone(zone)
    line = Text(f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} ", style="dim")
    line.append(f"{event.level or '':5} ", COLOURS.get(event.level or "", "dim"))
    line.append(f"{readable(event.group)} ", "dim")
    messages = event.message.splitlines() or [""]
    shown = [readable(message) for message in messages]
    line.append("\n    ".join(shown) if full else " ⏎ ".join(shown)[:400])
    return line


def _show_table(context: Context, options: Options, table: pa.Table, empty: str) -> None:
    if (form := _format(context, options)) == "table":
        context.show([_cells(row) for row in table.to_pylist()], empty=empty)
    else:
        _write(table, form)


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {readable(name): cell for name, cell in row.items()}


def _format(context: Context, options: Options) -> str:
    if options.format:
        return str(options.format)
    return "json" if context.as_json or not sys.stdout.isatty() else "table"


def _write(table: pa.Table, form: str) -> None:
    """JSON lines or CSV on stdout, in pieces: a reader that has enough may stop."""
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow([safe_cell(name) for name in table.column_names])
        writer.writerows(csv_rows(table))
        return
    for row in _rows(table):
        sys.stdout.write(json.dumps(row, default=_plain, ensure_ascii=True) + "\n")


def _rows(table: pa.Table) -> Iterable[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@contextmanager
def _running(context: Context, what: str) -> Iterator[Callable[[Standing], None]]:
    """What is done now, on a terminal only; it is told how far that is."""
    if not context.errors.is_terminal:
        yield lambda standing: None
        return
    with context.errors.status(Text(what)) as line:
        yield lambda standing: line.update(Text(progress(standing)))


def progress(standing: Standing) -> str:
    """How far it is, as a line."""
    share = "" if standing.share is None else f"{standing.share:4.0%} "
    return f"{share}{standing.says}"


@contextmanager
def _mistakes_marked() -> Iterator[None]:
    """A mistake in a search or in SQL is shown at its place before the error is told."""
    try:
        yield
    except QueryError as error:
        print("\n".join(readable(line) for line in error.marked.splitlines()), file=sys.stderr)
        raise
