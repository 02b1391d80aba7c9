"""`slipway logs search|sql|patterns|compact|estimate`: query exported logs, also in a pipe."""

import csv
import functools
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from ops.cli.context import NOT_READ, Context, readable
from ops.cli.logs.results import carry_out, show_no_steps
from ops.cli.verbs import Verb, dry_run_option, pairs, pass_context, several_option, verb
from ops.errors import InputError, QueryError
from ops.logs.datasets import Dataset, open_dataset
from ops.logs.lake.layout import OLD_PATTERN_NAME, UNDATED, Scope
from ops.logs.search.cursor import Cursor, Progress
from ops.logs.search.estimate import Cost, Estimate
from ops.logs.search.exploration import LogEvent, events_of
from ops.logs.search.insights.recognition import looks_like_insights
from ops.logs.search.insights.translation import as_sql
from ops.logs.search.language.accounts import parse_for
from ops.logs.search.model import Search
from ops.logs.search.output import csv_rows, safe_cell
from ops.logs.search.patterns import BASELINES, compare, pattern_queries
from ops.logs.search.query import Events, Query, sql_query
from ops.logs.search.saved.queries import FOLDER, SavedQuery, find_query, load_queries, parse_query
from ops.logs.search.time_ranges import parse_range, zone_of

if TYPE_CHECKING:  # what takes long to import is imported where it is used
    import pyarrow as pa

COLORS = {"FATAL": "bold red", "ERROR": "red", "WARN": "yellow", "INFO": "blue"}
ENGINES = ("auto", "duckdb", "athena")
FORMATS = ("table", "json", "csv")
HOURS_SHOWN = 6  # of the partly read ones
DOCUMENT = "document"  # the format of --json: one document instead of a line per row

_OPTION = re.compile(r"--[a-z-]+=")


@dataclass(frozen=True)
class QueryOptions:
    """The options of every verb: what is read, by which query engine, and the output format."""

    last: str
    zone: str
    dataset: str
    account: tuple[str, ...]
    region: tuple[str, ...]
    engine: str
    format: str | None


def query_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every verb; the function gets them as QueryOptions."""

    @click.option(
        "--last", default="1h", show_default=True, metavar="RANGE", help="15m, 3h, 7d, or START/END."
    )
    @click.option("--zone", default="UTC", show_default=True, help="Time zone of times without an offset.")
    @click.option(
        "--dataset",
        default="",
        metavar="ADDRESS",
        help="Dataset to read, several separated by commas, or 'all'. Default: the first configured dataset.",
    )
    @several_option("--account", "ACCOUNT", "Account names or IDs. Default: all.")
    @several_option("--region", "REGION", "Default: all Regions.")
    @click.option(
        "--engine", type=click.Choice(ENGINES), default="auto", show_default=True, help="Query engine."
    )
    @click.option(
        "--format",
        type=click.Choice(FORMATS),
        help="Format without --json. Default: table on a terminal, otherwise json with one object per line.",
    )
    @functools.wraps(function)
    def with_options(context: Context, **arguments: Any) -> Any:
        options = QueryOptions(**{field.name: arguments.pop(field.name) for field in fields(QueryOptions)})
        return function(context, options, **arguments)

    decorated: Callable[..., Any] = with_options
    return decorated


class QueryVerb(Verb):
    """A verb whose argument is a query, which can start with a dash: `-level:debug error`, or a comment."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f" {arg}" if _is_query(arg) else arg for arg in args])


def _is_query(argument: str) -> bool:
    """Return whether the argument starts with a dash and contains a space, but is not --OPTION=VALUE."""
    return argument.startswith("-") and len(argument.split()) > 1 and not _OPTION.match(argument)


def query_verb(function: Callable[..., Any]) -> QueryVerb:
    """Like `verb`, for a function whose docstring explains the query; the help ends with it."""
    return click.command(cls=QueryVerb, help="", epilog=function.__doc__)(pass_context(function))


