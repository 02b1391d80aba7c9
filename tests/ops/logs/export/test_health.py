"""The health of each stage of the pipeline: throughput, delay, and errors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.aws.cloud import Place
from ops.aws.cloudformation.stacks import Stack
from ops.aws.cloudwatch.metrics import Metric
from ops.logs.export.health import (
    INCOMING_BYTES,
    ExportHealth,
    ExportPipeline,
    ExportStage,
    PipelineResources,
    judge_stages,
    metrics_of,
)
from ops.logs.export.installed import Export
from ops.settings import Account
from ops.templates.logs import CENTRAL_DESCRIPTION

NOW = datetime(2026, 5, 4, 12, 0, 30, tzinfo=UTC)
PARTS = PipelineResources("stream", "delivery", "processor", ())
OUTPUTS = {"Bucket": "arn:aws:s3:::central"}
STACK = Stack(
    "exp", "id", "CREATE_COMPLETE", "", CENTRAL_DESCRIPTION, OUTPUTS, {"BucketPrefix": "logs/"}, {}, NOW, None
)
EXPORT = Export(Place(Account("production", "111111111111"), "eu-west-1"), STACK, True)


def at(minutes_ago: int) -> datetime:
    return NOW.replace(second=0) - timedelta(minutes=minutes_ago)


def judged(
    parts: PipelineResources = PARTS, failed: int | None = 0, **values: float
) -> dict[str, ExportStage]:
    """Return stages from single metric values five minutes ago; `__` in a name is a dot."""
    wanted = {name.replace("__", "."): value for name, value in values.items()}
    series: dict[Metric, Any] = {
        metric: {at(5): wanted[metric.metric]}
        if metric.metric in wanted and metric is not INCOMING_BYTES
        else {}
        for metric in metrics_of(parts)
    }
    return {stage.title: stage for stage in judge_stages(EXPORT, parts, series, failed, NOW)}


def test_throughput_is_averaged_over_fifteen_minutes() -> None:
    stages = judged(DeliveryToS3__Bytes=900_000, DeliveryToS3__DataFreshness=70, DeliveryToS3__Success=1)
    delivery = stages["Delivery"]
    assert (delivery.per_second, delivery.lag_s, delivery.health) == (1000, 70, ExportHealth.HEALTHY)
    assert len(delivery.per_minute) == 60 and delivery.per_minute[-6] == 900_000
    assert stages["Stream"].health is ExportHealth.IDLE
    assert stages["Bucket"].resource == "s3://central/logs/"


@pytest.mark.parametrize(
    ("stage", "values", "health", "words"),
    [
        (
            "Stream",
            {"WriteProvisionedThroughputExceeded": 4},
            ExportHealth.FAILING,
            "Increase the shard count",
        ),
        (
            "Stream",
            {"GetRecords__IteratorAgeMilliseconds": 900_000},
            ExportHealth.DELAYED,
            "Records are delayed",
        ),
        ("Stream", {"GetRecords__IteratorAgeMilliseconds": 4e6}, ExportHealth.FAILING, "over an hour old"),
        ("Processor", {"Errors": 2}, ExportHealth.FAILING, "2 calls failed"),
        ("Delivery", {"DeliveryToS3__DataFreshness": 700}, ExportHealth.DELAYED, "late"),
        ("Delivery", {"DeliveryToS3__DataFreshness": 4000}, ExportHealth.FAILING, "more than an hour late"),
        ("Delivery", {"DeliveryToS3__Success": 0}, ExportHealth.FAILING, "Cannot write to S3"),
    ],
)
def test_each_fault_has_a_health_and_a_message(
    stage: str, values: dict[str, Any], health: ExportHealth, words: str
) -> None:
    found = judged(**values)
    assert found[stage].health is health and words in found[stage].message
    assert ExportPipeline(EXPORT, NOW, tuple(found.values())).health is health


def test_failed_records_make_the_bucket_stage_failing() -> None:
    assert "3 objects of failed records" in judged(failed=3)["Bucket"].message
    assert "1,000 or more" in judged(failed=1000)["Bucket"].message
    assert judged(failed=None)["Bucket"].health is ExportHealth.UNKNOWN


def test_untransformed_logs_have_no_processor_stage() -> None:
    assert "Processor" not in judged(PipelineResources("stream", "delivery", "", ()))


def test_health_is_unknown_without_metrics() -> None:
    stages = judge_stages(EXPORT, PARTS, None, None, NOW)
    assert {stage.health for stage in stages} == {ExportHealth.UNKNOWN}
    assert all(stage.per_second is None for stage in stages)
