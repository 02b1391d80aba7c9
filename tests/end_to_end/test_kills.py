"""Processes killed with SIGKILL at random points of a snapshot run: it ends, and no invariant is broken.

A seed determines after which event of the execution the process is killed. test_restart.py kills the cloud.
"""

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
def length(workbench: Workbench, record: Path, pipeline: DeployedPipeline) -> int:
    """The number of events in the history of a run that nothing disturbs."""
    name = workbench.run(pipeline, PATIENCE_S).execution.name
    found = events(record, name)
    assert "ExecutionSucceeded" in found[-1]
    return len(found)


def events(record: Path, run: str) -> list[str]:
    """Return the recorded events of the run's execution so far."""
    with record.open() as file:
        return [line for line in file if line.startswith('{"kind": "state"') and f':{run}"' in line]


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
    length: int,
    victim: str,
    seed: int,
) -> None:
    began, after = time.time(), random.Random(f"{victim} {seed}").randrange(length)
    name = workbench.refresh(pipeline)
    killed: list[psutil.Process] = []

    def kill() -> bool:
        if len(events(record, name)) >= after:
            killed.extend(VICTIMS[victim](embedded, began))
            for process in killed:
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    process.kill()
        return bool(killed) or _has_ended(workbench, pipeline, name)

    eventually(kill, within_s=PATIENCE_S)
    eventually(lambda: _has_ended(workbench, pipeline, name), within_s=PATIENCE_S)
    eventually(lambda: not workbench.left(pipeline), within_s=PATIENCE_S)
    assert workbench.run(pipeline, PATIENCE_S).execution.status == "SUCCEEDED"
    assert workbench.left(pipeline) == []
    if not killed:
        pytest.skip(f"the run ended after event {after} without a {victim}")


def _has_ended(workbench: Workbench, pipeline: DeployedPipeline, name: str) -> bool:
    return workbench.watch(pipeline, name).execution.status != "RUNNING"
