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
from ops.templates.logs.alarms import BEHIND_MS, METRIC_ALARMS, STALE_S

MINUTE = timedelta(minutes=1)
WINDOW = timedelta(hours=1)
RATE_MINUTES = 15  # of the window, over which a rate is taken
DELAYED_S = 600.0  # behind, in words: well before the alarm
MAX_ERROR_OBJECTS = 1000


class ExportHealth(StrEnum):
    HEALTHY = "flowing"
    IDLE = "quiet"
    DELAYED = "behind"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ExportStage:
    """A part of the pipeline. `each_minute` is what went through in the minutes of the last hour."""

    title: str
    resource: str
    health: ExportHealth
    message: str
    unit: str  # of what goes through: bytes or calls
    per_second: float | None = None
    lag_s: float | None = None
    per_minute: tuple[float, ...] = ()


@dataclass(frozen=True)
class ExportPipeline:
    """What was found at `at`; `notes` say what could not be read."""

    export: Export
    at: datetime
    stages: tuple[ExportStage, ...]
    alarms: tuple[Alarm, ...] = ()
    failed_objects: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def ringing(self) -> list[Alarm]:
        return [alarm for alarm in self.alarms if alarm.active]

    @property
    def health(self) -> ExportHealth:
        """The worst of all stages; quiet only where nothing flows anywhere."""
        states = {stage.health for stage in self.stages}
        order = (ExportHealth.FAILING, ExportHealth.DELAYED, ExportHealth.HEALTHY, ExportHealth.IDLE)
        return next((state for state in order if state in states), ExportHealth.UNKNOWN)


@dataclass(frozen=True)
class PipelineResources:
    """Names of the pipeline's resources; the processor is empty where logs are exported as they come."""

    stream: str
    delivery: str
    processor: str
    alarms: tuple[str, ...]


def read_pipeline(cloud: Cloud, export: Export, now: datetime) -> ExportPipeline:
    """Of a central stack. Raises where its resources cannot be listed; what else cannot be read is noted."""
    place, notes = export.place, []
    resources = find_resources(cloud, export)
    series: dict[Metric, Series] | None = None
    alarms: list[Alarm] = []
    failed: int | None = None
    try:
        end = now.replace(second=0, microsecond=0) + MINUTE
        series = read_series(cloud, place, metrics_of(resources), end - WINDOW, end, MINUTE)
    except SlipwayError as error:
        notes.append(f"Throughput and lag are not known: {error}")
    try:
        alarms = read_alarms(cloud, place, resources.alarms)
    except SlipwayError as error:
        notes.append(f"Alarms are not known: {error}")
    try:
        failed = count_failed_objects(cloud, export)
    except SlipwayError as error:
        notes.append(f"What lies under the error prefix is not known: {error}")
    stages = judge_stages(export, resources, series, failed, now)
    return ExportPipeline(export, now, stages, tuple(alarms), failed, tuple(notes))


def find_resources(cloud: Cloud, export: Export) -> PipelineResources:
    ids = {
        resource.logical_id: resource.physical_id
        for resource in list_resources(cloud, export.place, export.stack.id)
    }
    return PipelineResources(
        stream=ids.get("LogStream", ""),
        delivery=ids.get("DeliveryStream") or ids.get("DeliveryStreamAsItComes", ""),
        processor=ids.get("Processor", ""),
        alarms=tuple(
            ids[title] for title in ("DeliveryFails", *(w.title for w in METRIC_ALARMS)) if title in ids
        ),
    )


def count_failed_objects(cloud: Cloud, export: Export) -> int:
    """Objects under the error prefix, ERRORS_COUNTED at most."""
    location = export.location
    if location is None:
        return 0
    bucket = LogBucket(cloud, location.bucket, location.account, location.region)
    return sum(1 for _ in islice(bucket.keys(error_records.errors_prefix(location)), MAX_ERROR_OBJECTS))


