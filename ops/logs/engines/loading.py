"""Turn a listing into what DuckDB reads: cached files, parts made of new objects; tables on a full disk.

Raw objects are read as they are. Other formats are converted to cached parts once.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa

from ops.errors import SlipwayError
from ops.logs.engines.batches import batches, read_batch, readable, usable_parts
from ops.logs.engines.duckdb_readers import begins_as_raw, has_matching_suffix
from ops.logs.engines.files import ObjectFiles
from ops.logs.engines.scanning import RawObjectScan
from ops.logs.lake.cache import NotCached
from ops.logs.lake.layout import Listing, LogFormat, LogObject, Part, Partition, hour_folder
from ops.logs.lake.lines.levels import Levels
from ops.logs.lake.parts import (
    Extent,
    PartFacts,
    drop_duplicates,
    finish,
    has_positions,
    read_extent,
    read_facts,
    read_rules,
    write_part,
)
from ops.logs.lake.ready_hours import Names, ReadyHours

T = TypeVar("T")
FETCHES = 16
FOOTERS = 100_000  # remembered in memory, at most
MAKERS = 2


@dataclass
class Loaded:
    """What to query: parts, raw files, and tables.

    `unread` are notes about objects that were not read, or only in part, `partly_read` their hours, and
    `notes` all other notes.
    """

    parts: list[Path] = field(default_factory=list)
    raw: list[Path] = field(default_factory=list)
    tables: list[pa.Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    partly_read: set[Partition] = field(default_factory=set)


@dataclass(frozen=True)
class LoadProgress:
    """The progress of loading, in objects and bytes."""

    done: int
    total: int
    bytes_done: int
    bytes_total: int


class Loader:
    """Loads from one dataset into a cache; safe for many threads and processes."""

    def __init__(self, files: ObjectFiles, levels: Levels) -> None:
        self.levels = levels
        self.files = files
        self.ready = ReadyHours()
        self.connection = duckdb.connect(config={"threads": MAKERS, "memory_limit": "400MB"})
        self._facts: dict[Path, tuple[int, PartFacts]] = {}  # with the file's size, to detect a changed file
        self._extents: dict[Path, tuple[int, Extent]] = {}
        self._rules: dict[Path, tuple[int, str]] = {}
        self._positions: dict[Path, tuple[int, bool]] = {}
        self._unfit: set[tuple[str, str]] = set()  # raw objects that DuckDB's reader rejects
        self._building: dict[Partition, threading.Lock] = {}
        self._lock = threading.Lock()

    def load(
        self,
        listing: Listing,
        needles: Sequence[str],
        report: Callable[[LoadProgress], None],
        check: Callable[[], None],
    ) -> Loaded:
        """Load everything in the listing; missing objects become notes.

        With `needles` (`message_filter.needles`), events of raw objects without all of them may be left out.
        `check` is called before each object, and raises an error to stop.
        """
        work = _Work(self, listing, needles, report, check)
        jobs = [partial(work.part, part) for part in listing.parts if not work.has(part)]
        jobs += [partial(work.raw, obj) for obj in listing.fresh if self._direct(obj)]
        _in_parallel(FETCHES, jobs)
        work.scanned()
        rest: dict[Partition, list[LogObject]] = {}
        for obj in listing.fresh:
            if not self._direct(obj):
                rest.setdefault(obj.partition, []).append(obj)
        _in_parallel(MAKERS, [partial(work.hour, *item) for item in rest.items() if not work.is_ready(*item)])
        return work.loaded

    def look_again(self) -> bool:
        """Forget hours with a missing file, so that the next load finds their files again; whether any."""
        return self.ready.forget_lost(self._is_whole)

    def _is_whole(self, path: Path) -> bool:
        known = self._facts.get(path)
        try:
            return known is not None and path.stat().st_size == known[0]
        except OSError:
            return False

    def refuse(self, listing: Listing) -> bool:
        """Mark raw objects that DuckDB's reader rejects, for the exact reader; return whether any."""
        rejected = False
        for obj in listing.fresh:
            path = self.files.find(obj.key, obj.etag, obj.size) if self._direct(obj) else None
            if path and not readable(self.connection, LogFormat.RAW, path):
                self._unfit.add((obj.key, obj.etag))
                rejected = True
        return rejected

    def _direct(self, obj: LogObject) -> bool:
        return obj.kind is LogFormat.RAW and (obj.key, obj.etag) not in self._unfit

    def known_parts(self, partition: Partition) -> dict[Path, PartFacts]:
        """Return the cached parts of the hour."""
        folder = self.files.cache.root / self.folder(partition)
        parts: dict[Path, PartFacts] = {}
        for path in sorted(folder.glob("*.parquet")):
            facts = _remembered(self._facts, path, read_facts)
            if facts is None:
                with contextlib.suppress(OSError):  # damaged: it will be made again
                    path.unlink()
            elif facts.rules == self.levels.id and self.files.cache.find(
                path.relative_to(self.files.cache.root).as_posix()
            ):
                parts[path] = facts
        return parts

    def extents(self, parts: Iterable[Path]) -> dict[Path, Extent]:
        """Return the extent of each part whose footer has it."""
        extents = ((path, _remembered(self._extents, path, read_extent)) for path in parts)
        return {path: extent for path, extent in extents if extent}

    def leveled(self, parts: Iterable[Path]) -> set[Path]:
        """Return the parts whose levels were determined by the current rules."""
        return {path for path in parts if _remembered(self._rules, path, read_rules) == self.levels.id}

    def positioned(self, parts: Iterable[Path]) -> set[Path]:
        """Return the parts that have the positions of events."""
        return {path for path in parts if _remembered(self._positions, path, has_positions)}

    def folder(self, partition: Partition) -> str:
        """Return the hour's folder of parts in the cache."""
        place = f"account={partition.account}/region={partition.region}/{hour_folder(partition.hour)}"
        return f"parts/{self.files.parts}/{place}"

    def building(self, partition: Partition) -> threading.Lock:
        with self._lock:
            return self._building.setdefault(partition, threading.Lock())


