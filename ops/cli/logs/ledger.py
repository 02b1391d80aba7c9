"""`slipway logs ledger|replay|backfill|retention`: find and restore missing events, set retention."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from ops.cli.context import NOT_READ, Context
from ops.cli.logs import canaries as canary_lines
from ops.cli.logs.results import carry_out, show_no_steps
from ops.cli.verbs import confirm_option, dry_run_option, verb
from ops.errors import InputError
from ops.logs.export.backfill import state as backfill_state
from ops.logs.export.backfill.plan import plan_backfill
from ops.logs.export.coverage.subscribed import list_group_exports
from ops.logs.export.ledger import exported
from ops.logs.export.ledger.model import DELIVERY_DELAY, Ledger, LedgerRow
from ops.logs.export.ledger.reader import ExportReport, read_export_report
from ops.logs.export.replay import Stream, list_error_objects, plan_replay
from ops.logs.export.retention import RETENTION_CHOICES_DAYS, RetentionAdvice, plan_retention
from ops.logs.known_exports import single_known_export
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import HOUR, Location, hour_of
from ops.logs.lake.store import bucket_of

if TYPE_CHECKING:  # what takes long to import is imported where it is used
    from ops.logs.engines.duckdb import DuckDbEngine

INCOMPLETE = 1  # exit status if events are missing or failed
GB = 1 << 30
CACHE_BYTES = 10 * GB
DELAY_MIN = int(DELIVERY_DELAY.total_seconds() // 60)
EVERY_GROUP = ("*",)


@dataclass(frozen=True)
class ExportOptions:
    """The bucket of an export. Without its name, the only known export is used."""

    bucket: str
    prefix: str
    account: str
    region: str


def export_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--bucket`, `--prefix`, `--account`, and `--region`, as the argument `export`."""

    @click.option(
        "--bucket", default="", help="Bucket that logs are exported to. Default: the only known one."
    )
    @click.option("--prefix", default="", help="Key prefix in the bucket.")
    @click.option(
        "--account", default="", help="Name or ID of the bucket's account. Default: the first account."
    )
    @click.option("--region", default="", help="Region of the bucket. Default: the home Region.")
    @wraps(function)
    def with_export(
        *arguments: Any, bucket: str, prefix: str, account: str, region: str, **others: Any
    ) -> Any:
        return function(*arguments, export=ExportOptions(bucket, prefix, account, region), **others)

    return with_export


@dataclass(frozen=True)
class Period:
    """The hours that the ledger checks, and the delivery delay in minutes."""

    hours: int
    delay: int


