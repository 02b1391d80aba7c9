"""The embedded cloud is killed during a run: after a restart, the run has failed and is cleaned up."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops import embedded
from ops.embedded.accounts import cloud
from ops.embedded.lifecycle import is_locked
from ops.settings import Settings
from ops.snapshots.runs import control as runs
from tests.end_to_end.workbench import Workbench, eventually, statuses

SHOP = "shop-production"


@pytest.fixture
def settings(plant: Callable[..., Path]) -> Iterator[Settings]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-restart-"))
    folder.chmod(0o755)
    settings = Settings(data=folder, embedded_delay=0.2)
    plant(settings.embedded_data)
    yield settings
    embedded.reset(settings.embedded_data)
    shutil.rmtree(folder, ignore_errors=True)


def start(settings: Settings) -> tuple[embedded.RunningCloud, Workbench]:
    running = embedded.start(settings.embedded_data, delay_s=settings.embedded_delay, owner=True)
    return running, Workbench(cloud(settings, running.endpoint), settings.data)


@pytest.mark.thorough
def test_killed_run_fails_and_is_cleaned_up(settings: Settings) -> None:
    running, workbench = start(settings)
    pipeline = workbench.deployed(SHOP)
    finished = workbench.run(pipeline).execution.name
    name = workbench.refresh(pipeline)
    eventually(lambda: statuses(workbench.watch(pipeline, name).execution)["Wait for password"] != "pending")
    eventually(lambda: (settings.embedded_data / "state/stepfunctions.json").read_text().count(name))
    os.kill(running.pid, signal.SIGKILL)
    eventually(lambda: not is_locked(settings.embedded_data))

    _, workbench = start(settings)
    pipeline = workbench.deployed(SHOP)
    assert workbench.watch(pipeline, name).execution.status == "FAILED"
    cleaned = eventually(
        lambda: [item for item in runs.list_runs(workbench.cloud, pipeline) if runs.is_clean_up(item.name)]
    )
    assert cleaned[0].name == f"clean-up-{name}"
    assert workbench.ended(pipeline, cleaned[0].name).execution.status == "SUCCEEDED"
    assert workbench.left(pipeline) == []
    assert [item.run for item in workbench.sanitized(pipeline)] == [finished]
    assert workbench.run(pipeline).execution.status == "SUCCEEDED"
