"""The state machine as data: valid, every state reachable, every failure cleaned up after."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.parse.asl_parser import (
    AmazonStateLanguageParser,
    ASLParserException,
)

from ops.snapshots.pipeline import machine

STATES = machine.definition()["States"]


def finished() -> dict[str, Any]:
    """The definition as CloudFormation makes it."""
    text = machine.text().replace(machine.POLL, "60").replace("${AWS::Partition}", "aws")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


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


def test_a_parser_of_the_language_accepts_it() -> None:
    AmazonStateLanguageParser.parse(json.dumps(finished()))


def test_that_parser_refuses_a_broken_one() -> None:
    broken = finished()
    broken["States"]["Preflight"]["Type"] = "Tusk"
    with pytest.raises(ASLParserException):
        AmazonStateLanguageParser.parse(json.dumps(broken))


@pytest.mark.skipif(not shutil.which("npx"), reason="asl-validator needs Node.js (npx)")
def test_asl_validator_accepts_it(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(finished()))
    command = ["npx", "--yes", "asl-validator@4.0.0", "--json-path", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


# What comes after a good end: a notice that cannot be sent makes no failure.
WORK = [name for name, state in STATES.items() if state["Type"] == "Task" and name != "Tell"]


@pytest.mark.parametrize("name", WORK)
def test_every_error_of_every_task_ends_in_a_failure_and_is_cleaned_up_after(name: str) -> None:
    [catch] = STATES[name]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    ends = {n for n in reachable(catch["Next"]) if not list(targets(STATES[n]))}
    assert {STATES[end]["Type"] for end in ends} == {"Fail"}
    if not name.lower().startswith("clean up"):
        assert catch["Next"] == "Clean up after failure"


def test_nothing_is_shared_before_sanitizing_has_succeeded() -> None:
    """Without the state Sanitize there is no way to the snapshot or the sharing."""
    states = dict(STATES)
    del states["Sanitize"]
    found, waiting = set(), [machine.definition()["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in states and name not in found:
            found.add(name)
            waiting += targets(states[name])
    assert not found & {"Take final snapshot", "Share"}


def test_a_wait_looks_every_poll_interval_without_backoff() -> None:
    waits = [state for name, state in STATES.items() if name.startswith("Wait for")]
    assert waits
    for state in waits:
        looks = next(retry for retry in state["Retry"] if retry["ErrorEquals"] == ["NotReady"])
        assert (looks["IntervalSeconds"], looks["MaxAttempts"], looks["BackoffRate"]) == (
            machine.POLL,
            300,
            1,
        )


def test_the_task_is_told_the_address_and_the_names_but_no_secret() -> None:
    [override] = STATES["Sanitize"]["Parameters"]["Overrides"]["ContainerOverrides"]
    assert {item["Name"] for item in override["Environment"]} == {"DB_HOST", "DB_PORT", "DB_USER", "DB_NAME"}
