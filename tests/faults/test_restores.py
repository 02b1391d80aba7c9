"""A restore that crashes before any call is finished by a retry; the name stays available."""

import pytest

from tests.faults.processes import answers, started

KINDS = ("instance", "cluster", "encrypted")
ONE = [pytest.param(kind, marks=() if kind == "encrypted" else pytest.mark.thorough) for kind in KINDS]


def judge(kind: str, *every: str) -> None:
    (found,) = answers(started("tests.faults.restores", kind, *every))
    assert found["calls"] > 30
    assert found["wrong"] == []


@pytest.mark.parametrize("kind", ONE)
def test_a_retry_finishes_the_restore(kind: str) -> None:
    judge(kind, "5")


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_finishes_the_restore_after_a_crash_before_each_call(kind: str) -> None:
    judge(kind)
