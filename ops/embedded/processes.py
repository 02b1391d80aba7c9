"""Find and terminate the processes that a cloud started: its folder is in their environment."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported where it is used: without the extra `embedded`, it is not installed
    import psutil

MARKER = "SLIPWAY_EMBEDDED"
PATIENCE_S = 3.0


def terminate_marked(data: Path) -> None:
    """Terminate every process, except this one, that the cloud in `data` started."""
    import psutil

    processes = list(_marked(str(data)))
    for process in processes:
        _quietly(process.terminate)
    _, stubborn = psutil.wait_procs(processes, PATIENCE_S)
    for process in stubborn:
        _quietly(process.kill)
    psutil.wait_procs(stubborn, PATIENCE_S)


def _marked(mark: str) -> "Iterator[psutil.Process]":
    import psutil

    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARKER) == mark:
                yield process
        except (psutil.Error, OSError):
            continue  # it has exited, or belongs to another user


def _quietly(act: object) -> None:
    import psutil

    try:
        act()  # type: ignore[operator]
    except psutil.Error:
        pass
