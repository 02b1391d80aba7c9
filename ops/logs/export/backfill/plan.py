"""Backfill: events from before a group's subscription, into the same dataset. One step a group, resumable.

Small groups are read page by page; large ones are exported by CloudWatch Logs, one at a time in an account
and region, and taken over from there. The cut is the subscription's beginning, by the time at which an event
came in. A minute after it is read too, since a subscription takes a moment to begin: those events carry the
stream's own ids, and readers drop the double.
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
from ops.aws.logs.history import milliseconds
from ops.aws.s3.log_bucket import LogBucket
from ops.errors import Conflict, InputError
from ops.logs.export.backfill import state as backfill_state
from ops.logs.export.backfill.objects import Writer, by_folder, exported_events
from ops.logs.export.backfill.state import STAGED, State
from ops.logs.export.ledger.model import AHEAD_H
from ops.logs.lake.layout import Location
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Step

WINDOW = timedelta(days=1)
OVERLAP = timedelta(minutes=1)
LARGE_BYTES = 2 << 30  # FilterLogEvents gives about 1 MB a call
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

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """A group whose events from `start` until its subscription began, at `cut`, are wanted."""

    group: LogGroup
    start: datetime
    cut: datetime
    large_bytes: int = LARGE_BYTES

    def by_task(self, location: Location) -> bool:
        """An export task needs a bucket in the group's own region."""
        same_region = location.region == self.group.place.region
        return same_region and self.group.stored_bytes >= self.large_bytes


@dataclass(frozen=True)
class Work:
    """What a step needs to run. `stopped` is asked between windows."""

    cloud: Cloud
    location: Location
    stopped: Callable[[], bool]
    sleep: Callable[[float], None] = time.sleep

    @property
    def bucket(self) -> LogBucket:
        place = self.location
        return LogBucket(self.cloud, place.bucket, place.account, place.region)


