"""Makes Parquet out of the hours that are over, with Athena: for what no machine holds. Sources stay.

Called by the schedule for the last days, and by the command for a range. Of an hour's objects that no part
holds a batch at a time is counted, unloaded under a name that is used once, counted again, and only then
named in the hour's manifest, which is the switch: the hour is read from its sources before it and from its
parts after it. The manifest is put only if it is still the one that was read, so two at once cannot both win.
A run may end between any two lines: what it leaves is named by nothing, and deleted once nobody writes there.
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

from ops.functions.log_compactor.athena import AthenaFailed, Unfit, run
from ops.functions.log_compactor.objects import (
    ATTEMPT,
    ATTEMPT_TIME,
    MANIFEST,
    Manifest,
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
    Source,
    count,
    count_parts,
    text_size,
    unload,
)

Listed = dict[Hour, list[Record]]
Place = tuple[str, str, str]  # kind, account, region

DAYS = int(os.environ["DAYS"])  # that the schedule looks back
KINDS = ("json", "raw")  # what Athena reads exactly
LATENESS = timedelta(hours=1)  # of an hour's last objects
HOUR = timedelta(hours=1)
WORKERS = 6  # hours at once: Athena runs some twenty queries of an account side by side
BATCH_BYTES = 4 << 30  # of compressed sources in one query: it sorts what it reads
BATCH_TEXT = 240_000  # bytes of a query that name objects and parts; a query has at most 262,144
RESERVE_S = 60.0  # left over to put things in order
LEAST_S = 240.0  # a batch is begun only with so much time
TURNS = 3  # when somebody else was quicker
_HOUR_NAME = "date=YYYY-MM-DD/hour=HH/"


class CompactionFailed(Exception):
    """Some hours could not be made; they are read from their sources as before."""


class OutOfTime(Exception):
    """The invocation is about to end: the rest is for the next one."""


class Overtaken(Exception):
    """Somebody else put the manifest meanwhile."""


@dataclass
class Report:
    """What was done; safe for many threads."""

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
    """For `first` to `last` (hours, as 2026-11-24T10) of `accounts` and `regions`, else for the last days.

    Raises CompactionFailed after all that could be made is made.
    """
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_S
    over = datetime.now(UTC) - HOUR - LATENESS
    first, last = over - timedelta(days=DAYS), over
    if "first" in event:
        first, last = _hour_at(event["first"]), min(over, _hour_at(event["last"]))
    places = [
        place
        for place in _places()
        if all(place[at] in event[name] for at, name in ((1, "accounts"), (2, "regions")) if event.get(name))
    ]
    report = Report()
    with ThreadPoolExecutor(WORKERS) as pool:
        listed = pool.map(
            lambda place: (_list_hours(place, first, last), _list_parts(place, first, last)), places
        )
        work = [(hour, one, parts.get(hour, [])) for hours, parts in listed for hour, one in hours.items()]
        work.sort(key=lambda item: item[0].begins, reverse=True)
        list(pool.map(lambda item: _compact(item[0], item[1], item[2], deadline, report), work))
    print(json.dumps(report.to_json()))
    if report.failed:
        raise CompactionFailed(json.dumps(report.to_json())[:100_000])
    return report.to_json()


def _hour_at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def _places() -> Iterator[Place]:
    """Every kind, account and region that has objects."""
    for kind in KINDS:
        for account in _folders(f"{PREFIX}{kind}/", "account="):
            for region in _folders(f"{PREFIX}{kind}/account={account}/", "region="):
                yield kind, account, region


def _folders(prefix: str, begins: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix, Delimiter="/")
    names = [one["Prefix"][len(prefix) : -1] for page in pages for one in page.get("CommonPrefixes", [])]
    return [name.removeprefix(begins) for name in names if name.startswith(begins)]


def _list_hours(place: Place, first: datetime, last: datetime, kind: str = "") -> Listed:
    """The objects of the place by hour, from `first` to `last`; those of another kind where that is given."""
    begins = first.replace(minute=0, second=0, microsecond=0)
    start, end = Hour(*place, begins), Hour(*place, last)
    above = start.folder(kind).removesuffix(start.name)
    found: Listed = {}
    for one in list_objects(above, after=start.folder(kind)):
        name = one["Key"][len(above) : len(above) + len(_HOUR_NAME)]
        if name > end.name:
            break
        try:
            moment = datetime.strptime(name, "date=%Y-%m-%d/hour=%H/").replace(tzinfo=UTC)
        except ValueError:
            continue  # not of this layout
        found.setdefault(Hour(*place, moment), []).append(one)
    return found


def _list_parts(place: Place, first: datetime, last: datetime) -> Listed:
    return _list_hours(place, first, last, "compacted")


def _compact(
    hour: Hour, sources: list[Record], beside: list[Record], deadline: float, report: Report
) -> None:
    """All batches of the hour, as far as the time goes; what fails is reported and stops no other hour."""
    try:
        if not _is_pending(hour, sources, beside):
            return
        made = _Compaction(hour, deadline)
        try:
            made.run()
        finally:
            with report.lock:
                report.hours += made.events > 0
                report.events += made.events
                report.left += made.left
    except OutOfTime:
        with report.lock:
            report.not_begun += 1
    except Exception as error:
        with report.lock:
            report.failed[hour.folder()] = f"{type(error).__name__}: {error}"


def _is_pending(hour: Hour, sources: list[Record], beside: list[Record]) -> bool:
    """Whether something is to do, for one cheap request at most; as it was when it was listed."""
    where = hour.folder("compacted")
    names = {one["Key"].removeprefix(where) for one in beside}
    if MANIFEST not in names or any(is_abandoned(name) for name in names):
        return True
    held = whole(read_manifest(where), names).sources
    return any((one["Key"], one["ETag"].strip('"')) not in held for one in sources if one["Size"])


class _Compaction:
    """One hour's compaction."""

    def __init__(self, hour: Hour, deadline: float) -> None:
        self.hour = hour
        self.deadline = deadline
        self.where = hour.folder("compacted")
        self.events = 0
        self.left: list[str] = []

    def run(self) -> None:
        """Raises OutOfTime before a batch that it has no time for."""
        passed: set[str] = set()  # keys of what stays as it is; `left` says why
        overtaken = 0
        while True:
            names = {one["Key"].removeprefix(self.where) for one in list_objects(self.where)}
            self._sweep({name.partition("/")[0] for name in names if is_abandoned(name)})
            manifest = whole(read_manifest(self.where), names)
            held = manifest.sources
            fresh = [
                one for one in self._sources() if one.key not in passed and (one.key, one.etag) not in held
            ]
            if not fresh:
                return
            if time.monotonic() + LEAST_S > self.deadline:
                raise OutOfTime
            try:
                passed |= self._make(_first_batch(fresh, manifest.folders), manifest)
            except Overtaken:
                overtaken += 1
                if overtaken == TURNS:
                    raise

    def _make(self, batch: Sequence[Source], manifest: Manifest) -> set[str]:
        """Makes parts of the batch, or of a piece of it; the keys that stay as they are."""
        known = sorted(manifest.folders)
        try:
            counted = run(count(self.hour, batch, known), self.deadline)
            faulty = {str(key) for key, _, faults in counted if int(faults or 0)}
            if faulty:
                self.left += [f"{key}: not all of its lines are events" for key in sorted(faulty)]
                return faulty
            rows = sum(int(events or 0) for _, events, _ in counted)
            if not rows:
                self.left += [f"{one.key}: nothing in it that no part holds" for one in batch]
                return {one.key for one in batch}
            self._unload(batch, known, rows, manifest)
            return set()
        except Unfit as error:  # a damaged object, or too much at once: in halves it is found, or fits
            if len(batch) == 1:
                self.left.append(f"{batch[0].key}: {error}")
                return {batch[0].key}
            return self._make(batch[: len(batch) // 2], manifest)

    def _unload(self, batch: Sequence[Source], known: Sequence[str], rows: int, manifest: Manifest) -> None:
        """Unloads, counts and switches. Raises Overtaken; AthenaFailed where the counts differ."""
        attempt = f"{ATTEMPT}{datetime.now(UTC).strftime(ATTEMPT_TIME)}-{uuid.uuid4().hex[:8]}"
        folder = f"{self.where}{attempt}/"
        try:
            run(unload(self.hour, batch, known, folder), self.deadline)
            files = {one["Key"]: one["Size"] for one in list_objects(folder)}
            found = run(count_parts(self.hour, files), self.deadline) if files else []
            counted = {str(key): int(events or 0) for key, events in found}
            if sum(counted.values()) != rows:
                raise AthenaFailed(f"{rows:,} events were counted, {sum(counted.values()):,} were written")
            there = set(self._sources())
            if changed := [one.key for one in batch if one not in there]:
                raise AthenaFailed(f"{changed[0]} was deleted or written anew meanwhile")
            self._switch(manifest, self._parts(batch, files, counted))
        finally:
            self._sweep({attempt})
        self.events += rows

    def _parts(self, batch: Sequence[Source], files: dict[str, int], counted: dict[str, int]) -> list[Record]:
        """What the manifest says of the files. They go together: the first one's sources are those of all."""
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
        parts[0]["source_bytes"] = sum(one.size for one in batch)
        parts[0]["sources"] = sorted([one.key, one.etag] for one in batch)
        return parts

    def _switch(self, manifest: Manifest, made: list[Record]) -> None:
        """Puts the manifest if it is still the one that was read. Raises Overtaken."""
        wanted = Manifest((*manifest.parts, *made), manifest.tag)
        if write_manifest(self.where, wanted):
            return
        if not set(wanted.names) <= set(read_manifest(self.where).names):
            raise Overtaken("somebody else compacts this hour too; it is tried again")
        # It was our own put, whose answer was lost.

    def _sources(self) -> list[Source]:
        listed = list_objects(self.hour.folder())
        return [Source(one["Key"], one["Size"], one["ETag"].strip('"')) for one in listed if one["Size"]]

    def _sweep(self, attempts: set[str]) -> None:
        """Deletes the parts of those attempts that the manifest does not name."""
        for attempt in attempts and attempts - read_manifest(self.where).folders:
            for one in list_objects(f"{self.where}{attempt}/"):
                s3.delete_object(Bucket=BUCKET, Key=one["Key"])


def _first_batch(sources: Sequence[Source], known: Iterable[str]) -> list[Source]:
    """As many as one query takes that names the known parts too; at least one."""
    batch: list[Source] = []
    size, text = 0, sum(len(name) + len("'', ") for name in known)
    for one in sources:
        size, text = size + one.size, text + text_size(one)
        if batch and (size > BATCH_BYTES or text > BATCH_TEXT):
            break
        batch.append(one)
    return batch
