"""Backfill: export events from before a group's subscription, in one resumable step per group.

Small groups are read page by page; large ones by an export task of CloudWatch Logs, one at a time per account
and region. The backfill ends where the subscription started, by ingestion time. It also reads the minute
after, because a subscription needs a moment to start: those events have the same IDs as in the stream, by
which readers drop the duplicates.
"""

import gzip
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from ops.aws.cloud import Cloud
from ops.aws.logs import history as log_history
from ops.aws.logs.groups import LogGroup
from ops.aws.logs.history import to_milliseconds
from ops.aws.s3.objects import Bucket
from ops.errors import Conflict, InputError
from ops.logs.export.backfill import state as backfill_state
from ops.logs.export.backfill.objects import BackfillWriter, parse_export_object, streams_by_folder
from ops.logs.export.backfill.state import STAGING_FOLDER, BackfillState
from ops.logs.export.ledger.model import MAX_FUTURE_H
from ops.logs.lake.layout import Location
from ops.logs.lake.store import bucket_of
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Step

WINDOW = timedelta(days=1)
OVERLAP = timedelta(minutes=1)
LARGE_BYTES = 2 << 30  # FilterLogEvents returns about 1 MB per call
READ_ACTIONS = ("logs:FilterLogEvents", "s3:GetObject", "s3:PutObject")
TASK_ACTIONS = (
    "logs:CreateExportTask",
    "logs:DescribeExportTasks",
    "logs:DescribeLogStreams",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
)

ReportMessage = Callable[[str], None]


@dataclass(frozen=True)
class BackfillRequest:
    """A group to backfill from `start` to `cut`, when its subscription started."""

    group: LogGroup
    start: datetime
    cut: datetime
    large_bytes: int = LARGE_BYTES

    def uses_export_task(self, location: Location) -> bool:
        """Whether to use an export task, which needs a bucket in the group's region."""
        same_region = location.region == self.group.place.region
        return same_region and self.group.stored_bytes >= self.large_bytes


@dataclass(frozen=True)
class BackfillContext:
    """What all steps share. `stopped` is called between windows."""

    cloud: Cloud
    location: Location
    stopped: Callable[[], bool]
    sleep: Callable[[float], None] = time.sleep

    @property
    def bucket(self) -> Bucket:
        return bucket_of(self.cloud, self.location)


