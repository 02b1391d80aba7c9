"""The pool of worker processes that run queries: warm, limited in number, replaced when one is used up."""

import threading
from collections.abc import Generator

import pyarrow as pa

from ops.logs.engines.execution.job import Executor, Job, Place
from ops.logs.engines.execution.limits import Limits
from ops.logs.engines.execution.process import WorkerProcess
from ops.logs.search.cursor import Cursor, Progress
from ops.logs.search.sql_check import MOST_CHARACTERS, too_long

WARM = 2  # idle workers of the place that was used last
WAIT_S = 0.1


class Workers:
    """At most `size` worker processes for all places; thread-safe."""

    def __init__(self, size: int, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._size = size
        self._idle: list[WorkerProcess] = []  # most recently used last: it has the most in memory
        self._busy = 0  # also while they start
        self._closed = False
        self._changed = threading.Condition()

    def executor(self, place: Place) -> Executor:
        """Return the executor for the place, with warm workers."""
        self._warm_up(place)
        return _PooledExecutor(self, place)

    def run(self, place: Place, job: Job, cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        """Run the job on a worker, when one is free."""
        worker = self._take(place, cursor)
        try:
            yield from worker.run(job, cursor)
        finally:
            self._give_back(worker)

    def close(self) -> None:
        """End the idle workers; those that are running a job end after it."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def _take(self, place: Place, cursor: Cursor) -> WorkerProcess:
        """Return an idle worker of the place, or a new one, even if another place's must end for it."""
        while True:
            with self._changed:
                cursor.check()
                worker = self._pop(place)
                free = self._busy + len(self._idle) < self._size
                other = None if worker or free or not self._idle else self._idle.pop(0)
                if worker or free or other:
                    self._busy += 1
                    break
                cursor.report(Progress("Queued"))
                self._changed.wait(WAIT_S)
        if other:
            other.kill()
        return worker or self._started(place)

    def _pop(self, place: Place) -> WorkerProcess | None:
        for worker in reversed(self._idle):
            if worker.place == place:
                self._idle.remove(worker)
                return worker
        return None

    def _started(self, place: Place) -> WorkerProcess:
        try:
            return WorkerProcess(place, self.limits)
        except BaseException:
            self._leave()
            raise

    def _give_back(self, worker: WorkerProcess) -> None:
        with self._changed:
            keep = worker.usable and worker.alive and not self._closed
            self._busy -= 1
            if keep:
                self._idle.append(worker)
            self._changed.notify_all()
        if not keep:
            worker.kill()
            self._warm_up(worker.place)

    def _leave(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def _warm_up(self, place: Place) -> None:
        """Start workers, so that a query does not wait for one to start."""
        while True:
            with self._changed:
                enough = sum(worker.place == place for worker in self._idle) >= WARM
                if self._closed or enough or self._busy + len(self._idle) >= self._size:
                    return
                self._busy += 1
            worker = self._started(place)
            with self._changed:
                self._busy -= 1
                self._idle.insert(0, worker)  # those that have run a job come first
                self._changed.notify_all()


class _PooledExecutor:
    """Runs the jobs of one place on the pool."""

    def __init__(self, workers: Workers, place: Place) -> None:
        self._workers = workers
        self._place = place

    def check(self, job: Job) -> None:
        """A worker parses the statements: what a parser takes is limited there as well."""
        for statement in job.statements:
            if len(statement.sql) > MOST_CHARACTERS:
                raise too_long(statement.sql)

    def execute(self, job: Job, cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        return self._workers.run(self._place, job, cursor)
