"""Health of the export's pipeline: throughput, delay, and errors of each stage.

Takes one call for the metrics of the last hour, one for the alarms, one for the error prefix, and two for
each account and region that has a canary.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from ops.aws.cloud import Cloud
from ops.aws.cloudformation.resources import list_resources
from ops.aws.cloudwatch.alarms import Alarm, read_alarms
from ops.aws.cloudwatch.metrics import Metric, Series, read_series
from ops.errors import SlipwayError
from ops.logs.export import error_records
from ops.logs.export.canary import Canaries, read_canaries
from ops.logs.export.installed import Export
from ops.logs.lake.store import bucket_of
from ops.templates.logs.alarms import BEHIND_MS, METRIC_ALARMS, STALE_S

MINUTE = timedelta(minutes=1)
WINDOW = timedelta(hours=1)
RATE_MINUTES = 15  # at the end of WINDOW, for rates and errors
DELAYED_S = 600.0  # shown as delayed, well before the alarm
MAX_ERROR_OBJECTS = 1000


class ExportHealth(StrEnum):
    HEALTHY = "healthy"
    IDLE = "idle"
    DELAYED = "delayed"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ExportStage:
    """A part of the pipeline. `per_minute` is the throughput of each minute of the last hour."""

    title: str
    resource: str
    health: ExportHealth
    message: str
    unit: str  # of the throughput: bytes or calls
    per_second: float | None = None
    lag_s: float | None = None
    per_minute: tuple[float, ...] = ()


@dataclass(frozen=True)
class ExportPipeline:
    """The state of the pipeline at `at`; `notes` list what could not be read."""

    export: Export
    at: datetime
    stages: tuple[ExportStage, ...]
    alarms: tuple[Alarm, ...] = ()
    notes: tuple[str, ...] = ()
    canaries: Canaries | None = None  # None: the format has none

    @property
    def active_alarms(self) -> list[Alarm]:
        return [alarm for alarm in self.alarms if alarm.active]

    @property
    def health(self) -> ExportHealth:
        """The worst health of all stages; idle only if all stages are."""
        states = {stage.health for stage in self.stages}
        order = (ExportHealth.FAILING, ExportHealth.DELAYED, ExportHealth.HEALTHY, ExportHealth.IDLE)
        return next((state for state in order if state in states), ExportHealth.UNKNOWN)


@dataclass(frozen=True)
class PipelineResources:
    """Physical IDs of the pipeline's resources; without a processor for the format CloudWatch JSON."""

    stream: str
    delivery: str
    processor: str
    alarms: tuple[str, ...]


def read_pipeline(cloud: Cloud, export: Export, now: datetime) -> ExportPipeline:
    """Read the health of a central stack. Raises if its resources cannot be listed; notes other errors."""
    place, notes = export.place, []
    resources = find_resources(cloud, export)
    series: dict[Metric, Series] | None = None
    alarms: list[Alarm] = []
    failed: int | None = None
    try:
        end = now.replace(second=0, microsecond=0) + MINUTE
        series = read_series(cloud, place, metrics_of(resources), end - WINDOW, end, MINUTE)
    except SlipwayError as error:
        notes.append(f"Cannot read metrics: {error}")
    try:
        alarms = read_alarms(cloud, place, resources.alarms)
    except SlipwayError as error:
        notes.append(f"Cannot read alarms: {error}")
    try:
        failed = count_failed_objects(cloud, export)
    except SlipwayError as error:
        notes.append(f"Cannot list failed objects: {error}")
    canaries = None
    if resources.processor and export.location:
        canaries = read_canaries(cloud, export.location, now)
    if canaries and canaries.error:
        notes.append(f"Cannot read canaries: {canaries.error}")
    stages = judge_stages(export, resources, series, failed, now)
    return ExportPipeline(export, now, stages, tuple(alarms), tuple(notes), canaries)


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
    """Count the objects under the error prefix, up to MAX_ERROR_OBJECTS."""
    location = export.location
    if location is None:
        return 0
    bucket = bucket_of(cloud, location)
    return sum(1 for _ in islice(bucket.list(error_records.errors_prefix(location)), MAX_ERROR_OBJECTS))


