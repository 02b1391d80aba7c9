"""Where a dataset's objects are kept: a bucket, or a copy of one in a folder of this machine."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ops.aws.s3.objects import Listed
from ops.errors import Conflict, NotFound


class Store(Protocol):
    """What `ops.aws.s3.objects.Bucket` can do; errors and orders as it says."""

    name: str

    def folders(self, prefix: str) -> list[str]: ...
    def list(self, prefix: str, after: str = "", before: str = "") -> Iterator[Listed]: ...
    def read(self, key: str, etag: str = "") -> bytes: ...
    def fetch(self, key: str, etag: str, path: Path) -> None: ...
    def put(self, key: str, body: bytes) -> None: ...
    def replace(self, key: str, body: bytes, etag: str) -> None: ...
    def upload(self, path: Path, key: str) -> None: ...
    def delete(self, key: str) -> None: ...
    def local(self, key: str) -> Path | None: ...


class Folder:
    """A bucket's copy in a folder, for instance of `aws s3 sync`; its files are read in place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)

    def folders(self, prefix: str) -> list[str]:
        try:
            return sorted(entry.name for entry in os.scandir(self.root / prefix) if entry.is_dir())
        except FileNotFoundError:
            return []

    def list(self, prefix: str, after: str = "", before: str = "") -> Iterator[Listed]:
        for path in sorted(self._below(prefix)):
            key = path.relative_to(self.root).as_posix()
            if key > after and (not before or key < before):
                yield Listed(key, path.stat().st_size, _etag(path))

    def read(self, key: str, etag: str = "") -> bytes:
        return self._found(key, etag).read_bytes()

    def fetch(self, key: str, etag: str, path: Path) -> None:
        shutil.copyfile(self._found(key, etag), path)

    def put(self, key: str, body: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        half.write_bytes(body)
        half.replace(path)

    def replace(self, key: str, body: bytes, etag: str) -> None:
        """Of two processes at the same instant the later one wins: a folder is one user's copy."""
        path = self.root / key
        if (_etag(path) if path.is_file() else "") != etag:
            raise Conflict(f"{path} was written anew since it was read.", hint="Do it again.")
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

    def _found(self, key: str, etag: str) -> Path:
        path = self.root / key
        if not path.is_file():
            raise NotFound(f"{path} does not exist any more.", hint="Search again.")
        if etag and _etag(path) != etag:
            raise Conflict(f"{path} was written anew since it was listed.", hint="Search again.")
        return path


def _etag(path: Path) -> str:
    facts = path.stat()
    return hashlib.sha256(f"{facts.st_size}/{facts.st_mtime_ns}".encode()).hexdigest()[:32]
