"""The export's pipeline as it runs: how much goes through each stage, how late it is, what fails.

One call for all metrics of the last hour, one for the alarms, one for what lies under the error prefix.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from ops.aws.cloud import Cloud
from ops.aws.cloudformation.resources import list_resources
from ops.aws.cloudwatch.alarms import Alarm, read_alarms
from ops.aws.cloudwatch.metrics import Metric, Series, read_series
from ops.aws.s3.log_bucket import LogBucket
from ops.errors import SlipwayError
from ops.logs.export import error_records
from ops.logs.export.installed import Export
from ops.templates.logs.alarms import BEHIND_MS, STALE_S, WATCHES

MINUTE = timedelta(minutes=1)
WINDOW = timedelta(hours=1)
NOW_MINUTES = 15  # of the window, over which a rate is taken
LATE_S = 600.0  # behind, in words: well before the alarm
ERRORS_COUNTED = 1000


class Health(StrEnum):
    FLOWING = "flowing"
    QUIET = "quiet"
    BEHIND = "behind"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Stage:
    """A part of the pipeline. `each_minute` is what went through in the minutes of the last hour."""

    title: str
    resource: str
    health: Health
    says: str
    unit: str  # of what goes through: bytes or calls
    a_second: float | None = None
    late_s: float | None = None
    each_minute: tuple[float, ...] = ()


@dataclass(frozen=True)
class Pipeline:
    """What was found at `at`; `notes` say what could not be read."""

    export: Export
    at: datetime
    stages: tuple[Stage, ...]
    alarms: tuple[Alarm, ...] = ()
    failed_objects: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def ringing(self) -> list[Alarm]:
        return [alarm for alarm in self.alarms if alarm.active]

    @property
    def health(self) -> Health:
        """The worst of all stages; quiet only where nothing flows anywhere."""
        states = {stage.health for stage in self.stages}
        order = (Health.FAILING, Health.BEHIND, Health.FLOWING, Health.QUIET)
        return next((state for state in order if state in states), Health.UNKNOWN)


@dataclass(frozen=True)
class Parts:
    """Names of the pipeline's resources; the processor is empty where logs are exported as they come."""

    stream: str
    delivery: str
    processor: str
    alarms: tuple[str, ...]


def read_pipeline(cloud: Cloud, export: Export, now: datetime) -> Pipeline:
    """Of a central stack. Raises where its resources cannot be listed; what else cannot be read is noted."""
    place, notes = export.place, []
    parts = find_parts(cloud, export)
    series: dict[Metric, Series] | None = None
    alarms: list[Alarm] = []
    failed: int | None = None
    try:
        end = now.replace(second=0, microsecond=0) + MINUTE
        series = read_series(cloud, place, metrics_of(parts), end - WINDOW, end, MINUTE)
    except SlipwayError as error:
        notes.append(f"Throughput and lag are not known: {error}")
    try:
        alarms = read_alarms(cloud, place, parts.alarms)
    except SlipwayError as error:
        notes.append(f"Alarms are not known: {error}")
    try:
        failed = count_failed_objects(cloud, export)
    except SlipwayError as error:
        notes.append(f"What lies under the error prefix is not known: {error}")
    stages = judge_stages(export, parts, series, failed, now)
    return Pipeline(export, now, stages, tuple(alarms), failed, tuple(notes))


def find_parts(cloud: Cloud, export: Export) -> Parts:
    ids = {each.logical_id: each.physical_id for each in list_resources(cloud, export.place, export.stack.id)}
    return Parts(
        stream=ids.get("LogStream", ""),
        delivery=ids.get("DeliveryStream") or ids.get("DeliveryStreamAsItComes", ""),
        processor=ids.get("Processor", ""),
        alarms=tuple(ids[title] for title in ("DeliveryFails", *(w.title for w in WATCHES)) if title in ids),
    )


def count_failed_objects(cloud: Cloud, export: Export) -> int:
    """Objects under the error prefix, ERRORS_COUNTED at most."""
    location = export.location
    if location is None:
        return 0
    bucket = LogBucket(cloud, location.bucket, location.account, location.region)
    return sum(1 for _ in islice(bucket.keys(error_records.folder(location)), ERRORS_COUNTED))


