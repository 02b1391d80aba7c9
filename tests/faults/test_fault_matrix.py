"""Every fault in every call of every state: no leftovers, no leaks, every failure reported, at any moment."""

from typing import Any

import pytest

from tests.faults.cells import FAULTS
from tests.faults.mutants import MUTANTS
from tests.faults.processes import answers, started


def judged(which: str) -> list[dict[str, Any]]:
    """Judge the cells of a fault, or one for each call, and print the outcome of each."""
    verdicts = answers(started("tests.faults.matrix", which))
    for cell, verdict in ((each["cell"], each) for each in verdicts):
        became = "WRONG" if verdict["wrong"] else verdict["became"]
        print(f"{cell['scenario']:24}{cell['state']:28}{cell['call']:40}{cell['fault']:12}{became}")
    print(f"{len(verdicts)} cells")
    return verdicts


def test_a_fault_in_each_state_is_handled() -> None:
    verdicts = judged("one-of-each")
    assert {each["cell"]["fault"] for each in verdicts} == set(FAULTS)
    assert {"Sanitize", "Share", "Clean up after stop"} <= {each["cell"]["state"] for each in verdicts}
    assert [each for each in verdicts if each["wrong"]] == []


@pytest.mark.thorough
def test_a_fault_in_each_call_is_handled() -> None:
    verdicts = judged("one-for-each")
    assert {each["cell"]["fault"] for each in verdicts} == set(FAULTS)
    covered = {(each["cell"]["state"], each["cell"]["call"]) for each in verdicts}
    assert ("Sanitize", "ecs:RunTask") in covered
    assert ("Share", "rds:ModifyDBClusterSnapshotAttribute") in covered
    assert ("Clean up after stop", "rds:DeleteDBInstance") in covered
    assert [each for each in verdicts if each["wrong"]] == []


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_in_every_call_is_handled(fault: str) -> None:
    assert [each for each in judged(fault) if each["wrong"]] == []


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_pipeline_is_detected(mutant: str) -> None:
    (found,) = answers(started("tests.faults.mutants", mutant))
    assert any(wrong.startswith(MUTANTS[mutant].wrong) for wrong in found["wrong"]), found
