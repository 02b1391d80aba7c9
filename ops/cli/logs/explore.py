"""`python -m ops logs search|sql|patterns|compact|estimate`: query exported logs, also in a pipe."""

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
from ops.logs.engines.progress import QueryProgress, TrackedEngine
from ops.logs.lake.layout import OLD_PATTERN_NAME, Scope
from ops.logs.search import exploration
from ops.logs.search.model import Search
from ops.logs.search.output import csv_rows, safe_cell
from ops.logs.search.query_parser import parse
from ops.logs.search.saved_queries import FOLDER, SavedQuery, find_query, load_queries, parse_query
from ops.logs.search.time_ranges import parse_range, zone_of

Options = argparse.Namespace
COLORS = {"FATAL": "bold red", "ERROR": "red", "WARN": "yellow", "INFO": "blue"}
FORMATS = ("table", "json", "csv")


def add(verbs: Any) -> None:
    search_ = _verb(verbs, "search", search, "search events, newest first")
    search_.add_argument("text", nargs="*", help='words, "phrases", /regex/, level:error, group:/aws/*, -not')
    search_.add_argument("--limit", type=int, default=100, help="maximum number of events (default 100)")
    search_.add_argument("--full", action="store_true", help="show whole messages, not one line each")
    sql_ = _verb(verbs, "sql", sql, "run a saved query, a SQL file, or a SELECT over events")
    sql_.add_argument("query", nargs="?", default="", help="name, path, or SQL (default: list saved queries)")
    sql_.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of the query")
    help_ = "show message patterns compared with the previous period"
    patterns_ = _verb(verbs, "patterns", patterns, help_, aliases=["templates"])
    patterns_.add_argument("text", nargs="*", help="see search")
    compact_ = _verb(verbs, "compact", compact, "compact complete hours into Parquet; sources are kept")
    compact_.add_argument("--dry-run", action="store_true", help="show the plan without running it")
    _verb(verbs, "estimate", show_estimate, "estimate the data, time, and cost of a query")


def compact(context: Context, options: Options) -> None:
    dataset = open_dataset(context.cloud, options.dataset)
    maker = find_compactor(context.cloud, dataset.location) if options.engine == "athena" else None
    plan = plan_compaction(dataset.duckdb, _scope(context, options), maker=maker)
    if not plan.steps:
        context.echo("Nothing to compact: all complete hours in the range are compacted.")
        return
    context.carry_out(plan, dry_run=options.dry_run, confirmed="")


def _verb(
    verbs: Any, name: str, command: Any, text: str, aliases: Sequence[str] = ()
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, aliases=aliases)
    parser.add_argument(
        "--last", default="1h", metavar="RANGE", help="15m, 3h, 7d, or START/END (default 1h)"
    )
    parser.add_argument("--zone", default="UTC", help="time zone of times without an offset (default UTC)")
    parser.add_argument(
        "--dataset", default="", metavar="S3URL", help="exported logs to read (default: the first configured)"
    )
    parser.add_argument("--account", nargs="*", default=[], help="account names or IDs")
    parser.add_argument("--region", nargs="*", default=[])
    parser.add_argument("--engine", choices=("auto", "duckdb", "athena"), default="auto")
    parser.add_argument("--format", choices=FORMATS, default="", help="default: table; json if piped")
    parser.set_defaults(command=command)
    return parser


def search(context: Context, options: Options) -> None:
    with _mistakes_marked():
        request = _search(context, options)
    dataset = open_dataset(context.cloud, options.dataset)
    with _engine(context, "Searching…", dataset, request.scope, options) as engine:
        events = exploration.newest(engine, request, options.limit)
    if (form := _format(context, options)) != "table":
        _write(_with_old_name(table_of(events)), form)
        return
    zone = zone_of(options.zone)
    for event in reversed(events):  # the newest event is next to the prompt
        context.console.print(_line(event, zone, full=options.full), soft_wrap=True)
    if not events:
        context.echo("No matching events. Use a longer range with --last, or remove a term.")


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
    with _mistakes_marked(), _engine(context, "Running…", dataset, scope, options) as engine:
        table = engine.query(scope, query.sql, values)
    _show_table(context, options, table, "The query returned no rows. Use a longer range with --last.")


def patterns(context: Context, options: Options) -> None:
    with _mistakes_marked():
        request = _search(context, options)
    dataset = open_dataset(context.cloud, options.dataset)
    with _engine(context, "Comparing with the previous period…", dataset, request.scope, options) as engine:
        table = exploration.patterns(engine, request)
    if _format(context, options) != "table":
        table = _with_old_name(table)
    _show_table(context, options, table, "No matching events. Use a longer range with --last.")


