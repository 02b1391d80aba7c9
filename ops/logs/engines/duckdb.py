"""Query exported logs with DuckDB on this machine: list, load what is needed, and query it as `events`.

An engine lists and loads in this process; an executor runs the statements, in this process or in workers.
"""

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import pyarrow as pa

from ops.errors import InputError, SlipwayError
from ops.logs.engines.backwards import Backwards
from ops.logs.engines.execution.job import Executor, Fault, FaultKind, Job, Place
from ops.logs.engines.execution.local import LocalExecutor
from ops.logs.engines.execution.workers import Workers
from ops.logs.engines.files import ObjectFiles
from ops.logs.engines.loading import Loader, LoadProgress
from ops.logs.engines.several import SeveralListers, SeveralLoaders
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Listing, Location, Scope
from ops.logs.lake.lines.levels import Levels, NoLevels
from ops.logs.lake.listing import Lister
from ops.logs.lake.store import ObjectStore
from ops.logs.search.cursor import Cursor, Progress
from ops.logs.search.estimate import Cost, duckdb_cost
from ops.logs.search.query import Events, Query, Sql
from ops.logs.search.sql import statements
from ops.logs.services.listing import ServiceLister
from ops.logs.services.model import DatasetType
from ops.logs.services.reading import RecordReader

THREAD_MB = 100  # a reader of raw files has a buffer of 64 MB per thread
NARROW = "Narrow the time range or the log groups, select fewer columns, or use Athena."
LIMITS = {
    FaultKind.MEMORY: "The query exceeded its memory limit{}.",
    FaultKind.DISK: "The query exceeded its limit of temporary files{}.",
    FaultKind.CPU: "The query exceeded its limit of CPU time{}.",
    FaultKind.DEADLINE: "The query exceeded its time limit{}.",
    FaultKind.ROW: "A row of the result exceeds the limit{}.",
    FaultKind.PROCESS: "The process that ran the query ended, most likely because of its memory limit{}.",
}
HINTS = {
    FaultKind.ROW: "Select shorter values, for example with left(message, 1000).",
}


class DuckDbQueryFailed(SlipwayError):
    """DuckDB could not run the query."""


