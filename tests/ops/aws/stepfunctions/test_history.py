"""The state of every step from a history: detailed ones of AWS, and coarse ones without links."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.aws.stepfunctions.events import readable_cause
from ops.aws.stepfunctions.history import Execution, StepState, read_execution, walk_states
from ops.snapshots.pipeline import machine

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOT_READY = {"ErrorEquals": ["NotReady"], "MaxAttempts": 300}
THROTTLED = {"ErrorEquals": ["Throttled"], "MaxAttempts": 6}
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "Tidy"}]

SMALL: dict[str, Any] = {
    "StartAt": "Choose",
    "States": {
        "Tidy": {"Type": "Task", "Next": "Failed"},
        "Failed": {"Type": "Fail", "Error": "Broken", "Cause": "see above"},
        "Choose": {"Type": "Choice", "Choices": [{"Next": "Make"}], "Default": "Pause"},
        "Make": {"Type": "Task", "Retry": [NOT_READY, THROTTLED], "Catch": CATCH, "Next": "Pause"},
        "Pause": {"Type": "Wait", "Seconds": 60, "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}


class History:
    """Builds a history with one event per second; a coarse one has no links, few types, and times as text."""

    def __init__(self, *, coarse: bool = False) -> None:
        self.coarse = coarse
        self.events: list[dict[str, Any]] = []
        self.last = 0
        self._add("ExecutionStarted", {})

    def _add(self, kind: str, details: Mapping[str, Any], follows: int | None = None) -> int:
        at = START + timedelta(seconds=len(self.events))
        event: dict[str, Any] = {"id": len(self.events) + 1, "type": kind}
        event["timestamp"] = at.isoformat().replace("+00:00", "Z") if self.coarse else at
        if not self.coarse:
            event["previousEventId"] = self.last if follows is None else follows
        prefix = "state" if kind.endswith(("StateEntered", "StateExited")) else kind[0].lower() + kind[1:]
        suffix = kind.partition("State")[2] if prefix == "state" else ""
        if details:
            event[f"{prefix}{suffix}EventDetails"] = dict(details)
        self.events.append(event)
        self.last = event["id"]
        return self.last

    def enter(self, kind: str, name: str, follows: int | None = None) -> int:
        return self._add(f"{kind}StateEntered", {"name": name, "input": "{}"}, follows)

    def exit(self, kind: str, name: str, follows: int | None = None) -> int:
        return self._add(f"{kind}StateExited", {"name": name, "output": "{}"}, follows)

    def schedule(self, follows: int | None = None) -> int:
        named = {"resourceType": "lambda", "resource": "invoke"}
        scheduled = self._add("TaskScheduled", named, follows)
        return scheduled if self.coarse else self._add("TaskStarted", named)

    def fail(self, error: str, cause: str = "", follows: int | None = None) -> int:
        return self._add("TaskFailed", {"error": error, "cause": cause}, follows)

    def event(self, kind: str, follows: int | None = None, **details: str) -> int:
        return self._add(kind, details, follows)

    def passed(self, kind: str, name: str) -> None:
        """Add the events of a state that is entered and exited."""
        self.enter(kind, name)
        if kind == "Task":
            self.schedule()
            if not self.coarse:
                self._add("TaskSucceeded", {"output": "{}"})
        self.exit(kind, name)

    def read(self, definition: Mapping[str, Any], status: str = "RUNNING", **more: Any) -> Execution:
        ended = {} if status == "RUNNING" else {"stopDate": START + timedelta(seconds=len(self.events))}
        description = {"executionArn": "arn:run", "name": "run", "status": status, "startDate": START}
        return read_execution(definition, self.events, {**description, **ended, "input": "{}", **more})


@pytest.fixture(params=["full", "coarse"])
def history(request: pytest.FixtureRequest) -> History:
    return History(coarse=request.param == "coarse")


def step(execution: Execution, name: str) -> StepState:
    return next(step for step in execution.steps if step.name == name)


def statuses(execution: Execution) -> dict[str, str]:
    return {step.name: step.status for step in execution.steps}


def second(number: int) -> datetime:
    return START + timedelta(seconds=number)


def test_steps_come_in_the_order_of_the_definition_failures_last() -> None:
    assert [name for name, _, _ in walk_states(SMALL)] == [
        "Choose",
        "Make",
        "Pause",
        "Done",
        "Tidy",
        "Failed",
    ]


def test_the_snapshot_machine_is_walked_from_preflight_to_done_before_any_failure() -> None:
    names = [name for name, _, _ in walk_states(machine.definition())]
    assert sorted(names) == sorted(machine.definition()["States"])
    assert names.index("Preflight") < names.index("Sanitize") < names.index("Share") < names.index("Done")
    assert names.index("Done") < names.index("Clean up after failure") < names.index("Failed")


def test_before_the_first_event_every_step_is_pending(history: History) -> None:
    assert set(statuses(history.read(SMALL)).values()) == {"pending"}


def test_a_task_in_progress_is_running_and_later_steps_are_pending(history: History) -> None:
    history.passed("Choice", "Choose")
    entered = history.enter("Task", "Make")
    history.schedule()
    execution = history.read(SMALL)
    assert statuses(execution) == {
        "Choose": "succeeded",
        "Make": "running",
        "Pause": "pending",
        "Done": "pending",
        "Tidy": "pending",
        "Failed": "pending",
    }
    make = step(execution, "Make")
    assert (make.kind, make.started, make.ended, make.polls) == ("Task", second(entered - 1), None, 0)
    assert [step.name for step in execution.current] == ["Make"]
    assert execution.failed_step is None


def test_polls_are_counted_and_are_not_failures(history: History) -> None:
    history.enter("Task", "Make")
    for _ in range(3):
        history.schedule()
        history.fail("NotReady", '{"errorMessage": "creating, 40 %"}')
    make = step(history.read(SMALL), "Make")
    assert (make.status, make.polls, make.retries, make.error) == ("waiting", 3, 0, "")


def test_a_step_is_waiting_while_it_polls_again(history: History) -> None:
    history.enter("Task", "Make")
    history.schedule()
    history.fail("NotReady")
    history.schedule()
    make = step(history.read(SMALL), "Make")
    assert (make.status, make.polls) == ("waiting", 1)


def test_not_ready_means_waiting_only_with_a_matching_retry(history: History) -> None:
    stubborn = {"Type": "Task", "Retry": [{"ErrorEquals": ["States.ALL"]}], "End": True}
    history.enter("Task", "Try")
    history.schedule()
    history.fail("NotReady")
    attempt = step(history.read({"StartAt": "Try", "States": {"Try": stubborn}}), "Try")
    assert (attempt.status, attempt.polls, attempt.retries) == ("running", 0, 1)


@pytest.mark.parametrize("looks", [0, 2])
def test_another_error_is_a_retry_and_shown(history: History, looks: int) -> None:
    history.enter("Task", "Make")
    for _ in range(looks):
        history.schedule()
        history.fail("NotReady")
    history.schedule()
    history.fail("Throttled", "slow down")
    make = step(history.read(SMALL), "Make")
    assert (make.status, make.polls, make.retries) == ("running", looks, 1)
    assert (make.error, make.cause) == ("Throttled", "slow down")


def test_a_successful_retry_clears_the_error(history: History) -> None:
    history.enter("Task", "Make")
    history.schedule()
    history.fail("Throttled", "slow down")
    history.schedule()
    history.exit("Task", "Make")
    make = step(history.read(SMALL), "Make")
    assert (make.status, make.retries, make.error, make.cause) == ("succeeded", 1, "", "")


@pytest.mark.parametrize(("last", "retries"), [("ValueError", 2), ("Throttled", 1)])
def test_the_failure_that_ends_a_state_is_no_retry(history: History, last: str, retries: int) -> None:
    history.enter("Task", "Make")
    for error in ("Throttled", "Throttled" if last != "Throttled" else "NotReady", last):
        history.schedule()
        history.fail(error)
    history.exit("Task", "Make")
    make = step(history.read(SMALL), "Make")
    assert (make.status, make.error, make.retries) == ("failed", last, retries)


def test_a_wait_state_waits_until_it_is_left(history: History) -> None:
    history.passed("Choice", "Choose")
    history.enter("Wait", "Pause")
    execution = history.read(SMALL)
    assert step(execution, "Pause").status == "waiting"
    # The choice skipped Make: it and its catcher can no longer be reached.
    assert statuses(execution) == {
        "Choose": "succeeded",
        "Make": "skipped",
        "Pause": "waiting",
        "Done": "pending",
        "Tidy": "skipped",
        "Failed": "skipped",
    }
    history.exit("Wait", "Pause")
    assert step(history.read(SMALL), "Pause").status == "succeeded"


def test_a_caught_failure_is_shown_and_its_clean_up_runs(history: History) -> None:
    history.passed("Choice", "Choose")
    history.enter("Task", "Make")
    history.schedule()
    history.fail("ValueError", json.dumps({"errorType": "ValueError", "errorMessage": "no such table"}))
    left = history.exit("Task", "Make")
    history.enter("Task", "Tidy")
    history.schedule()
    execution = history.read(SMALL)
    assert statuses(execution) == {
        "Choose": "succeeded",
        "Make": "failed",
        "Pause": "skipped",
        "Done": "skipped",
        "Tidy": "running",
        "Failed": "pending",
    }
    make = step(execution, "Make")
    assert (make.error, make.cause, make.ended) == ("ValueError", "no such table", second(left - 1))
    assert execution.failed_step == make


def test_a_failed_run_of_the_snapshot_machine(history: History) -> None:
    history.passed("Choice", "Clean up only?")
    history.passed("Task", "Preflight")
    history.passed("Choice", "Take a new snapshot?")
    history.enter("Task", "Find latest snapshot")
    history.schedule()
    history.fail("NoSnapshot", '{"errorMessage": "There is none."}')
    history.exit("Task", "Find latest snapshot")
    history.passed("Task", "Clean up after failure")
    history.enter("Fail", "Failed")
    history.event("ExecutionFailed", error="NoSnapshot", cause="There is none.")
    execution = history.read(
        machine.definition(), "FAILED", error="NoSnapshot", cause='{"errorMessage": "There is none."}'
    )
    expected = dict.fromkeys(machine.definition()["States"], "skipped")
    expected |= dict.fromkeys(["Clean up only?", "Preflight", "Take a new snapshot?"], "succeeded")
    expected |= {"Find latest snapshot": "failed", "Clean up after failure": "succeeded", "Failed": "failed"}
    assert statuses(execution) == expected
    assert execution.failed_step == step(execution, "Find latest snapshot")
    assert step(execution, "Find latest snapshot").cause == "There is none."
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "NoSnapshot", "There is none.")
    assert step(execution, "Failed").ended == execution.stopped


def test_a_failure_that_nothing_catches(history: History) -> None:
    history.enter("Task", "Tidy")
    history.schedule()
    history.fail("ValueError", "no")
    history.event("ExecutionFailed", error="ValueError", cause="no")
    tidy = step(history.read(SMALL, "FAILED"), "Tidy")
    assert (tidy.status, tidy.error, tidy.cause) == ("failed", "ValueError", "no")


def test_a_fail_state_shows_its_own_error(history: History) -> None:
    history.enter("Fail", "Failed")
    history.event("ExecutionFailed", error="Broken", cause="see above")
    failed = step(history.read(SMALL, "FAILED"), "Failed")
    assert (failed.status, failed.error, failed.cause) == ("failed", "Broken", "see above")


@pytest.mark.parametrize(("status", "ending"), [("ABORTED", "Aborted"), ("TIMED_OUT", "TimedOut")])
def test_a_run_ended_from_outside_leaves_its_step_aborted(history: History, status: str, ending: str) -> None:
    history.passed("Choice", "Choose")
    history.enter("Task", "Make")
    history.schedule()
    history.event(f"Execution{ending}", error="Stopped", cause="by hand")
    execution = history.read(SMALL, status)
    assert statuses(execution) == {
        "Choose": "succeeded",
        "Make": "aborted",
        "Pause": "skipped",
        "Done": "skipped",
        "Tidy": "skipped",
        "Failed": "skipped",
    }
    assert step(execution, "Make").ended == execution.stopped
    assert (execution.current, execution.failed_step) == ((), None)


def test_a_run_that_succeeded(history: History) -> None:
    history.passed("Choice", "Choose")
    history.passed("Wait", "Pause")
    history.passed("Succeed", "Done")
    history.event("ExecutionSucceeded", output="{}")
    execution = history.read(SMALL, "SUCCEEDED", output='{"made": 1}')
    assert [step.name for step in execution.steps if step.status == "succeeded"] == [
        "Choose",
        "Pause",
        "Done",
    ]
    assert [step.name for step in execution.steps if step.status == "skipped"] == ["Make", "Tidy", "Failed"]
    assert (execution.output, execution.input, execution.arn) == ('{"made": 1}', "{}", "arn:run")


def test_the_last_visit_of_a_loop_counts(history: History) -> None:
    loop = {
        "StartAt": "Look",
        "States": {
            "Look": {"Type": "Task", "Retry": [THROTTLED], "Next": "Again?"},
            "Again?": {"Type": "Choice", "Choices": [{"Next": "Look"}], "Default": "Done"},
            "Done": {"Type": "Succeed"},
        },
    }
    history.enter("Task", "Look")
    history.schedule()
    history.fail("Throttled")
    history.exit("Task", "Look")
    history.passed("Choice", "Again?")
    entered = history.enter("Task", "Look")
    execution = history.read(loop)
    look = step(execution, "Look")
    assert (look.status, look.started, look.retries, look.error) == ("running", second(entered - 1), 0, "")
    assert statuses(execution)["Done"] == "pending"


PARALLEL: dict[str, Any] = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "A", "States": {"A": {"Type": "Task", "Retry": [NOT_READY], "End": True}}},
                {
                    "StartAt": "B",
                    "States": {
                        "B": {"Type": "Task", "Next": "C", "Catch": [{"ErrorEquals": ["E"], "Next": "C"}]},
                        "C": {"Type": "Pass", "End": True},
                    },
                },
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tidy"}],
            "Next": "End",
        },
        "End": {"Type": "Succeed"},
        "Tidy": {"Type": "Task", "End": True},
    },
}


def branches() -> tuple[History, int, int]:
    """Both branches have called their task. Returns the last event of each."""
    history = History()
    history.enter("Parallel", "Both")
    begun = history.event("ParallelStateStarted")
    a = history.enter("Task", "A", begun)
    b = history.enter("Task", "B", begun)
    return history, history.schedule(a), history.schedule(b)


def test_steps_of_branches_follow_their_parent() -> None:
    history, _, _ = branches()
    found = [(step.name, step.branch) for step in history.read(PARALLEL).steps]
    assert found == [("Both", ""), ("A", "Both"), ("B", "Both"), ("C", "Both"), ("End", ""), ("Tidy", "")]


def test_an_event_belongs_to_the_branch_that_it_is_linked_to() -> None:
    history, a, _ = branches()
    history.fail("NotReady", follows=a)  # B was entered last: only the link tells
    execution = history.read(PARALLEL)
    assert (step(execution, "A").status, step(execution, "A").polls) == ("waiting", 1)
    assert (step(execution, "B").status, step(execution, "B").polls) == ("running", 0)
    assert statuses(execution)["C"] == "pending"
    assert [step.name for step in execution.current] == ["Both", "A", "B"]


def test_branches_without_links_are_distinguished_by_name() -> None:
    history = History(coarse=True)
    for kind, name in (("Parallel", "Both"), ("Task", "A"), ("Task", "B")):
        history.enter(kind, name)
    history.exit("Task", "A")
    assert statuses(history.read(PARALLEL)) == {
        "Both": "running",
        "A": "succeeded",
        "B": "running",
        "C": "pending",
        "End": "pending",
        "Tidy": "pending",
    }


def test_a_branch_that_failed_fails_its_parent_and_ends_the_other_branch() -> None:
    history, a, _ = branches()
    failed = history.fail("ValueError", '{"errorMessage": "no"}', follows=a)
    history.event("ParallelStateFailed", follows=failed)
    left = history.exit("Parallel", "Both")
    history.enter("Task", "Tidy")
    execution = history.read(PARALLEL)
    assert statuses(execution) == {
        "Both": "failed",
        "A": "failed",
        "B": "aborted",
        "C": "skipped",
        "End": "skipped",
        "Tidy": "running",
    }
    assert (step(execution, "A").error, step(execution, "A").cause) == ("ValueError", "no")
    assert (step(execution, "B").ended, step(execution, "B").error) == (second(left - 1), "")
    both = step(execution, "Both")
    assert (both.error, both.cause, execution.failed_step) == ("ValueError", "no", both)


def test_a_branch_fails_its_parent_even_without_an_event() -> None:
    history = History(coarse=True)
    history.enter("Parallel", "Both")
    history.enter("Task", "B")
    history.enter("Task", "A")
    history.schedule()
    history.fail("ValueError", "no")
    history.exit("Parallel", "Both")
    found = statuses(history.read(PARALLEL))
    assert (found["Both"], found["A"], found["B"]) == ("failed", "failed", "aborted")


def test_a_run_that_is_stopped_aborts_every_branch() -> None:
    history, a, _ = branches()
    history.fail("NotReady", follows=a)
    history.event("ExecutionAborted")
    found = statuses(history.read(PARALLEL, "ABORTED"))
    assert [found[name] for name in ("Both", "A", "B", "C", "End")] == ["aborted"] * 3 + ["skipped"] * 2


def test_the_last_retry_of_a_branch_is_its_failure() -> None:
    definition = json.loads(json.dumps(PARALLEL))
    definition["States"]["Both"]["Branches"][0]["States"]["A"]["Retry"] = [THROTTLED]
    history, a, _ = branches()
    failed = history.fail("Throttled", follows=a)
    failed = history.fail("Throttled", follows=history.schedule(failed))
    history.event("ParallelStateFailed", follows=failed)
    history.exit("Parallel", "Both")
    found = step(history.read(definition), "A")
    assert (found.status, found.retries) == ("failed", 1)


def test_a_fail_state_in_a_branch_fails_its_parents_all_the_way_up() -> None:
    fail = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "E", "Cause": "on purpose"}}}
    within = {"StartAt": "Inner", "States": {"Inner": {"Type": "Parallel", "Branches": [fail], "End": True}}}
    outer = {"StartAt": "Outer", "States": {"Outer": {"Type": "Parallel", "Branches": [within], "End": True}}}
    history = History()
    for kind, name in (("Parallel", "Outer"), ("Parallel", "Inner"), ("Fail", "No")):
        history.enter(kind, name)
    history.event("ExecutionFailed", error="E", cause="on purpose")
    steps = history.read(outer, "FAILED").steps
    assert [(s.name, s.status, s.error, s.cause) for s in steps] == [
        (name, "failed", "E", "on purpose") for name in ("Outer", "Inner", "No")
    ]


def test_a_second_visit_resets_failures_of_the_first() -> None:
    definition = json.loads(json.dumps(PARALLEL))
    definition["States"]["Both"]["Catch"][0]["Next"] = "Both"
    history, a, _ = branches()
    history.fail("ValueError", follows=a)
    history.exit("Parallel", "Both")
    history.enter("Parallel", "Both")
    history.enter("Task", "B")
    found = statuses(history.read(definition))
    assert (found["Both"], found["A"], found["B"]) == ("running", "pending", "running")


def test_an_uncaught_failure_in_a_branch_leaves_the_other_aborted() -> None:
    history, a, _ = branches()
    failed = history.fail("ValueError", "no", follows=a)
    history.event("ParallelStateFailed", follows=failed)
    history.event("ExecutionFailed", error="ValueError", cause="no")
    found = statuses(history.read(PARALLEL, "FAILED"))
    assert (found["Both"], found["A"], found["B"], found["C"]) == ("failed", "failed", "aborted", "skipped")


def test_a_failed_item_of_a_map_keeps_its_error() -> None:
    each = {"StartAt": "Do", "States": {"Do": {"Type": "Task", "Retry": [THROTTLED], "End": True}}}
    definition = {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": each, "End": True}}}
    history = History()
    history.enter("Map", "Each")
    history.event("MapStateStarted")
    history.event("MapIterationStarted", name="Each")
    history.enter("Task", "Do")
    history.schedule()
    history.fail("ValueError", "no")
    history.event("MapIterationFailed", name="Each")
    history.event("MapStateFailed")
    history.event("ExecutionFailed", error="ValueError", cause="no")
    do = step(history.read(definition, "FAILED"), "Do")
    assert (do.status, do.error, do.cause, do.branch) == ("failed", "ValueError", "no", "Each")


def test_a_function_called_by_its_arn_has_events_of_its_own() -> None:
    history = History()
    history.enter("Task", "Make")
    history.event("LambdaFunctionScheduled", resource="arn:function")
    history.event("LambdaFunctionStarted")
    history.event("LambdaFunctionFailed", error="NotReady", cause="{}")
    assert (step(history.read(SMALL), "Make").status, step(history.read(SMALL), "Make").polls) == (
        "waiting",
        1,
    )


@pytest.mark.parametrize("kind", ["TaskTimedOut", "TaskSubmitFailed", "TaskStartFailed", "ActivityTimedOut"])
def test_every_kind_of_failed_attempt_counts(kind: str) -> None:
    history = History()
    history.enter("Task", "Make")
    history.schedule()
    history.event(kind, error="States.Timeout", cause="too long")
    history.exit("Task", "Make")
    make = step(history.read(SMALL), "Make")
    assert (make.status, make.error, make.cause) == ("failed", "States.Timeout", "too long")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ('{"errorType": "E", "errorMessage": "it said so"}', "it said so"),
        ("plain text", "plain text"),
        ("[1]", "[1]"),
        ('{"other": 1}', '{"other": 1}'),
        ("", ""),
        (
            '{"Containers": [{"Name": "sanitize", "ExitCode": 3}, {"Name": "fetch", "ExitCode": 0}]}',
            "container sanitize exited with exit code 3",
        ),
        ('{"Containers": [{"Name": "sanitize"}], "StoppedReason": "no capacity"}', "no capacity"),
    ],
)
def test_causes_are_readable(cause: str, said: str) -> None:
    assert readable_cause(cause) == said
