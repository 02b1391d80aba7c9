"""Metrics of many log groups in few calls."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from ops.aws.cloud import Place
from ops.aws.cloudwatch.metrics import MAX_QUERIES, MetricSum, read_sums
from ops.settings import Account

PLACE = Place(Account("production", "111111111111"), "eu-west-1")
START = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Metrics:
    """Returns one value for every query, and records the number of queries per call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def get_paginator(self, name: str) -> "Metrics":
        assert name == "get_metric_data"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        queries = request["MetricDataQueries"]
        self.calls.append(len(queries))
        results = [{"Id": each["Id"], "Timestamps": [START], "Values": [1.0]} for each in queries]
        yield {"MetricDataResults": results[: len(results) // 2]}
        yield {"MetricDataResults": results[len(results) // 2 :]}


def read(names: list[str], end: datetime) -> tuple[list[MetricSum], list[int]]:
    metrics = Metrics()
    cloud: Any = SimpleNamespace(client=lambda *_: metrics)
    found = read_sums(cloud, PLACE, "AWS/Logs", ("A", "B"), "LogGroupName", names, START, end, HOUR)
    return list(found), metrics.calls


def test_ten_thousand_groups_take_forty_calls() -> None:
    names = [f"/app/{number}" for number in range(10_000)]
    found, calls = read(names, START + timedelta(days=1))
    assert len(calls) == 40 and max(calls) == MAX_QUERIES
    assert {(each.metric, each.name) for each in found} == {(m, n) for m in "AB" for n in names}


def test_a_long_range_takes_fewer_queries_per_call() -> None:
    _, calls = read(["/a"] * 400, START + timedelta(days=60))
    assert max(calls) * 60 * 24 <= 100_800
