"""CloudWatch metrics of the log flow's services: one statistic set for each metric and minute."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from ministack.services import cloudwatch

SEAMS = (
    "ministack.services.cloudwatch._metric_bucket",
    "ministack.services.cloudwatch._dims_key",
)
MINUTE_S = 60


_moment: ContextVar[float | None] = ContextVar("moment", default=None)


@contextmanager
def at(moment: float) -> Iterator[None]:
    """Count samples inside the block at that time, in seconds since the epoch."""
    token = _moment.set(moment)
    try:
        yield
    finally:
        _moment.reset(token)


def count(namespace: str, dimensions: Mapping[str, str], unit: str, **values: float) -> None:
    """Add one sample of each metric, named by keyword, to the current minute in the current region."""
    for name, value in values.items():
        _add(namespace, name.replace("__", "."), dict(dimensions), unit, float(value))


def _add(namespace: str, name: str, dimensions: dict[str, str], unit: str, value: float) -> None:
    points = cloudwatch._metric_bucket((namespace, name, cloudwatch._dims_key(dimensions)))
    minute = float((_moment.get() or time.time()) // MINUTE_S * MINUTE_S)
    if not points or points[-1]["Timestamp"] != minute:
        points.append(
            {"Timestamp": minute, "Unit": unit, "Dimensions": dimensions, "Value": value, "_stat": {}}
        )
    statistics = points[-1]["_stat"]
    statistics["SampleCount"] = statistics.get("SampleCount", 0.0) + 1
    statistics["Sum"] = statistics.get("Sum", 0.0) + value
    statistics["Minimum"] = min(statistics.get("Minimum", value), value)
    statistics["Maximum"] = max(statistics.get("Maximum", value), value)
