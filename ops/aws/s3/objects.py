"""Objects of a bucket: listed by runs of keys, read, written. One store a bucket, safe for many threads."""

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
class Listed:
    """An object as a listing names it; `etag` without its quotes."""

    key: str
    size: int
    etag: str


class Bucket:
    """A bucket in S3, read with the credentials of `account` (empty: the first)."""

    def __init__(self, cloud: Cloud, name: str, account: str = "", region: str = "") -> None:
        self.name = name
        self._s3: S3Client = cloud.client("s3", account, region)

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly below `prefix`, without slash."""
        found: list[str] = []
        pages = self._s3.get_paginator("list_objects_v2")
        with translated(f"Listing s3://{self.name}/{prefix}"):
            for page in pages.paginate(Bucket=self.name, Prefix=prefix, Delimiter="/"):
                found += [one["Prefix"][len(prefix) : -1] for one in page.get("CommonPrefixes", [])]
        return found

    def list(self, prefix: str, after: str = "", before: str = "") -> Iterator[Listed]:
        """Objects below `prefix` in the order of their keys: after `after`, before `before`."""
        pages = self._s3.get_paginator("list_objects_v2")
        more: Any = {"StartAfter": after} if after else {}
        with translated(f"Listing s3://{self.name}/{prefix}"):
            for page in pages.paginate(Bucket=self.name, Prefix=prefix, **more):
                for one in page.get("Contents", []):
                    if before and one["Key"] >= before:
                        return
                    yield Listed(one["Key"], one["Size"], one["ETag"].strip('"'))

    def read(self, key: str, etag: str = "") -> bytes:
        """The object's bytes. Raises NotFound; Conflict when it is no longer the one with that `etag`."""
        with translated(f"Reading s3://{self.name}/{key}"):
            return self._get(key, etag)["Body"].read()

    def fetch(self, key: str, etag: str, path: Path) -> None:
        """Writes the object to `path`. Raises as `read` does, and OSError of the disk."""
        with translated(f"Reading s3://{self.name}/{key}"), path.open("wb") as out:
            for chunk in self._get(key, etag)["Body"].iter_chunks(CHUNK):
                out.write(chunk)

    def put(self, key: str, body: bytes) -> None:
        with translated(f"Writing s3://{self.name}/{key}"):
            self._s3.put_object(Bucket=self.name, Key=key, Body=body)

    def replace(self, key: str, body: bytes, etag: str) -> None:
        """Puts it if the object is still the one with that `etag`; if there is none, for an empty one.

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
                    f"s3://{self.name}/{key} was written anew since it was read.", hint="Do it again."
                ) from error

    def upload(self, path: Path, key: str) -> None:
        """Puts a file of any size."""
        with translated(f"Writing s3://{self.name}/{key}"):
            self._s3.upload_file(str(path), self.name, key)

    def delete(self, key: str) -> None:
        with translated(f"Deleting s3://{self.name}/{key}"):
            self._s3.delete_object(Bucket=self.name, Key=key)

    def local(self, key: str) -> Path | None:
        """A file that is the object, where the store lies on this machine."""
        return None

    def _get(self, key: str, etag: str) -> "GetObjectOutputTypeDef":
        more: Any = {"IfMatch": f'"{etag}"'} if etag else {}
        try:
            return self._s3.get_object(Bucket=self.name, Key=key, **more)
        except ClientError as error:
            if code(error) in ("PreconditionFailed", "412"):
                raise Conflict(
                    f"s3://{self.name}/{key} was written anew since it was listed.", hint="Search again."
                ) from error
            if code(error) == "404":
                raise NotFound(
                    f"s3://{self.name}/{key} does not exist any more.", hint="Search again."
                ) from error
            raise
