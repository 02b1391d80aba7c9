"""The storage of a dataset's objects: an S3 bucket, or a local copy of one."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ops.aws.cloud import Cloud
from ops.aws.s3.objects import Bucket, ListedObject
from ops.errors import Conflict, NotFound
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
    def local(self, key: str) -> Path | None: ...


class Folder:
    """A local copy of a bucket, for example from `aws s3 sync`; its files are read in place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)

    def folders(self, prefix: str) -> list[str]:
        try:
            return sorted(entry.name for entry in os.scandir(self.root / prefix) if entry.is_dir())
        except FileNotFoundError:
            return []

    def list(self, prefix: str, after: str = "", before: str = "") -> Iterator[ListedObject]:
        for path in sorted(self._below(prefix)):
            key = path.relative_to(self.root).as_posix()
            if key > after and (not before or key < before):
                yield ListedObject(key, path.stat().st_size, _etag(path))

    def read(self, key: str, etag: str = "") -> bytes:
        return self._existing(key, etag).read_bytes()

    def fetch(self, key: str, etag: str, path: Path) -> None:
        shutil.copyfile(self._existing(key, etag), path)

    def put(self, key: str, body: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        half.write_bytes(body)
        half.replace(path)

    def replace(self, key: str, body: bytes, etag: str) -> None:
        """Replace the file as `Bucket.replace` does, but not atomically: the copy has a single user."""
        path = self.root / key
        if (_etag(path) if path.is_file() else "") != etag:
            raise Conflict(f"{path} has changed since it was read.", hint="Retry.")
        self.put(key, body)

    def upload(self, path: Path, key: str) -> None:
        self.put(key, path.read_bytes())

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def local(self, key: str) -> Path | None:
        return self.root / key

    def _below(self, prefix: str) -> Iterator[Path]:
        for folder, _, names in os.walk(self.root / prefix):
            yield from (Path(folder, name) for name in names if not name.startswith("."))

    def _existing(self, key: str, etag: str) -> Path:
        path = self.root / key
        if not path.is_file():
            raise NotFound(f"{path} no longer exists.", hint="Refresh the search.")
        if etag and _etag(path) != etag:
            raise Conflict(f"{path} has changed since it was listed.", hint="Refresh the search.")
        return path


def _etag(path: Path) -> str:
    facts = path.stat()
    return hashlib.sha256(f"{facts.st_size}/{facts.st_mtime_ns}".encode()).hexdigest()[:32]