def _with_old_name(table: pa.Table) -> pa.Table:
    """Add the column `pattern` under its former name as well: scripts may read it from JSON and CSV."""
    return table.append_column(OLD_PATTERN_NAME, table["pattern"])


def show_estimate(context: Context, options: Options) -> None:
    dataset = open_dataset(context.cloud, options.dataset)
    with _running(context, "Listing…"):
        estimate = dataset.estimate(_scope(context, options), options.engine)
    rows = [_cost_row("DuckDB", estimate.duckdb)]
    if estimate.athena:
        rows.append(_cost_row("Athena", estimate.athena))
    context.show(rows, empty="", value={"engines": rows, "chosen": estimate.chosen, "why": estimate.why})
    if not context.as_json:
        context.echo(_choice(estimate))


def _cost_row(engine: str, cost: Cost) -> dict[str, Any]:
    return {
        "engine": engine,
        "objects": cost.objects,
        "bytes": cost.size_bytes,
        "seconds": round(cost.seconds, 1),
        "dollars": round(cost.dollars, 4),
    }


def _choice(estimate: Estimate) -> str:
    return f"{'Athena' if estimate.chosen == 'athena' else 'DuckDB'}: {estimate.why}."


def _search(context: Context, options: Options) -> Search:
    query = parse(" ".join(options.text))
    return Search(_scope(context, options), query.terms, query.filters)


def _scope(context: Context, options: Options) -> Scope:
    start, end = parse_range(options.last, zone_of(options.zone)).at(datetime.now(UTC))
    accounts = tuple(name if name.isdigit() else context.cloud.account(name).id for name in options.account)
    return Scope(start, end, accounts, tuple(options.region))


@contextmanager
def _engine(
    context: Context, activity: str, dataset: Dataset, scope: Scope, options: Options
) -> Iterator[TrackedEngine]:
    """Yield the query engine; show the choice and the progress on a terminal, and the notes at the end."""
    with _running(context, activity) as report:
        chosen = options.engine
        if chosen == "auto":
            estimate = dataset.estimate(scope)
            chosen = estimate.chosen
            if context.errors.is_terminal:
                context.errors.print(Text(_choice(estimate), style="dim"))
        engine = TrackedEngine(dataset.engine(chosen), report)
        yield engine
    for note in engine.notes:
        context.errors.print(Text(readable(note), style="yellow"))


def _query(text: str, saved: Sequence[SavedQuery]) -> SavedQuery:
    """Return the query for a SELECT, a file path, or the name of a saved query."""
    if len(text.split()) > 1:
        return parse_query("query", text)
    path = Path(text)
    if path.suffix == ".sql":
        try:
            return parse_query(path.stem, path.read_text("utf-8"))
        except OSError as error:
            raise InputError(f"Cannot read {path}: {error.strerror}.", hint="Check the path.") from error
    return find_query(saved, text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{text!r} is not a parameter.", field="set", hint="Use NAME=VALUE.")
    return name, value


def _parameters(query: SavedQuery) -> str:
    return ", ".join(f"{parameter.name}={parameter.default}" for parameter in query.parameters)


def _line(event: exploration.LogEvent, zone: tzinfo, *, full: bool) -> Text:
    local = event.ts.astimezone(zone)
    line = Text(f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} ", style="dim")
    line.append(f"{event.level or '':5} ", COLORS.get(event.level or "", "dim"))
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
    """Write JSON lines or CSV to stdout in batches, so that a reader such as `head` can stop early."""
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
def _running(context: Context, activity: str) -> Iterator[Callable[[QueryProgress], None]]:
    """Show the activity and its progress on a terminal; yield the function that reports progress."""
    if not context.errors.is_terminal:
        yield lambda progress: None
        return
    with context.errors.status(Text(activity)) as line:
        yield lambda progress: line.update(Text(progress_line(progress)))


def progress_line(progress: QueryProgress) -> str:
    """Format the progress as one line."""
    share = "" if progress.share is None else f"{progress.share:4.0%} "
    return f"{share}{progress.text}"


@contextmanager
def _mistakes_marked() -> Iterator[None]:
    """Print a mistake in a search or in SQL with a marker at its position, before the error message."""
    try:
        yield
    except QueryError as error:
        print("\n".join(readable(line) for line in error.marked.splitlines()), file=sys.stderr)
        raise
