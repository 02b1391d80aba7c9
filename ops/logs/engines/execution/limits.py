"""The limits of a worker process, set by the operating system: memory, CPU time, and size of files."""

import contextlib
import os
import resource
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ops.logs.engines.execution.job import FaultKind

MB = 1_000_000
SHORT_S = 3.0  # of CPU time of a query at full priority
NICE = 19
LOOK_S = 0.05
OUT_OF_MEMORY = 77  # exit code


@dataclass(frozen=True)
class Limits:
    """What one query may use.

    `memory_mb` is what a worker holds in memory; DuckDB's own limit is lower: it is the place's `memory_mb`.
    """

    memory_mb: int = 1_500
    cpu_s: int = 600
    deadline_s: float = 300.0
    spill_bytes: int = 2_000 * MB
    row_bytes: int = 16 * MB
    result_bytes: int = 100 * MB

    def text(self, kind: FaultKind) -> str:
        """Return the limit that the fault exceeded, for users; empty if there is none."""
        return {
            FaultKind.PROCESS: f"{self.memory_mb / 1000:.1f} GB",
            FaultKind.DISK: f"{self.spill_bytes / 1e9:.0f} GB",
            FaultKind.CPU: f"{self.cpu_s // 60} min",
            FaultKind.DEADLINE: f"{self.deadline_s / 60:.0f} min",
            FaultKind.ROW: f"{self.row_bytes // MB} MB",
        }.get(kind, "")


def limit_process(limits: Limits) -> None:
    """Limit this process for good. macOS accepts the limits and does not enforce the one on memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.spill_bytes, limits.spill_bytes))
    # This counts what is only reserved, too: DuckDB's readers of raw files reserve ten times what they use.
    reserved = 2 * limits.memory_mb * MB + 256 * MB * (os.cpu_count() or 1)
    resource.setrlimit(resource.RLIMIT_DATA, (reserved, reserved))


def limit_cpu(limits: Limits) -> None:
    """Allow the process `cpu_s` more of CPU time: the system ends it then with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + limits.cpu_s, hard))


class Watch:
    """Watches this process while it runs a job.

    It ends the process when it holds too much memory. When the job takes long, it lowers the priority, so
    that others' queries go first; only root could raise it again, so the process is then used up.
    """

    def __init__(self, limits: Limits) -> None:
        self.lowered = False
        self._most = limits.memory_mb * MB
        self._ended = threading.Event()

    def __enter__(self) -> "Watch":
        threading.Thread(target=self._watch, args=(time.process_time(),), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _watch(self, began: float) -> None:
        while not self._ended.wait(LOOK_S):
            if _resident() > self._most:
                os._exit(OUT_OF_MEMORY)
            if not self.lowered and time.process_time() - began > SHORT_S:
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PGRP, 0, NICE)  # of all its threads
                self.lowered = True


def _resident() -> int:
    """Return the bytes that this process holds in memory; at the most so far, where that is all there is."""
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    return int(pages) * resource.getpagesize()
