"""Finds and ends what the cloud of a folder has started: every child carries a mark in its environment."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

MARKER = "SLIPWAY_EMBEDDED"
PATIENCE_S = 3.0


def end_marked(data: Path) -> None:
    """Ends every process, but this one, that the cloud of `data` has started and that still runs."""
    found = list(_marked(str(data)))
    for process in found:
        _quietly(process.terminate)
    _, stubborn = psutil.wait_procs(found, PATIENCE_S)
    for process in stubborn:
        _quietly(process.kill)
    psutil.wait_procs(stubborn, PATIENCE_S)


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARKER) == mark:
                yield process
        except (psutil.Error, OSError):
            continue  # it ended meanwhile, or is another user's


def _quietly(act: object) -> None:
    try:
        act()  # type: ignore[operator]
    except psutil.Error:
        pass
