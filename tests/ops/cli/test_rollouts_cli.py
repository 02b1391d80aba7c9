"""`python -m ops rollouts`: files validated, planned, simulated, drafted; the example's run looked at."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops import cli
from ops.embedded.lifecycle import RunningCloud
from ops.rollouts.rules.rollout import parse

EXAMPLE = str(Path("rollouts/welcome.toml").absolute())


@pytest.fixture(autouse=True)
def connected(embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
    monkeypatch.chdir(tmp_path)  # no slipway.toml of the project's own


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_a_valid_file_says_how_much_of_the_limits_it_uses(run: Any) -> None:
    status, out, _ = run("rollouts", "validate", EXAMPLE)
    assert status == 0 and "13 targets in 4 stages" in out and "history events of the run" in out


def test_a_mistake_fails_with_its_line(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(Path(EXAMPLE).read_text().replace("at_once = 3", 'at_once = "three"'))
    status, _, err = run("rollouts", "validate", str(path))
    assert status == 1 and "line 23" in err and "Hint:" in err


def test_the_calendar_is_planned_without_aws(run: Any) -> None:
    status, out, _ = run("rollouts", "plan", "--no-changes", "--begin", "2026-07-06T08:00", EXAMPLE)
    assert status == 0 and "2026-07-06 08:00:00" in out and "one-box of wave 1" in out


def test_a_simulation_tells_every_action(run: Any) -> None:
    fault = "fail 111111111111/us-east-1/welcome"
    status, out, _ = run("--json", "rollouts", "simulate", EXAMPLE, "--fault", fault)
    result = json.loads(out)
    assert status == 0 and result["outcome"] == "rolled back"
    assert run("rollouts", "simulate", EXAMPLE, "--fault", "explode")[0] == 1


@pytest.mark.parametrize("what", ["snapshots", "replication"])
def test_slipways_own_stacks_are_drafted_as_rollouts(run: Any, tmp_path: Path, what: str) -> None:
    where = ["--accounts", "111111111111", "--regions", "eu-west-1", "us-east-1", "--folder", str(tmp_path)]
    arguments = ["rollouts", "draft", what, "--stack", "own", *where, "--parameter", "A=b=c"]
    assert run(*arguments)[0] == 0
    read = parse((tmp_path / "own.toml").read_text(), "own.toml")
    assert read.groups[0].parameters == {"A": "b=c"} and read.first == "eu-west-1"
    assert "Resources" in json.loads((tmp_path / read.source.template).read_text())
    assert run(*arguments)[0] == 1  # nothing is overwritten


def test_the_run_under_way_is_listed_shown_and_paused_with_a_reason(run: Any) -> None:
    assert "welcome-" in run("rollouts", "list")[1]
    runs = json.loads(run("--json", "rollouts", "list")[1])
    name = next(each["run"] for each in runs if each["rollout"] == "welcome")
    status, out, _ = run("rollouts", "status", name)
    assert status == 0 and "welcome-one-box" in out and f"{name}: In progress" in out
    assert f"{runs[0]['run']}: " in run("rollouts", "status")[1]  # the newest
    assert run("rollouts", "pause", name, "--reason", " ")[0] == 1
    assert run("rollouts", "pause", name, "--reason", "lunch")[0] == 0
    assert "Paused: lunch" in run("rollouts", "status", name)[1]
    assert run("rollouts", "resume", name, "--reason", "back")[0] == 0
    assert "Resumed by operator: back" in run("rollouts", "log", name)[1]
    assert run("rollouts", "roll-back", name, "--reason", "no")[0] == 3  # asks for the run's name
    assert run("rollouts", "status", "nonsense")[0] == 1
