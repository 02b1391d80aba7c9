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
from ops.logs.export.coverage.subscribed import list_exported
from ops.logs.export.ledger import exported
from ops.logs.export.ledger.model import DELAY, Ledger, Row
from ops.logs.export.ledger.reader import Stock, take_stock
from ops.logs.export.replay import Stream, plan_replay
from ops.logs.export.retention import CHOICES_DAYS, Advice, plan_retention
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
        default=int(DELAY.total_seconds() // 60),
        metavar="MINUTES",
        help="what came in later is not judged yet (default 30)",
    )


def _groups(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("groups", nargs="*", default=["*"], help="log groups, also patterns like '/aws/*'")


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")


def ledger(context: Context, options: Options) -> int:
    """Exit status 1 when events are missing or lie under the error prefix."""
    stock = _stock(context, options)
    found = stock.ledger
    shown = [row for row in found.rows if options.all or row.status not in ("complete", "under way")]
    context.show(
        [_row(row) for row in shown],
        empty=f"Nothing is missing in {len(found.rows):,} hours of {len(found.by_group()):,} log groups.",
        value={"missing": found.missing, "failed": found.failed, "rows": list(map(_row, shown))},
    )
    _say_notes(context, stock)
    _say_verdict(context, found)
    return 0 if found.ok else LOST


def replay_(context: Context, options: Options) -> None:
    location, stream = _known(context, options)
    objects = replay.survey(context.cloud, location)
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
    stock = _stock_of_groups(context, location, now)
    start = now - timedelta(days=options.days) if options.days else None
    wanted = stock.wanted(options.groups, start)
    with _stopped_by_interrupt(context) as stopped:
        plan = plan_backfill(context.cloud, location, wanted, stopped=stopped)
        context.carry_out(plan, dry_run=options.dry_run, confirmed="")


def retention(context: Context, options: Options) -> None:
    stock = _stock(context, options)
    chosen = [
        each
        for each in stock.advice()
        if any(fnmatchcase(each.group.name, pattern) for pattern in options.groups)
    ]
    if not options.set:
        context.show([_advice(each) for each in chosen], empty="No such log group keeps its logs for ever.")
        _say_notes(context, stock)
        return
    if options.groups == ["*"]:
        raise InputError(
            "No log group was named.", field="groups", hint="Name the groups whose retention is to be set."
        )
    plan = plan_retention(context.cloud, chosen, options.set, lambda: datetime.now(UTC))
    context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm)


def _known(context: Context, options: Options) -> tuple[Location, Stream | None]:
    """What is named, else the only export that there is."""
    if options.bucket:
        place = context.place(options.account, options.region)
        return Location(options.bucket, options.prefix, place.account.id, place.region), None
    return only_known(context.cloud)


def _location(context: Context, options: Options) -> Location:
    return _known(context, options)[0]


def _stock(context: Context, options: Options) -> Stock:
    location = _location(context, options)
    now = datetime.now(UTC)
    end = hour_of(now) + HOUR
    count = exported.counter(_engine(context, location))
    delay = timedelta(minutes=options.delay)
    return take_stock(context.cloud, location, count, end - options.hours * HOUR, end, now, delay)


def _stock_of_groups(context: Context, location: Location, now: datetime) -> Stock:
    """Groups and states only: no hour is counted."""
    groups = [
        each
        for reading in context.cloud.read(lambda place: list_exported(context.cloud, place))
        for each in reading.value or []
    ]
    bucket = LogBucket(context.cloud, location.bucket, location.account, location.region)
    states = {(s.account, s.region, s.group): s for s in backfill_state.load_all(bucket, location)}
    return Stock(now, tuple(groups), Ledger(now, now, ()), states, {})


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


def _row(row: Row) -> dict[str, Any]:
    return {
        "account": row.at.account,
        "region": row.at.region,
        "group": row.at.group,
        "hour": row.at.hour,
        "taken in": row.taken_in.events,
        "bytes in": row.taken_in.size_bytes,
        "exported": row.exported.events,
        "failed": row.failed,
        "missing": row.missing,
        "status": row.status,
    }


def _advice(advice: Advice) -> dict[str, Any]:
    saved = {f"saved at {days} d": f"${advice.saved[days]:,.2f}" for days in CHOICES_DAYS}
    return {
        "account": advice.group.place.account.name,
        "region": advice.group.place.region,
        "group": advice.group.name,
        "stored GB": f"{advice.group.stored_bytes / GB:,.3f}",
        "costs a month": f"${advice.cost:,.2f}",
        **saved,
        "export": "proven" if advice.proof.proven else advice.proof.reason,
    }


def _say_notes(context: Context, stock: Stock) -> None:
    for note in stock.notes:
        context.say(f"Note: {note}")


def _say_verdict(context: Context, found: Ledger) -> None:
    if found.missing:
        context.say(
            f"{found.missing:,} events are missing: see the hours above, and the delivery stream's log."
        )
    if found.failed:
        context.say(
            f"{found.failed:,} events failed and are kept: `python -m ops logs replay` after the cure."
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
