"""The small objects of the log bucket that are not events: errors and state."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud
from ops.aws.s3.staging import MISSING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class LogBucket:
    """One bucket with the credentials of an account. Safe for many threads."""

    def __init__(self, cloud: Cloud, name: str, account: str = "", region: str = "") -> None:
        self.name = name
        self._s3: S3Client = cloud.client("s3", account, region)

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """Keys below the prefix, in order, those after `after` only."""
        options: Any = {"StartAfter": after} if after else {}
        with translated(f"Listing s3://{self.name}/{prefix}"):
            pages = self._s3.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.name, Prefix=prefix, **options):
                for entry in page.get("Contents", []):
                    yield entry["Key"]

    def read(self, key: str) -> bytes | None:
        """The object's bytes; None where there is none."""
        with translated(f"Reading s3://{self.name}/{key}"):
            try:
                return self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
            except ClientError as error:
                if code(error) in MISSING:
                    return None
                raise

    def write(self, key: str, body: bytes) -> None:
        """Puts the object, whatever was there."""
        with translated(f"Writing s3://{self.name}/{key}"):
            self._s3.put_object(Bucket=self.name, Key=key, Body=body)

    def move(self, key: str, target: str) -> None:
        """Copies, then deletes: after a crash between the two the object is there twice, never not at all."""
        with translated(f"Moving s3://{self.name}/{key}"):
            source: Any = {"Bucket": self.name, "Key": key}
            self._s3.copy_object(Bucket=self.name, Key=target, CopySource=source)
            self._s3.delete_object(Bucket=self.name, Key=key)

    def delete(self, key: str) -> None:
        with translated(f"Deleting s3://{self.name}/{key}"):
            self._s3.delete_object(Bucket=self.name, Key=key)