class DuckDbEngine:
    """Queries one dataset, and `others` with it; thread-safe.

    `type_` is the type of a dataset that the log export did not write. `workers` run its statements; without
    them, they run in this process.
    """

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        cache: FileCache,
        *,
        memory_mb: int = 600,
        threads: int = 0,
        concurrency: int = 16,
        levels: Levels | None = None,
        workers: Workers | None = None,
        type_: DatasetType | None = None,
        others: Sequence["DuckDbEngine"] = (),
    ) -> None:
        levels = levels or Levels()
        self.lister: Lister = Lister(store, location, concurrency=concurrency)
        files = ObjectFiles(store, cache)
        if type_:
            self.lister = ServiceLister(store, location, type_, concurrency=concurrency)
            files = ObjectFiles(store, cache, RecordReader(type_, location.prefix), type_.name)
        self.loader: Loader = Loader(files, NoLevels() if type_ and not type_.leveled else levels)
        if others:
            self.lister = SeveralListers([self.lister, *(other.lister for other in others)])
            self.loader = SeveralLoaders([self.loader, *(other.loader for other in others)])
        threads = threads or min(os.cpu_count() or 1, max(1, memory_mb // THREAD_MB))
        place = Place((cache.root,), cache.root / "spill", memory_mb, threads, levels.own)
        self._limits = workers.limits if workers else None
        self._memory = f"{memory_mb} MB"
        self._executor: Executor = workers.executor(place) if workers else LocalExecutor(place)

    def list(self, scope: Scope, *, fresh: bool = False) -> Listing:
        """Return the objects that a query over the scope reads."""
        return self.lister.list_scope(scope, fresh=fresh)

    def estimate(self, scope: Scope) -> Cost:
        return duckdb_cost(self.list(scope))

    def run(self, query: Query) -> Cursor:
        """Return the query's cursor. Raises InputError for invalid SQL and anything but a SELECT.

        With workers, reading the cursor raises it: a worker parses the SQL.
        """
        self._executor.check(_job(query))

        def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
            if isinstance(query.select, Events) and query.select.newest_first and query.select.limit:
                return self._newest(query, query.select.limit, cursor)
            return self._step(query, cursor)

        most = self._limits.result_bytes if self._limits else 0
        limit = min(query.limit_bytes or most, most or query.limit_bytes)
        return Cursor(read, limit, "Loaded data is kept: the next search is faster.")

    def _newest(self, query: Query, limit: int, cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        """Yield the newest events: read backwards in steps, until there are enough."""
        known = self.lister.glance(query.scope)
        steps, found = Backwards(query.scope, known), 0
        while True:
            search = replace(query.search, scope=steps.step())
            step = Query(search, Events(limit - found))
            for batch in self._step(step, cursor, known):
                found += batch.num_rows
                yield batch
            if found >= limit or steps.ended:
                return
            steps.expect(limit - found, found)

    def _step(
        self, query: Query, cursor: Cursor, whole: Listing | None = None
    ) -> Generator[pa.RecordBatch, None, None]:
        """Yield the results of the query's statements, which read the same files.

        `whole` is the listing that the query is a step of, for the progress.
        """
        listing = self.list(query.scope)
        batches, first = self._begin(query, listing, cursor, whole or listing)
        try:
            yield first
            yield from batches
        except Fault as fault:
            failure = self._failure(fault, cursor)
            if fault.kind not in LIMITS and self._refuse(listing):
                failure = DuckDbQueryFailed(
                    "Cannot read a file to its end.",
                    hint="Run the query again: the file will then be read another way.",
                    detail=fault.text,
                )
            raise failure from fault
        finally:
            batches.close()

    def _begin(
        self, query: Query, listing: Listing, cursor: Cursor, whole: Listing
    ) -> tuple[Generator[pa.RecordBatch, None, None], pa.RecordBatch]:
        """Load the listing and execute the first statement, again if a file was lost or rejected."""
        report, job = _reporter(cursor, whole), _job(query)
        for attempt in (1, 2, 3):
            loaded = self.loader.load(listing, job.statements[0].needles, report, cursor.check)
            job = replace(
                job,
                loaded=loaded,
                extents=self.loader.extents(loaded.parts),
                leveled=self.loader.leveled(loaded.parts),
                positioned=self.loader.positioned(loaded.parts),
            )
            batches = self._executor.execute(job, cursor)
            try:
                first = next(batches)
            except Fault as fault:
                if attempt < 3 and not cursor.canceled and self._worth_repeating(fault, listing):
                    continue
                raise self._failure(fault, cursor) from fault
            cursor.spend(listing.objects, listing.size_bytes)
            cursor.note(*listing.notes, *loaded.notes)
            cursor.note_unread(loaded.unread, loaded.partly_read)
            return batches, first
        raise AssertionError("the loop returns or raises")

    def _refuse(self, listing: Listing) -> bool:
        """Mark files that could not be read, so that the next load reads them another way; whether any."""
        lost = self.loader.look_again()
        return self.loader.refuse(listing) or lost

    def _worth_repeating(self, fault: Fault, listing: Listing) -> bool:
        """Return whether loading again may help: a file was evicted, or DuckDB's reader rejects one."""
        if fault.kind in LIMITS or fault.kind is FaultKind.SQL:
            return False
        return self._refuse(listing) or fault.kind is FaultKind.FILE

    def _failure(self, fault: Fault, cursor: Cursor) -> SlipwayError:
        """Return the fault as an error with what to do. Raises QueryCanceled if it was an interrupt."""
        cursor.check()
        if fault.kind in LIMITS:
            limit = self._limits.text(fault.kind) if self._limits else ""
            limit = self._memory if fault.kind is FaultKind.MEMORY else limit
            message = LIMITS[fault.kind].format(f" of {limit}" if limit else "")
            return DuckDbQueryFailed(message, hint=HINTS.get(fault.kind, NARROW), detail=fault.text)
        if fault.kind in (FaultKind.SQL, FaultKind.VALUE):
            first = fault.text.splitlines()[0] if fault.text else "The SQL cannot run."
            return InputError(first, field="sql", hint="Correct the query.", detail=fault.text)
        return DuckDbQueryFailed(
            "DuckDB cannot run the query.", hint="See the details for DuckDB's message.", detail=fault.text
        )


def _job(query: Query) -> Job:
    """Return the query's job, without files."""
    return Job(query.scope, statements(query, has_patterns=True), not isinstance(query.select, Sql))


def _reporter(cursor: Cursor, whole: Listing) -> Callable[[LoadProgress], None]:
    """Return the function that reports the progress of loading one step of the whole listing."""
    before = cursor.cost

    def report(loading: LoadProgress) -> None:
        done, objects = before.size_bytes + loading.bytes_done, before.objects + loading.done
        total = max(whole.size_bytes, before.size_bytes + loading.bytes_total)
        of = max(whole.objects, before.objects + loading.total)
        text = (
            "Searching"
            if loading.done >= loading.total
            else f"Read {objects:,} of {of:,} objects, {done / 1e6:,.1f} of {total / 1e6:,.1f} MB"
        )
        cursor.report(Progress(text, done, total))

    return report
