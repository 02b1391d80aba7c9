"""Amazon S3, read: the buckets of an account and the evidence that one of them holds."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud
from ops.aws.s3.staging import MISSING, client_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What S3 answers where a bucket has none: Amazon S3 API Reference, "List of error codes".
NONE = ("NoSuchBucketPolicy", "NoSuchTagSet", "ServerSideEncryptionConfigurationNotFoundError")
PAGE = 1000  # versions a page at most: ListObjectVersions


@dataclass(frozen=True)
class BucketName:
    """A bucket as the list tells."""

    name: str
    region: str
    created: datetime


@dataclass(frozen=True)
class Contents:
    """What is in a bucket. `complete` is False when there was more than was asked for; `folders` are the
    first parts of the keys.
    """

    versions: int
    markers: int
    bytes: int
    last_written: datetime | None
    uploads: int
    complete: bool
    folders: frozenset[str] = frozenset()

    @property
    def empty(self) -> bool:
        return not (self.versions or self.markers or self.uploads)


@dataclass(frozen=True)
class Version:
    """A version of an object, or a delete marker (`size` is then 0)."""

    key: str
    id: str
    size: int
    written: datetime
    marker: bool


def list_buckets(cloud: Cloud, account: str) -> tuple[BucketName, ...]:
    """Every bucket of the account, in whatever region."""
    client = client_of(cloud, account, "")
    with translated(f"Listing the buckets of {account}"):
        pages = client.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1000})
        return tuple(
            BucketName(
                item["Name"],
                item.get("BucketRegion") or _location(client, item["Name"]),
                item["CreationDate"],
            )
            for page in pages
            for item in page["Buckets"]
        )


def _location(client: "S3Client", bucket: str) -> str:
    """No constraint means us-east-1, EU means eu-west-1: S3 API Reference, GetBucketLocation."""
    found: Any = client.get_bucket_location(Bucket=bucket).get("LocationConstraint")
    return str({None: "us-east-1", "EU": "eu-west-1"}.get(found, found))


def exists(client: "S3Client", bucket: str, owner: str = "") -> bool:
    """Whether there is the bucket, and it is the owner's where one is given."""
    expected: Any = {"ExpectedBucketOwner": owner} if owner else {}
    with translated(f"Looking for the bucket {bucket}"):
        try:
            client.head_bucket(Bucket=bucket, **expected)
        except ClientError as error:
            if code(error) in MISSING:
                return False
            raise
    return True


def read_policy(client: "S3Client", bucket: str) -> dict[str, Any] | None:
    """The bucket's policy; None where it has none."""
    found = _unless_none(lambda: client.get_bucket_policy(Bucket=bucket)["Policy"], f"policy of {bucket}")
    return json.loads(found) if found else None


def read_tags(client: "S3Client", bucket: str) -> dict[str, str]:
    """The bucket's tags, those of CloudFormation as well."""
    found = _unless_none(lambda: client.get_bucket_tagging(Bucket=bucket)["TagSet"], f"tags of {bucket}")
    return {tag["Key"]: tag["Value"] for tag in found or []}


def read_key(client: "S3Client", bucket: str) -> str:
    """The KMS key that new objects are encrypted with, as the bucket names it; empty for AWS's own."""
    found = _unless_none(
        lambda: client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"],
        f"encryption of {bucket}",
    )
    keys = [
        rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID", "") for rule in found or []
    ]
    return next(filter(None, keys), "")


def _unless_none(ask: Callable[[], Any], what: str) -> Any:
    with translated(f"Reading the {what}"):
        try:
            return ask()
        except ClientError as error:
            if code(error) in NONE:
                return None
            raise


def iterate_versions(client: "S3Client", bucket: str) -> Iterator[list[Version]]:
    """Every version and delete marker, a page at a time."""
    with translated(f"Listing the versions in {bucket}"):
        for page in client.get_paginator("list_object_versions").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": PAGE}
        ):
            versions = [_version(item, marker=False) for item in page.get("Versions", [])]
            yield versions + [_version(item, marker=True) for item in page.get("DeleteMarkers", [])]


def _version(item: Any, *, marker: bool) -> Version:
    return Version(item["Key"], item["VersionId"], item.get("Size", 0), item["LastModified"], marker)


def list_uploads(client: "S3Client", bucket: str) -> list[tuple[str, str]]:
    """Key and id of every multipart upload that was begun and never ended."""
    with translated(f"Listing the multipart uploads in {bucket}"):
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
        return [(item["Key"], item["UploadId"]) for page in pages for item in page.get("Uploads", [])]


def read_contents(client: "S3Client", bucket: str, *, at_most: int) -> Contents:
    """Counts what is in the bucket, up to `at_most` versions."""
    versions = markers = size = 0
    last: datetime | None = None
    complete = True
    folders: set[str] = set()
    for page in iterate_versions(client, bucket):
        markers += sum(item.marker for item in page)
        versions += sum(not item.marker for item in page)
        size += sum(item.size for item in page)
        folders |= {item.key.partition("/")[0] for item in page}
        last = max([item.written for item in page] + ([last] if last else []), default=None)
        if versions + markers >= at_most:
            complete = False
            break
    uploads = len(list_uploads(client, bucket))
    return Contents(versions, markers, size, last, uploads, complete, frozenset(folders))
