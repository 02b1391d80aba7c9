"""Compaction: an hour's many objects as few Parquet parts beside them, read several times as fast.

A step a day and place, its hours side by side. Parts are written, counted and uploaded; only then the
manifest that names them is put, which is the switch: a reader sees the hour from its sources or from its
parts, never both, never neither. Sources are never touched. What comes later is read beside the parts
until the next compaction adds a part for it.
"""

import hashlib
import os
import tempfile
import threading
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from ops.errors import Conflict, NotFound, SlipwayError
from ops.logs.engines.batches import batches, read_batch
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.engines.loading import Loader
from ops.logs.lake.layout import (
    HOUR,
    LATENESS,
    MANIFEST,
    SOURCES,
    Kind,
    Location,
    LogObject,
    Partition,
    Scope,
    folder,
    is_being_made,
)
from ops.logs.lake.manifest import MadePart, Manifest, manifest_from_json, manifest_key
from ops.logs.lake.parts import PartFacts, finish, read_facts, without_doubles, write_part
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, ReportProgress, Resource, Step

PART_BYTES = 8 << 20  # of compressed sources a part: some 50 MB of text, several times that while it is made
MAKERS = os.cpu_count() or 2  # parts that are made at once, of whatever hours
HOURS = 2 * MAKERS  # hours that are under way at once: some are read and uploaded while others are made


class CompactionFailed(SlipwayError):
    """What was written is not what was read; the hour was left as it was."""


Hours = dict[Partition, list[LogObject]]


@dataclass(frozen=True)
class Compacted:
    """What one hour's compaction made."""

    parts: tuple[MadePart, ...]
    left: tuple[str, ...] = ()  # notes about sources that stay as they are

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


class Maker(Protocol):
    """Makes the parts of hours of one day and place."""

    @property
    def kinds(self) -> tuple[Kind, ...]: ...

    @property
    def actions(self) -> tuple[str, ...]: ...

    def make(self, hours: Hours, say: ReportProgress) -> None: ...


class Here:
    """Makes them on this machine."""

    kinds = SOURCES
    actions = ("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject")

    def __init__(self, engine: DuckDbEngine) -> None:
        self._engine = engine

    def make(self, hours: Hours, say: ReportProgress) -> None:
        compact_hours(self._engine.loader, self._engine.lister.location, hours, say)


def plan_compaction(
    engine: DuckDbEngine, scope: Scope, now: datetime | None = None, maker: Maker | None = None
) -> Plan:
    """A step for each day and place with hours in the scope that are over and have objects in no part yet."""
    maker = maker or Here(engine)
    location = engine.lister.location
    over = (now or datetime.now(UTC)) - HOUR - LATENESS
    days: dict[tuple[date, str, str], Hours] = {}
    for obj in engine.list(scope, fresh=True).fresh:
        place = obj.partition
        if place.hour <= over and obj.kind in maker.kinds:
            day = days.setdefault((place.hour.date(), place.account, place.region), {})
            day.setdefault(place, []).append(obj)
    steps = [
        _step(engine, maker, day, hours) for day, hours in sorted(days.items(), key=lambda item: item[0])
    ]
    return Plan(f"Compact the logs in {location}", tuple(steps), Operation.COMPACT_LOGS)


def compact_hours(
    loader: Loader, location: Location, hours: Hours, say: ReportProgress = lambda message: None
) -> list[Compacted]:
    """Compacts the hours side by side; one that fails does not stop the others, and is raised at the end."""
    with ThreadPoolExecutor(MAKERS, "compact") as makers, ThreadPoolExecutor(HOURS, "hour") as pool:
        jobs = [
            pool.submit(compact_hour, loader, location, partition, objects, makers)
            for partition, objects in sorted(hours.items())
        ]
        for job in as_completed(jobs):
            if not job.exception():
                for part in job.result().parts:
                    say(f"{part.rows:,} events in {part.name}")
                for note in job.result().left:
                    say(f"Left as it is: {note}")
    return [job.result() for job in jobs]


def compact_hour(
    loader: Loader,
    location: Location,
    partition: Partition,
    objects: list[LogObject],
    makers: Executor,
) -> Compacted:
    """Compacts the objects of one hour that no part holds. Safe to run again, also after a crash anywhere."""
    before = _state(loader, location, partition)
    wanted = [obj for obj in objects if not before.manifest.covers(obj)]
    where = folder(location, Kind.COMPACTED, partition)
    others = [loader.fetch(f"{where}{part.name}", "", part.size) for part in before.manifest.parts]
    with tempfile.TemporaryDirectory(prefix="slipway-compact-") as name:
        work = _Hour(loader, Path(name), others)
        made = [part for part in makers.map(work.make, batches(wanted, PART_BYTES)) if part]
        for part in made:
            loader.store.upload(Path(name, part.name), f"{where}{part.name}")
    try:
        if made:
            _verify_uploaded(loader, where, made)
            _switch(loader, location, partition, before.manifest, tuple(made))
    finally:
        _sweep(loader, location, partition, before.unnamed | {part.name for part in made})
    return Compacted(tuple(made), tuple(work.notes))


