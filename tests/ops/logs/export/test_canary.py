"""The newest canary in the bucket, and what stopped or could not be read."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.aws.s3.objects import ListedObject
from ops.errors import AccessDenied
from ops.logs.export.canary import Canaries, Canary, CanaryState, find_canaries
from ops.logs.lake.layout import Location
from ops.templates.logs import subscriber
from tests.ops.functions.source import load

NOW = datetime(2026, 5, 4, 12, 10, tzinfo=UTC)
AT = Location("bucket", "logs/")
PLACE = "logs/canary/account=222222222222/region=eu-west-1/"


def message(at: datetime) -> str:
    return json.dumps({"canary": "1f", "at": at.isoformat(timespec="seconds")})


def json_line(at: datetime) -> bytes:
    return json.dumps({"group": "/slipway/canary/x", "message": message(at)}).encode()


def raw_line(at: datetime) -> bytes:
    return f"/slipway/canary/x:s\t1\t{message(at)}\n".encode()


class Store:
    """Objects by key; lists and reads those, and refuses the keys in `denied`."""

    name = "bucket"

    def __init__(self, objects: dict[str, bytes], denied: str = "-") -> None:
        self.objects, self.denied = objects, denied

    def folders(self, prefix: str) -> list[str]:
        if self.denied == prefix:
            raise AccessDenied("may not list", hint="Allow it.")
        return sorted({k[len(prefix) :].split("/")[0] for k in self.objects if k.startswith(prefix)})

    def list(self, prefix: str, after: str = "", before: str = "") -> Iterator[ListedObject]:
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        return (ListedObject(key, 1, "") for key in keys)

    def read(self, key: str, etag: str = "") -> bytes:
        if self.denied == key:
            raise AccessDenied("may not read", hint="Allow it.")
        return self.objects[key]


def key(at: datetime, name: str = "o.gz") -> str:
    return f"{PLACE}date={at:%Y-%m-%d}/hour={at:%H}/{name}"


def found(store: Any) -> Canaries:
    return find_canaries(store, AT, NOW)


@pytest.mark.parametrize("line", [json_line, raw_line])
def test_the_newest_canary_of_an_account_and_region_is_found(line: Any) -> None:
    times = [NOW - timedelta(minutes=minutes) for minutes in (300, 62, 35)]
    made = {key(at, f"{number}.gz"): gzip.compress(line(at)) for number, at in enumerate(times)}
    (canary,) = found(Store(made)).found
    assert canary == Canary("222222222222", "eu-west-1", times[-1])
    assert canary.state(NOW) is CanaryState.ARRIVING
    assert canary.state(NOW + timedelta(hours=1)) is CanaryState.STOPPED


def test_a_canary_of_last_week_is_forgotten() -> None:
    old = NOW - timedelta(days=8)
    assert found(Store({key(old): gzip.compress(json_line(old))})) == Canaries()


def test_what_cannot_be_read_is_not_a_stopped_canary() -> None:
    made = {key(NOW): gzip.compress(json_line(NOW))}
    (canary,) = found(Store(made, denied=key(NOW))).found
    assert canary.state(NOW) is CanaryState.NOT_READ and "may not read" in canary.error
    (damaged,) = found(Store({key(NOW): b"text"})).found
    assert damaged.state(NOW) is CanaryState.NOT_READ
    unlisted = found(Store(made, denied="logs/canary/"))
    assert unlisted.error and unlisted.of("1", "eu-west-1")


def test_functions_and_templates_agree() -> None:
    from ops.functions.log_subscriber import canary as function
    from ops.logs.export import canary as job

    processor = load("log_processor", FORMAT="json", STREAM="s", BUCKET="b", PREFIX="")
    assert processor.CANARIES == subscriber.CANARY_GROUPS
    assert f"{processor.CANARY}/" == function.FOLDER == subscriber.CANARY_FOLDER
    assert (function.NAMESPACE, function.METRIC) == (subscriber.CANARY_NAMESPACE, subscriber.CANARY_METRIC)
    assert (function.STOPPED_AFTER, function.FORGOTTEN_AFTER) == (job.STOPPED_AFTER, job.FORGOTTEN_AFTER)
