"""Compact complete hours into Parquet with Athena, for data too large for one machine. Sources are kept.

The schedule invokes it for the last days, and the command for a range. It takes an hour's uncompacted objects
a batch at a time: count the events, UNLOAD them into a folder that is used once, count again, and only then
name the parts in the hour's manifest. The manifest is the switch: before it is written, readers use the
sources; after it, the parts. It is written only if it has not changed since it was read, so that concurrent
runs cannot both succeed. A run may stop at any point: no manifest names the parts that it leaves, and a later
run deletes them.
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.functions.log_compactor.objects import (
    ATTEMPT,
    ATTEMPT_TIME,
    MANIFEST,
    HourManifest,
    Record,
    is_abandoned,
    list_objects,
    read_manifest,
    s3,
    whole,
    write_manifest,
)
from ops.functions.log_compactor.queries import (
    BUCKET,
    PREFIX,
    Hour,
    SourceObject,
    count,
    count_parts,
    text_size,
    unload,
)
from ops.functions.shared.athena import AthenaFailed, Unfit, run
from ops.functions.shared.records import log

ObjectsByHour = dict[Hour, list[Record]]
SourcePlace = tuple[str, str, str]  # kind, account, region

DAYS = int(os.environ["DAYS"])  # that a scheduled run covers
KINDS = ("json", "raw")  # the formats that Athena reads exactly
LATENESS = timedelta(hours=1)  # of an hour's last objects
HOUR = timedelta(hours=1)
WORKERS = 6  # hours in parallel; Athena runs about 20 concurrent queries per account by default
BATCH_BYTES = 4 << 30  # of compressed sources in one query, which sorts what it reads
BATCH_TEXT = 240_000  # bytes of addresses in one query; Athena's limit for a query is 262,144
RESERVE_S = 60.0  # kept for cleanup
LEAST_S = 240.0  # needed to start a batch
TURNS = 3  # attempts if another run is faster
_HOUR_NAME = "date=YYYY-MM-DD/hour=HH/"


class HoursNotCompacted(Exception):
    """Some hours failed; readers still use their sources."""


class NoTimeLeft(Exception):
    """The invocation is about to time out; the next one continues."""


class Overtaken(Exception):
    """Another run has changed the manifest."""


@dataclass
class CompactionReport:
    """The result of a run; `lock` protects it."""

    hours: int = 0
    events: int = 0
    left: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    not_begun: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def to_json(self) -> Record:
        return {
            "hours": self.hours,
            "events": self.events,
            "left": self.left[:1000],
            "failed": dict(list(self.failed.items())[:1000]),
            "not_begun": self.not_begun,
        }


def handler(event: Record, context: Any) -> Record:
    """Compact the hours `first` to `last` (2026-11-24T10) of `accounts` and `regions`.

    Without `first`, compact the last days. Raises HoursNotCompacted at the end if an hour failed.
    """
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_S
    complete = datetime.now(UTC) - HOUR - LATENESS
    first, last = complete - timedelta(days=DAYS), complete
    if "first" in event:
        first, last = _hour_at(event["first"]), min(complete, _hour_at(event["last"]))
    places = [
        place
        for place in _places()
        if all(place[at] in event[name] for at, name in ((1, "accounts"), (2, "regions")) if event.get(name))
    ]
    report = CompactionReport()
    with ThreadPoolExecutor(WORKERS) as pool:
        listed = pool.map(
            lambda place: (_list_hours(place, first, last), _list_parts(place, first, last)), places
        )
        work = [
            (hour, sources, parts.get(hour, [])) for hours, parts in listed for hour, sources in hours.items()
        ]
        work.sort(key=lambda item: item[0].begins, reverse=True)
        list(pool.map(lambda item: _compact(item[0], item[1], item[2], deadline, report), work))
    log("INFO", "Hours compacted", **report.to_json())
    if report.failed:
        raise HoursNotCompacted(json.dumps(report.to_json())[:100_000])
    return report.to_json()


def _hour_at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def _places() -> Iterator[SourcePlace]:
    """Yield every format, account, and region that has objects."""
    for kind in KINDS:
        for account in _folders(f"{PREFIX}{kind}/", "account="):
            for region in _folders(f"{PREFIX}{kind}/account={account}/", "region="):
                yield kind, account, region


def _folders(prefix: str, begins: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix, Delimiter="/")
    names = [entry["Prefix"][len(prefix) : -1] for page in pages for entry in page.get("CommonPrefixes", [])]
    return [name.removeprefix(begins) for name in names if name.startswith(begins)]


def _list_hours(place: SourcePlace, first: datetime, last: datetime, kind: str = "") -> ObjectsByHour:
    """List the place's objects by hour, from `first` to `last`; `kind` selects another format."""
    begins = first.replace(minute=0, second=0, microsecond=0)
    start, end = Hour(*place, begins), Hour(*place, last)
    above = start.folder(kind).removesuffix(start.name)
    objects: ObjectsByHour = {}
    for listed in list_objects(above, after=start.folder(kind)):
        name = listed["Key"][len(above) : len(above) + len(_HOUR_NAME)]
        if name > end.name:
            break
        try:
            moment = datetime.strptime(name, "date=%Y-%m-%d/hour=%H/").replace(tzinfo=UTC)
        except ValueError:
            continue  # not part of the layout
        objects.setdefault(Hour(*place, moment), []).append(listed)
    return objects