def plan_backfill(
    cloud: Cloud,
    location: Location,
    wanted: Sequence[Wanted],
    *,
    stopped: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> Plan:
    """Fetches each group's older events. Raises InputError when there is nothing to fetch."""
    if not wanted:
        raise InputError(
            "No log group has events from before its subscription.",
            hint="Choose subscribed groups that are older than their subscription.",
        )
    work = Work(cloud, location, stopped, sleep)
    return Plan(
        title=f"Backfill {len(wanted)} log group{'s' if len(wanted) > 1 else ''}",
        steps=tuple(_step(work, each) for each in wanted),
        operation=Operation.BACKFILL_LOGS,
    )


def _step(work: Work, wanted: Wanted) -> Step:
    group = wanted.group
    place = group.place
    task = wanted.by_task(work.location)
    return Step(
        id="/".join(group.key),
        does=f"Fetch the events of {group.name} {'by an export task' if task else 'page by page'}",
        resource=Resource("AWS::Logs::LogGroup", group.name, place.account.id, place.region),
        parameters={
            "from": wanted.start.isoformat(),
            "to": wanted.cut.isoformat(),
            "into": str(work.location),
            "by": "an export task" if task else "pages",
        },
        evidence=f"from {wanted.start:%Y-%m-%d %H:%M} to its subscription, {wanted.cut:%Y-%m-%d %H:%M} UTC",
        actions=TASK_ACTIONS if task else READ_ACTIONS,
        check=partial(_check, work, wanted),
        act=partial(_by_task if task else _by_pages, work, wanted),
    )


def _check(work: Work, wanted: Wanted) -> Check:
    state = backfill_state.load(work.bucket, work.location, wanted.group.key)
    if state and state.complete and datetime.fromisoformat(state.start) <= wanted.start:
        return Check(Readiness.DONE, f"{state.events:,} events were fetched before")
    return READY


def _state(work: Work, wanted: Wanted) -> State:
    """Where an earlier run stopped, if it was to fetch the same."""
    account, region, name = wanted.group.key
    fresh = State(
        account=account,
        region=region,
        group=name,
        start=wanted.start.isoformat(),
        cut=wanted.cut.isoformat(),
        until=wanted.start.isoformat(),
    )
    found = backfill_state.load(work.bucket, work.location, wanted.group.key)
    same = found and (found.start, found.cut) == (fresh.start, fresh.cut)
    return found if found and same else fresh


def _by_pages(work: Work, wanted: Wanted, say: Say) -> None:
    group = wanted.group
    state = _state(work, wanted)
    last = milliseconds(wanted.cut + OVERLAP)
    end = wanted.cut + timedelta(hours=AHEAD_H)  # an event may be of a later time than it came in
    at = datetime.fromisoformat(state.until)
    while at < end:
        _go_on(work, group.name)
        until = min(end, _next_window(at))
        writer = Writer(work.location, group.key, at.isoformat(), work.bucket.write)
        span = (milliseconds(at), milliseconds(until))
        for event in log_history.read_events(work.cloud, group.place, group.name, *span):
            if event.ingested < last:
                writer.add(event)
        writer.flush()
        state = state.moved(until, writer.events)
        backfill_state.save(work.bucket, work.location, state)
        say(f"{state.events:,} events up to {min(until, wanted.cut):%Y-%m-%d %H:%M} UTC")
        at = until
    backfill_state.save(work.bucket, work.location, replace(state, complete=True))


def _next_window(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + WINDOW


def _by_task(work: Work, wanted: Wanted, say: Say) -> None:
    group = wanted.group
    state = _state(work, wanted)
    prefix = f"{work.location.prefix}{STAGED}"
    if not state.task:
        span = (milliseconds(wanted.start), milliseconds(wanted.cut))
        task = _start(work, wanted, span, prefix, say)
        state = replace(state, task=task)
        backfill_state.save(work.bucket, work.location, state)
    say(f"CloudWatch Logs exports {group.name}")
    if not log_history.wait_for_export(
        work.cloud, group.place, state.task, stopped=work.stopped, sleep=work.sleep
    ):
        _go_on(work, group.name)
    events = _take_over(work, wanted, f"{prefix}{state.task}/", say)
    done = replace(state.moved(wanted.cut, events), complete=True, task="")
    backfill_state.save(work.bucket, work.location, done)


def _start(work: Work, wanted: Wanted, span: tuple[int, int], prefix: str, say: Say) -> str:
    """Waits for the account's and region's one slot."""
    group = wanted.group
    while True:
        try:
            return log_history.start_export(
                work.cloud, group.place, group.name, span, work.location.bucket, prefix
            )
        except Conflict:
            say("another export runs in this account and region: waiting for its end")
            _go_on(work, group.name)
            work.sleep(log_history.POLL_S)


def _take_over(work: Work, wanted: Wanted, prefix: str, say: Say) -> int:
    """Turns what the task has written into objects of the dataset, then deletes it."""
    bucket, group = work.bucket, wanted.group
    streams = by_folder(log_history.stream_names(work.cloud, group.place, group.name))
    keys = list(bucket.keys(prefix))
    total = 0
    for number, key in enumerate(keys, 1):
        _go_on(work, group.name)
        folder = key.removeprefix(prefix).rpartition("/")[0]
        text = gzip.decompress(bucket.read(key) or gzip.compress(b"")).decode("utf-8", "replace")
        writer = Writer(work.location, group.key, key, bucket.write)
        for event in exported_events(text, streams.get(folder, folder), key):
            writer.add(event)
        writer.flush()
        total += writer.events
        say(f"{number:,} of {len(keys):,} exported objects, {total:,} events")
    for key in keys:
        bucket.delete(key)
    return total


def _go_on(work: Work, name: str) -> None:
    if work.stopped():
        raise Conflict(f"The backfill of {name} was stopped.", hint="Start it again: it goes on from here.")
