"""`python -m ops logs ledger|replay|backfill|retention`: find and restore missing events, set retention."""

import argparse
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from ops.aws.s3.log_bucket import LogBucket
from ops.aws.s3.objects import Bucket
from ops.cli.context import Context
from ops.errors import InputError
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.export import replay
from ops.logs.export.backfill import state as backfill_state
from ops.logs.export.backfill.plan import plan_backfill
from ops.logs.export.coverage.subscribed import list_group_exports
from ops.logs.export.ledger import exported
from ops.logs.export.ledger.model import DELIVERY_DELAY, Ledger, LedgerRow
from ops.logs.export.ledger.reader import ExportReport, read_export_report
from ops.logs.export.replay import Stream, plan_replay
from ops.logs.export.retention import RETENTION_CHOICES_DAYS, RetentionAdvice, plan_retention
from ops.logs.known_exports import single_known_export
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import HOUR, Location, hour_of

INCOMPLETE = 1  # exit status if events are missing or failed
GB = 1 << 30
CACHE_BYTES = 10 * GB

Options = argparse.Namespace


def add(verbs: Any) -> None:
    parser = _add_verb(
        verbs, "ledger", ledger, "compare ingested events with exported ones, and count missing events"
    )
    _hours(parser)
    parser.add_argument(
        "--all", action="store_true", help="show all log groups and hours, not only incomplete ones"
    )
    parser = _add_verb(verbs, "replay", replay_, "put failed records into the stream again")
    parser.add_argument(
        "--stream", default="", help="name of the export's Kinesis stream (default: of the only known export)"
    )
    _dry_run(parser)
    parser = _add_verb(verbs, "backfill", backfill, "export events from before the subscription")
    _groups(parser)
    parser.add_argument(
        "--days", type=float, default=0, help="how many days back (default: to the creation of the log group)"
    )
    parser.add_argument("--status", action="store_true", help="show the progress of backfills")
    _dry_run(parser)
    parser = _add_verb(
        verbs, "retention", retention, "show the storage cost of logs that never expire; set a retention"
    )
    _hours(parser)
    _groups(parser)
    parser.add_argument(
        "--set", type=int, default=0, metavar="DAYS", help="set the retention of the log groups"
    )
    parser.add_argument("--confirm", default="", metavar="TEXT", help="confirm without a prompt")
    _dry_run(parser)