def _stream(resources: PipelineResources, metric: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Kinesis", metric, "StreamName", resources.stream, statistic)


def _delivery(resources: PipelineResources, metric: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Firehose", metric, "DeliveryStreamName", resources.delivery, statistic)


def _processor(resources: PipelineResources, metric: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Lambda", metric, "FunctionName", resources.processor, statistic)


INCOMING_BYTES = Metric("AWS/Logs", "IncomingBytes", "", "", "Sum")


def metrics_of(resources: PipelineResources) -> list[Metric]:
    """Return all metrics from which the health of the stages is derived."""
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
    """Derive the stages, from the log groups to the bucket. Pure."""
    metrics = _Metrics(series, now)
    stages = [_groups_stage(export, metrics), _stream_stage(resources, metrics)]
    if resources.processor:
        stages.append(_processor_stage(resources, metrics))
    return (*stages, _delivery_stage(resources, metrics), _bucket_stage(export, resources, metrics, failed))


class _Metrics:
    """Metric values by metric; rates are None if the metrics could not be read."""

    def __init__(self, series: dict[Metric, Series] | None, now: datetime) -> None:
        self.known = series is not None
        self._series = series or {}
        self._first = now - RATE_MINUTES * MINUTE
        self._begin = now.replace(second=0, microsecond=0) + MINUTE - WINDOW

    def per_minute(self, metric: Metric) -> tuple[float, ...]:
        values = self._series.get(metric, {})
        minutes = int(WINDOW / MINUTE)
        return tuple(values.get(self._begin + n * MINUTE, 0.0) for n in range(minutes))

    def recent(self, metric: Metric) -> list[float]:
        return [value for at, value in self._series.get(metric, {}).items() if at >= self._first]

    def per_second(self, metric: Metric) -> float | None:
        return sum(self.recent(metric)) / (RATE_MINUTES * 60) if self.known else None

    def health(self, metric: Metric) -> ExportHealth:
        if not self.known:
            return ExportHealth.UNKNOWN
        return ExportHealth.HEALTHY if sum(self.recent(metric)) else ExportHealth.IDLE


def _groups_stage(export: Export, metrics: _Metrics) -> ExportStage:
    where = f"{export.place.account.name}, {export.place.region}"
    return ExportStage(
        "Log groups",
        where,
        metrics.health(INCOMING_BYTES),
        "Ingested by CloudWatch in this account and region, exported or not. Members are not included.",
        "bytes",
        metrics.per_second(INCOMING_BYTES),
        per_minute=metrics.per_minute(INCOMING_BYTES),
    )


def _stream_stage(resources: PipelineResources, metrics: _Metrics) -> ExportStage:
    incoming = _stream(resources, "IncomingBytes")
    throttled = sum(metrics.recent(_stream(resources, "WriteProvisionedThroughputExceeded")))
    ages = metrics.recent(_stream(resources, "GetRecords.IteratorAgeMilliseconds", "Maximum"))
    late_s = max(ages) / 1000 if ages else None
    health, message = metrics.health(incoming), "Stores records until they are delivered."
    if late_s and late_s >= DELAYED_S:
        health, message = (
            ExportHealth.DELAYED,
            "Records are delayed. Check the delivery and the stream's retention period.",
        )
    if late_s and late_s * 1000 > BEHIND_MS:
        health, message = (
            ExportHealth.FAILING,
            "Records are over an hour old. After the retention period they are lost.",
        )
    if throttled:
        health, message = (
            ExportHealth.FAILING,
            f"{throttled:,.0f} records throttled. Increase the shard count.",
        )
    each_minute = metrics.per_minute(incoming)
    return ExportStage(
        "Stream",
        resources.stream,
        health,
        message,
        "bytes",
        metrics.per_second(incoming),
        late_s,
        each_minute,
    )


def _processor_stage(resources: PipelineResources, metrics: _Metrics) -> ExportStage:
    calls = _processor(resources, "Invocations")
    errors = sum(metrics.recent(_processor(resources, "Errors")))
    health, message = metrics.health(calls), "Transforms records into lines, one per event."
    if errors:
        health, message = (
            ExportHealth.FAILING,
            f"{errors:,.0f} calls failed. Check the function's log group, then replay failed records.",
        )
    each_minute = metrics.per_minute(calls)
    return ExportStage(
        "Processor",
        resources.processor,
        health,
        message,
        "calls",
        metrics.per_second(calls),
        per_minute=each_minute,
    )


def _delivery_stage(resources: PipelineResources, metrics: _Metrics) -> ExportStage:
    delivered = _delivery(resources, "DeliveryToS3.Bytes")
    success = metrics.recent(_delivery(resources, "DeliveryToS3.Success", "Minimum"))
    fresh = metrics.recent(_delivery(resources, "DeliveryToS3.DataFreshness", "Maximum"))
    late_s = max(fresh) if fresh else None
    health, message = metrics.health(delivered), "Buffers lines and writes them as objects."
    if late_s and late_s >= DELAYED_S:
        health, message = ExportHealth.DELAYED, "Objects are late. Check the delivery's log group."
    if late_s and late_s > STALE_S:
        health, message = (
            ExportHealth.FAILING,
            "Objects are more than an hour late. Check the delivery's log group.",
        )
    if success and min(success) < 1:
        health, message = ExportHealth.FAILING, "Cannot write to S3. Check the delivery's log group."
    each_minute = metrics.per_minute(delivered)
    a_second = metrics.per_second(delivered)
    return ExportStage(
        "Delivery", resources.delivery, health, message, "bytes", a_second, late_s, each_minute
    )


def _bucket_stage(
    export: Export, resources: PipelineResources, metrics: _Metrics, failed: int | None
) -> ExportStage:
    name = str(export.location) if export.location else "being created"
    if failed is None:
        return ExportStage(
            "Bucket", name, ExportHealth.UNKNOWN, "Unknown: the error prefix was not read.", "bytes"
        )
    if failed:
        suffix = " or more" if failed == MAX_ERROR_OBJECTS else ""
        message = f"{failed:,}{suffix} objects of failed records. Replay them on the tab Failed."
        return ExportStage("Bucket", name, ExportHealth.FAILING, message, "bytes")
    health = metrics.health(_delivery(resources, "DeliveryToS3.Bytes"))
    return ExportStage("Bucket", name, health, "No failed records.", "bytes")