@query_verb
@click.argument("text", nargs=-1)
@query_options
@click.option("--limit", type=int, default=100, show_default=True, help="Maximum number of events.")
@click.option("--full", is_flag=True, help="Show whole messages, not one line each.")
def search(context: Context, options: QueryOptions, text: tuple[str, ...], limit: int, full: bool) -> int:
    """TEXT: words, "phrases", /regex/, level:error, status:>=500, AND, OR, NOT, ( ), -not.

    Put -- before a leading -not.
    """
    with _mistakes_marked():
        request = _request(context, options, text)
    dataset = open_dataset(context.cloud, options.dataset)
    table, status = _answer(context, "Searching…", dataset, Query(request, Events(limit)), options)
    events = events_of(table)
    if (form := _format(context, options)) != "table":
        from ops.logs.api import table_of

        _write(_with_old_name(table_of(events)), form)
        return status
    zone = zone_of(options.zone)
    for event in reversed(events):  # the newest event is next to the prompt
        context.console.print(_line(event, zone, full=full), soft_wrap=True)
    if not events:
        context.echo("No matching events. Use a longer range with --last, or remove a term.")
    return status


@query_verb
@click.argument("query", default="")
@query_options
@several_option("--set", "NAME=VALUE", "Parameters of the query.")
def sql(context: Context, options: QueryOptions, query: str, set: tuple[str, ...]) -> int:
    """QUERY: a saved query's name, a SQL file, SQL, or a Logs Insights query. Default: list saved queries."""
    queries, errors = load_queries([FOLDER, context.settings.data / "queries"])
    for error in errors:
        context.errors.print(Text(readable(f"{error} {error.hint}")))
    if not query:
        rows = [
            {"name": saved.name, "title": saved.title, "parameters": _parameters(saved)} for saved in queries
        ]
        context.show(rows, empty="There are no saved queries.")
        return 0
    with _mistakes_marked():
        selected = _query(query, queries)
        if looks_like_insights(query):
            context.errors.print(Text(selected.sql, style="dim"))
        values = selected.bound(pairs(set, "--set"))
    dataset = open_dataset(context.cloud, options.dataset)
    scope = _scope(context, options)
    with _mistakes_marked():
        table, status = _answer(context, "Running…", dataset, sql_query(scope, selected.sql, values), options)
    _show_table(context, options, table, "The query returned no rows. Use a longer range with --last.")
    return status


@query_verb
@click.argument("text", nargs=-1)
@query_options
@click.option(
    "--baseline",
    type=click.Choice(tuple(BASELINES)),
    default="previous",
    show_default=True,
    help="Compare with the previous period, or with the same time the day or the week before.",
)
def patterns(context: Context, options: QueryOptions, text: tuple[str, ...], baseline: str) -> int:
    """TEXT: see search."""
    with _mistakes_marked():
        request = _request(context, options, text)
    dataset = open_dataset(context.cloud, options.dataset)
    query, earlier = pattern_queries(request, baseline)
    now, status = _answer(context, "Counting patterns…", dataset, query, options)
    before, earlier_status = _answer(
        context, f"Comparing with {BASELINES[baseline]}…", dataset, earlier, options
    )
    table = compare(now, before, dataset.patterns)
    table = _with_old_name(table) if _format(context, options) != "table" else table.drop_columns(["glob"])
    _show_table(context, options, table, "No matching events. Use a longer range with --last.")
    return status or earlier_status


def _with_old_name(table: "pa.Table") -> "pa.Table":
    """Add the column `pattern` under its former name as well: scripts may read it from JSON and CSV."""
    return table.append_column(OLD_PATTERN_NAME, table["pattern"])


@verb
@query_options
@dry_run_option
def compact(context: Context, options: QueryOptions, dry_run: bool) -> None:
    from ops.logs.compaction.athena import find_compactor
    from ops.logs.compaction.local import plan_compaction

    dataset = open_dataset(context.cloud, options.dataset)
    maker = find_compactor(context.cloud, dataset.location) if options.engine == "athena" else None
    plan = plan_compaction(dataset.duckdb, _scope(context, options), maker=maker)
    if plan.steps:
        carry_out(context, plan, dry_run=dry_run)
    else:
        show_no_steps(context, "Nothing to compact: all complete hours in the range are compacted.")


@verb
@query_options
def show_estimate(context: Context, options: QueryOptions) -> None:
    dataset = open_dataset(context.cloud, options.dataset)
    with _status(context, "Listing…"):
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


def _request(context: Context, options: QueryOptions, text: Sequence[str]) -> Search:
    condition = parse_for(context.cloud.accounts, " ".join(text).strip())
    return Search(_scope(context, options), condition)


def _scope(context: Context, options: QueryOptions) -> Scope:
    start, end = parse_range(options.last, zone_of(options.zone)).at(datetime.now(UTC))
    accounts = tuple(name if name.isdigit() else context.cloud.account(name).id for name in options.account)
    return Scope(start, end, accounts, tuple(options.region))


