"""Amazon S3 buckets: those of an account, and the properties and contents of each."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud
from ops.aws.s3.staging import NOT_FOUND_CODES, client_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The errors for a bucket without the property: Amazon S3 API Reference, "List of error codes".
ABSENT_CODES = (
    "NoSuchBucketPolicy",
    "NoSuchTagSet",
    "ServerSideEncryptionConfigurationNotFoundError",
    "ObjectLockConfigurationNotFoundError",
    "NoSuchObjectLockConfiguration",
)
PAGE = 1000  # versions, the maximum of ListObjectVersions


@dataclass(frozen=True)
class ListedBucket:
    """A bucket as ListBuckets returns it."""

    name: str
    region: str
    created: datetime


@dataclass(frozen=True)
class BucketContents:
    """The contents of a bucket, in numbers.

    `complete` is False if counting stopped at its limit. `folders` are the first parts of the keys.
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
class ObjectVersion:
    """A version of an object, or a delete marker (`size` is then 0)."""

    key: str
    id: str
    size: int
    written: datetime
    marker: bool


def list_buckets(cloud: Cloud, account: str) -> tuple[ListedBucket, ...]:
    """Return the buckets of the account in all regions."""
    client = client_of(cloud, account, "")
    with translated(f"Listing the buckets of {account}"):
        pages = client.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1000})
        return tuple(
            ListedBucket(
                item["Name"],
                item.get("BucketRegion") or _location(client, item["Name"]),
                item["CreationDate"],
            )
            for page in pages
            for item in page["Buckets"]
        )


def _location(client: "S3Client", bucket: str) -> str:
    # No constraint means us-east-1, EU means eu-west-1: S3 API Reference, GetBucketLocation.
    constraint: Any = client.get_bucket_location(Bucket=bucket).get("LocationConstraint")
    return str({None: "us-east-1", "EU": "eu-west-1"}.get(constraint, constraint))


def bucket_exists(client: "S3Client", bucket: str, owner: str = "") -> bool:
    """Whether the bucket exists, and belongs to `owner` if one is given."""
    expected: Any = {"ExpectedBucketOwner": owner} if owner else {}
    with translated(f"Finding the bucket {bucket}"):
        try:
            client.head_bucket(Bucket=bucket, **expected)
        except ClientError as error:
            if code(error) in NOT_FOUND_CODES:
                return False
            raise
    return True


def read_policy(client: "S3Client", bucket: str) -> dict[str, Any] | None:
    """Return the bucket policy, or None if the bucket has none."""
    policy = _none_if_absent(lambda: client.get_bucket_policy(Bucket=bucket)["Policy"], f"policy of {bucket}")
    return json.loads(policy) if policy else None


def read_tags(client: "S3Client", bucket: str) -> dict[str, str]:
    """Return the bucket's tags, including those of CloudFormation."""
    tags = _none_if_absent(lambda: client.get_bucket_tagging(Bucket=bucket)["TagSet"], f"tags of {bucket}")
    return {tag["Key"]: tag["Value"] for tag in tags or []}


def read_encryption_key(client: "S3Client", bucket: str) -> str:
    """Return the KMS key of the bucket's default encryption; empty for an AWS managed or S3 managed key."""
    rules = _none_if_absent(
        lambda: client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"],
        f"encryption of {bucket}",
    )
    keys = [
        rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID", "") for rule in rules or []
    ]
    return next(filter(None, keys), "")


def read_object_lock(client: "S3Client", bucket: str) -> str:
    """Describe the bucket's Object Lock, such as `compliance, 30 days`; empty if it is not enabled."""
    lock = _none_if_absent(
        lambda: client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"],
        f"object lock of {bucket}",
    )
    if not lock:
        return ""
    default = lock.get("Rule", {}).get("DefaultRetention", {})
    period = next((f"{default[unit]} {unit.lower()}" for unit in ("Days", "Years") if unit in default), "")
    return f"{default['Mode'].lower()}, {period}" if period else "no default retention"


def find_lock(client: "S3Client", bucket: str, versions: Iterable[ObjectVersion], now: datetime) -> str:
    """Describe the first of these versions that S3 refuses to delete now; empty for none.

    Reads two properties of each version, and nothing if the bucket has no Object Lock.
    """
    if not read_object_lock(client, bucket):
        return ""
    for version in versions:
        if not version.marker and (lock := _lock(client, bucket, version, now)):
            return f"{version.key} is locked {lock}"
    return ""


def _lock(client: "S3Client", bucket: str, version: ObjectVersion, now: datetime) -> str:
    where: Any = {"Bucket": bucket, "Key": version.key, "VersionId": version.id}
    name = f"lock of {version.key} in {bucket}"
    hold = _none_if_absent(lambda: client.get_object_legal_hold(**where).get("LegalHold"), name)
    if hold and hold.get("Status") == "ON":
        return "by a legal hold"
    retention = _none_if_absent(lambda: client.get_object_retention(**where).get("Retention"), name)
    until = retention.get("RetainUntilDate") if retention else None
    return f"until {until:%Y-%m-%d} ({retention['Mode'].lower()})" if until and until > now else ""


def _none_if_absent(read: Callable[[], Any], name: str) -> Any:
    with translated(f"Reading the {name}"):
        try:
            return read()
        except ClientError as error:
            if code(error) in ABSENT_CODES:
                return None
            raise


def iterate_versions(client: "S3Client", bucket: str) -> Iterator[list[ObjectVersion]]:
    """Yield every version and delete marker, one page at a time."""
    with translated(f"Listing the versions in {bucket}"):
        for page in client.get_paginator("list_object_versions").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": PAGE}
        ):
            versions = [_version(item, marker=False) for item in page.get("Versions", [])]
            yield versions + [_version(item, marker=True) for item in page.get("DeleteMarkers", [])]


def _version(item: Any, *, marker: bool) -> ObjectVersion:
    return ObjectVersion(item["Key"], item["VersionId"], item.get("Size", 0), item["LastModified"], marker)


def list_uploads(client: "S3Client", bucket: str) -> list[tuple[str, str]]:
    """Return the key and id of every incomplete multipart upload."""
    with translated(f"Listing the multipart uploads in {bucket}"):
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
        return [(item["Key"], item["UploadId"]) for page in pages for item in page.get("Uploads", [])]


def read_contents(client: "S3Client", bucket: str, *, at_most: int) -> BucketContents:
    """Count the contents of the bucket, up to `at_most` versions."""
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
    return BucketContents(versions, markers, size, last, uploads, complete, frozenset(folders))