def _switch(
    loader: Loader, location: Location, partition: Partition, before: Manifest, made: tuple[MadePart, ...]
) -> None:
    """Adds the parts to the manifest if it still is as it was `before`. Raises CompactionFailed.

    What somebody else has added meanwhile may hold the same events.
    """
    where = folder(location, Kind.COMPACTED, partition)
    overtaken = CompactionFailed(
        f"{where} was compacted by somebody else meanwhile.", hint="Run it again: it makes what is left."
    )
    names = {part.name for part in made}  # whose are the same are made of the same
    found = _state(loader, location, partition)
    current = Manifest(tuple(part for part in found.manifest.parts if part.name not in names))
    if set(current.parts) - set(before.parts):
        raise overtaken
    try:
        loader.store.replace(manifest_key(where), current.with_parts(made).to_json(), found.etag)
    except Conflict as error:
        by_now = {part.name for part in _state(loader, location, partition).manifest.parts}
        if not names <= by_now:  # else it was our own put, whose answer was lost
            raise overtaken from error


@dataclass(frozen=True)
class _State:
    """The manifest without parts that are gone, its etag (empty for none), names of what it does not name."""

    manifest: Manifest
    etag: str
    unnamed: frozenset[str]


def _state(loader: Loader, location: Location, partition: Partition) -> _State:
    where = folder(location, Kind.COMPACTED, partition)
    there = {one.key.removeprefix(where): one.etag for one in loader.store.list(where)}
    etag = there.pop(MANIFEST, "")
    manifest = Manifest()
    if etag:
        key = manifest_key(where)
        try:
            manifest = manifest_from_json(loader.store.read(key), key)  # of that etag, or a later one
        except NotFound:
            etag = ""
    named = {part.name for part in manifest.parts}
    now = datetime.now(UTC)
    unnamed = frozenset(name for name in there if name not in named and not is_being_made(name, now))
    return _State(manifest.present(there), etag, unnamed)


def _sweep(loader: Loader, location: Location, partition: Partition, suspects: frozenset[str]) -> None:
    """Deletes the parts among them that no manifest names: of a run that broke off, or came second.

    No reader knows of such a part. Should another run name it just then, its sources are read instead.
    """
    where = folder(location, Kind.COMPACTED, partition)
    for name in sorted(suspects & _state(loader, location, partition).unnamed):
        loader.store.delete(f"{where}{name}")


class _Hour:
    """Makes the parts of one hour in a folder."""

    def __init__(self, loader: Loader, root: Path, others: list[Path]) -> None:
        self.loader = loader
        self.root = root
        self.others = others
        self.notes: list[str] = []
        self._lock = threading.Lock()

    def make(self, batch: list[LogObject]) -> MadePart | None:
        """One part; None where nothing of the batch could be read whole."""
        events, read, notes = read_batch(self.loader, self.loader.connection, batch)
        if notes:  # leave what has a fault as it is: its own reader tells of it each time
            whole = [obj for obj in batch if not read_batch(self.loader, self.loader.connection, [obj])[2]]
            self.notes += notes
            if not whole:
                return None
            events, read, _ = read_batch(self.loader, self.loader.connection, whole)
        kind = batch[0].kind
        finished = finish(events)
        # Doubles are looked for among all parts before this one, so one at a time; raw lines have none.
        with nullcontext() if kind in (Kind.RAW, Kind.OLDER) else self._lock:
            finished, _ = without_doubles(finished, self.others)
            sources = frozenset((obj.key, obj.etag) for obj in read)
            facts = PartFacts(sources, len(finished))
            name = f"part-{hashlib.sha256(facts.to_json()).hexdigest()[:32]}.parquet"
            path = self.root / name
            write_part(finished, facts, path)
            self.others.append(path)
        written = read_facts(path)
        if written is None or written.rows != len(finished) or written.sources != sources:
            raise CompactionFailed(
                f"{name} does not hold the {len(finished):,} events that were read.", hint="Run it again."
            )
        size = path.stat().st_size
        return MadePart(name, size, written.rows, sum(obj.size for obj in read), kind, sources)


def _verify_uploaded(loader: Loader, where: str, made: list[MadePart]) -> None:
    there = {one.key: one.size for one in loader.store.list(where)}
    for part in made:
        if there.get(f"{where}{part.name}") != part.size:
            raise CompactionFailed(
                f"{where}{part.name} did not arrive whole; the hour is read from its sources as before.",
                hint="Run it again.",
            )


def _step(engine: DuckDbEngine, maker: Maker, day: tuple[date, str, str], hours: Hours) -> Step:
    location, loader = engine.lister.location, engine.loader
    on, account, region = day
    sizes = [obj.size for objects in hours.values() for obj in objects]

    def check() -> Check:
        manifests = {place: _state(loader, location, place).manifest for place in hours}
        if all(manifests[place].covers(obj) for place, objects in hours.items() for obj in objects):
            return Check(Readiness.DONE, "it is compacted already")
        return READY

    return Step(
        id=f"{on:%Y%m%d}-{account}-{region}",
        does=f"Compact {account}/{region} {on}",
        resource=Resource("AWS::S3::Bucket", location.bucket, location.account, location.region),
        parameters={"dataset": str(location), "hours": ", ".join(sorted(f"{one.hour:%H}" for one in hours))},
        evidence=f"{len(sizes):,} objects of {len(hours)} hours, {sum(sizes) / 1e6:,.1f} MB, are in no part",
        actions=maker.actions,
        check=check,
        act=lambda say: maker.make(hours, say),
    )
