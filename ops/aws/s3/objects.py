"""List, read, and write the objects of an S3 bucket; thread-safe."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud
from ops.errors import Conflict, NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

CHUNK = 1 << 20
# S3 User Guide, "How to prevent object overwrites with conditional writes".
OTHER_BY_NOW = (404, 409, 412)


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a listing; `etag` is without quotes."""

    key: str
    size: int
    etag: str


class Bucket:
    """An S3 bucket, accessed with the credentials of `account` (empty: the default account)."""

    def __init__(self, cloud: Cloud, name: str, account: str = "", region: str = "") -> None:
        self.name = name
        self._s3: S3Client = cloud.client("s3", account, region)

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly below `prefix`, without slashes."""
        names: list[str] = []
        pages = self._s3.get_paginator("list_objects_v2")
        with translated(f"Listing s3://{self.name}/{prefix}"):
            for page in pages.paginate(Bucket=self.name, Prefix=prefix, Delimiter="/"):
                names += [entry["Prefix"][len(prefix) : -1] for entry in page.get("CommonPrefixes", [])]
        return names

    def list(self, prefix: str, after: str = "", before: str = "") -> Iterator[ListedObject]:
        """Yield the objects below `prefix` in key order, after the key `after` and before `before`."""
        pages = self._s3.get_paginator("list_objects_v2")
        more: Any = {"StartAfter": after} if after else {}
        with translated(f"Listing s3://{self.name}/{prefix}"):
            for page in pages.paginate(Bucket=self.name, Prefix=prefix, **more):
                for entry in page.get("Contents", []):
                    if before and entry["Key"] >= before:
                        return
                    yield ListedObject(entry["Key"], entry["Size"], entry["ETag"].strip('"'))

    def read(self, key: str, etag: str = "") -> bytes:
        """Return the object's bytes. Raises NotFound, or Conflict if its ETag is no longer `etag`."""
        with translated(f"Reading s3://{self.name}/{key}"):
            return self._get(key, etag)["Body"].read()

    def metadata(self, key: str) -> dict[str, str]:
        """Return the object's own metadata. Raises NotFound."""
        with translated(f"Reading s3://{self.name}/{key}"):
            return self._s3.head_object(Bucket=self.name, Key=key)["Metadata"]

    def find(self, key: str) -> bytes | None:
        """Return the object's bytes, or None if it does not exist."""
        try:
            return self.read(key)
        except NotFound:
            return None

    def fetch(self, key: str, etag: str, path: Path) -> None:
        """Download the object to `path`. Raises what `read` raises, and OSError."""
        with translated(f"Reading s3://{self.name}/{key}"), path.open("wb") as out:
            for chunk in self._get(key, etag)["Body"].iter_chunks(CHUNK):
                out.write(chunk)

    def put(self, key: str, body: bytes) -> None:
        with translated(f"Writing s3://{self.name}/{key}"):
            self._s3.put_object(Bucket=self.name, Key=key, Body=body)

    def replace(self, key: str, body: bytes, etag: str) -> None:
        """Write the object if its ETag is still `etag`; with an empty `etag`, only if it does not exist.

        Raises Conflict.
        """
        condition: Any = {"IfMatch": f'"{etag}"'} if etag else {"IfNoneMatch": "*"}
        with translated(f"Writing s3://{self.name}/{key}"):
            try:
                self._s3.put_object(Bucket=self.name, Key=key, Body=body, **condition)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in OTHER_BY_NOW:
                    raise
                raise Conflict(
                    f"s3://{self.name}/{key} has changed since it was read.", hint="Retry."
                ) from error

    def upload(self, path: Path, key: str) -> None:
        """Upload a file of any size."""
        with translated(f"Writing s3://{self.name}/{key}"):
            self._s3.upload_file(str(path), self.name, key)

    def move(self, key: str, target: str) -> None:
        """Copy, then delete: after a crash between the two both objects exist, so none is lost."""
        with translated(f"Moving s3://{self.name}/{key}"):
            self._s3.copy_object(Bucket=self.name, Key=target, CopySource={"Bucket": self.name, "Key": key})
            self._s3.delete_object(Bucket=self.name, Key=key)

    def delete(self, key: str) -> None:
        with translated(f"Deleting s3://{self.name}/{key}"):
            self._s3.delete_object(Bucket=self.name, Key=key)

    def _get(self, key: str, etag: str) -> "GetObjectOutputTypeDef":
        more: Any = {"IfMatch": f'"{etag}"'} if etag else {}
        try:
            return self._s3.get_object(Bucket=self.name, Key=key, **more)
        except ClientError as error:
            if code(error) in ("PreconditionFailed", "412"):
                raise Conflict(
                    f"s3://{self.name}/{key} has changed since it was listed.", hint="Refresh the search."
                ) from error
            if code(error) == "404":
                raise NotFound(
                    f"s3://{self.name}/{key} no longer exists.", hint="Refresh the search."
                ) from error
            raise
