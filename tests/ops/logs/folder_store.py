"""A folder in the place of a dataset's bucket."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ops.aws.s3.objects import ListedObject
from ops.errors import Conflict, NotFound


class Folder:
    """A bucket whose objects are files: the same methods as `ops.aws.s3.objects.Bucket`."""

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
            if key.startswith(prefix) and key > after and (not before or key < before):
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

    def _below(self, prefix: str) -> Iterator[Path]:
        for folder, _, names in os.walk(self.root / prefix.rpartition("/")[0]):
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
