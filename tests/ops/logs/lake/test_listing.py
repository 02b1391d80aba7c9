"""A large bucket is listed with as few calls as possible: one per thousand objects of the scope."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ops.aws.s3.objects import Bucket
from ops.logs.lake.layout import HOUR, Location, LogFormat, Partition, Scope, folder
from ops.logs.lake.listing import Lister
from tests.ops.logs.sample_lake import START

PAGE = 1000  # maximum of ListObjectsV2
ACCOUNTS = [f"{n:012}" for n in range(1, 6)]
REGIONS = ["eu-west-1", "us-east-1"]
HOURS, OBJECTS = 100, 100  # per account, region, and hour: 100,000 objects in total
HERE = Location("big")


@dataclass
class Pages:
    """A test double for the S3 client: responds like ListObjectsV2, and counts the calls."""

    keys: list[str]
    calls: list[str] = field(default_factory=list)

    def get_paginator(self, operation: str) -> "Pages":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **wanted: str) -> Iterator[dict[str, Any]]:
        prefix, after = wanted["Prefix"], wanted.get("StartAfter", "")
        start = max(bisect_left(self.keys, prefix), bisect_right(self.keys, after))
        below = self.keys[start : bisect_left(self.keys, prefix + "\U0010ffff")]
        if "Delimiter" in wanted:
            self.calls.append(prefix)
            yield {"CommonPrefixes": [{"Prefix": one} for one in self._folders(prefix)]}
            return
        for start in range(0, max(1, len(below)), PAGE):
            self.calls.append(prefix)
            yield {"Contents": [{"Key": k, "Size": 9, "ETag": '"e"'} for k in below[start : start + PAGE]]}

    def _folders(self, prefix: str) -> Iterator[str]:
        """The folders directly below `prefix`."""
        at = bisect_left(self.keys, prefix)
        while at < len(self.keys) and self.keys[at].startswith(prefix):
            name = f"{prefix}{self.keys[at][len(prefix) :].split('/')[0]}/"
            yield name
            at = bisect_left(self.keys, name + "\U0010ffff")


class Stub:
    """A cloud with one client."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def client(self, *_: str) -> Pages:
        return self._pages


@pytest.fixture(scope="module")
def keys() -> list[str]:
    return sorted(
        f"{folder(HERE, LogFormat.RAW, Partition(hour_at(hour), account, region))}{n:03}.gz"
        for account in ACCOUNTS
        for region in REGIONS
        for hour in range(HOURS)
        for n in range(OBJECTS)
    )


def hour_at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("scope", "objects", "pages"),
    [
        (Scope(START, hour_at(HOURS)), 100_000, 100),
        (Scope(hour_at(50), hour_at(51)), 1_000, 10),  # one account and region each
        (Scope(hour_at(50), hour_at(51), (ACCOUNTS[2],), (REGIONS[1],)), 100, 1),
        (Scope(hour_at(45), hour_at(65), (ACCOUNTS[0],)), 4_000, 4),
    ],
)
def test_listing_takes_one_call_per_thousand_objects(
    keys: list[str], scope: Scope, objects: int, pages: int
) -> None:
    s3 = Pages(keys)
    lister = Lister(Bucket(Stub(s3), HERE.bucket), HERE, clock=lambda: 0)  # type: ignore[arg-type]
    lister.places()
    found_places = len(s3.calls)
    assert found_places == 1 + 1 + len(ACCOUNTS)  # the kinds, the accounts, the regions of each
    listing = lister.list_scope(scope)
    assert len(listing.fresh) == objects
    # A key range ends within a page, or needs one more page to find its end.
    needed = len(s3.calls) - found_places
    assert pages <= needed <= pages + len(ACCOUNTS) * len(REGIONS)
    assert lister.list_scope(scope) is listing
    narrow = replace(scope, start=scope.end - HOUR)
    piece = lister.list_scope(narrow)  # remembered
    assert len(s3.calls) == found_places + needed
    assert piece.fresh == Lister(lister.store, HERE).list_scope(narrow).fresh
