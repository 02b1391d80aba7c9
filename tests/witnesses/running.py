"""Runs tests of a pytest session in forked processes, which start with everything imported."""

import gc
import json
import os
import signal
import time
import types
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import coverage
import pytest
from _pytest.runner import runtestprotocol


def in_child(act: Callable[[], int], limit_s: float) -> int:
    """Return the exit code of `act` in a forked process; 1 if it crashes or exceeds the time limit."""
    child = os.fork()
    if child == 0:
        os.setsid()
        code = 1
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            code = act()
        finally:
            os._exit(code)
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 1


def any_fails(items: Sequence[pytest.Item]) -> bool:
    """Run the tests until one fails."""
    for number, item in enumerate(items):
        reports = runtestprotocol(item, nextitem=_next(items, number), log=False)
        if any(report.failed for report in reports):
            return True
    return False


def measure(items: Sequence[pytest.Item], data_file: Path, durations_file: Path) -> None:
    """Run every test in a coverage context of its own, and store the seconds of those that passed."""
    measured = coverage.Coverage(data_file=str(data_file), source=["ops"], omit=["*/embedded/*"])
    durations: dict[str, float] = {}
    measured.start()
    for number, item in enumerate(items):
        measured.switch_context(item.nodeid)
        started = time.monotonic()
        reports = runtestprotocol(item, nextitem=_next(items, number), log=False)
        if all(report.passed for report in reports):
            durations[item.nodeid] = time.monotonic() - started
    measured.stop()
    measured.save()
    durations_file.write_text(json.dumps(durations))


def _next(items: Sequence[pytest.Item], number: int) -> pytest.Item | None:
    return items[number + 1] if number + 1 < len(items) else None


def replace_code(filenames: Collection[str], code: types.CodeType) -> None:
    """Give the functions that were compiled from these files the code of their namesakes in `code`."""
    by_name: dict[str, list[types.CodeType]] = defaultdict(list)

    def collect(outer: types.CodeType) -> None:
        for inner in outer.co_consts:
            if isinstance(inner, types.CodeType):
                by_name[inner.co_qualname].append(inner)
                collect(inner)

    collect(code)
    for function in gc.get_objects():
        if isinstance(function, types.FunctionType) and function.__code__.co_filename in filenames:
            old = function.__code__
            namesakes = by_name.get(old.co_qualname, [])
            same = [new for new in namesakes if new.co_firstlineno == old.co_firstlineno]
            for new in (same or namesakes)[:1]:
                if len(new.co_freevars) == len(old.co_freevars):
                    function.__code__ = new