def _add_verb(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument(
        "--bucket", default="", help="bucket that logs are exported to (default: the only known one)"
    )
    parser.add_argument("--prefix", default="", help="key prefix in the bucket")
    parser.add_argument(
        "--account", default="", help="name or ID of the bucket's account (default: the first one)"
    )
    parser.add_argument("--region", default="", help="region of the bucket (default: the home region)")
    parser.set_defaults(command=command)
    return parser


def _hours(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=int, default=24, help="how many hours back (default: 24)")
    parser.add_argument(
        "--delay",
        type=int,
        default=int(DELIVERY_DELAY.total_seconds() // 60),
        metavar="MINUTES",
        help="delivery delay; later hours are not checked yet (default: 30)",
    )


def _groups(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("groups", nargs="*", default=["*"], help="log group names or patterns like '/aws/*'")


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show the plan without executing it")


def ledger(context: Context, options: Options) -> int:
    """Show the ledger. Returns exit status 1 if events are missing or failed."""
    report = _read_report(context, options)
    result = report.ledger
    rows = [row for row in result.rows if options.all or row.incomplete]
    context.show(
        [_row(row) for row in rows],
        empty=f"No missing events in {len(result.rows):,} hours of {len(result.by_group()):,} log groups.",
        value={"missing": result.missing, "failed": result.failed, "rows": list(map(_row, rows))},
    )
    _show_notes(context, report)
    _show_summary(context, result)
    return 0 if result.ok else INCOMPLETE


def replay_(context: Context, options: Options) -> None:
    location, stream = _known(context, options)
    objects = replay.list_error_objects(context.cloud, location)
    if not objects:
        context.echo(f"No failed records under {location}errors/.")
        return
    if options.stream:
        stream = Stream(options.stream, location.account, location.region)
    if stream is None:
        raise InputError(
            f"Cannot find the stream of {location}.", field="stream", hint="Specify it with --stream."
        )
    context.carry_out(
        plan_replay(context.cloud, location, stream, objects), dry_run=options.dry_run, confirmed=""
    )


def backfill(context: Context, options: Options) -> None:
    location = _location(context, options)
    if options.status:
        _show_states(context, location)
        return
    now = datetime.now(UTC)
    report = _read_groups(context, location, now)
    start = now - timedelta(days=options.days) if options.days else None
    requests = report.backfill_requests(options.groups, start)
    with _stopped_by_interrupt(context) as stopped:
        plan = plan_backfill(context.cloud, location, requests, stopped=stopped)
        context.carry_out(plan, dry_run=options.dry_run, confirmed="")


def retention(context: Context, options: Options) -> None:
    report = _read_report(context, options)
    selected = [
        advice
        for advice in report.advice()
        if any(fnmatchcase(advice.group.name, pattern) for pattern in options.groups)
    ]
    if not options.set:
        context.show(
            [_advice_row(advice) for advice in selected], empty="All matching log groups have a retention."
        )
        _show_notes(context, report)
        return
    if options.groups == ["*"]:
        raise InputError(
            "No log groups are specified.",
            field="groups",
            hint="Specify the log groups to set the retention of.",
        )
    plan = plan_retention(context.cloud, selected, options.set, lambda: datetime.now(UTC))
    context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm)


def _known(context: Context, options: Options) -> tuple[Location, Stream | None]:
    """Return the specified bucket, or the only known export."""
    if options.bucket:
        place = context.place(options.account, options.region)
        return Location(options.bucket, options.prefix, place.account.id, place.region), None
    return single_known_export(context.cloud)


def _location(context: Context, options: Options) -> Location:
    return _known(context, options)[0]


def _read_report(context: Context, options: Options) -> ExportReport:
    location = _location(context, options)
    now = datetime.now(UTC)
    end = hour_of(now) + HOUR
    count = exported.counter(_engine(context, location))
    delay = timedelta(minutes=options.delay)
    return read_export_report(context.cloud, location, count, end - options.hours * HOUR, end, now, delay)


def _read_groups(context: Context, location: Location, now: datetime) -> ExportReport:
    """Read only the log groups and backfill states, without counting events."""
    groups = [
        entry
        for reading in context.cloud.read(lambda place: list_group_exports(context.cloud, place))
        for entry in reading.value or []
    ]
    bucket = LogBucket(context.cloud, location.bucket, location.account, location.region)
    states = {(s.account, s.region, s.group): s for s in backfill_state.load_all(bucket, location)}
    return ExportReport(now, tuple(groups), Ledger(now, now, ()), states, {})


def _engine(context: Context, location: Location) -> DuckDbEngine:
    settings = context.cloud.settings
    store = Bucket(context.cloud, location.bucket, location.account, location.region)
    return DuckDbEngine(store, location, FileCache(settings.data / "logs-cache", CACHE_BYTES))


def _show_states(context: Context, location: Location) -> None:
    bucket = LogBucket(context.cloud, location.bucket, location.account, location.region)
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
        "taken in": row.ingested.events,
        "bytes in": row.ingested.size_bytes,
        "exported": row.exported.events,
        "failed": row.failed,
        "missing": row.missing,
        "status": row.status,
    }


def _advice_row(advice: RetentionAdvice) -> dict[str, Any]:
    saved = {f"saved at {days} d": f"${advice.saved[days]:,.2f}" for days in RETENTION_CHOICES_DAYS}
    return {
        "account": advice.group.place.account.name,
        "region": advice.group.place.region,
        "group": advice.group.name,
        "stored GB": f"{advice.group.stored_bytes / GB:,.3f}",
        "costs a month": f"${advice.cost:,.2f}",
        **saved,
        "export": "verified" if advice.proof.proven else advice.proof.reason,
    }


def _show_notes(context: Context, report: ExportReport) -> None:
    for note in report.notes:
        context.echo(f"Note: {note}")


def _show_summary(context: Context, ledger: Ledger) -> None:
    if ledger.missing:
        context.echo(f"{ledger.missing:,} events are missing. Check the delivery stream's log group.")
    if ledger.failed:
        context.echo(f"{ledger.failed:,} events failed. Fix the cause, then run: python -m ops logs replay")


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