def plan_backfill(
    cloud: Cloud,
    location: Location,
    requests: Sequence[BackfillRequest],
    *,
    stopped: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> Plan:
    """Plan the backfill of log groups. Raises InputError if there are none."""
    if not requests:
        raise InputError(
            "No log group is older than its subscription.",
            hint="Select subscribed log groups that are older than their subscription.",
        )
    context = BackfillContext(cloud, location, stopped, sleep)
    return Plan(
        title=f"Backfill {len(requests)} log group{'s' if len(requests) > 1 else ''}",
        steps=tuple(_step(context, request) for request in requests),
        operation=Operation.BACKFILL_LOGS,
    )


def _step(context: BackfillContext, request: BackfillRequest) -> Step[None]:
    group = request.group
    place = group.place
    task = request.uses_export_task(context.location)
    return Step(
        id="/".join(group.key),
        does=f"Backfill {group.name} {'with an export task' if task else 'page by page'}",
        resource=Resource("AWS::Logs::LogGroup", group.name, place.account.id, place.region),
        parameters={
            "from": request.start.isoformat(),
            "to": request.cut.isoformat(),
            "into": str(context.location),
            "by": "an export task" if task else "pages",
        },
        evidence=f"from {request.start:%Y-%m-%d %H:%M} to its subscription, {request.cut:%Y-%m-%d %H:%M} UTC",
        actions=TASK_ACTIONS if task else READ_ACTIONS,
        check=partial(_check, context, request),
        act=partial(_by_task if task else _by_pages, context, request),
    )


def _check(context: BackfillContext, request: BackfillRequest) -> Check:
    state = backfill_state.load(context.bucket, context.location, request.group.key)
    if state and state.complete and datetime.fromisoformat(state.start) <= request.start:
        return Check(Readiness.DONE, f"already backfilled, {state.events:,} events")
    return READY


def _state(context: BackfillContext, request: BackfillRequest) -> BackfillState:
    """Return the state of an earlier run of the same request, or a new one."""
    account, region, name = request.group.key
    fresh = BackfillState(
        account=account,
        region=region,
        group=name,
        start=request.start.isoformat(),
        cut=request.cut.isoformat(),
        until=request.start.isoformat(),
    )
    saved = backfill_state.load(context.bucket, context.location, request.group.key)
    same = saved and (saved.start, saved.cut) == (fresh.start, fresh.cut)
    return saved if saved and same else fresh


def _by_pages(context: BackfillContext, request: BackfillRequest, say: ReportMessage) -> None:
    group = request.group
    state = _state(context, request)
    last = to_milliseconds(request.cut + OVERLAP)
    end = request.cut + timedelta(hours=MAX_FUTURE_H)  # an event's timestamp may be after its ingestion
    at = datetime.fromisoformat(state.until)
    while at < end:
        _check_not_stopped(context, group.name)
        until = min(end, at.replace(hour=0, minute=0, second=0, microsecond=0) + WINDOW)
        writer = BackfillWriter(context.location, group.key, at.isoformat(), context.bucket.put)
        span = (to_milliseconds(at), to_milliseconds(until))
        for event in log_history.read_events(context.cloud, group.place, group.name, *span):
            if event.ingested < last:
                writer.add(event)
        writer.flush()
        state = state.advanced(until, writer.events)
        backfill_state.save(context.bucket, context.location, state)
        say(f"{state.events:,} events up to {min(until, request.cut):%Y-%m-%d %H:%M} UTC")
        at = until
    backfill_state.save(context.bucket, context.location, replace(state, complete=True))


def _by_task(context: BackfillContext, request: BackfillRequest, say: ReportMessage) -> None:
    group = request.group
    state = _state(context, request)
    prefix = f"{context.location.prefix}{STAGING_FOLDER}"
    if not state.task:
        span = (to_milliseconds(request.start), to_milliseconds(request.cut))
        task = _start(context, request, span, prefix, say)
        state = replace(state, task=task)
        backfill_state.save(context.bucket, context.location, state)
    say(f"Exporting {group.name} with an export task")
    if not log_history.wait_for_export_task(
        context.cloud, group.place, state.task, stopped=context.stopped, sleep=context.sleep
    ):
        _check_not_stopped(context, group.name)
    events = _import_objects(context, request, f"{prefix}{state.task}/", say)
    done = replace(state.advanced(request.cut, events), complete=True, task="")
    backfill_state.save(context.bucket, context.location, done)


def _start(
    context: BackfillContext, request: BackfillRequest, span: tuple[int, int], prefix: str, say: ReportMessage
) -> str:
    """Start an export task, after waiting for any other that is running in the account and region."""
    group = request.group
    while True:
        try:
            return log_history.start_export_task(
                context.cloud, group.place, group.name, span, context.location.bucket, prefix
            )
        except Conflict:
            say("Waiting for another export task in this account and region")
            _check_not_stopped(context, group.name)
            context.sleep(log_history.POLL_S)


def _import_objects(
    context: BackfillContext, request: BackfillRequest, prefix: str, say: ReportMessage
) -> int:
    """Convert the objects of the export task to objects of the dataset, then delete them."""
    bucket, group = context.bucket, request.group
    streams = streams_by_folder(log_history.list_stream_names(context.cloud, group.place, group.name))
    keys = [entry.key for entry in bucket.list(prefix)]
    total = 0
    for number, key in enumerate(keys, 1):
        _check_not_stopped(context, group.name)
        folder = key.removeprefix(prefix).rpartition("/")[0]
        text = gzip.decompress(bucket.find(key) or gzip.compress(b"")).decode("utf-8", "replace")
        writer = BackfillWriter(context.location, group.key, key, bucket.put)
        for event in parse_export_object(text, streams.get(folder, folder), key):
            writer.add(event)
        writer.flush()
        total += writer.events
        say(f"{number:,} of {len(keys):,} exported objects, {total:,} events")
    for key in keys:
        bucket.delete(key)
    return total


def _check_not_stopped(context: BackfillContext, name: str) -> None:
    if context.stopped():
        raise Conflict(f"The backfill of {name} was stopped.", hint="Start it again to continue from here.")
