"""The storage of a dataset's objects: its bucket, and the operations that a dataset needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ops.aws.cloud import Cloud
from ops.aws.s3.objects import Bucket, ListedObject
from ops.logs.lake.layout import Location


def bucket_of(cloud: Cloud, location: Location) -> Bucket:
    """Return the bucket of a dataset, with the credentials of its account."""
    return Bucket(cloud, location.bucket, location.account, location.region)


class ObjectStore(Protocol):
    """The operations of `ops.aws.s3.objects.Bucket`, with the same errors and sort order."""

    name: str

    def folders(self, prefix: str) -> list[str]: ...
    def list(self, prefix: str, after: str = "", before: str = "") -> Iterator[ListedObject]: ...
    def read(self, key: str, etag: str = "") -> bytes: ...
    def fetch(self, key: str, etag: str, path: Path) -> None: ...
    def put(self, key: str, body: bytes) -> None: ...
    def replace(self, key: str, body: bytes, etag: str) -> None: ...
    def upload(self, path: Path, key: str) -> None: ...
    def delete(self, key: str) -> None: ...
