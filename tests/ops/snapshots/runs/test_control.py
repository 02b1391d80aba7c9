"""What is said of a run that has failed."""

from datetime import UTC, datetime

import pytest

from ops.aws.stepfunctions.history import FAILED, Execution, StepState
from ops.snapshots.runs.control import why

NOW = datetime(2026, 5, 4, tzinfo=UTC)
SAID = {
    "container sanitize ended with exit code 9": ": the proof failed",
    "container sanitize ended with exit code 3": ": the client stopped at an SQL error",
    "container sanitize ended with exit code 1": "",
    "AccessDenied: the role may not": "",
}


@pytest.mark.parametrize("cause", SAID)
def test_an_exit_code_is_said_in_words(cause: str) -> None:
    step = StepState("Sanitize", "Task", FAILED, started=NOW, error="States.TaskFailed", cause=cause)
    execution = Execution("arn", "run", "FAILED", NOW, NOW, "", "elsewhere", "", "", (step,))
    assert why(execution) == cause + SAID[cause]
    assert why(Execution("arn", "run", "FAILED", NOW, NOW, "Error", "", "", "")) == "Error"
