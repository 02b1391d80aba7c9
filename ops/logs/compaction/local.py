"""Compact on this machine: rewrite an hour's many objects as a few Parquet parts, which are faster to read.

The plan has one step per day, account, and region; a step compacts its hours in parallel. Parts are written,
counted, and uploaded before the manifest that names them. Writing the manifest is the switch: a reader sees
the hour either from its sources or from its parts. Sources are never changed. Objects that arrive later are
read in addition to the parts, until the next compaction adds a part for them.
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
    Location,
    LogFormat,
    LogObject,
    Partition,
    Scope,
    folder,
    is_in_progress,
)
from ops.logs.lake.manifest import MadePart, Manifest, manifest_from_json, manifest_key
from ops.logs.lake.parts import PartFacts, drop_duplicates, finish, read_facts, write_part
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, ReportProgress, Resource, Step

PART_BYTES = 8 << 20  # of compressed sources per part: about 50 MB of text, several times that in memory
MAKERS = os.cpu_count() or 2  # parts made in parallel, of any hours
HOURS = 2 * MAKERS  # hours in progress: some are downloaded and uploaded while parts of others are made


class CompactionFailed(SlipwayError):
    """The parts do not hold the events that were read; the hour is unchanged."""


Hours = dict[Partition, list[LogObject]]


@dataclass(frozen=True)
class CompactedHour:
    """The new parts of one hour."""

    parts: tuple[MadePart, ...]
    left: tuple[str, ...] = ()  # notes about sources that were not compacted

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


class Compactor(Protocol):
    """Compacts hours of one day, account, and region."""

    @property
    def kinds(self) -> tuple[LogFormat, ...]: ...

    @property
    def actions(self) -> tuple[str, ...]: ...

    def make(self, hours: Hours, say: ReportProgress) -> None: ...


class LocalCompactor:
    """Compacts on this machine."""

    kinds = SOURCES
    actions = ("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject")

    def __init__(self, engine: DuckDbEngine) -> None:
        self._engine = engine

    def make(self, hours: Hours, say: ReportProgress) -> None:
        compact_hours(self._engine.loader, self._engine.lister.location, hours, say)


def plan_compaction(
    engine: DuckDbEngine, scope: Scope, now: datetime | None = None, maker: Compactor | None = None
) -> Plan:
    """Plan one step per day, account, and region that has complete hours with objects in no part."""
    maker = maker or LocalCompactor(engine)
    location = engine.lister.location
    last_complete = (now or datetime.now(UTC)) - HOUR - LATENESS
    days: dict[tuple[date, str, str], Hours] = {}
    for obj in engine.list(scope, fresh=True).fresh:
        partition = obj.partition
        if partition.hour <= last_complete and obj.kind in maker.kinds:
            day = days.setdefault((partition.hour.date(), partition.account, partition.region), {})
            day.setdefault(partition, []).append(obj)
    steps = [
        _step(engine, maker, day, hours) for day, hours in sorted(days.items(), key=lambda item: item[0])
    ]
    return Plan(f"Compact the logs in {location}", tuple(steps), Operation.COMPACT_LOGS)


def compact_hours(
    loader: Loader, location: Location, hours: Hours, say: ReportProgress = lambda message: None
) -> list[CompactedHour]:
    """Compact the hours in parallel; a failure does not stop the others, and is raised at the end."""
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
                    say(f"Not compacted: {note}")
    return [job.result() for job in jobs]


def compact_hour(
    loader: Loader,
    location: Location,
    partition: Partition,
    objects: list[LogObject],
    makers: Executor,
) -> CompactedHour:
    """Compact the objects of one hour that are in no part. Safe to run again, also after a crash."""
    before = _state(loader, location, partition)
    uncompacted = [obj for obj in objects if not before.manifest.covers(obj)]
    where = folder(location, LogFormat.COMPACTED, partition)
    others = [loader.files.fetch(f"{where}{part.name}", "", part.size) for part in before.manifest.parts]
    with tempfile.TemporaryDirectory(prefix="slipway-compact-") as name:
        work = _Hour(loader, Path(name), others)
        numbered = enumerate(batches(uncompacted, PART_BYTES), len(others))
        made = (
            [part for part in makers.map(work.make, *zip(*numbered, strict=True)) if part]
            if uncompacted
            else []
        )
        for part in made:
            loader.files.store.upload(Path(name, part.name), f"{where}{part.name}")
    try:
        if made:
            _verify_uploaded(loader, where, made)
            _switch(loader, location, partition, before.manifest, tuple(made))
    finally:
        _sweep(loader, location, partition, before.unnamed | {part.name for part in made})
    return CompactedHour(tuple(made), tuple(work.notes))


def _switch(
    loader: Loader, location: Location, partition: Partition, before: Manifest, made: tuple[MadePart, ...]
) -> None:
    """Add the parts to the manifest if it is still the one from `before`. Raises CompactionFailed.

    Parts that another process added in the meantime may hold the same events.
    """
    where = folder(location, LogFormat.COMPACTED, partition)
    overtaken = CompactionFailed(
        f"Another process compacted {where} at the same time.",
        hint="Run the command again: it compacts what is left.",
    )
    names = {part.name for part in made}  # parts of the same name have the same sources
    state = _state(loader, location, partition)
    current = Manifest(tuple(part for part in state.manifest.parts if part.name not in names))
    if set(current.parts) - set(before.parts):
        raise overtaken
    try:
        loader.files.store.replace(manifest_key(where), current.with_parts(made).to_json(), state.etag)
    except Conflict as error:
        named = {part.name for part in _state(loader, location, partition).manifest.parts}
        if not names <= named:  # else our own write succeeded, but its response was lost
            raise overtaken from error


@dataclass(frozen=True)
class _State:
    """The manifest without missing parts, its ETag (empty if none), and the names of parts not in it."""

    manifest: Manifest
    etag: str
    unnamed: frozenset[str]


def _state(loader: Loader, location: Location, partition: Partition) -> _State:
    where = folder(location, LogFormat.COMPACTED, partition)
    present = {listed.key.removeprefix(where): listed.etag for listed in loader.files.store.list(where)}
    etag = present.pop(MANIFEST, "")
    manifest = Manifest()
    if etag:
        key = manifest_key(where)
        try:
            manifest = manifest_from_json(loader.files.store.read(key), key)  # with that ETag, or a newer one
        except NotFound:
            etag = ""
    named = {part.name for part in manifest.parts}
    now = datetime.now(UTC)
    unnamed = frozenset(name for name in present if name not in named and not is_in_progress(name, now))
    return _State(manifest.present(present), etag, unnamed)


def _sweep(loader: Loader, location: Location, partition: Partition, suspects: frozenset[str]) -> None:
    """Delete the suspected parts that no manifest names: they are from a failed or overtaken run.

    No reader uses such a part. If another run names it at this moment, readers fall back to its sources.
    """
    where = folder(location, LogFormat.COMPACTED, partition)
    for name in sorted(suspects & _state(loader, location, partition).unnamed):
        loader.files.store.delete(f"{where}{name}")


class _Hour:
    """Writes the parts of one hour to a local folder."""

    def __init__(self, loader: Loader, root: Path, others: list[Path]) -> None:
        self.loader = loader
        self.root = root
        self.others = others
        self.notes: list[str] = []
        self._lock = threading.Lock()

    def make(self, number: int, batch: list[LogObject]) -> MadePart | None:
        """Write one part; return None if no object of the batch could be read completely."""
        events, read, notes = read_batch(self.loader.files, self.loader.connection, batch)
        if notes:  # do not compact damaged objects: their reader reports the damage on each search
            whole = [
                obj for obj in batch if not read_batch(self.loader.files, self.loader.connection, [obj])[2]
            ]
            self.notes += notes
            if not whole:
                return None
            events, read, _ = read_batch(self.loader.files, self.loader.connection, whole)
        kind = batch[0].kind
        finished = finish(events, self.loader.levels, number)
        # Duplicates are searched in all parts before this one, so one part at a time; raw lines have no IDs,
        # but an older exporter may have written records instead.
        with nullcontext() if kind is LogFormat.RAW else self._lock:
            finished, _ = drop_duplicates(finished, self.others)
            sources = frozenset((obj.key, obj.etag) for obj in read)
            facts = PartFacts(sources, len(finished), rules=self.loader.levels.id)
            name = f"part-{hashlib.sha256(facts.to_json()).hexdigest()[:32]}.parquet"
            path = self.root / name
            write_part(finished, facts, path)
            self.others.append(path)
        written = read_facts(path)
        if written is None or written.rows != len(finished) or written.sources != sources:
            raise CompactionFailed(
                f"{name} does not contain the {len(finished):,} events that were read.",
                hint="Run the command again.",
            )
        size = path.stat().st_size
        return MadePart(name, size, written.rows, sum(obj.size for obj in read), kind, sources)


def _verify_uploaded(loader: Loader, where: str, made: list[MadePart]) -> None:
    sizes = {listed.key: listed.size for listed in loader.files.store.list(where)}
    for part in made:
        if sizes.get(f"{where}{part.name}") != part.size:
            raise CompactionFailed(
                f"The upload of {where}{part.name} is incomplete. Searches still read the source objects.",
                hint="Run the command again.",
            )


def _step(engine: DuckDbEngine, maker: Compactor, day: tuple[date, str, str], hours: Hours) -> Step[None]:
    location, loader = engine.lister.location, engine.loader
    on, account, region = day
    sizes = [obj.size for objects in hours.values() for obj in objects]

    def check() -> Check:
        manifests = {place: _state(loader, location, place).manifest for place in hours}
        if all(manifests[place].covers(obj) for place, objects in hours.items() for obj in objects):
            return Check(Readiness.DONE, "already compacted")
        return READY

    return Step(
        id=f"{on:%Y%m%d}-{account}-{region}",
        does=f"Compact {account}/{region} {on}",
        resource=Resource("AWS::S3::Bucket", location.bucket, location.account, location.region),
        parameters={"dataset": str(location), "hours": ", ".join(sorted(f"{one.hour:%H}" for one in hours))},
        evidence=f"{len(sizes):,} uncompacted objects of {len(hours)} hours, {sum(sizes) / 1e6:,.1f} MB",
        actions=maker.actions,
        check=check,
        act=lambda say: maker.make(hours, say),
    )
