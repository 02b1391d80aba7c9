"""How long steps usually take, and how long a run probably still takes."""

from datetime import UTC, datetime, timedelta

from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.aws.stepfunctions.history import Execution, StepState
from ops.snapshots.runs.usual import Usual, last_successful, usual_of

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def run(*steps: StepState, status: str = "RUNNING") -> Execution:
    return Execution("arn:run", "run", status, START, None, "", "", "{}", "", steps)


def took(name: str, seconds: float) -> StepState:
    return StepState(name, "Task", "succeeded", started=START, ended=at(seconds))


def test_the_usual_is_the_median_of_the_runs_that_entered_the_step() -> None:
    usual = usual_of([run(took("A", 1), took("B", 9)), run(took("A", 2)), run(took("A", 60))])
    assert (usual.runs, usual.steps) == (3, {"A": timedelta(seconds=2), "B": timedelta(seconds=9)})


USUAL = Usual(1, {name: timedelta(seconds=10) for name in "ABC"})


def test_the_time_left_is_that_of_the_pending_steps_and_the_rest_of_the_current_one() -> None:
    now = at(4)
    steps = [took("A", 1), StepState("B", "Task", "running", started=START), StepState("C", "Task")]
    assert USUAL.left(run(*steps), now) == timedelta(seconds=16)
    assert USUAL.left(run(*steps), at(60)) == timedelta(seconds=10)  # B ends now
    assert USUAL.left(run(*steps, StepState("New", "Task")), now) == timedelta(seconds=16)


def test_without_a_run_before_or_after_the_end_nothing_is_expected() -> None:
    assert Usual().left(run(StepState("A", "Task")), START) is None
    assert USUAL.left(run(status="SUCCEEDED"), START) is None


def test_only_successful_refreshes_are_read() -> None:
    names = ["refresh-1", "clean-up-refresh-1", "refresh-2", "refresh-3", "refresh-4", "refresh-5"]
    statuses = ["SUCCEEDED", "SUCCEEDED", "FAILED", *["SUCCEEDED"] * 3]
    items = [ExecutionSummary(n, "arn", s, START, at(1)) for n, s in zip(names, statuses, strict=True)]
    assert last_successful(items) == ["refresh-1", "refresh-3", "refresh-4"]
