"""A restore that crashes before any call is finished by a retry; the name stays available."""

import pytest

from tests.faults.processes import answers, started


@pytest.mark.parametrize("kind", ["instance", "cluster", "encrypted"])
def test_a_retry_finishes_the_restore(kind: str) -> None:
    (found,) = answers(started("tests.faults.restores", kind))
    assert found["calls"] > 30
    assert found["wrong"] == []