def _remembered(memory: dict[Path, tuple[int, T]], path: Path, read: Callable[[Path], T | None]) -> T | None:
    """Read from the file once, and again if its size changes."""
    try:
        size = path.stat().st_size
    except OSError:
        return None
    known = memory.get(path)
    if known and known[0] == size:
        return known[1]
    value = read(path)
    if value is not None:
        if len(memory) >= FOOTERS:
            memory.clear()
        memory[path] = (size, value)
    return value


def _in_parallel(workers: int, jobs: Sequence[Callable[[], None]]) -> None:
    if jobs:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda job: job(), jobs))


def _names(objects: Iterable[LogObject]) -> Names:
    return frozenset((obj.key, obj.etag) for obj in objects)


class _Work:
    """One load: fills `loaded` and reports progress."""

    def __init__(
        self,
        loader: Loader,
        listing: Listing,
        needles: Sequence[str],
        report: Callable[[LoadProgress], None],
        check: Callable[[], None],
    ) -> None:
        self.loader = loader
        self._scan = RawObjectScan(needles, loader.levels) if needles else None
        self.loaded = Loaded()
        self._total = (listing.objects, listing.size_bytes)
        self._done = (0, 0)
        self._report = report
        self._check = check
        self._lock = threading.Lock()
        self._compacted: dict[Partition, list[Path]] = {}
        self._raw: dict[str, Path] = {}

    def has(self, part: Part) -> bool:
        """Take the part if it is on this machine, and return whether it is."""
        path = self.loader.files.find(part.key, "", part.size)
        if path:
            self._take(part, path)
        return path is not None

    def part(self, part: Part) -> None:
        self._check()
        try:
            self._take(part, self.loader.files.fetch(part.key, "", part.size))
        except SlipwayError as error:
            self._unread(part.partition, f"{part.key}: {error}")
            self._advance(1, part.size)

    def _take(self, part: Part, path: Path) -> None:
        with self._lock:
            self.loaded.parts.append(path)
            self._compacted.setdefault(part.partition, []).append(path)
        self._advance(1, part.size)

    def raw(self, obj: LogObject) -> None:
        self._check()
        try:
            path = self.loader.files.fetch(obj.key, obj.etag, obj.size)
            if self._scan and self._scan.take(path, obj):
                pass
            elif has_matching_suffix(path) and begins_as_raw(path):
                with self._lock:
                    self._raw[obj.key] = path
            else:
                self._exact([obj])
        except NotCached as error:
            self._note(f"{error} {error.hint}")
            self._exact([obj])
        except SlipwayError as error:
            self._unread(obj.partition, str(error))
        except OSError as error:
            self._unread(obj.partition, f"{obj.key}: {error.strerror or error}")
        self._advance(1, obj.size)

    def scanned(self) -> None:
        """Take the raw objects in the order of their keys, and the matching events of the scanned ones."""
        self.loaded.raw += [path for _, path in sorted(self._raw.items())]
        if self._scan:
            self.loaded.tables += self._scan.tables()

    def is_ready(self, partition: Partition, objects: list[LogObject]) -> bool:
        """Take the hour's remembered parts, and return whether there are any."""
        ready = self.loader.ready.get(partition, _names(objects), self._given(partition))
        if ready is None:
            return False
        self.loaded.parts += ready.parts
        self._unread(partition, *ready.notes)
        self._advance(len(objects), sum(obj.size for obj in objects))
        return True

    def _given(self, partition: Partition) -> frozenset[str]:
        return frozenset(path.name for path in self._compacted.get(partition, ()))

    def hour(self, partition: Partition, objects: list[LogObject]) -> None:
        """Take the hour's objects as parts: cached ones, and new ones for the rest."""
        with self.loader.building(partition):
            fresh, given = _names(objects), self._given(partition)
            compacted = self._compacted.get(partition, [])
            parts = usable_parts(self.loader.known_parts(partition), fresh, given)
            done = frozenset().union(*(facts.sources for facts in parts.values()))
            notes = [note for facts in parts.values() for note in facts.notes]
            self._unread(partition, *notes)
            left = [obj for obj in objects if (obj.key, obj.etag) not in done]
            ready = [obj for obj in objects if (obj.key, obj.etag) in done]
            self._advance(len(ready), sum(obj.size for obj in ready))
            others = [*compacted, *parts]
            for batch in batches(left):
                self._check()
                others += self._make(partition, batch, others)
                self._advance(len(batch), sum(obj.size for obj in batch))
            self.loaded.parts += parts
            if not left:
                self.loader.ready.keep(partition, fresh, given, list(parts), notes)

    def _make(self, partition: Partition, batch: list[LogObject], others: list[Path]) -> list[Path]:
        """Take the objects as a new part without the events of the others, and return it if it is cached."""
        events, read, notes = read_batch(self.loader.files, self.loader.connection, batch)
        events, holders = drop_duplicates(events, others)
        finished = finish(events, self.loader.levels, len(others))
        needs = frozenset(path.name for path in holders)
        facts = PartFacts(
            frozenset((obj.key, obj.etag) for obj in read),
            len(finished),
            needs,
            tuple(notes),
            rules=self.loader.levels.id,
        )
        self._unread(partition, *notes)
        if not read:
            return []
        digest = hashlib.sha256(facts.to_json()).hexdigest()[:32]
        name = f"{self.loader.folder(partition)}{digest}.parquet"
        try:
            path = self.loader.files.cache.add(name, lambda half: write_part(finished, facts, half))
            self.loaded.parts.append(path)
            return [path]
        except NotCached as error:
            self._note(f"{error} {error.hint}")
            self.loaded.tables.append(finished)
            return []

    def _exact(self, objects: list[LogObject]) -> None:
        events, _, notes = read_batch(self.loader.files, self.loader.connection, objects)
        self._unread(objects[0].partition, *notes)
        self.loaded.tables.append(finish(events, self.loader.levels))

    def _unread(self, partition: Partition, *notes: str) -> None:
        if notes:
            with self._lock:
                self.loaded.unread += [note for note in notes if note not in self.loaded.unread]
                self.loaded.partly_read.add(partition)

    def _note(self, note: str) -> None:
        with self._lock:
            if note not in self.loaded.notes:
                self.loaded.notes.append(note)

    def _advance(self, objects: int, size: int) -> None:
        with self._lock:
            self._done = (self._done[0] + objects, self._done[1] + size)
            loading = LoadProgress(self._done[0], self._total[0], self._done[1], self._total[1])
        self._report(loading)