def _list_parts(place: SourcePlace, first: datetime, last: datetime) -> ObjectsByHour:
    return _list_hours(place, first, last, "compacted")


def _compact(
    hour: Hour, sources: list[Record], beside: list[Record], deadline: float, report: CompactionReport
) -> None:
    """Compact the hour's batches until the deadline; a failure is reported and does not stop other hours."""
    try:
        if not _is_pending(hour, sources, beside):
            return
        compaction = _Compaction(hour, deadline)
        try:
            compaction.run()
        finally:
            with report.lock:
                report.hours += compaction.events > 0
                report.events += compaction.events
                report.left += compaction.left
    except NoTimeLeft:
        with report.lock:
            report.not_begun += 1
    except Exception as error:
        with report.lock:
            report.failed[hour.folder()] = f"{type(error).__name__}: {error}"


def _is_pending(hour: Hour, sources: list[Record], beside: list[Record]) -> bool:
    """Return whether the hour needs work, from the listing and at most one cheap request."""
    where = hour.folder("compacted")
    names = {listed["Key"].removeprefix(where) for listed in beside}
    if MANIFEST not in names or any(is_abandoned(name) for name in names):
        return True
    held = whole(read_manifest(where), names).sources
    return any((listed["Key"], listed["ETag"].strip('"')) not in held for listed in sources if listed["Size"])


