"""`slipway rollouts`: files validated, planned, simulated, drafted; the example's run looked at."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops import cli
from ops.aws.cloud import Cloud
from ops.cli.context import Context
from ops.cli.mcp import answer, reading_tools
from ops.cli.rollouts.setup import TEMPLATES
from ops.embedded.lifecycle import RunningCloud
from ops.rollouts import runs
from ops.rollouts.controller import find_controller
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
    assert status == 1 and "line 23" in err and "Hint: " in err


def test_the_calendar_is_planned_without_aws(run: Any) -> None:
    status, out, _ = run("rollouts", "plan", "--no-changes", "--begin", "2026-07-06T08:00", EXAMPLE)
    assert status == 0 and "2026-07-06 08:00:00" in out and "one-box of wave 1" in out
    status, out, _ = run("--json", "rollouts", "plan", EXAMPLE, "--no-changes", "--begin", "2026-07-06T08:00")
    assert status == 0 and json.loads(out)[0]["starts"] == "2026-07-06T08:00:00+00:00"


def test_the_plan_shows_the_starts_in_local_time(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "welcome.toml"
    path.write_text(Path(EXAMPLE).read_text().replace('zone = "Europe/Berlin"', 'zone = "local"'))
    shutil.copy(Path(EXAMPLE).with_name("welcome.template.json"), tmp_path)
    plan = ("rollouts", "plan", "--no-changes", "--begin", "2026-12-25T08:00", str(path))
    status, out, _ = run(*plan)
    assert status == 0 and "Starts in local time:" in out
    lines = [line.split() for line in out.split("Starts in local time:")[1].splitlines()]
    assert ["one-box", "of", "wave", "1", "eu-west-1", "1", "2026-12-27"] in [line[:7] for line in lines]
    assert "Australia/Sydney" in [line[-1] for line in lines if line]
    entries = json.loads(run("--json", *plan)[1])
    assert entries[0]["local_starts"] == [
        {
            "region": "eu-west-1",
            "zone": "Europe/Dublin",
            "targets": 1,
            "first": "2026-12-27T00:00:00+00:00",
            "last": "2026-12-27T00:00:00+00:00",
        }
    ]
    assert "Starts in local time" not in run(*plan[:-1], EXAMPLE)[1]


def test_a_simulation_tells_every_action(run: Any) -> None:
    fault = "fail 111111111111/us-east-1/welcome"
    status, out, _ = run("--json", "rollouts", "simulate", EXAMPLE, "--fault", fault)
    result = json.loads(out)
    assert status == 0 and result["outcome"] == "rolled back"
    assert run("rollouts", "simulate", EXAMPLE, "--fault", "explode")[0] == 1
    assert run("rollouts", "simulate", EXAMPLE, "--faults", fault)[0] == 2


@pytest.mark.parametrize("which", TEMPLATES)
def test_a_template_is_printed(run: Any, which: str) -> None:
    status, out, _ = run("rollouts", "template", which)
    assert status == 0 and json.loads(out)["Resources"]
    assert json.loads(run("--json", "rollouts", "template", which)[1]) == json.loads(out)


def test_the_former_name_of_the_controllers_template_is_accepted(run: Any) -> None:
    assert run("rollouts", "template", "engine") == run("rollouts", "template", "controller")
    status, _, err = run("rollouts", "template", "nonsense")
    assert status == 2 and "Hint: See slipway rollouts template --help" in err


@pytest.mark.parametrize("what", ["snapshots", "replication"])
def test_slipways_own_stacks_are_drafted_as_rollouts(run: Any, tmp_path: Path, what: str) -> None:
    where = ["--accounts", "111111111111", "--regions", "eu-west-1", "us-east-1", "--folder", str(tmp_path)]
    arguments = ["rollouts", "draft", what, "--stack", "own", *where, "--parameter", "A=b=c"]
    assert json.loads(run("--json", *arguments)[1]) == {
        "file": str(tmp_path / "own.toml"),
        "template": str(tmp_path / "own.template.json"),
    }
    read = parse((tmp_path / "own.toml").read_text(), "own.toml")
    assert read.groups[0].parameters == {"A": "b=c"} and read.first == "eu-west-1"
    assert "Resources" in json.loads((tmp_path / read.source.template).read_text())
    assert run(*arguments)[0] == 1  # nothing is overwritten
    assert run("rollouts", "draft", what)[0] == 2  # --stack is required


def test_the_export_and_its_members_have_a_file_each(run: Any, tmp_path: Path) -> None:
    for what in ("log-export", "log-export-member"):
        arguments = ("--stack", "log-export", "--accounts", "111111111111", "--folder", str(tmp_path))
        assert run("rollouts", "draft", what, *arguments)[0] == 0
    files = {path.name: parse(path.read_text(), path.name) for path in tmp_path.glob("*.toml")}
    assert set(files) == {"log-export.toml", "log-export-member.toml"}
    assert {rollout.groups[0].stack for rollout in files.values()} == {"log-export"}


def test_a_fault_after_the_end_is_reported(run: Any) -> None:
    status, out, _ = run("rollouts", "simulate", EXAMPLE, "--fault", "pause +900h")
    assert status == 0 and "No effect, because the rollout had ended: pause at " in out


def test_a_parameter_without_a_value_drafts_nothing(run: Any, tmp_path: Path) -> None:
    status, _, err = run("rollouts", "draft", "snapshots", "--stack", "own", "--parameter", "A")
    assert status == 1 and "--parameter takes NAME=VALUE" in err and not (tmp_path / "rollouts").exists()


def test_the_run_under_way_is_listed_shown_and_paused_with_a_reason(run: Any) -> None:
    assert "welcome-" in run("rollouts", "list")[1]
    listed = json.loads(run("--json", "rollouts", "list")[1])
    name = next(each["run"] for each in listed if each["rollout"] == "welcome")
    status, out, _ = run("rollouts", "status", name)
    assert status == 0 and "welcome-one-box" in out and f"{name}: In progress" in out
    assert f"{listed[0]['run']}: " in run("rollouts", "status")[1]  # the newest
    assert run("rollouts", "pause", name, "--reason", " ")[0] == 1
    assert run("rollouts", "pause", name, "--reason", "lunch")[0] == 0
    assert "Paused: lunch" in run("rollouts", "status", name)[1]
    assert run("rollouts", "resume", name, "--reason", "back")[0] == 0
    assert "Resumed by operator: back" in run("rollouts", "log", name)[1]
    assert run("rollouts", "roll-back", name, "--reason", "no")[0] == 3  # asks for the run's name
    assert run("rollouts", "status", "nonsense")[0] == 1


def test_json_is_one_document_whatever_the_verb_does(run: Any) -> None:
    def answer(*arguments: str) -> Any:
        status, out, _ = run("--json", "rollouts", *arguments)
        assert status == 0
        return json.loads(out)

    name = next(each["run"] for each in answer("list") if each["rollout"] == "welcome")
    for verb in ("pause", "resume"):
        sent = {"run": name, "command": verb, "reason": "test"}
        assert answer(verb, name, "--reason", "test") == sent
    dry = answer("override", name, "--reason", "test", "--dry-run")
    assert dry["confirm"] == name and len(dry["steps"]) == 1
    assert answer("freeze", "--reason", "test") == {"frozen": True, "reason": "test"}
    assert answer("unfreeze") == {"frozen": False, "reason": ""}
    assert {target["stack"] for target in answer("plan", EXAMPLE)} <= {"new", "existing"}
    assert answer("start", EXAMPLE, "--dry-run")["confirm"] == "welcome"
    assert answer("deploy", "--engine-only", "--dry-run")["targets"] == {}


@pytest.mark.parametrize(("stored", "exit_status"), [("DONE", 0), ("ROLLED_BACK", 1)])
def test_a_run_is_followed_to_its_end(
    run: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, stored: str, exit_status: int
) -> None:
    controller = find_controller(cloud)
    listed = runs.list_runs(cloud, controller)
    running = runs.describe_run(
        cloud, controller, next(each.run for each in listed if each.rollout == "welcome")
    )
    ended = replace(running, summary=replace(running.summary, status=stored))
    polls = iter([replace(running, log=running.log[:1]), ended])
    monkeypatch.setattr(runs, "describe_run", lambda *_: next(polls))
    monkeypatch.setattr("ops.cli.rollouts.running.FOLLOW_POLL_S", 0.0)
    status, out, err = run("--json", "rollouts", "follow", running.summary.run)
    assert status == exit_status and len(err.splitlines()) == len(running.log)
    document = json.loads(out)
    if exit_status:
        assert document["error"]["hint"].endswith(f"slipway rollouts status {running.summary.run}")
    else:
        assert document == {"run": running.summary.run, "status": "DONE"}


def test_a_freeze_needs_a_reason(run: Any) -> None:
    assert run("rollouts", "freeze")[0] == 2
    assert run("rollouts", "freeze", "--reason", "")[0] == 1  # and ends no freeze


def test_an_assistant_reads_the_newest_run_and_why_its_targets_wait(run: Any) -> None:
    tool = next(tool for tool in reading_tools() if tool.name == "rollouts_status")
    said = answer(tool, {}, Context(as_json=True))
    printed = json.loads(run("--json", "rollouts", "status")[1])
    assert said["complete"] and said["answer"]["summary"]["run"] == printed["summary"]["run"]
    assert {"state", "why"} <= set(said["answer"]["targets"][0])
