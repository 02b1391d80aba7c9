"""One worker process, as this process sees it: start, run a job, cancel, end."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa

from ops.logs.engines.execution import wire
from ops.logs.engines.execution.job import Fault, FaultKind, Job, Place
from ops.logs.engines.execution.limits import OUT_OF_MEMORY, Limits
from ops.logs.engines.execution.worker import spill_folder
from ops.logs.search.cursor import Cursor

POLL_S = 0.05
GRACE_S = 0.3  # for DuckDB to end an interrupted query; then the process is killed
ROOT = str(Path(__file__).parents[4])


class WorkerProcess:
    """A process that runs jobs of one place. Used by one thread at a time."""

    def __init__(self, place: Place, limits: Limits) -> None:
        self.place = place
        self.usable = True  # for another job
        self._limits = limits
        ours, theirs = socket.socketpair()
        with theirs:
            # Nothing of this process's environment: it has credentials.
            environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join([ROOT, *filter(None, sys.path)])}
            command = [sys.executable, "-P", "-m", f"{__package__}.worker", str(theirs.fileno())]
            self._process = subprocess.Popen(
                [*command, json.dumps(asdict(limits))],
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=[theirs.fileno()],
                process_group=0,  # no Ctrl-C from the terminal, and one priority for all threads
            )
        self._connection = Connection(ours.detach())
        self._send(wire.Open(place))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(self, job: Job, cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        """Yield the batches of the job's results. Raises Fault, InputError, QueryCanceled.

        When it ends early, the process is interrupted, or killed if it does not react.
        """
        began = time.monotonic()
        ended = False
        try:
            self._send(wire.Run(self.place, job))
            while (batch := self._next(cursor, began)) is not None:
                yield batch
            ended = True
        except (Fault, ValueError, OSError) as error:
            ended = True
            if not isinstance(error, Fault):  # what the process sent is no message
                self.kill()
                raise Fault(FaultKind.PROCESS, str(error)) from error
            raise
        finally:
            if not ended and self.alive:
                self._interrupt()

    def kill(self) -> None:
        """End the process now, and remove its temporary files."""
        self.usable = False
        self._process.kill()
        self._process.wait()
        self._connection.close()
        shutil.rmtree(spill_folder(self.place, self.pid), ignore_errors=True)

    def _next(self, cursor: Cursor, began: float) -> pa.RecordBatch | None:
        """Return the next batch, None at the end."""
        while True:
            cursor.check()
            if self._connection.poll(POLL_S):
                try:
                    message = self._connection.recv_bytes(wire.MOST_BYTES)
                except (EOFError, ConnectionError):
                    raise self._ended() from None
                self._note_last(message)
                return wire.read_message(message)
            passed = time.monotonic() - began
            if passed > self._limits.deadline_s:
                self.kill()
                raise Fault(FaultKind.DEADLINE, f"Ended after {passed:.0f} s.")

    def _note_last(self, message: bytes) -> bool:
        last = wire.is_last(message)
        if last and wire.used_up(message):
            self.usable = False
        return last

    def _ended(self) -> Fault:
        """Return why the process ended by itself."""
        self._process.wait()
        code = self._process.returncode
        self.kill()
        if code == OUT_OF_MEMORY:
            return Fault(FaultKind.PROCESS, f"It held more than {self._limits.memory_mb:,} MB in memory.")
        if code == -signal.SIGXCPU:
            return Fault(FaultKind.CPU, "The system ended the process: SIGXCPU.")
        return Fault(FaultKind.PROCESS, f"The process ended with code {code}.")

    def _interrupt(self) -> None:
        """Cancel the running job, and kill the process if the job does not end soon."""
        until = time.monotonic() + GRACE_S
        try:
            self._send(wire.Cancel())
            while (left := until - time.monotonic()) > 0:
                if self._connection.poll(left) and self._note_last(self._connection.recv_bytes()):
                    return
        except (OSError, EOFError):
            pass
        self.kill()

    def _send(self, request: wire.Request) -> None:
        wire.send_request(self._connection, request)