def _answer(
    context: Context, activity: str, dataset: Dataset, query: Query, options: QueryOptions
) -> tuple["pa.Table", int]:
    """Run the query; show the chosen engine and the progress on a terminal, and the notes at the end.

    Return the result, and the exit status: NOT_READ if an object was not read, or only in part.
    """
    with _status(context, activity) as show:
        chosen = options.engine
        if chosen == "auto":
            estimate = dataset.estimate(query.scope)
            chosen = estimate.chosen
            if context.errors.is_terminal:
                context.errors.print(Text(_choice(estimate), style="dim"))
        cursor = dataset.engine(chosen).run(query)
        show(ProgressLine(cursor))
        table = cursor.table()
    for note in cursor.notes:
        context.errors.print(Text(readable(note), style="yellow"))
    if hours := sorted({place.hour for place in cursor.partly_read} - {UNDATED}):
        shown = ", ".join(f"{hour:%Y-%m-%d %H}:00" for hour in hours[:HOURS_SHOWN])
        more = f", and {len(hours) - HOURS_SHOWN:,} more" if len(hours) > HOURS_SHOWN else ""
        context.errors.print(Text(f"Partly read hours (UTC): {shown}{more}", style="yellow"))
    return table, NOT_READ if cursor.unread else 0


def _query(text: str, saved: Sequence[SavedQuery]) -> SavedQuery:
    """Return the query for a SELECT, a file path, or the name of a saved query."""
    if len(text.split()) > 1:
        return parse_query("query", as_sql(text))
    path = Path(text)
    if path.suffix == ".sql":
        try:
            return parse_query(path.stem, path.read_text("utf-8"))
        except OSError as error:
            raise InputError(f"Cannot read {path}: {error.strerror}.", hint="Check the path.") from error
    return find_query(saved, text)


def _parameters(query: SavedQuery) -> str:
    return ", ".join(f"{parameter.name}={parameter.default}" for parameter in query.parameters)


def _line(event: LogEvent, zone: tzinfo, *, full: bool) -> Text:
    local = event.ts.astimezone(zone)
    line = Text(f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} ", style="dim")
    line.append(f"{event.level or '':5} ", COLORS.get(event.level or "", "dim"))
    line.append(f"{readable(event.group)} ", "dim")
    messages = event.message.splitlines() or [""]
    shown = [readable(message) for message in messages]
    line.append("\n    ".join(shown) if full else " ⏎ ".join(shown)[:400])
    return line


def _show_table(context: Context, options: QueryOptions, table: "pa.Table", empty: str) -> None:
    if (form := _format(context, options)) == "table":
        if rows := table.to_pylist():
            context.print_table(rows[0], (row.values() for row in rows))
        else:
            context.echo(empty)
    else:
        _write(table, form)


def _format(context: Context, options: QueryOptions) -> str:
    if context.as_json:
        return DOCUMENT
    return options.format or ("table" if sys.stdout.isatty() else "json")


def _write(table: "pa.Table", form: str) -> None:
    """Write JSON or CSV to stdout in batches, so that a reader such as `head` can stop early."""
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow([safe_cell(name) for name in table.column_names])
        writer.writerows(csv_rows(table))
        return
    rows = (json.dumps(row, default=_plain, ensure_ascii=True) for row in _rows(table))
    if form == DOCUMENT:
        sys.stdout.write("[")
        sys.stdout.writelines(f"{',' if n else ''}\n{row}" for n, row in enumerate(rows))
        sys.stdout.write("\n]\n")
        return
    sys.stdout.writelines(f"{row}\n" for row in rows)


def _rows(table: "pa.Table") -> Iterable[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@contextmanager
def _status(context: Context, activity: str) -> Iterator[Callable[["ProgressLine"], None]]:
    """Show the activity on a terminal; yield the function that shows a query's progress instead."""
    if not context.errors.is_terminal:
        yield lambda line: None
        return
    with context.errors.status(Text(activity)) as status:
        yield status.update


@dataclass(frozen=True)
class ProgressLine:
    """A query's progress in a status line, which redraws it several times per second."""

    cursor: Cursor

    def __rich__(self) -> Text:
        return Text(progress_line(self.cursor.progress))


def progress_line(progress: Progress) -> str:
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
