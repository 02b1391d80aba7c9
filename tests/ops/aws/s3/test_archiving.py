"""Nothing is deleted before its copy is complete: each has the size and a SHA-256 checksum."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from ops.aws.s3.buckets import ObjectVersion, iterate_versions
from ops.aws.s3.emptying import archive_versions
from ops.errors import Conflict
from ops.settings import Account
from tests.ops.in_process import InProcessCloud

SOURCE, ARCHIVE = "artifacts", "archive"


@cache
def cloud() -> InProcessCloud:
    return InProcessCloud((Account("one", "111111111111"),))


@pytest.fixture
def s3() -> Iterator[Any]:
    """A client; the source has one version of 8 bytes."""
    cloud().reset()
    client = cloud().client("s3", "one", "us-east-1")
    for name in (SOURCE, ARCHIVE):
        client.create_bucket(Bucket=name)
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket=SOURCE, Key="a/b", Body=b"artifact")
    yield client


def version(s3: Any) -> ObjectVersion:
    (found,) = (item for page in iterate_versions(s3, SOURCE) for item in page)
    return found


def archive(s3: Any) -> None:
    cloud().calls.clear()
    archive_versions(s3, SOURCE, s3, ARCHIVE, [version(s3)], lambda text: None)


def copies() -> int:
    return cloud().calls.count("s3:CopyObject")


def copy_key(s3: Any) -> str:
    return f"{SOURCE}/{version(s3).id}/a/b"


def test_a_complete_copy_is_not_repeated(s3: Any) -> None:
    archive(s3)
    assert copies() == 1
    head = s3.head_object(Bucket=ARCHIVE, Key=copy_key(s3), ChecksumMode="ENABLED")
    assert head["ContentLength"] == 8 and head["ChecksumSHA256"]
    archive(s3)
    assert copies() == 0


def test_a_short_old_copy_is_copied_again(s3: Any) -> None:
    s3.put_object(Bucket=ARCHIVE, Key=copy_key(s3), Body=b"art", ChecksumAlgorithm="SHA256")
    archive(s3)
    assert copies() == 1
    assert s3.get_object(Bucket=ARCHIVE, Key=copy_key(s3))["Body"].read() == b"artifact"


def test_a_copy_without_a_checksum_is_refused(s3: Any) -> None:
    s3.put_object(Bucket=ARCHIVE, Key=copy_key(s3), Body=b"artifact", ChecksumAlgorithm="CRC32")
    with pytest.raises(Conflict, match="The copy of a/b in archive is incomplete"):
        archive(s3)
    assert "s3:PutObject" not in cloud().calls  # no manifest says that it is complete


def test_a_copy_that_stays_short_is_refused(s3: Any) -> None:
    key = copy_key(s3)
    s3.put_object(Bucket=ARCHIVE, Key=key, Body=b"art", ChecksumAlgorithm="SHA256")

    def answer_without_copying(**_: Any) -> Any:
        return _Answered(), {"CopyObjectResult": {}}

    s3.meta.events.register("before-call.s3.CopyObject", answer_without_copying)
    try:
        with pytest.raises(Conflict, match="is incomplete"):
            archive(s3)
    finally:
        s3.meta.events.unregister("before-call.s3.CopyObject", answer_without_copying)


class _Answered:
    status_code = 200


def test_an_archive_that_cannot_be_read_is_an_error(s3: Any) -> None:
    cloud().refuse = lambda call, account, region: ("AccessDenied", 403) if call == "s3:HeadObject" else None
    with pytest.raises(Exception, match="Archiving a/b of artifacts"):
        archive(s3)
    assert copies() == 0