def period_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--hours` and `--delay`, as the argument `period`."""

    @click.option("--hours", type=int, default=24, help="How many hours back. Default: 24.")
    @click.option(
        "--delay",
        type=int,
        default=DELAY_MIN,
        metavar="MINUTES",
        help=f"Delivery delay; later hours are not checked yet. Default: {DELAY_MIN}.",
    )
    @wraps(function)
    def with_period(*arguments: Any, hours: int, delay: int, **others: Any) -> Any:
        return function(*arguments, period=Period(hours, delay), **others)

    return with_period


groups_argument = click.argument("groups", nargs=-1, metavar="[GROUP|PATTERN]...")


@verb
@export_options
@period_options
@click.option("--all", is_flag=True, help="Show all log groups and hours, not only incomplete ones.")
def ledger(context: Context, export: ExportOptions, period: Period, all: bool) -> int:
    """Show the ledger.

    Returns exit status 1 if events are missing or failed, and 4 if that is unknown: not everything was read.
    """
    report = _read_report(context, export, period)
    result, canaries = report.ledger, report.canaries
    rows = [row for row in result.rows if all or row.incomplete]
    read = f"{len(result.rows):,} hours of {len(result.by_group()):,} log groups"
    if result.unread:
        read = f"the {read} that were read"
    context.show(
        [_row(row) for row in rows],
        empty=f"No missing events in {read}.",
        value={
            "missing": result.missing,
            "failed": result.failed,
            "unread": result.unread,
            "canaries": canary_lines.canary_rows(context.cloud, canaries, report.at),
            "rows": list(map(_row, rows)),
        },
    )
    _show_notes(context, report)
    _show_summary(context, result)
    canary_lines.show_canaries(context, canaries, report.at)
    if result.missing or result.failed:
        return INCOMPLETE
    return NOT_READ if result.unread else 0


@verb
@export_options
@click.option(
    "--stream",
    "stream_name",
    default="",
    help="Name of the export's Kinesis stream. Default: the stream of the only known export.",
)
@dry_run_option
def replay_errors(context: Context, export: ExportOptions, stream_name: str, dry_run: bool) -> None:
    location, stream = _known(context, export)
    objects = list_error_objects(context.cloud, location)
    if not objects:
        show_no_steps(context, f"No failed records under {location}errors/.")
        return
    if stream_name:
        stream = Stream(stream_name, location.account, location.region)
    if stream is None:
        raise InputError(
            f"Cannot find the stream of {location}.", field="stream", hint="Specify it with --stream."
        )
    carry_out(context, plan_replay(context.cloud, location, stream, objects), dry_run=dry_run)


@verb
@groups_argument
@export_options
@click.option(
    "--days",
    type=float,
    default=0.0,
    help="How many days back. Default: to the creation of the log group.",
)
@click.option("--status", is_flag=True, help="Show the progress of backfills.")
@dry_run_option
def backfill(
    context: Context,
    groups: tuple[str, ...],
    export: ExportOptions,
    days: float,
    status: bool,
    dry_run: bool,
) -> None:
    location = _location(context, export)
    if status:
        _show_states(context, location)
        return
    now = datetime.now(UTC)
    report = _read_groups(context, location, now)
    start = now - timedelta(days=days) if days else None
    requests = report.backfill_requests(groups or EVERY_GROUP, start)
    with _stopped_by_interrupt(context) as stopped:
        plan = plan_backfill(context.cloud, location, requests, stopped=stopped)
        carry_out(context, plan, dry_run=dry_run)


@verb
@groups_argument
@export_options
@period_options
@click.option("--set", type=int, default=0, metavar="DAYS", help="Set the retention of the log groups.")
@dry_run_option
@confirm_option("TEXT")
def retention(
    context: Context,
    groups: tuple[str, ...],
    export: ExportOptions,
    period: Period,
    set: int,
    dry_run: bool,
    confirm: str,
) -> None:
    groups = groups or EVERY_GROUP
    report = _read_report(context, export, period)
    selected = [
        advice
        for advice in report.advice()
        if any(fnmatchcase(advice.group.name, pattern) for pattern in groups)
    ]
    if not set:
        context.show(
            [_advice_row(advice) for advice in selected], empty="All matching log groups have a retention."
        )
        _show_notes(context, report)
        return
    if groups == EVERY_GROUP:
        raise InputError(
            "No log groups are specified.",
            field="groups",
            hint="Specify the log groups to set the retention of.",
        )
    plan = plan_retention(context.cloud, selected, set, lambda: datetime.now(UTC))
    carry_out(context, plan, dry_run=dry_run, confirmed=confirm)


def _known(context: Context, export: ExportOptions) -> tuple[Location, Stream | None]:
    """Return the specified bucket, or the only known export."""
    if export.bucket:
        place = context.place(export.account, export.region)
        return Location(export.bucket, export.prefix, place.account.id, place.region), None
    return single_known_export(context.cloud)


def _location(context: Context, export: ExportOptions) -> Location:
    return _known(context, export)[0]


def _read_report(context: Context, export: ExportOptions, period: Period) -> ExportReport:
    location = _location(context, export)
    now = datetime.now(UTC)
    end = hour_of(now) + HOUR
    count = exported.counter(_engine(context, location))
    start, delay = end - period.hours * HOUR, timedelta(minutes=period.delay)
    return read_export_report(context.cloud, location, count, start, end, now, delay)


def _read_groups(context: Context, location: Location, now: datetime) -> ExportReport:
    """Read only the log groups and backfill states, without counting events."""
    groups = [
        entry
        for reading in context.cloud.read(lambda place: list_group_exports(context.cloud, place))
        for entry in reading.value or []
    ]
    bucket = bucket_of(context.cloud, location)
    states = {(s.account, s.region, s.group): s for s in backfill_state.load_all(bucket, location)}
    return ExportReport(now, tuple(groups), Ledger(now, now, ()), states, {})


def _engine(context: Context, location: Location) -> "DuckDbEngine":
    from ops.logs.engines.duckdb import DuckDbEngine

    settings = context.cloud.settings
    store = bucket_of(context.cloud, location)
    return DuckDbEngine(store, location, FileCache(settings.data / "logs-cache", CACHE_BYTES))


def _show_states(context: Context, location: Location) -> None:
    bucket = bucket_of(context.cloud, location)
    rows = [
        {
            "account": state.account,
            "region": state.region,
            "group": state.group,
            "done": f"{state.share:.0%}",
            "events": state.events,
            "until": state.cut if state.complete else state.until,
        }
        for state in backfill_state.load_all(bucket, location)
    ]
    context.show(rows, empty="No backfills.")


def _row(row: LedgerRow) -> dict[str, Any]:
    return {
        "account": row.at.account,
        "region": row.at.region,
        "group": row.at.group,
        "hour": row.at.hour,
        "ingested": row.ingested.events,
        "ingested_bytes": row.ingested.size_bytes,
        "exported": row.exported.events,
        "failed": row.failed,
        "missing": row.missing,
        "in_other_hours": row.elsewhere,
        "status": row.status,
    }


def _advice_row(advice: RetentionAdvice) -> dict[str, Any]:
    saved = {f"saved_at_{days}_days": f"${advice.saved[days]:,.2f}" for days in RETENTION_CHOICES_DAYS}
    return {
        "account": advice.group.place.account.name,
        "region": advice.group.place.region,
        "group": advice.group.name,
        "stored_gb": f"{advice.group.stored_bytes / GB:,.3f}",
        "monthly_cost": f"${advice.cost:,.2f}",
        **saved,
        "export": "verified" if advice.proof.proven else advice.proof.reason,
    }


def _show_notes(context: Context, report: ExportReport) -> None:
    for reason in report.ledger.unread:
        context.echo(f"Not read: {reason}")
    for note in report.notes:
        context.echo(f"Note: {note}")


def _show_summary(context: Context, ledger: Ledger) -> None:
    if ledger.missing:
        context.echo(f"{ledger.missing:,} events are missing. Check the delivery stream's log group.")
    if ledger.failed:
        context.echo(f"{ledger.failed:,} events failed. Fix the cause, then run: slipway logs replay")


@contextmanager
def _stopped_by_interrupt(context: Context) -> Iterator[Callable[[], bool]]:
    """Stop after the current window on Ctrl-C; a second one interrupts immediately."""
    stop = threading.Event()

    def interrupt(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        context.echo("Stopping after the current window. Run the command again to continue.")

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop.is_set
    finally:
        signal.signal(signal.SIGINT, before)
