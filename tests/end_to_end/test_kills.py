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
from tests.end_to_end.workbench import Workbench, eventually

PEOPLE = """
    CREATE TABLE people (id int PRIMARY KEY, email text);
    INSERT INTO people SELECT n, 'person' || n || '@real.test' FROM generate_series(1, 50) n"""
POLICY = "before = 'SELECT pg_sleep(1)'\n[tables.people]\nid = 'keep'\nemail = 'fake email'\n"
PATIENCE_S = 300


@pytest.fixture(scope="module")
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


@pytest.fixture(scope="module")
def pipeline(workbench: Workbench) -> Iterator[DeployedPipeline]:
    with workbench.people(PEOPLE) as name:
        yield workbench.deploy(workbench.pipeline(name, POLICY))


@pytest.fixture(scope="module")
def states(
    workbench: Workbench, embedded: RunningCloud, record: Path, pipeline: DeployedPipeline
) -> dict[str, list[str]]:
    """The states in which each victim lives, in order, in a run that nothing disturbs.

    Without the last one, whose end can be missed.
    """
    began, name = time.time(), workbench.refresh(pipeline)
    found: dict[str, dict[str, None]] = {victim: {} for victim in VICTIMS}

    def look() -> bool:
        for victim, processes in VICTIMS.items():
            if (states := entered(record, name)) and processes(embedded, began):
                found[victim][states[-1]] = None
        return _has_ended(workbench, pipeline, name)

    eventually(look, within_s=PATIENCE_S)
    assert workbench.watch(pipeline, name).execution.status == "SUCCEEDED"
    return {victim: list(states)[:-1] for victim, states in found.items()}


def entered(record: Path, run: str) -> list[str]:
    """Return the names of the states that the run has entered so far."""
    with record.open() as file:
        lines = [line for line in file if line.startswith('{"kind": "state"') and f':{run}"' in line]
    details = [json.loads(line)["event"].get("stateEnteredEventDetails") for line in lines]
    return [detail["name"] for detail in details if detail]


def of_database(running: RunningCloud, began: float) -> list[psutil.Process]:
    """Return the servers whose data folders the run has made."""
    folders = [path for path in running.data.glob("*/*/PG_VERSION") if path.stat().st_ctime > began]
    names = {path.parent.name for path in folders}
    return [each for each in _children(running) if names & {Path(word).name for word in _command(each)}]


def of_function(running: RunningCloud, began: float) -> list[psutil.Process]:
    return [each for each in _children(running) if any("_worker.py" in word for word in _command(each))]


VICTIMS = {"database": of_database, "function": of_function}


def _children(running: RunningCloud) -> list[psutil.Process]:
    return [*psutil.Process(running.pid).children(recursive=True)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return [*process.cmdline()]
    except psutil.Error:
        return []


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 10))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("victim", VICTIMS)
def test_a_run_survives_the_death_of_a_process_at_any_point(
    workbench: Workbench,
    embedded: RunningCloud,
    record: Path,
    pipeline: DeployedPipeline,
    states: dict[str, list[str]],
    victim: str,
    seed: int,
) -> None:
    state = random.Random(seed).choice(states[victim])
    began, name = time.time(), workbench.refresh(pipeline)
    killed: list[psutil.Process] = []

    def kill() -> bool:
        if state in entered(record, name):
            killed.extend(VICTIMS[victim](embedded, began))
            for process in killed:
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    process.kill()
        return bool(killed) or _has_ended(workbench, pipeline, name)

    eventually(kill, within_s=PATIENCE_S)
    assert killed, f"no {victim} from the state {state} on"
    eventually(lambda: _has_ended(workbench, pipeline, name), within_s=PATIENCE_S)
    eventually(lambda: not workbench.left(pipeline), within_s=PATIENCE_S)
    assert workbench.run(pipeline, PATIENCE_S).execution.status == "SUCCEEDED"
    assert workbench.left(pipeline) == []


def _has_ended(workbench: Workbench, pipeline: DeployedPipeline, name: str) -> bool:
    return workbench.watch(pipeline, name).execution.status != "RUNNING"
