"""Replay of failed records: put them into the stream again, after the cause of the failure is fixed.

One step per error object puts its records into the stream, then moves the object to `replayed/`. A crash
between the two puts the records twice, with the same event IDs. Records that are not from CloudWatch Logs are
copied to `strange/`.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice

from ops.aws import kinesis
from ops.aws.cloud import Cloud
from ops.aws.s3.objects import Bucket
from ops.errors import InputError
from ops.logs.export import error_records
from ops.logs.lake.layout import Location
from ops.logs.lake.store import bucket_of
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Step

MAX_OBJECTS = 1_000  # per plan
ACTIONS = (
    "kinesis:PutRecords",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
)


@dataclass(frozen=True)
class Stream:
    """The Kinesis stream that records are replayed to."""

    name: str
    account: str
    region: str


@dataclass(frozen=True)
class ErrorObject:
    """The content of one error object."""

    key: str
    records: int
    events: int
    unreadable: int  # records that are not subscription records
    reasons: tuple[str, ...]  # error codes, most frequent first


def list_error_objects(cloud: Cloud, location: Location, limit: int = MAX_OBJECTS) -> list[ErrorObject]:
    """Read the error objects, in the order of their keys (oldest first)."""
    bucket = bucket_of(cloud, location)
    listed = islice(bucket.list(error_records.errors_prefix(location)), limit)
    return [error_object for entry in listed if (error_object := _read(bucket, entry.key))]


def plan_replay(cloud: Cloud, location: Location, stream: Stream, objects: list[ErrorObject]) -> Plan:
    """Plan the replay of error objects. Raises InputError if they hold no subscription records."""
    replayable = [error_object for error_object in objects if error_object.records > error_object.unreadable]
    if not replayable:
        raise InputError(
            f"No records under {location}{error_records.ERRORS} can be replayed.",
            hint="Check the objects there: they do not contain CloudWatch Logs records.",
        )
    events = sum(error_object.events for error_object in replayable)
    return Plan(
        title=f"Replay {events:,} events from {len(replayable):,} error objects",
        steps=tuple(_step(cloud, location, stream, error_object) for error_object in replayable),
        operation=Operation.REPLAY_RECORDS,
    )


def _step(cloud: Cloud, location: Location, stream: Stream, error_object: ErrorObject) -> Step[None]:
    bucket = bucket_of(cloud, location)
    skipped = f", skip {error_object.unreadable:,} unreadable records" if error_object.unreadable else ""
    return Step(
        id=error_object.key,
        does=f"Replay {error_object.records - error_object.unreadable:,} records to {stream.name}{skipped}",
        resource=Resource(
            "AWS::S3::Object", f"{location.bucket}/{error_object.key}", stream.account, stream.region
        ),
        parameters={"stream": stream.name, "records": str(error_object.records - error_object.unreadable)},
        evidence=f"failed with {', '.join(error_object.reasons)}",
        actions=ACTIONS,
        check=partial(_check, bucket, error_object.key),
        act=partial(_replay, cloud, location, stream, error_object.key),
    )


def _check(bucket: Bucket, key: str) -> Check:
    if bucket.find(key) is None:
        return Check(Readiness.DONE, "already replayed")
    return READY


def _replay(cloud: Cloud, location: Location, stream: Stream, key: str, say: Callable[[str], None]) -> None:
    bucket = bucket_of(cloud, location)
    body = bucket.find(key)
    if body is None:
        return
    parsed = [
        (record, error_records.subscription_record(record.data)) for record in error_records.parse(body)
    ]
    entries = [
        (str(uuid.uuid4()), error_record.data) for error_record, record in parsed if record is not None
    ]
    kinesis.put_records(cloud, stream.account, stream.region, stream.name, entries)
    say(f"{len(entries):,} records put into the stream")
    if len(entries) < len(parsed):
        unparsed = [error_record for error_record, record in parsed if record is None]
        bucket.put(error_records.unreplayable_key(location, key), error_records.to_json_lines(unparsed))
    bucket.move(key, error_records.replayed_key(location, key))


def _read(bucket: Bucket, key: str) -> ErrorObject | None:
    body = bucket.find(key)
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
        return ErrorObject(key, 1, 0, 1, ("not a Firehose error record",))
    names = tuple(name for name, _ in reasons.most_common())
    return ErrorObject(key, records, events, unreadable, names)
