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
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from ops.errors import SlipwayError
from ops.logs.batches import batches, read_batch
from ops.logs.dataset import HOUR, LATENESS, MANIFEST, Kind, Location, LogObject, Partition, Scope, folder
from ops.logs.duckdb_engine import DuckDbEngine
from ops.logs.listing import read_manifest
from ops.logs.loading import Loader
from ops.logs.manifest import MadePart, Manifest, manifest_key
from ops.logs.parts import PartFacts, finish, read_facts, without_doubles, write_part
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Say, Step

ACTIONS = ("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject")
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


def plan_compaction(engine: DuckDbEngine, scope: Scope, now: datetime | None = None) -> Plan:
    """A step for each day and place with hours in the scope that are over and have objects in no part yet."""
    location = engine.lister.location
    over = (now or datetime.now(UTC)) - HOUR - LATENESS
    days: dict[tuple[date, str, str], Hours] = {}
    for obj in engine.list(scope, fresh=True).fresh:
        place = obj.partition
        if place.hour <= over:
            day = days.setdefault((place.hour.date(), place.account, place.region), {})
            day.setdefault(place, []).append(obj)
    steps = [_step(engine, day, hours) for day, hours in sorted(days.items(), key=lambda item: item[0])]
    return Plan(f"Compact the logs in {location}", tuple(steps), Operation.COMPACT_LOGS)


def compact_hours(
    loader: Loader, location: Location, hours: Hours, say: Say = lambda message: None
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
    before, unnamed = _state(loader, location, partition)
    wanted = [obj for obj in objects if not before.covers(obj)]
    where = folder(location, Kind.COMPACTED, partition)
    others = [loader.fetch(f"{where}{part.name}", "", part.size) for part in before.parts]
    with tempfile.TemporaryDirectory(prefix="slipway-compact-") as name:
        work = _Hour(loader, Path(name), others)
        made = [part for part in makers.map(work.make, batches(wanted, PART_BYTES)) if part]
        for part in made:
            loader.store.upload(Path(name, part.name), f"{where}{part.name}")
    try:
        if made:
            _verify_uploaded(loader, where, made)
            # Somebody else may have compacted meanwhile: theirs stays, ours adds what theirs does not hold.
            names = {part.name for part in made}  # whose are the same are made of the same
            found = _state(loader, location, partition)[0].parts
            current = Manifest(tuple(part for part in found if part.name not in names))
            if current.sources & {source for part in made for source in part.sources}:
                raise CompactionFailed(
                    f"{where} was compacted by somebody else meanwhile.", hint="Nothing is left to do there."
                )
            loader.store.put(manifest_key(where), current.with_parts(tuple(made)).to_json())
    finally:
        _sweep(loader, location, partition, unnamed | {part.name for part in made})
    return Compacted(tuple(made), tuple(work.notes))


def _state(loader: Loader, location: Location, partition: Partition) -> tuple[Manifest, frozenset[str]]:
    """The manifest without parts that are gone, and the names of parts that it does not name."""
    where = folder(location, Kind.COMPACTED, partition)
    there = {one.key.removeprefix(where) for one in loader.store.list(where)} - {MANIFEST}
    manifest = read_manifest(loader.store, location, partition)
    named = {part.name for part in manifest.parts}
    return Manifest(tuple(part for part in manifest.parts if part.name in there)), frozenset(there - named)


def _sweep(loader: Loader, location: Location, partition: Partition, suspects: frozenset[str]) -> None:
    """Deletes the parts among them that no manifest names: of a run that broke off, or came second.

    No reader knows of such a part. Should another run name it just then, its sources are read instead.
    """
    where = folder(location, Kind.COMPACTED, partition)
    for name in sorted(suspects & _state(loader, location, partition)[1]):
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


def _step(engine: DuckDbEngine, day: tuple[date, str, str], hours: Hours) -> Step:
    location, loader = engine.lister.location, engine.loader
    on, account, region = day
    sizes = [obj.size for objects in hours.values() for obj in objects]

    def check() -> Check:
        manifests = {place: _state(loader, location, place)[0] for place in hours}
        if all(manifests[place].covers(obj) for place, objects in hours.items() for obj in objects):
            return Check(Readiness.DONE, "it is compacted already")
        return READY

    def act(say: Callable[[str], None]) -> None:
        compact_hours(loader, location, hours, say)

    return Step(
        id=f"{on:%Y%m%d}-{account}-{region}",
        does=f"Compact {account}/{region} {on}",
        resource=Resource("AWS::S3::Bucket", location.bucket, location.account, location.region),
        parameters={"dataset": str(location), "hours": ", ".join(sorted(f"{one.hour:%H}" for one in hours))},
        evidence=f"{len(sizes):,} objects of {len(hours)} hours, {sum(sizes) / 1e6:,.1f} MB, are in no part",
        actions=ACTIONS,
        check=check,
        act=act,
    )
