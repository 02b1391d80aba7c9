"""The log bucket's small objects besides events: error records and backfill state."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud
from ops.aws.s3.staging import NOT_FOUND_CODES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class LogBucket:
    """One bucket, accessed with the credentials of an account. Thread-safe."""

    def __init__(self, cloud: Cloud, name: str, account: str = "", region: str = "") -> None:
        self.name = name
        self._s3: S3Client = cloud.client("s3", account, region)

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """Yield the keys with the prefix that sort after `after`, in order."""
        options: Any = {"StartAfter": after} if after else {}
        with translated(f"Listing s3://{self.name}/{prefix}"):
            pages = self._s3.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.name, Prefix=prefix, **options):
                for entry in page.get("Contents", []):
                    yield entry["Key"]

    def read(self, key: str) -> bytes | None:
        """Return the content of the object, or None if it does not exist."""
        with translated(f"Reading s3://{self.name}/{key}"):
            try:
                return self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
            except ClientError as error:
                if code(error) in NOT_FOUND_CODES:
                    return None
                raise

    def write(self, key: str, body: bytes) -> None:
        """Write the object, replacing an existing one."""
        with translated(f"Writing s3://{self.name}/{key}"):
            self._s3.put_object(Bucket=self.name, Key=key, Body=body)

    def move(self, key: str, target: str) -> None:
        """Copy, then delete: after a crash between the two both objects exist, so none is lost."""
        with translated(f"Moving s3://{self.name}/{key}"):
            source: Any = {"Bucket": self.name, "Key": key}
            self._s3.copy_object(Bucket=self.name, Key=target, CopySource=source)
            self._s3.delete_object(Bucket=self.name, Key=key)

    def delete(self, key: str) -> None:
        with translated(f"Deleting s3://{self.name}/{key}"):
            self._s3.delete_object(Bucket=self.name, Key=key)
