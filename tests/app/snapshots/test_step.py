"""The step that a run's page shows, and its log lines."""

from datetime import UTC, datetime, timedelta

from app.snapshots.step import chosen_step, lines_of
from ops.aws.logs.streams import Line
from ops.aws.stepfunctions.history import Execution, StepState

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def execution(*steps: StepState) -> Execution:
    return Execution("arn:run", "run", "RUNNING", START, None, "", "", "{}", "", steps)


SHORT = StepState("Short", "Task", "succeeded", started=at(0), ended=at(1))
LONG = StepState("Long", "Task", "succeeded", started=at(1), ended=at(9))
NOW_RUNNING = StepState("Current", "Task", "running", started=at(9))
FAILED = StepState("Broken", "Task", "failed", started=at(9), ended=at(10))


def test_the_step_of_the_address_wins_then_the_failed_the_current_and_the_slowest() -> None:
    def chosen(name: str, *steps: StepState) -> str:
        found = chosen_step(execution(*steps), name)
        return found.name if found else ""

    assert chosen("Short", SHORT, LONG, FAILED) == "Short"
    assert chosen("<b>", SHORT, LONG, FAILED, NOW_RUNNING) == "Broken"
    assert chosen("", SHORT, LONG, NOW_RUNNING) == "Current"
    assert chosen("", SHORT, LONG) == "Long"
    assert chosen("", StepState("Pending", "Task")) == ""


def test_the_log_lines_of_a_step_are_those_while_it_ran() -> None:
    lines = [Line(at(second), str(second)) for second in (0, 1, 5, 9, 12)]
    assert [line.message for line in lines_of(lines, LONG, at(20))] == ["1", "5", "9"]
    assert [line.message for line in lines_of(lines, NOW_RUNNING, at(10))] == ["9"]
    assert lines_of(lines, StepState("Pending", "Task"), at(20)) == []
