"""Replay of the error prefix: what Firehose could not process goes into the stream again, after the cure.

One step an error object: its records are put into the stream, then it moves to `replayed/`. A crash between
the two puts them twice, with the same ids; an object that has moved is done. Records that are none of
CloudWatch's are kept apart, below `strange/`.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice

from ops.aws import kinesis
from ops.aws.cloud import Cloud
from ops.aws.s3.log_bucket import LogBucket
from ops.errors import InputError
from ops.logs.export import error_records
from ops.logs.lake.layout import Location
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Step

MAX_OBJECTS = 1_000  # a plan
ACTIONS = (
    "kinesis:PutRecords",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
)


@dataclass(frozen=True)
class Stream:
    """Where records are put back."""

    name: str
    account: str
    region: str


@dataclass(frozen=True)
class ErrorObject:
    """What lies in one error object."""

    key: str
    records: int
    events: int
    unreadable: int  # records that are not CloudWatch's
    reasons: tuple[str, ...]  # error codes, most frequent first


def list_error_objects(cloud: Cloud, location: Location, limit: int = MAX_OBJECTS) -> list[ErrorObject]:
    """The error objects, oldest first by name; reads each."""
    bucket = _bucket(cloud, location)
    keys = islice(bucket.keys(error_records.errors_prefix(location)), limit)
    return [error_object for key in keys if (error_object := _look(bucket, key))]


def plan_replay(cloud: Cloud, location: Location, stream: Stream, objects: list[ErrorObject]) -> Plan:
    """Puts the records of the error objects into the stream again. Raises InputError when there are none."""
    replayable = [error_object for error_object in objects if error_object.records > error_object.unreadable]
    if not replayable:
        raise InputError(
            f"Nothing under {location}{error_records.ERRORS} can be replayed.",
            hint="Look at the objects there: they hold no records of CloudWatch Logs.",
        )
    events = sum(error_object.events for error_object in replayable)
    return Plan(
        title=f"Replay {events:,} events of {len(replayable):,} error objects",
        steps=tuple(_step(cloud, location, stream, error_object) for error_object in replayable),
        operation=Operation.REPLAY_RECORDS,
    )


def _step(cloud: Cloud, location: Location, stream: Stream, error_object: ErrorObject) -> Step:
    bucket = _bucket(cloud, location)
    left = f", {error_object.unreadable:,} unreadable ones are kept apart" if error_object.unreadable else ""
    return Step(
        id=error_object.key,
        does=f"Put {error_object.records - error_object.unreadable:,} records into {stream.name} again{left}",
        resource=Resource(
            "AWS::S3::Object", f"{location.bucket}/{error_object.key}", stream.account, stream.region
        ),
        parameters={"stream": stream.name, "records": str(error_object.records - error_object.unreadable)},
        evidence=f"failed with {', '.join(error_object.reasons)}",
        actions=ACTIONS,
        check=partial(_check, bucket, error_object.key),
        act=partial(_replay, cloud, location, stream, error_object.key),
    )


def _check(bucket: LogBucket, key: str) -> Check:
    if bucket.read(key) is None:
        return Check(Readiness.DONE, "it was replayed before")
    return READY


def _replay(cloud: Cloud, location: Location, stream: Stream, key: str, say: Callable[[str], None]) -> None:
    bucket = _bucket(cloud, location)
    body = bucket.read(key)
    if body is None:
        return
    parsed = [
        (record, error_records.subscription_record(record.data)) for record in error_records.parse(body)
    ]
    entries = [
        (str(uuid.uuid4()), error_record.data) for error_record, record in parsed if record is not None
    ]
    kinesis.put_records(cloud, stream.account, stream.region, stream.name, entries)
    say(f"{len(entries):,} records are in the stream")
    if len(entries) < len(parsed):
        unparsed = [error_record for error_record, record in parsed if record is None]
        bucket.write(error_records.unreplayable_key(location, key), error_records.to_json_lines(unparsed))
    bucket.move(key, error_records.replayed_key(location, key))


def _look(bucket: LogBucket, key: str) -> ErrorObject | None:
    body = bucket.read(key)
    if body is None:
        return None
    reasons: Counter[str] = Counter()
    records = events = unreadable = 0
    try:
        for error_record in error_records.parse(body):
            records += 1
            reasons[error_record.code] += 1
            record = error_records.subscription_record(error_record.data)
            if record is None:
                unreadable += 1
            else:
                events += error_records.count_events(record).total()
    except ValueError:
        return ErrorObject(key, 1, 0, 1, ("not Firehose's",))
    names = tuple(name for name, _ in reasons.most_common())
    return ErrorObject(key, records, events, unreadable, names)


def _bucket(cloud: Cloud, location: Location) -> LogBucket:
    return LogBucket(cloud, location.bucket, location.account, location.region)
