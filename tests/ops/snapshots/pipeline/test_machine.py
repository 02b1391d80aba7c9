"""The state machine is valid, every state is reachable, and every failure is cleaned up."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ops.snapshots.pipeline import machine

STATES = machine.definition()["States"]


def finished() -> dict[str, Any]:
    """Return the definition as CloudFormation renders it."""
    text = machine.text().replace(machine.POLL, "60").replace("${AWS::Partition}", "aws")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def parser() -> ModuleType:
    """Import moto's parser only where it runs: it is slow to import, and every worker collects this file."""
    return import_module("moto.stepfunctions.parser.asl.parse.asl_parser")


def targets(state: dict[str, Any]) -> Iterator[str]:
    yield from (state[key] for key in ("Next", "Default") if key in state)
    yield from (choice["Next"] for choice in [*state.get("Choices", []), *state.get("Catch", [])])


def reachable(start: str) -> set[str]:
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += targets(STATES[name])
    return found


def test_every_state_is_reachable_and_every_target_exists() -> None:
    assert reachable(machine.definition()["StartAt"]) == set(STATES)


def test_a_parser_accepts_the_definition() -> None:
    parser().AmazonStateLanguageParser.parse(json.dumps(finished()))


def test_the_parser_rejects_a_broken_definition() -> None:
    broken = finished()
    broken["States"]["Preflight"]["Type"] = "Tusk"
    with pytest.raises(parser().ASLParserException):
        parser().AmazonStateLanguageParser.parse(json.dumps(broken))


@pytest.mark.skipif(not shutil.which("npx"), reason="asl-validator needs Node.js (npx)")
def test_asl_validator_accepts_the_definition(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(finished()))
    command = ["npx", "--yes", "asl-validator@4.0.0", "--json-path", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


# A run succeeds even if its notification cannot be sent.
WORK = [name for name, state in STATES.items() if state["Type"] == "Task" and name != "Send notification"]


@pytest.mark.parametrize("name", WORK)
def test_every_error_of_every_task_ends_in_a_failure_and_is_cleaned_up_after(name: str) -> None:
    [catch] = STATES[name]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    ends = {n for n in reachable(catch["Next"]) if not list(targets(STATES[n]))}
    assert {STATES[end]["Type"] for end in ends} == {"Fail"}
    if not name.lower().startswith("clean up"):
        assert catch["Next"] == "Clean up after failure"


def test_nothing_is_shared_before_sanitizing_has_succeeded() -> None:
    """Without the state Sanitize, neither the snapshot nor the sharing can be reached."""
    states = dict(STATES)
    del states["Sanitize"]
    found, waiting = set(), [machine.definition()["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in states and name not in found:
            found.add(name)
            waiting += targets(states[name])
    assert not found & {"Take final snapshot", "Share"}


def test_a_wait_polls_at_every_interval_without_backoff() -> None:
    waits = [state for name, state in STATES.items() if name.startswith("Wait for")]
    assert waits
    for state in waits:
        polls = next(retry for retry in state["Retry"] if retry["ErrorEquals"] == ["NotReady"])
        assert (polls["IntervalSeconds"], polls["MaxAttempts"], polls["BackoffRate"]) == (
            machine.POLL,
            300,
            1,
        )


def test_the_task_gets_the_host_and_the_names_but_no_secret() -> None:
    [override] = STATES["Sanitize"]["Parameters"]["Overrides"]["ContainerOverrides"]
    assert {item["Name"] for item in override["Environment"]} == {
        *("DB_HOST", "DB_PORT", "DB_USER", "DB_NAME"),
        *("NEW_HOST", "NEW_PORT"),
    }
