"""The canary: written with an ID and a time, and counted when it stops."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.functions.log_subscriber.canary import stopped_canaries
from tests.ops.functions.log_subscriber.test_handler import SETTINGS
from tests.ops.functions.source import Context, load

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class S3:
    """Canary objects by key with the time of their arrival, in pages."""

    def __init__(self, objects: dict[str, datetime]) -> None:
        self.objects = objects

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, Bucket: str, Prefix: str, StartAfter: str = "", Delimiter: str = "") -> Any:  # noqa: N803
        keys = sorted(key for key in self.objects if key.startswith(Prefix) and key > StartAfter)
        if Delimiter:
            names = sorted({f"{Prefix}{key[len(Prefix) :].split('/')[0]}/" for key in keys})
            return [{"CommonPrefixes": [{"Prefix": name}]} for name in names]
        return [{"Contents": [{"LastModified": self.objects[key]}]} for key in keys] or [{}]


class Aws:
    """What the function calls, and remembers."""

    class exceptions:  # noqa: N801
        class ResourceAlreadyExistsException(Exception):
            pass

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.metrics: list[Any] = []

    def create_log_stream(self, **_: str) -> None:
        raise self.exceptions.ResourceAlreadyExistsException

    def put_log_events(self, **arguments: Any) -> None:
        self.events.append(arguments)

    def put_metric_data(self, **arguments: Any) -> None:
        self.metrics.append(arguments)


def key(account: str, at: datetime) -> str:
    return f"logs/canary/account={account}/region=eu-west-1/date={at:%Y-%m-%d}/hour={at:%H}/o.gz"


@pytest.mark.parametrize(("minutes", "stopped"), [(89, False), (91, True), (60 * 24 * 6, True)])
def test_a_canary_that_no_longer_arrives_is_stopped(minutes: int, stopped: bool) -> None:
    at = NOW - timedelta(minutes=minutes)
    others = {key("1", NOW): NOW, key("2", at - timedelta(hours=2)): at - timedelta(hours=2)}
    found = stopped_canaries(S3({**others, key("2", at): at}), "b", "logs/", NOW)
    assert found == (["account=2/region=eu-west-1"] if stopped else [])


def test_an_account_that_was_removed_is_forgotten() -> None:
    at = NOW - timedelta(days=8)
    assert stopped_canaries(S3({key("2", at): at}), "b", "logs/", NOW) == []


def test_the_function_writes_a_canary_and_publishes_the_stopped_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"CANARY": "/slipway/canary/x", "BUCKET": "b", "BUCKET_PREFIX": "logs/", "STACK": "x"}
    module, aws = load("log_subscriber", **{**SETTINGS, "PREFIX": "/app/", **more}), Aws()
    old = datetime.now(UTC) - timedelta(hours=3)
    module.logs = aws
    monkeypatch.setattr(module, "_make", lambda name, **_: S3({key("2", old): old}) if name == "s3" else aws)
    module.handler({"work": "canary"}, Context())
    (event,) = aws.events
    written = json.loads(event["logEvents"][0]["message"])
    assert event["logGroupName"] == "/slipway/canary/x" and len(written["canary"]) == 32 and written["at"]
    (metric,) = aws.metrics
    assert metric["MetricData"][0]["Value"] == 1
    assert metric["MetricData"][0]["Dimensions"] == [{"Name": "StackName", "Value": "x"}]
    assert module.is_selected("/slipway/canary/x") and not module.is_selected("/slipway/canary/y")
