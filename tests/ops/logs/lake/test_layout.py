"""Keys, partitions, and the key ranges that a scope lists."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.errors import InputError
from ops.logs.lake.layout import HOUR, Location, LogFormat, Partition, Scope, folder, parse, spans

HERE = Location("logs", "team")
TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
PLACE = Partition(TEN, "111111111111", "eu-west-1")


def scope(hours: float = 1, **more: Any) -> Scope:
    return Scope(TEN, TEN + timedelta(hours=hours), **more)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (LogFormat.RAW, "team/raw/account=111111111111/region=eu-west-1/date=2026-11-24/hour=10/"),
        (LogFormat.JSON, "team/json/account=111111111111/region=eu-west-1/date=2026-11-24/hour=10/"),
        (
            LogFormat.COMPACTED,
            "team/compacted/account=111111111111/region=eu-west-1/date=2026-11-24/hour=10/",
        ),
    ],
)
def test_a_key_names_format_and_partition(kind: LogFormat, expected: str) -> None:
    assert folder(HERE, kind, PLACE) == expected
    assert parse(HERE, f"{expected}a/b.gz") == (kind, PLACE, "a/b.gz")


@pytest.mark.parametrize("kind", [LogFormat.CLOUDWATCH, LogFormat.OLDER])
def test_formats_by_arrival_name_no_account(kind: LogFormat) -> None:
    key = folder(HERE, kind, PLACE) + "x"
    assert parse(HERE, key) == (kind, Partition(TEN), "x")


@pytest.mark.parametrize(
    "key",
    [
        "raw/account=1/region=r/date=2026-11-24/hour=10/x",  # not below the prefix
        "team/raw/account=1/region=r/date=2026-11-24/hour=10/",  # a folder's own marker
        "team/raw/account=1/region=r/date=2026-13-24/hour=10/x",
        "team/raw/account=1/region=r/date=2026-11-24/hour=24/x",
        "team/errors/processing/date=2026-11-24/hour=10/x",
        "team/readme.txt",
    ],
)
def test_a_key_outside_the_layout_is_rejected(key: str) -> None:
    assert parse(HERE, key) is None


def test_a_scope_lists_one_key_range_per_account_and_region() -> None:
    places = [
        (LogFormat.RAW, "111111111111", "eu-west-1"),
        (LogFormat.RAW, "222222222222", "eu-west-1"),
    ]
    (span,) = spans(HERE, scope(1.5, accounts=("111111111111",)), places)
    assert span.prefix == "team/raw/account=111111111111/region=eu-west-1/"
    assert span.after == span.prefix + "date=2026-11-24/hour=10/"
    assert span.before == span.prefix + "date=2026-11-24/hour=12/"


def test_formats_by_arrival_are_listed_with_a_margin() -> None:
    (span,) = spans(HERE, scope(1), [(LogFormat.OLDER, "", "")])
    assert (span.after, span.before) == ("team/2026/11/24/08/", "team/2026/11/24/12/")


def test_a_range_ends_before_its_end() -> None:
    assert scope(1).hours == [TEN]
    assert Scope(TEN + HOUR / 2, TEN + HOUR * 1.5).hours == [TEN, TEN + HOUR]


def test_an_empty_range_and_a_time_without_a_zone_are_rejected() -> None:
    with pytest.raises(InputError, match="ends before it starts"):
        Scope(TEN, TEN)
    with pytest.raises(InputError, match="no time zone"):
        Scope(datetime(2026, 1, 1), TEN)
