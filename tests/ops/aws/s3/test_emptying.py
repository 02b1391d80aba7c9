"""A versioned bucket is emptied with the minimum number of calls."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from ops.aws.cloud import Cloud
from ops.aws.s3 import buckets, emptying
from ops.aws.s3.staging import client_of
from ops.errors import Conflict

ACCOUNT = "111111111111"
BUCKET = "versions-of-artifacts"
AMOUNT = 2_500  # two full batches and a half


@pytest.fixture
def full(cloud: Cloud) -> Iterator[Any]:
    s3 = client_of(cloud, ACCOUNT, "eu-west-1")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield s3
    versions = [item for page in buckets.iterate_versions(s3, BUCKET) for item in page]
    emptying.delete_versions(s3, BUCKET, ACCOUNT, versions, lambda text: None)
    emptying.delete_bucket(s3, BUCKET, ACCOUNT)


@pytest.mark.thorough
def test_a_thousand_versions_take_one_call_to_list_and_one_to_delete(full: Any) -> None:
    with ThreadPoolExecutor(8) as pool:  # ten versions of each key, some with a marker
        list(pool.map(lambda n: full.put_object(Bucket=BUCKET, Key=f"a/{n % 250}"), range(AMOUNT - 25)))
        list(pool.map(lambda n: full.delete_object(Bucket=BUCKET, Key=f"a/{n}"), range(25)))
    calls: Counter[str] = Counter()

    def note(event_name: str, **_: Any) -> None:
        calls[event_name.rpartition(".")[2]] += 1

    messages: list[str] = []
    full.meta.events.register("before-send.s3.*", note)
    try:
        versions = [item for page in buckets.iterate_versions(full, BUCKET) for item in page]
        emptying.delete_versions(full, BUCKET, ACCOUNT, versions, messages.append)
    finally:
        full.meta.events.unregister("before-send.s3.*", note)
    assert (len(versions), sum(item.marker for item in versions)) == (AMOUNT, 25)
    assert calls == {"ListObjectVersions": 3, "DeleteObjects": 3}
    assert messages == ["2,500 of 2,500 versions deleted"]
    assert not [item for page in buckets.iterate_versions(full, BUCKET) for item in page]


def test_a_version_that_s3_refuses_to_delete_is_reported(full: Any) -> None:
    """A locked object: S3 returns status 200 with the error in the body."""
    full.put_object(Bucket=BUCKET, Key="kept")
    versions = [item for page in buckets.iterate_versions(full, BUCKET) for item in page]

    def refuse(parsed: Any, **_: Any) -> None:
        parsed["Errors"] = [
            {"Key": "kept", "VersionId": versions[0].id, "Code": "AccessDenied", "Message": "no"}
        ]

    full.meta.events.register("after-call.s3.DeleteObjects", refuse)
    try:
        with pytest.raises(Conflict, match=r"1 of 1 versions.*kept: AccessDenied"):
            emptying.delete_versions(full, BUCKET, ACCOUNT, versions, lambda text: None)
    finally:
        full.meta.events.unregister("after-call.s3.DeleteObjects", refuse)


def test_temporary_errors_are_retried(full: Any) -> None:
    for n in range(3):
        full.put_object(Bucket=BUCKET, Key=f"slow/{n}")
    versions = [item for page in buckets.iterate_versions(full, BUCKET) for item in page]
    delays: list[float] = []

    def slow(params: Any, model: Any, **_: Any) -> Any:
        """Replace the first two responses: status 200, and one version not deleted."""
        if len(delays) >= 2:
            return None
        refused = [{**item, "Code": "SlowDown"} for item in requests[-1][-1:]]
        return SimpleNamespace(status_code=200), {"Errors": refused}

    requests: list[Any] = []

    def note(params: Any, **_: Any) -> None:
        requests.append(params["Delete"]["Objects"])

    full.meta.events.register("provide-client-params.s3.DeleteObjects", note)
    full.meta.events.register("before-call.s3.DeleteObjects", slow)
    try:
        emptying.delete_versions(full, BUCKET, ACCOUNT, versions, lambda text: None, delays.append)
    finally:
        full.meta.events.unregister("before-call.s3.DeleteObjects", slow)
        full.meta.events.unregister("provide-client-params.s3.DeleteObjects", note)
    assert [len(objects) for objects in requests] == [3, 1, 1]
    assert [0.5 <= delays[0] <= 1.0, 1.0 <= delays[1] <= 2.0] == [True, True]  # shortened at random
