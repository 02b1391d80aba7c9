"""The monitor reports a snapshot pipeline that breaks an invariant at any moment of its run."""

import pytest

from tests.faults.monitored import MUTANTS
from tests.faults.processes import answers, started


@pytest.fixture(scope="module")
def wrong() -> dict[str, list[str]]:
    return {found["mutant"]: found["wrong"] for found in answers(started("tests.faults.monitored"))}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_monitor_reports_a_broken_invariant(wrong: dict[str, list[str]], name: str) -> None:
    mutant = MUTANTS[name]
    reported = [each for each in wrong[name] if each.startswith(f"invariant {mutant.invariant}: ")]
    assert any(mutant.says in each for each in reported), wrong[name]
