"""The preflight of a run rejects invalid pipelines before anything is created."""

import pytest

from tests.faults.processes import answers, started
from tests.faults.refusals import CASES, FINE


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    return {answer["case"]: answer["said"] for answer in answers(started("tests.faults.refusals"))}


@pytest.mark.parametrize("case", CASES)
def test_preflight_accepts_or_rejects(said: dict[str, str], case: str) -> None:
    wanted = CASES[case].says
    if wanted == FINE:
        assert said[case] == FINE
    else:
        assert said[case].startswith("PreflightFailed: ")
        assert wanted in said[case]
