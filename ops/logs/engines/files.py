"""The objects of one dataset as files on this machine, downloaded to the cache."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import LogObject
from ops.logs.lake.readers import ObjectEvents, read_object
from ops.logs.lake.store import ObjectStore

Reader = Callable[[LogObject, bytes, str], ObjectEvents]


def read_exported(obj: LogObject, data: bytes, name: str) -> ObjectEvents:
    """Return the events of an object of the log export; `name` identifies it in notes."""
    return read_object(obj.kind, data, obj.partition, name)


class ObjectFiles:
    """The objects of a store, with its cache; thread-safe.

    `reader` is the exact reader of an object. `home` is the store's name in the cache, and `parts` that of
    the parts that the `reader` of that name makes.
    """

    def __init__(
        self, store: ObjectStore, cache: FileCache, reader: Reader = read_exported, reader_name: str = ""
    ) -> None:
        self.store = store
        self.cache = cache
        self.read = reader
        self.home = hashlib.sha256(store.name.encode()).hexdigest()[:16]
        self.parts = f"{self.home}-{reader_name}" if reader_name else self.home

    def find(self, key: str, etag: str, size: int) -> Path | None:
        """Return the object's local file, if there is one."""
        return self.cache.find(self._name(key, etag), size)

    def fetch(self, key: str, etag: str, size: int) -> Path:
        """Return the object's local file, downloaded if necessary. Raises NotFound, Conflict, NotCached."""
        return self.cache.add(self._name(key, etag), lambda path: self.store.fetch(key, etag, path), size)

    def content(self, obj: LogObject) -> bytes:
        """Return the object's bytes, from a local file if possible. Raises NotFound, Conflict, OSError."""
        path = self.find(obj.key, obj.etag, obj.size)
        return path.read_bytes() if path else self.store.read(obj.key, obj.etag)

    def _name(self, key: str, etag: str) -> str:
        """Return the name of the cached file; it keeps the partition's folders for DuckDB's pruning."""
        folders = [piece for piece in key.split("/")[:-1] if "=" in piece and len(piece) < 200]
        digest = hashlib.sha256(f"{key}\n{etag}".encode()).hexdigest()[:32]
        suffix = ".gz" if key.endswith(".gz") else ".parquet" if key.endswith(".parquet") else ""
        return "/".join(["objects", self.home, *folders, digest + suffix])