def _stream(resources: PipelineResources, metric: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Kinesis", metric, "StreamName", resources.stream, statistic)


def _delivery(resources: PipelineResources, metric: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Firehose", metric, "DeliveryStreamName", resources.delivery, statistic)


def _processor(resources: PipelineResources, metric: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Lambda", metric, "FunctionName", resources.processor, statistic)


INCOMING_BYTES = Metric("AWS/Logs", "IncomingBytes", "", "", "Sum")


def metrics_of(resources: PipelineResources) -> list[Metric]:
    """All that the stages are judged by."""
    metrics = [
        INCOMING_BYTES,
        _stream(resources, "IncomingBytes"),
        _stream(resources, "WriteProvisionedThroughputExceeded"),
        _stream(resources, "GetRecords.IteratorAgeMilliseconds", "Maximum"),
        _delivery(resources, "DeliveryToS3.Bytes"),
        _delivery(resources, "DeliveryToS3.Success", "Minimum"),
        _delivery(resources, "DeliveryToS3.DataFreshness", "Maximum"),
    ]
    if resources.processor:
        metrics += [_processor(resources, "Invocations"), _processor(resources, "Errors")]
    return metrics


def judge_stages(
    export: Export,
    resources: PipelineResources,
    series: dict[Metric, Series] | None,
    failed: int | None,
    now: datetime,
) -> tuple[ExportStage, ...]:
    """The stages from the log groups to the bucket. Pure."""
    read = _Read(series, now)
    stages = [_groups_stage(export, read), _stream_stage(resources, read)]
    if resources.processor:
        stages.append(_processor_stage(resources, read))
    return (*stages, _delivery_stage(resources, read), _bucket_stage(export, resources, read, failed))


class _Read:
    """What was read, asked by metric; every answer is None where metrics are not known."""

    def __init__(self, series: dict[Metric, Series] | None, now: datetime) -> None:
        self.known = series is not None
        self._series = series or {}
        self._first = now - RATE_MINUTES * MINUTE
        self._begin = now.replace(second=0, microsecond=0) + MINUTE - WINDOW

    def per_minute(self, metric: Metric) -> tuple[float, ...]:
        values = self._series.get(metric, {})
        minutes = int(WINDOW / MINUTE)
        return tuple(values.get(self._begin + n * MINUTE, 0.0) for n in range(minutes))

    def lately(self, metric: Metric) -> list[float]:
        return [value for at, value in self._series.get(metric, {}).items() if at >= self._first]

    def per_second(self, metric: Metric) -> float | None:
        return sum(self.lately(metric)) / (RATE_MINUTES * 60) if self.known else None

    def health(self, metric: Metric) -> ExportHealth:
        if not self.known:
            return ExportHealth.UNKNOWN
        return ExportHealth.HEALTHY if sum(self.lately(metric)) else ExportHealth.IDLE


def _groups_stage(export: Export, read: _Read) -> ExportStage:
    where = f"{export.place.account.name}, {export.place.region}"
    return ExportStage(
        "Log groups",
        where,
        read.health(INCOMING_BYTES),
        "What CloudWatch takes in there, exported or not. Members send from elsewhere.",
        "bytes",
        read.per_second(INCOMING_BYTES),
        per_minute=read.per_minute(INCOMING_BYTES),
    )


def _stream_stage(resources: PipelineResources, read: _Read) -> ExportStage:
    incoming = _stream(resources, "IncomingBytes")
    throttled = sum(read.lately(_stream(resources, "WriteProvisionedThroughputExceeded")))
    ages = read.lately(_stream(resources, "GetRecords.IteratorAgeMilliseconds", "Maximum"))
    late_s = max(ages) / 1000 if ages else None
    health, message = read.health(incoming), "Holds records until they are delivered."
    if late_s and late_s >= DELAYED_S:
        health, message = ExportHealth.DELAYED, "Records wait: see the delivery, and the stream's retention."
    if late_s and late_s * 1000 > BEHIND_MS:
        health, message = ExportHealth.FAILING, "Records wait over an hour; past the retention they are lost."
    if throttled:
        health, message = ExportHealth.FAILING, f"{throttled:,.0f} records refused: raise the shard count."
    each_minute = read.per_minute(incoming)
    return ExportStage(
        "Stream", resources.stream, health, message, "bytes", read.per_second(incoming), late_s, each_minute
    )


def _processor_stage(resources: PipelineResources, read: _Read) -> ExportStage:
    calls = _processor(resources, "Invocations")
    errors = sum(read.lately(_processor(resources, "Errors")))
    health, message = read.health(calls), "Turns records into lines, one event a line."
    if errors:
        health, message = (
            ExportHealth.FAILING,
            f"{errors:,.0f} calls failed: see its log, then replay the errors.",
        )
    each_minute = read.per_minute(calls)
    return ExportStage(
        "Processor",
        resources.processor,
        health,
        message,
        "calls",
        read.per_second(calls),
        per_minute=each_minute,
    )


def _delivery_stage(resources: PipelineResources, read: _Read) -> ExportStage:
    delivered = _delivery(resources, "DeliveryToS3.Bytes")
    success = read.lately(_delivery(resources, "DeliveryToS3.Success", "Minimum"))
    fresh = read.lately(_delivery(resources, "DeliveryToS3.DataFreshness", "Maximum"))
    late_s = max(fresh) if fresh else None
    health, message = read.health(delivered), "Gathers lines and writes them as objects."
    if late_s and late_s >= DELAYED_S:
        health, message = ExportHealth.DELAYED, "Objects come late: see the delivery's log."
    if late_s and late_s > STALE_S:
        health, message = ExportHealth.FAILING, "Objects come more than an hour late: see the delivery's log."
    if success and min(success) < 1:
        health, message = ExportHealth.FAILING, "It cannot write to S3: the delivery's log says why."
    each_minute = read.per_minute(delivered)
    a_second = read.per_second(delivered)
    return ExportStage(
        "Delivery", resources.delivery, health, message, "bytes", a_second, late_s, each_minute
    )


def _bucket_stage(
    export: Export, resources: PipelineResources, read: _Read, failed: int | None
) -> ExportStage:
    name = str(export.location) if export.location else "is being made"
    if failed is None:
        return ExportStage(
            "Bucket", name, ExportHealth.UNKNOWN, "Whether records failed is not known.", "bytes"
        )
    if failed:
        suffix = " or more" if failed == MAX_ERROR_OBJECTS else ""
        message = f"{failed:,}{suffix} objects under errors/: replay them, in the tab Failed."
        return ExportStage("Bucket", name, ExportHealth.FAILING, message, "bytes")
    health = read.health(_delivery(resources, "DeliveryToS3.Bytes"))
    return ExportStage("Bucket", name, health, "Nothing lies under the error prefix.", "bytes")
