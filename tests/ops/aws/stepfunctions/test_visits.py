"""Input, output, and attempts of states, from detailed and coarse histories."""

import pytest

from ops.aws.stepfunctions.visits import Attempt, Visit, read_visits
from tests.ops.aws.stepfunctions.test_history import History, second


@pytest.mark.parametrize("coarse", [False, True])
def test_every_attempt_of_a_task_has_its_error(coarse: bool) -> None:
    history = History(coarse=coarse)
    history.enter("Task", "Make")
    first = history.schedule()
    history.fail("Throttled", '{"errorMessage": "slow down"}', follows=None if coarse else first)
    history.schedule()
    (made,) = [read_visits(history.events)["Make"]]
    assert [(one.error, one.cause) for one in made.attempts] == [("Throttled", "slow down"), ("", "")]
    assert made.attempts[0].ended and made.attempts[1].ended is None


def test_a_state_has_what_it_received_and_returned() -> None:
    events = [
        {"id": 1, "type": "PassStateEntered", "timestamp": second(1),
         "stateEnteredEventDetails": {"name": "A", "input": '{"a": 1}'}},
        {"id": 2, "previousEventId": 1, "type": "PassStateExited", "timestamp": second(2),
         "stateExitedEventDetails": {"name": "A", "output": '{"b": 2}'}},
    ]  # fmt: skip
    assert read_visits(events) == {"A": Visit('{"a": 1}', '{"b": 2}')}
    assert read_visits(events[:1]) == {"A": Visit('{"a": 1}')}


def test_the_last_visit_of_a_loop_counts() -> None:
    history = History()
    for _ in range(2):
        history.passed("Task", "Make")
    assert len(read_visits(history.events)["Make"].attempts) == 1


def test_a_failure_without_a_call_is_an_attempt_too() -> None:
    history = History()
    entered = history.enter("Task", "Make")
    history.fail("States.Runtime", "no such path", follows=entered)
    (attempt,) = read_visits(history.events)["Make"].attempts
    assert attempt == Attempt(attempt.started, attempt.started, "States.Runtime", "no such path")