class _Compaction:
    """One hour's compaction."""

    def __init__(self, hour: Hour, deadline: float) -> None:
        self.hour = hour
        self.deadline = deadline
        self.where = hour.folder("compacted")
        self.events = 0
        self.left: list[str] = []

    def run(self) -> None:
        """Compact batch after batch. Raises NoTimeLeft if there is not enough time for the next one."""
        passed: set[str] = set()  # keys of objects that cannot be compacted; `left` has the reasons
        overtaken = 0
        while True:
            names = {listed["Key"].removeprefix(self.where) for listed in list_objects(self.where)}
            self._sweep({name.partition("/")[0] for name in names if is_abandoned(name)})
            manifest = whole(read_manifest(self.where), names)
            held = manifest.sources
            fresh = [
                source
                for source in self._sources()
                if source.key not in passed and (source.key, source.etag) not in held
            ]
            if not fresh:
                return
            if time.monotonic() + LEAST_S > self.deadline:
                raise NoTimeLeft
            try:
                passed |= self._make(_first_batch(fresh, manifest.folders), manifest)
            except Overtaken:
                overtaken += 1
                if overtaken == TURNS:
                    raise

    def _make(self, batch: Sequence[SourceObject], manifest: HourManifest) -> set[str]:
        """Compact the batch, or a half of it, and return the keys that cannot be compacted."""
        known = sorted(manifest.folders)
        try:
            counted = run(count(self.hour, batch, known), self.deadline)
            faulty = {str(key) for key, _, faults in counted if int(faults or 0)}
            if faulty:
                self.left += [f"{key}: some of its lines are not valid events" for key in sorted(faulty)]
                return faulty
            rows = sum(int(events or 0) for _, events, _ in counted)
            if not rows:
                self.left += [f"{source.key}: all of its events are in parts already" for source in batch]
                return {source.key for source in batch}
            self._unload(batch, known, rows, manifest)
            return set()
        except Unfit as error:  # halve the batch until it fits, or the damaged object is alone
            if len(batch) == 1:
                self.left.append(f"{batch[0].key}: {error}")
                return {batch[0].key}
            return self._make(batch[: len(batch) // 2], manifest)

    def _unload(
        self, batch: Sequence[SourceObject], known: Sequence[str], rows: int, manifest: HourManifest
    ) -> None:
        """Unload, count, and switch. Raises Overtaken, or AthenaFailed if the counts differ."""
        attempt = f"{ATTEMPT}{datetime.now(UTC).strftime(ATTEMPT_TIME)}-{uuid.uuid4().hex[:8]}"
        folder = f"{self.where}{attempt}/"
        try:
            run(unload(self.hour, batch, known, folder), self.deadline)
            files = {listed["Key"]: listed["Size"] for listed in list_objects(folder)}
            counts = run(count_parts(self.hour, files), self.deadline) if files else []
            counted = {str(key): int(events or 0) for key, events in counts}
            if sum(counted.values()) != rows:
                raise AthenaFailed(f"{rows:,} events were counted, {sum(counted.values()):,} were written")
            current = set(self._sources())
            if changed := [source.key for source in batch if source not in current]:
                raise AthenaFailed(f"{changed[0]} was deleted or changed during compaction")
            self._switch(manifest, self._parts(batch, files, counted))
        finally:
            self._sweep({attempt})
        self.events += rows

    def _parts(
        self, batch: Sequence[SourceObject], files: dict[str, int], counted: dict[str, int]
    ) -> list[Record]:
        """Return the manifest's entries for the files, which belong together: the first names all sources."""
        parts = [
            {
                "name": key.removeprefix(self.where),
                "size": size,
                "rows": counted[key],
                "source_bytes": 0,
                "kind": self.hour.kind,
                "sources": [],
            }
            for key, size in sorted(files.items())
            if key in counted
        ]
        parts[0]["source_bytes"] = sum(source.size for source in batch)
        parts[0]["sources"] = sorted([source.key, source.etag] for source in batch)
        return parts

    def _switch(self, manifest: HourManifest, made: list[Record]) -> None:
        """Write the manifest if it is still the one that was read. Raises Overtaken."""
        new = HourManifest((*manifest.parts, *made), manifest.tag)
        if write_manifest(self.where, new):
            return
        if not set(new.names) <= set(read_manifest(self.where).names):
            raise Overtaken("another run compacts this hour; the next run retries it")
        # Our own write succeeded, but its response was lost.

    def _sources(self) -> list[SourceObject]:
        listed = list_objects(self.hour.folder())
        return [
            SourceObject(entry["Key"], entry["Size"], entry["ETag"].strip('"'))
            for entry in listed
            if entry["Size"]
        ]

    def _sweep(self, attempts: set[str]) -> None:
        """Delete the parts of those attempts that the manifest does not name."""
        for attempt in attempts and attempts - read_manifest(self.where).folders:
            for listed in list_objects(f"{self.where}{attempt}/"):
                s3.delete_object(Bucket=BUCKET, Key=listed["Key"])


def _first_batch(sources: Sequence[SourceObject], known: Iterable[str]) -> list[SourceObject]:
    """Return as many sources as fit one query that also names the known parts; at least one."""
    batch: list[SourceObject] = []
    size, text = 0, sum(len(name) + len("'', ") for name in known)
    for source in sources:
        size, text = size + source.size, text + text_size(source)
        if batch and (size > BATCH_BYTES or text > BATCH_TEXT):
            break
        batch.append(source)
    return batch
