"""Processes killed with SIGKILL at random points of a snapshot run: it ends, and no invariant is broken.

A seed determines in which state of the execution the process is killed. test_restart.py kills the cloud.
"""

import json
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ops.aws.cloud import Cloud
from ops.embedded.lifecycle import RunningCloud
from ops.snapshots.pipeline.catalog import DeployedPipeline
from tests.end_to_end.workbench import PEOPLE, Workbench, eventually

POLICY = "before = 'SELECT pg_sleep(1)'\n[tables.people]\nid = 'keep'\nemail = 'fake email'\n"
PATIENCE_S = 300


@pytest.fixture(scope="module")
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


@pytest.fixture(scope="module")
def pipeline(workbench: Workbench) -> Iterator[DeployedPipeline]:
    with workbench.people(PEOPLE) as name:
        yield workbench.deploy(workbench.pipeline(name, POLICY))


class Events:
    """The events of an execution, read from the record: that is fast, so that a short state is not missed."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._at = record.stat().st_size
        self.entered: list[str] = []
        self.ended = False

    def read(self, run: str) -> None:
        """Read the events since the last call."""
        with self._record.open("rb") as file:
            file.seek(self._at)
            lines = [line for line in file if line.endswith(b"\n")]  # the last one may still be written
        self._at += sum(map(len, lines))
        for line in lines:
            if line.startswith(b'{"kind": "state"') and f':{run}"'.encode() in line:
                event = json.loads(line)["event"]
                self.ended = self.ended or event["type"] in ENDINGS
                if entered := event.get("stateEnteredEventDetails"):
                    self.entered.append(entered["name"])


ENDINGS = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")


def of_database(running: RunningCloud, began: float) -> list[psutil.Process]:
    """Return the servers whose data folders the run has made. They are no children of the cloud."""
    found: list[psutil.Process] = []
    for file in running.data.glob("*/*/postmaster.pid"):
        with suppress(FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            server = psutil.Process(int(file.read_text().splitlines()[0]))
            if file.stat().st_ctime > began and file.parent.name in " ".join(server.cmdline()):
                found.append(server)
    return found


def of_function(running: RunningCloud, began: float) -> list[psutil.Process]:
    """Return the processes that run functions."""
    found: list[psutil.Process] = []
    for process in psutil.Process(running.pid).children(recursive=True):
        with suppress(psutil.Error):
            if any("_worker.py" in word for word in process.cmdline()):
                found.append(process)
    return found


VICTIMS = {"database": of_database, "function": of_function}
STATES = {  # in which the victim lives
    "database": ("Sanitize", "Wait for database", "Take final snapshot"),
    "function": (
        "Take snapshot",
        "Wait for snapshot",
        "Wait for database",
        "Sanitize",
        "Take final snapshot",
    ),
}


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 10))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("victim", [pytest.param("database", marks=pytest.mark.thorough), "function"])
def test_a_run_survives_the_death_of_a_process_at_any_point(
    workbench: Workbench,
    embedded: RunningCloud,
    record: Path,
    pipeline: DeployedPipeline,
    victim: str,
    seed: int,
) -> None:
    state = random.Random(seed).choice(STATES[victim])
    began, events = time.time(), Events(record)
    name = workbench.refresh(pipeline)
    killed: list[psutil.Process] = []

    def kill() -> bool:
        events.read(name)
        if state in events.entered:
            killed.extend(VICTIMS[victim](embedded, began))
            for process in killed:
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    process.kill()
        return bool(killed) or events.ended

    eventually(kill, within_s=PATIENCE_S)
    assert killed, f"no {victim} from the state {state} on"
    eventually(lambda: _has_ended(workbench, pipeline, name), within_s=PATIENCE_S)
    eventually(lambda: not workbench.left(pipeline), within_s=PATIENCE_S)
    assert workbench.run(pipeline, PATIENCE_S).execution.status == "SUCCEEDED"
    assert workbench.left(pipeline) == []


def _has_ended(workbench: Workbench, pipeline: DeployedPipeline, name: str) -> bool:
    return workbench.watch(pipeline, name).execution.status != "RUNNING"
