"""A bounded folder of files that can be made again, shared by all processes of this machine.

A file is complete from the moment that it has its name: it is written beside it and renamed; one that lost
its end afterwards is told by its size. The files used longest ago are removed first. What cannot be cached (a
full disk) raises NotCached, and the caller goes on without.
"""

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ops.errors import SlipwayError

SPARED_S = 300  # a file used so recently may still be read by a query, here or in another process
TIDY_EVERY = 32  # parts of the limit that may be added between two looks at the whole folder
HALF = ".half"


class NotCached(SlipwayError):
    """The disk takes no more."""


class FileCache:
    """Files by name below `root`, in all at most `limit_bytes` but for what is just in use."""

    def __init__(self, root: Path, limit_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self.limit_bytes = limit_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._added = limit_bytes  # look once at the start

    def find(self, name: str, size: int | None = None) -> Path | None:
        """The file, marked as used now; None when it is not there. One of another size is removed."""
        path = self.root / name
        broken = False
        try:
            broken = size is not None and path.stat().st_size != size
            if broken:
                path.unlink()
                return None
            os.utime(path, (self._clock(), self._clock()))
        except FileNotFoundError:
            return None
        except OSError:  # a read-only folder still serves
            return path if path.is_file() and not broken else None
        return path

    def add(self, name: str, write: Callable[[Path], None], size: int | None = None) -> Path:
        """The file, written by `write` unless it is there. Raises NotCached; `write`'s own errors pass."""
        if found := self.find(name, size):
            return found
        path = self.root / name
        half = path.with_name(f"{path.name}.{secrets.token_hex(6)}{HALF}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(half)
            os.utime(half, (self._clock(), self._clock()))
            added = half.stat().st_size
            half.replace(path)
        except OSError as error:
            raise NotCached(
                f"The cache {self.root} cannot be written: {error.strerror or error}.",
                hint="Free some space there; searching goes on without it, slower.",
            ) from error
        finally:
            half.unlink(missing_ok=True)
        self._tidy(added)
        return path

    def size_bytes(self) -> int:
        return sum(size for _, size, _ in self._files())

    def tidy(self) -> None:
        """Removes what was used longest ago until the rest fits, and what a killed process left half-made."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        now = self._clock()
        for used, size, path in files:
            if used > now - SPARED_S:
                return
            if path.name.endswith(HALF) or total > self.limit_bytes:
                with contextlib.suppress(FileNotFoundError):  # another process was first
                    path.unlink()
                total -= size

    def _tidy(self, size: int) -> None:
        with self._lock:
            self._added += size
            due = self._added > self.limit_bytes // TIDY_EVERY
            if due:
                self._added = 0
        if due:
            self.tidy()

    def _files(self) -> list[tuple[float, int, Path]]:
        found: list[tuple[float, int, Path]] = []
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    facts = path.stat()
                    found.append((facts.st_mtime, facts.st_size, path))
        return found
