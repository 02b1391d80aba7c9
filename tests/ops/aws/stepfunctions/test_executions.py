"""Calls of Step Functions: requests, responses, and errors."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber

from ops.aws.stepfunctions import executions as stepfunctions
from ops.errors import AccessDenied, Conflict, NotFound

MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:snapshots"
RUN = "arn:aws:states:eu-west-1:111122223333:execution:snapshots:refresh-1"
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
CLIENT = boto3.client(
    "stepfunctions", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
)


@pytest.fixture
def stub() -> Iterator[Stubber]:
    """Responds in order; every prepared response must be used."""
    with Stubber(CLIENT) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_runs_are_listed_over_pages_up_to_the_limit(stub: Stubber) -> None:
    def item(name: str, status: str) -> dict[str, object]:
        ended = {} if status == "RUNNING" else {"stopDate": LATER}
        named = {"executionArn": f"{RUN}/{name}", "stateMachineArn": MACHINE, "name": name}
        return {**named, "status": status, "startDate": AT, **ended}

    first = {"executions": [item("c", "RUNNING"), item("b", "FAILED")], "nextToken": "more"}
    stub.add_response("list_executions", first, {"stateMachineArn": MACHINE})
    second = {"executions": [item("a", "SUCCEEDED"), item("beyond", "SUCCEEDED")]}
    stub.add_response("list_executions", second, {"stateMachineArn": MACHINE, "nextToken": "more"})

    found = stepfunctions.list_executions(CLIENT, MACHINE, limit=3)

    assert [(run.name, run.status, run.stopped) for run in found] == [
        ("c", "RUNNING", None),
        ("b", "FAILED", LATER),
        ("a", "SUCCEEDED", LATER),
    ]
    assert (found[0].arn, found[0].started) == (f"{RUN}/c", AT)


def test_a_run_is_described(stub: Stubber) -> None:
    answer = {"executionArn": RUN, "stateMachineArn": MACHINE, "status": "RUNNING", "startDate": AT}
    stub.add_response("describe_execution", answer, {"executionArn": RUN})
    assert stepfunctions.describe_execution(CLIENT, RUN)["status"] == "RUNNING"


def test_the_definition_is_the_one_that_the_run_follows(stub: Stubber) -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    answer = {
        "stateMachineArn": MACHINE,
        "name": "snapshots",
        "definition": json.dumps(definition),
        "roleArn": "arn:aws:iam::111122223333:role/machine",
        "updateDate": AT,
    }
    stub.add_response("describe_state_machine_for_execution", answer, {"executionArn": RUN})
    assert stepfunctions.read_definition(CLIENT, RUN) == definition


def test_a_history_is_read_over_all_its_pages(stub: Stubber) -> None:
    def page(number: int) -> dict[str, object]:
        return {"events": [{"timestamp": AT, "type": "ExecutionStarted", "id": number}]}

    stub.add_response("get_execution_history", {**page(1), "nextToken": "more"}, {"executionArn": RUN})
    stub.add_response("get_execution_history", page(2), {"executionArn": RUN, "nextToken": "more"})
    assert [event["id"] for event in stepfunctions.read_history(CLIENT, RUN)] == [1, 2]


def test_a_run_is_started_with_its_name_and_input(stub: Stubber) -> None:
    wanted = {"stateMachineArn": MACHINE, "name": "clean-up-1", "input": '{"clean_up": "refresh-1"}'}
    stub.add_response("start_execution", {"executionArn": RUN, "startDate": AT}, wanted)
    stepfunctions.start_execution(CLIENT, MACHINE, "clean-up-1", {"clean_up": "refresh-1"})


def test_an_existing_name_is_a_conflict(stub: Stubber) -> None:
    stub.add_client_error("start_execution", "ExecutionAlreadyExists", "Execution Already Exists")
    with pytest.raises(Conflict, match=r"^Starting the run refresh-1 failed: Execution Already Exists"):
        stepfunctions.start_execution(CLIENT, MACHINE, "refresh-1", {})


def test_a_run_is_stopped_with_the_cause(stub: Stubber) -> None:
    stub.add_response("stop_execution", {"stopDate": LATER}, {"executionArn": RUN, "cause": "by hand"})
    stepfunctions.stop_execution(CLIENT, RUN, "by hand")


def test_an_unknown_execution_is_not_found(stub: Stubber) -> None:
    for operation in ("describe_execution", "describe_state_machine_for_execution", "get_execution_history"):
        stub.add_client_error(operation, "ExecutionDoesNotExist", "Execution Does Not Exist")
    for read in (stepfunctions.describe_execution, stepfunctions.read_definition, stepfunctions.read_history):
        with pytest.raises(NotFound, match=r"refresh-1 failed: Execution Does Not Exist"):
            read(CLIENT, RUN)


def test_an_access_error_names_the_state_machine(stub: Stubber) -> None:
    stub.add_client_error("list_executions", "AccessDeniedException", "not authorized")
    with pytest.raises(AccessDenied, match=r"^Listing the runs of snapshots failed: access denied") as raised:
        stepfunctions.list_executions(CLIENT, MACHINE, limit=5)
    assert raised.value.operation == "ListExecutions"