def _stream(parts: Parts, metric: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Kinesis", metric, "StreamName", parts.stream, statistic)


def _delivery(parts: Parts, metric: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Firehose", metric, "DeliveryStreamName", parts.delivery, statistic)


def _processor(parts: Parts, metric: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Lambda", metric, "FunctionName", parts.processor, statistic)


TAKEN_IN = Metric("AWS/Logs", "IncomingBytes", "", "", "Sum")


def metrics_of(parts: Parts) -> list[Metric]:
    """All that the stages are judged by."""
    found = [
        TAKEN_IN,
        _stream(parts, "IncomingBytes"),
        _stream(parts, "WriteProvisionedThroughputExceeded"),
        _stream(parts, "GetRecords.IteratorAgeMilliseconds", "Maximum"),
        _delivery(parts, "DeliveryToS3.Bytes"),
        _delivery(parts, "DeliveryToS3.Success", "Minimum"),
        _delivery(parts, "DeliveryToS3.DataFreshness", "Maximum"),
    ]
    if parts.processor:
        found += [_processor(parts, "Invocations"), _processor(parts, "Errors")]
    return found


def judge_stages(
    export: Export, parts: Parts, series: dict[Metric, Series] | None, failed: int | None, now: datetime
) -> tuple[Stage, ...]:
    """The stages from the log groups to the bucket. Pure."""
    read = _Read(series, now)
    stages = [_groups_stage(export, read), _stream_stage(parts, read)]
    if parts.processor:
        stages.append(_processor_stage(parts, read))
    return (*stages, _delivery_stage(parts, read), _bucket_stage(export, parts, read, failed))


class _Read:
    """What was read, asked by metric; every answer is None where metrics are not known."""

    def __init__(self, series: dict[Metric, Series] | None, now: datetime) -> None:
        self.known = series is not None
        self._series = series or {}
        self._first = now - NOW_MINUTES * MINUTE
        self._begin = now.replace(second=0, microsecond=0) + MINUTE - WINDOW

    def each_minute(self, metric: Metric) -> tuple[float, ...]:
        values = self._series.get(metric, {})
        minutes = int(WINDOW / MINUTE)
        return tuple(values.get(self._begin + n * MINUTE, 0.0) for n in range(minutes))

    def lately(self, metric: Metric) -> list[float]:
        return [value for at, value in self._series.get(metric, {}).items() if at >= self._first]

    def a_second(self, metric: Metric) -> float | None:
        return sum(self.lately(metric)) / (NOW_MINUTES * 60) if self.known else None

    def health(self, metric: Metric) -> Health:
        if not self.known:
            return Health.UNKNOWN
        return Health.FLOWING if sum(self.lately(metric)) else Health.QUIET


def _groups_stage(export: Export, read: _Read) -> Stage:
    where = f"{export.place.account.name}, {export.place.region}"
    return Stage(
        "Log groups",
        where,
        read.health(TAKEN_IN),
        "What CloudWatch takes in there, exported or not. Members send from elsewhere.",
        "bytes",
        read.a_second(TAKEN_IN),
        each_minute=read.each_minute(TAKEN_IN),
    )


def _stream_stage(parts: Parts, read: _Read) -> Stage:
    incoming = _stream(parts, "IncomingBytes")
    throttled = sum(read.lately(_stream(parts, "WriteProvisionedThroughputExceeded")))
    ages = read.lately(_stream(parts, "GetRecords.IteratorAgeMilliseconds", "Maximum"))
    late_s = max(ages) / 1000 if ages else None
    health, says = read.health(incoming), "Holds records until they are delivered."
    if late_s and late_s >= LATE_S:
        health, says = Health.BEHIND, "Records wait: see the delivery, and the stream's retention."
    if late_s and late_s * 1000 > BEHIND_MS:
        health, says = Health.FAILING, "Records wait over an hour; past the retention they are lost."
    if throttled:
        health, says = Health.FAILING, f"{throttled:,.0f} records refused: raise the shard count."
    each_minute = read.each_minute(incoming)
    return Stage("Stream", parts.stream, health, says, "bytes", read.a_second(incoming), late_s, each_minute)


def _processor_stage(parts: Parts, read: _Read) -> Stage:
    calls = _processor(parts, "Invocations")
    errors = sum(read.lately(_processor(parts, "Errors")))
    health, says = read.health(calls), "Turns records into lines, one event a line."
    if errors:
        health, says = Health.FAILING, f"{errors:,.0f} calls failed: see its log, then replay the errors."
    each_minute = read.each_minute(calls)
    return Stage(
        "Processor", parts.processor, health, says, "calls", read.a_second(calls), each_minute=each_minute
    )


def _delivery_stage(parts: Parts, read: _Read) -> Stage:
    delivered = _delivery(parts, "DeliveryToS3.Bytes")
    success = read.lately(_delivery(parts, "DeliveryToS3.Success", "Minimum"))
    fresh = read.lately(_delivery(parts, "DeliveryToS3.DataFreshness", "Maximum"))
    late_s = max(fresh) if fresh else None
    health, says = read.health(delivered), "Gathers lines and writes them as objects."
    if late_s and late_s >= LATE_S:
        health, says = Health.BEHIND, "Objects come late: see the delivery's log."
    if late_s and late_s > STALE_S:
        health, says = Health.FAILING, "Objects come more than an hour late: see the delivery's log."
    if success and min(success) < 1:
        health, says = Health.FAILING, "It cannot write to S3: the delivery's log says why."
    each_minute = read.each_minute(delivered)
    a_second = read.a_second(delivered)
    return Stage("Delivery", parts.delivery, health, says, "bytes", a_second, late_s, each_minute)


def _bucket_stage(export: Export, parts: Parts, read: _Read, failed: int | None) -> Stage:
    name = str(export.location) if export.location else "is being made"
    if failed is None:
        return Stage("Bucket", name, Health.UNKNOWN, "Whether records failed is not known.", "bytes")
    if failed:
        more = " or more" if failed == ERRORS_COUNTED else ""
        says = f"{failed:,}{more} objects under errors/: replay them, in the tab Failed."
        return Stage("Bucket", name, Health.FAILING, says, "bytes")
    health = read.health(_delivery(parts, "DeliveryToS3.Bytes"))
    return Stage("Bucket", name, health, "Nothing lies under the error prefix.", "bytes")
