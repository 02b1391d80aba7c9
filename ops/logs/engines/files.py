"""The objects of one dataset as files on this machine: downloaded to the cache, or in a local copy."""

import hashlib
from pathlib import Path

from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import LogObject
from ops.logs.lake.store import ObjectStore


class ObjectFiles:
    """The objects of a store, with its cache; thread-safe. `home` is the store's name in the cache."""

    def __init__(self, store: ObjectStore, cache: FileCache) -> None:
        self.store = store
        self.cache = cache
        self.home = hashlib.sha256(store.name.encode()).hexdigest()[:16]

    def find(self, key: str, etag: str, size: int) -> Path | None:
        """Return the object's local file, if there is one."""
        return self.store.local(key) or self.cache.find(self._name(key, etag), size)

    def fetch(self, key: str, etag: str, size: int) -> Path:
        """Return the object's local file, downloaded if necessary. Raises NotFound, Conflict, NotCached."""
        local = self.store.local(key)
        if local is not None:
            return local
        return self.cache.add(self._name(key, etag), lambda path: self.store.fetch(key, etag, path), size)

    def content(self, obj: LogObject) -> bytes:
        """Return the object's bytes, from a local file if possible. Raises NotFound, Conflict, OSError."""
        path = None if self.store.local(obj.key) else self.find(obj.key, obj.etag, obj.size)
        return path.read_bytes() if path else self.store.read(obj.key, obj.etag)

    def _name(self, key: str, etag: str) -> str:
        """Return the name of the cached file; it keeps the partition's folders for DuckDB's pruning."""
        folders = [piece for piece in key.split("/")[:-1] if "=" in piece and len(piece) < 200]
        digest = hashlib.sha256(f"{key}\n{etag}".encode()).hexdigest()[:32]
        suffix = ".gz" if key.endswith(".gz") else ".parquet" if key.endswith(".parquet") else ""
        return "/".join(["objects", self.home, *folders, digest + suffix])
