"""A restore that crashes before any of its calls is finished by a second start; the name keeps answering."""

import pytest

from tests.faults.processes import answers, started


@pytest.mark.parametrize("kind", ["instance", "cluster", "encrypted"])
def test_a_second_start_finishes_it(kind: str) -> None:
    (found,) = answers(started("tests.faults.restores", kind))
    assert found["calls"] > 30
    assert found["wrong"] == []
