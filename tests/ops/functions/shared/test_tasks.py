"""Tasks of state machines: their outcome is reported with the token, and logged at its level."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from ops.functions.rollouts.aws import Denied, NotReady
from ops.functions.shared.tasks import run_task

SECRET = "hunter2-of-a-customer"
TOKEN = "token-of-the-task"
EVENT = {"action": "x", "token": TOKEN, "state": "Wait for database"}
REFUSED = ClientError({"Error": {"Code": "InvalidParameterValue", "Message": SECRET}}, "ModifyDBInstance")


class States:
    """A client of Step Functions with the expected calls."""

    def __init__(self) -> None:
        self.client: Any = boto3.client(
            "stepfunctions", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.stubber = Stubber(self.client)
        self.stubber.activate()

    def expect_failure(self, error: str, message: str) -> None:
        cause = json.dumps({"errorType": error, "errorMessage": message})
        self.stubber.add_response(
            "send_task_failure", {}, {"taskToken": TOKEN, "error": error, "cause": cause}
        )


@pytest.fixture
def states() -> States:
    return States()


def fail(error: Exception) -> Any:
    def act() -> None:
        raise error

    return act


def record(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the only record of the log."""
    (line,) = capsys.readouterr().out.splitlines()
    assert SECRET not in line and TOKEN not in line
    assert line.startswith('{"level": ')
    found: dict[str, Any] = json.loads(line)
    assert (found["run"], found["state"]) == ("run-1", "Wait for database")
    return found


def test_a_success_is_reported_with_its_output(states: States, capsys: pytest.CaptureFixture[str]) -> None:
    states.stubber.add_response(
        "send_task_success", {}, {"taskToken": TOKEN, "output": json.dumps({"password": SECRET})}
    )
    assert run_task(EVENT, "run-1", states.client, lambda: {"password": SECRET}) is None
    states.stubber.assert_no_pending_responses()
    assert record(capsys)["level"] == "INFO"


def test_what_is_not_ready_is_expected(states: States, capsys: pytest.CaptureFixture[str]) -> None:
    states.expect_failure("NotReady", "x is creating")
    run_task(EVENT, "run-1", states.client, fail(NotReady("x is creating")))
    states.stubber.assert_no_pending_responses()
    found = record(capsys)
    assert (found["level"], found["message"], found["reason"]) == ("INFO", "Task not ready", "x is creating")


def test_a_failure_is_an_error_with_its_reason(states: States, capsys: pytest.CaptureFixture[str]) -> None:
    states.expect_failure("Denied", "no")
    run_task(EVENT, "run-1", states.client, fail(Denied("no")))
    states.stubber.assert_no_pending_responses()
    found = record(capsys)
    assert (found["level"], found["type"], found["reason"]) == ("ERROR", "Denied", "no")
    assert found["frames"][-1].startswith("act:")


def test_a_message_of_aws_is_reported_but_not_logged(
    states: States, capsys: pytest.CaptureFixture[str]
) -> None:
    states.expect_failure("ClientError", str(REFUSED))
    run_task(EVENT, "run-1", states.client, fail(REFUSED))
    states.stubber.assert_no_pending_responses()
    found = record(capsys)
    assert (found["level"], found["type"], found["code"]) == ("ERROR", "ClientError", "InvalidParameterValue")


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_task_that_has_ended_is_no_failure(
    states: States, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    states.stubber.add_client_error("send_task_failure", code)
    run_task(EVENT, "run-1", states.client, fail(NotReady("x is creating")))
    levels = [json.loads(line)["level"] for line in capsys.readouterr().out.splitlines()]
    assert levels == ["INFO", "INFO"]


def test_an_outcome_that_cannot_be_reported_fails_the_function(states: States) -> None:
    states.stubber.add_client_error("send_task_success", "AccessDeniedException")
    with pytest.raises(ClientError, match="SendTaskSuccess"):
        run_task(EVENT, "run-1", states.client, dict)


def test_without_a_token_the_outcome_is_the_function_s(states: States) -> None:
    """As for executions that started with a definition without tokens: they retry on the error's name."""
    event = {"action": "x"}
    assert run_task(event, "run-1", states.client, lambda: 7) == 7
    with pytest.raises(NotReady):
        run_task(event, "run-1", states.client, fail(NotReady("x is creating")))
