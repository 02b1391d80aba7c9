"""The reason of a failed run."""

from datetime import UTC, datetime

import pytest

from ops.aws.stepfunctions.history import FAILED, Execution, StepState
from ops.snapshots.runs.control import failure_reason

NOW = datetime(2026, 5, 4, tzinfo=UTC)
MEANINGS = {
    "container sanitize exited with exit code 9": ": verification failed",
    "container sanitize exited with exit code 3": ": the database client stopped at a SQL error",
    "container sanitize exited with exit code 1": "",
    "AccessDenied: the role may not": "",
}


@pytest.mark.parametrize("cause", MEANINGS)
def test_an_exit_code_is_explained(cause: str) -> None:
    step = StepState("Sanitize", "Task", FAILED, started=NOW, error="States.TaskFailed", cause=cause)
    execution = Execution("arn", "run", "FAILED", NOW, NOW, "", "elsewhere", "", "", (step,))
    assert failure_reason(execution) == cause + MEANINGS[cause]
    assert failure_reason(Execution("arn", "run", "FAILED", NOW, NOW, "Error", "", "", "")) == "Error"
