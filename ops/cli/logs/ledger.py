"""`python -m ops logs ledger|replay|backfill|retention`: whether anything is lost, and what to do then."""

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
from ops.logs.known_exports import only_known
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import HOUR, Location, hour_of

LOST = 1  # exit status of a ledger that is not complete
GB = 1 << 30
CACHE_BYTES = 10 * GB

Options = argparse.Namespace


def add(verbs: Any) -> None:
    parser = _of_export(
        verbs, "ledger", ledger, "compare what CloudWatch took in with what lies in the bucket"
    )
    _hours(parser)
    parser.add_argument(
        "--all", action="store_true", help="every group and hour, not only what is not complete"
    )
    parser = _of_export(verbs, "replay", replay_, "put what failed into the stream again")
    parser.add_argument(
        "--stream", default="", help="name of the export's Kinesis stream (default: that of the only export)"
    )
    _dry_run(parser)
    parser = _of_export(verbs, "backfill", backfill, "fetch events from before the subscription")
    _groups(parser)
    parser.add_argument(
        "--days", type=float, default=0, help="how far back (default: since the group exists)"
    )
    parser.add_argument("--status", action="store_true", help="show how far it is, do nothing")
    _dry_run(parser)
    parser = _of_export(verbs, "retention", retention, "what keeping logs for ever costs; set a retention")
    _hours(parser)
    _groups(parser)
    parser.add_argument("--set", type=int, default=0, metavar="DAYS", help="keep the groups' logs so long")
    parser.add_argument("--confirm", default="", metavar="TEXT", help="the confirmation, instead of typing")
    _dry_run(parser)


def _of_export(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument(
        "--bucket", default="", help="the bucket that logs are exported to (default: the only one known)"
    )
    parser.add_argument("--prefix", default="", help="the prefix in it")
    parser.add_argument("--account", default="", help="name or id of its account (default: the first one)")
    parser.add_argument("--region", default="", help="its region (default: the home region)")
    parser.set_defaults(command=command)
    return parser


def _hours(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=int, default=24, help="how many hours back (default 24)")
    parser.add_argument(
        "--delay",
        type=int,
        default=int(DELIVERY_DELAY.total_seconds() // 60),
        metavar="MINUTES",
        help="what came in later is not judged yet (default 30)",
    )


def _groups(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("groups", nargs="*", default=["*"], help="log groups, also patterns like '/aws/*'")


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")


def ledger(context: Context, options: Options) -> int:
    """Exit status 1 when events are missing or lie under the error prefix."""
    report = _stock(context, options)
    result = report.ledger
    rows = [row for row in result.rows if options.all or row.status not in ("complete", "under way")]
    context.show(
        [_row(row) for row in rows],
        empty=f"Nothing is missing in {len(result.rows):,} hours of {len(result.by_group()):,} log groups.",
        value={"missing": result.missing, "failed": result.failed, "rows": list(map(_row, rows))},
    )
    _say_notes(context, report)
    _say_verdict(context, result)
    return 0 if result.ok else LOST


def replay_(context: Context, options: Options) -> None:
    location, stream = _known(context, options)
    objects = replay.list_error_objects(context.cloud, location)
    if not objects:
        context.say(f"Nothing lies under {location}errors/.")
        return
    if options.stream:
        stream = Stream(options.stream, location.account, location.region)
    if stream is None:
        raise InputError(
            f"The stream of {location} is not known.", field="stream", hint="Name it with --stream."
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
    report = _stock_of_groups(context, location, now)
    start = now - timedelta(days=options.days) if options.days else None
    requests = report.wanted(options.groups, start)
    with _stopped_by_interrupt(context) as stopped:
        plan = plan_backfill(context.cloud, location, requests, stopped=stopped)
        context.carry_out(plan, dry_run=options.dry_run, confirmed="")


def retention(context: Context, options: Options) -> None:
    report = _stock(context, options)
    selected = [
        advice
        for advice in report.advice()
        if any(fnmatchcase(advice.group.name, pattern) for pattern in options.groups)
    ]
    if not options.set:
        context.show(
            [_advice(advice) for advice in selected], empty="No such log group keeps its logs for ever."
        )
        _say_notes(context, report)
        return
    if options.groups == ["*"]:
        raise InputError(
            "No log group was named.", field="groups", hint="Name the groups whose retention is to be set."
        )
    plan = plan_retention(context.cloud, selected, options.set, lambda: datetime.now(UTC))
    context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm)


def _known(context: Context, options: Options) -> tuple[Location, Stream | None]:
    """What is named, else the only export that there is."""
    if options.bucket:
        place = context.place(options.account, options.region)
        return Location(options.bucket, options.prefix, place.account.id, place.region), None
    return only_known(context.cloud)


def _location(context: Context, options: Options) -> Location:
    return _known(context, options)[0]


def _stock(context: Context, options: Options) -> ExportReport:
    location = _location(context, options)
    now = datetime.now(UTC)
    end = hour_of(now) + HOUR
    count = exported.counter(_engine(context, location))
    delay = timedelta(minutes=options.delay)
    return read_export_report(context.cloud, location, count, end - options.hours * HOUR, end, now, delay)


def _stock_of_groups(context: Context, location: Location, now: datetime) -> ExportReport:
    """Groups and states only: no hour is counted."""
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
    context.show(rows, empty="No backfill has been started.")


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


def _advice(advice: RetentionAdvice) -> dict[str, Any]:
    saved = {f"saved at {days} d": f"${advice.saved[days]:,.2f}" for days in RETENTION_CHOICES_DAYS}
    return {
        "account": advice.group.place.account.name,
        "region": advice.group.place.region,
        "group": advice.group.name,
        "stored GB": f"{advice.group.stored_bytes / GB:,.3f}",
        "costs a month": f"${advice.cost:,.2f}",
        **saved,
        "export": "proven" if advice.proof.proven else advice.proof.reason,
    }


def _say_notes(context: Context, report: ExportReport) -> None:
    for note in report.notes:
        context.say(f"Note: {note}")


def _say_verdict(context: Context, ledger: Ledger) -> None:
    if ledger.missing:
        context.say(
            f"{ledger.missing:,} events are missing: see the hours above, and the delivery stream's log."
        )
    if ledger.failed:
        context.say(
            f"{ledger.failed:,} events failed and are kept: `python -m ops logs replay` after the cure."
        )


@contextmanager
def _stopped_by_interrupt(context: Context) -> Iterator[Callable[[], bool]]:
    """Ctrl-C lets the window under way end; a second one ends at once."""
    stop = threading.Event()

    def interrupt(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        context.say("Stopping after this window; start again to go on.")

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop.is_set
    finally:
        signal.signal(signal.SIGINT, before)
