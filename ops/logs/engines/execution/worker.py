"""What runs in a worker process: the jobs of one place, one at a time."""

import json
import os
import queue
import sys
import threading
from collections.abc import Generator, Iterable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa

from ops.errors import InputError
from ops.logs.engines.execution import wire
from ops.logs.engines.execution.job import Fault, FaultKind, Place
from ops.logs.engines.execution.limits import Limits, Watch, limit_cpu, limit_process
from ops.logs.engines.execution.local import LocalExecutor
from ops.logs.engines.execution.sandbox import restrict
from ops.logs.search.cursor import Cursor, QueryCanceled

# What DuckDB, Arrow, and Python read while they run: libraries, time zones, CPUs and memory of the container.
# Not all of /etc, and of /proc not the other processes: their environments have credentials.
SYSTEM = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/zero", "/dev/urandom",
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/fs/cgroup", "/sys/devices/system/cpu",
)  # fmt: skip


class Worker:
    """Receives requests in a thread, so that a running job can be canceled, and runs them in the caller's."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._requests: queue.SimpleQueue[tuple[wire.Open | wire.Run, Cursor]] = queue.SimpleQueue()
        self._cursor: Cursor | None = None
        self._executor: LocalExecutor | None = None

    def serve(self) -> None:
        """Run jobs for as long as the process that sends them lives."""
        threading.Thread(target=self._receive, daemon=True).start()
        while True:
            request, cursor = self._requests.get()
            self._open(request.place)
            if isinstance(request, wire.Run):
                limit_cpu(self._limits)
                self._run(cursor)

    def _receive(self) -> None:
        while True:
            try:
                request = wire.receive_request(self._connection)
            except (EOFError, OSError):
                os._exit(0)  # the process that sends the jobs has ended; a query may still be running
            if isinstance(request, wire.Cancel):
                if self._cursor:
                    self._cursor.cancel()
                continue
            cursor = Cursor(partial(self._batches, request))
            if isinstance(request, wire.Run):
                self._cursor = cursor
            self._requests.put((request, cursor))

    def _open(self, place: Place) -> LocalExecutor:
        if self._executor is None:
            spill = spill_folder(place, os.getpid())
            spill.mkdir(parents=True, exist_ok=True)
            # DuckDB's threads start later, so that they are restricted as well.
            restrict([*map(Path, SYSTEM), *modules(sys.path), *place.folders], [spill])
            self._executor = LocalExecutor(replace(place, spill=spill))
        return self._executor

    def _batches(
        self, request: wire.Open | wire.Run, cursor: Cursor
    ) -> Generator[pa.RecordBatch, None, None]:
        if isinstance(request, wire.Run):
            yield from self._open(request.place).execute(request.job, cursor)

    def _run(self, cursor: Cursor) -> None:
        """Run the job and send its result, or why it failed."""
        failure: Fault | InputError | None = None
        with Watch(self._limits) as watch:
            try:
                for batch in cursor:
                    wire.send_batch(self._connection, batch, self._limits.row_bytes)
            except (Fault, InputError) as error:
                failure = error
            except MemoryError:
                failure = Fault(FaultKind.MEMORY, "Out of memory")
            except QueryCanceled:
                pass  # whoever canceled knows
        # What a query has taken when its memory ended is not all given back.
        out = isinstance(failure, Fault) and failure.kind is FaultKind.MEMORY
        wire.send_end(self._connection, failure, used_up=watch.lowered or out)


def modules(path: Iterable[str]) -> list[Path]:
    """Return the folders of the modules on the path: only `ops` of Slipway's own, which may hold data."""
    folders = [Path(entry) for entry in path if entry]
    return [folder / "ops" if (folder / "ops/logs/engines").is_dir() else folder for folder in folders]


def spill_folder(place: Place, pid: int) -> Path:
    """Return the folder of temporary files of one worker."""
    return place.spill / f"worker-{pid}"


def main() -> None:
    """Serve the connection whose file descriptor is the first argument; the second is the limits, as JSON."""
    limits = Limits(**json.loads(sys.argv[2]))
    limit_process(limits)
    with Connection(int(sys.argv[1])) as connection:
        Worker(connection, limits).serve()


if __name__ == "__main__":
    main()
