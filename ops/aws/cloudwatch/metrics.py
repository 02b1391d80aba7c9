"""CloudWatch metrics: sums of many resources and time series of a few, in as few calls as possible."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

# Per call: CloudWatch API Reference, GetMetricData.
MAX_QUERIES = 500
MAX_DATA_POINTS = 100_000  # it returns at most 100,800


@dataclass(frozen=True)
class MetricSum:
    """The sum of a metric of one resource over one period."""

    metric: str
    name: str  # the dimension's value
    at: datetime
    value: float


@dataclass(frozen=True)
class Metric:
    """One statistic of one metric; `dimension` and `name` are empty for account-level metrics."""

    namespace: str
    metric: str
    dimension: str
    name: str
    statistic: str


Series = dict[datetime, float]


def read_series(
    cloud: Cloud, place: Place, metrics: Sequence[Metric], start: datetime, end: datetime, period: timedelta
) -> dict[Metric, Series]:
    """Return the values of up to MAX_QUERIES metrics by time. A metric without data has an empty series."""
    client = cloud.client("cloudwatch", place.account.id, place.region)
    queries: Any = [_query(number, metric, period) for number, metric in enumerate(metrics)]
    series: dict[Metric, Series] = {metric: {} for metric in metrics}
    with translated("Reading metrics from CloudWatch"):
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                pairs = zip(result["Timestamps"], result["Values"], strict=True)
                series[metrics[int(result["Id"][1:])]].update(
                    {at.astimezone(UTC): value for at, value in pairs}
                )
    return series


def read_sums(
    cloud: Cloud,
    place: Place,
    namespace: str,
    metrics: Sequence[str],
    dimension: str,
    names: Sequence[str],
    start: datetime,
    end: datetime,
    period: timedelta,
) -> Iterator[MetricSum]:
    """Yield sums of each metric for each resource name; periods without data are omitted.

    A call has up to 500 queries, fewer if the time range would exceed the limit of data points.
    """
    client = cloud.client("cloudwatch", place.account.id, place.region)
    pairs = [(metric, name) for name in names for metric in metrics]
    points = max(1, int((end - start) / period))
    size = max(1, min(MAX_QUERIES, MAX_DATA_POINTS // points))
    for first in range(0, len(pairs), size):
        batch = pairs[first : first + size]
        queries: Any = [
            _query(number, Metric(namespace, metric, dimension, name, "Sum"), period)
            for number, (metric, name) in enumerate(batch)
        ]
        with translated("Reading metrics from CloudWatch"):
            pages = client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    yield from _sums(batch, result)


def _query(number: int, metric: Metric, period: timedelta) -> dict[str, Any]:
    dimensions = [{"Name": metric.dimension, "Value": metric.name}] if metric.dimension else []
    return {
        "Id": f"m{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.metric,
                "Dimensions": dimensions,
            },
            "Period": int(period.total_seconds()),
            "Stat": metric.statistic,
        },
    }


def _sums(batch: Sequence[tuple[str, str]], result: Mapping[str, Any]) -> Iterator[MetricSum]:
    metric, name = batch[int(result["Id"][1:])]
    for at, value in zip(result["Timestamps"], result["Values"], strict=True):
        yield MetricSum(metric, name, at.astimezone(UTC), value)
