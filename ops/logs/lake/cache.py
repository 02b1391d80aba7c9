"""A bounded folder of reproducible files, shared by all processes on this machine.

Each file is written under a temporary name and renamed, so a file under its final name is complete; one that
was truncated later is recognized by its size. The least recently used files are removed first. If a file
cannot be cached (full disk), `add` raises NotCached and the caller continues without the cache.
"""

import contextlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ops.errors import SlipwayError

log = logging.getLogger(__name__)

SPARED_S = 300  # a query, in this or another process, may still read a file used this recently
TIDY_EVERY = 32  # scan the whole folder each time 1/32 of the limit has been added
HALF = ".half"


class NotCached(SlipwayError):
    """The file could not be written to the cache, usually because the disk is full."""


class FileCache:
    """Files by name below `root`: at most `limit_bytes` in total, plus files in use."""

    def __init__(self, root: Path, limit_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self.limit_bytes = limit_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._added = limit_bytes  # scan the folder once at the start

    def find(self, name: str, size: int | None = None) -> Path | None:
        """Return the file and mark it as used, or None if it is missing. Remove it if its size differs."""
        path = self.root / name
        broken = False
        try:
            broken = size is not None and path.stat().st_size != size
            if broken:
                path.unlink()
                log.info("Cached file was truncated, removed it", extra={"bytes_expected": size})
                return None
            os.utime(path, (self._clock(), self._clock()))
        except FileNotFoundError:
            return None
        except OSError:  # a read-only folder still serves
            return path if path.is_file() and not broken else None
        return path

    def add(self, name: str, write: Callable[[Path], None], size: int | None = None) -> Path:
        """Return the file, written by `write` if it is missing. Raises NotCached, and what `write` raises."""
        if cached := self.find(name, size):
            return cached
        path = self.root / name
        half = path.with_name(f"{path.name}.{secrets.token_hex(6)}{HALF}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(half)
            os.utime(half, (self._clock(), self._clock()))
            added = half.stat().st_size
            half.replace(path)
        except OSError as error:
            log.warning(
                "Cannot write to the cache",
                extra={"folder": str(self.root), "error": type(error).__name__, "errno": error.errno},
            )
            raise NotCached(
                f"Cannot write to the cache of exported logs: {error.strerror or type(error).__name__}.",
                hint="Free some disk space there. Until then, searches are slower.",
            ) from error
        finally:
            half.unlink(missing_ok=True)
        log.debug("File added to the cache", extra={"bytes": added})
        self._tidy(added)
        return path

    def size_bytes(self) -> int:
        return sum(size for _, size, _ in self._files())

    def tidy(self) -> None:
        """Remove the least recently used files until the rest fits, and files left by a killed process."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        unused = [file for file in files if file[0] <= self._clock() - SPARED_S]
        removed, removed_bytes = 0, 0
        for _, size, path in unused:
            if path.name.endswith(HALF) or total > self.limit_bytes:
                with contextlib.suppress(FileNotFoundError):  # another process was first
                    path.unlink()
                total -= size
                removed, removed_bytes = removed + 1, removed_bytes + size
        if removed:
            log.info("Cached files removed", extra={"files": removed, "bytes": removed_bytes, "left": total})

    def _tidy(self, size: int) -> None:
        with self._lock:
            self._added += size
            due = self._added > self.limit_bytes // TIDY_EVERY
            if due:
                self._added = 0
        if due:
            self.tidy()

    def _files(self) -> list[tuple[float, int, Path]]:
        files: list[tuple[float, int, Path]] = []
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    facts = path.stat()
                    files.append((facts.st_mtime, facts.st_size, path))
        return files
