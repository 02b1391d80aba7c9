"""State machines on the embedded cloud: roles, failed tasks, retries, histories, and endings as on AWS."""

import json
from typing import Any

import pytest

from tests.ops.embedded.ecs.test_service import Tasks
from tests.ops.embedded.overlay import ACCOUNT, REGION, allow, client, eventually, role, unique
from tests.ops.embedded.services.test_functions import NOT_READY, Functions

ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
RUN_TASK = "arn:aws:states:::ecs:runTask.sync"
INVOKE = "arn:aws:states:::lambda:invoke"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventsForECSTaskRule"


class Machines:
    """Creates and runs state machines, each with its own role."""

    def __init__(self, embedded: Any) -> None:
        self.embedded = embedded
        self.client = client(embedded, "stepfunctions")

    def create(self, states: dict[str, Any], *statements: dict[str, Any], **more: Any) -> str:
        made = self.client.create_state_machine(
            name=unique("machine"),
            definition=json.dumps({"StartAt": next(iter(states)), "States": states, **more}),
            roleArn=role(self.embedded, "states.amazonaws.com", *statements),
        )
        return str(made["stateMachineArn"])

    def start(self, machine: str, data: Any = None, **more: Any) -> str:
        started = self.client.start_execution(stateMachineArn=machine, input=json.dumps(data or {}), **more)
        return str(started["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        def poll() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client.describe_execution(executionArn=execution)
            return found if found["status"] in ENDED else None

        return eventually(poll)

    def run(self, states: dict[str, Any], *statements: dict[str, Any], data: Any = None) -> dict[str, Any]:
        return self.ended(self.start(self.create(states, *statements), data))

    def history(self, execution: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]


@pytest.fixture
def machines(embedded: Any) -> Machines:
    return Machines(embedded)


@pytest.fixture
def tasks(embedded: Any) -> Tasks:
    return Tasks(embedded)


def task_state(tasks: Tasks, command: str, **more: Any) -> dict[str, Any]:
    definition = tasks.define({"name": "main", "command": [command]})
    parameters = {"Cluster": tasks.name, "TaskDefinition": definition, "LaunchType": "FARGATE"}
    return {"Type": "Task", "Resource": RUN_TASK, "Parameters": parameters, "End": True, **more}


def may_run(tasks: Tasks) -> tuple[dict[str, Any], ...]:
    return (
        allow("ecs:RunTask"),
        allow(["ecs:StopTask", "ecs:DescribeTasks"]),
        allow("iam:PassRole", tasks.execution),
        allow(["events:PutTargets", "events:PutRule", "events:DescribeRule"], RULE),
    )


def test_a_task_that_exits_with_an_error_fails_the_state(machines: Machines, tasks: Tasks) -> None:
    ended = machines.run({"Sanitize": task_state(tasks, "exit 3")}, *may_run(tasks))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(ended["cause"])
    assert cause["Containers"][0]["ExitCode"] == 3
    assert cause["StopCode"] == "EssentialContainerExited"


def test_a_successful_task_returns_its_description(machines: Machines, tasks: Tasks) -> None:
    ended = machines.run({"Sanitize": task_state(tasks, "exit 0")}, *may_run(tasks))
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["LastStatus"] == "STOPPED"


@pytest.mark.parametrize("missing", [0, 2, 3])
def test_the_machines_role_is_checked_for_tasks(machines: Machines, tasks: Tasks, missing: int) -> None:
    allowed = [one for number, one in enumerate(may_run(tasks)) if number != missing]
    ended = machines.run({"Sanitize": task_state(tasks, "exit 0")}, *allowed)
    assert (ended["status"], ended["error"]) == ("FAILED", "ECS.AccessDeniedException")
    assert "is not authorized to perform" in ended["cause"]


def test_the_machines_role_is_checked_for_functions(machines: Machines, embedded: Any) -> None:
    name = Functions(embedded).create("def handler(event, context): return event")
    states = {"Call": invoke(name)}
    assert machines.run(states)["error"] == "Lambda.AWSLambdaException"
    assert machines.run(states, allow("lambda:InvokeFunction"))["status"] == "SUCCEEDED"


def invoke(name: str, **more: Any) -> dict[str, Any]:
    parameters = {"FunctionName": name, "Payload": {}}
    return {"Type": "Task", "Resource": INVOKE, "Parameters": parameters, "End": True, **more}


def test_a_retrier_matches_the_exceptions_class(machines: Machines, embedded: Any) -> None:
    name = Functions(embedded).create(NOT_READY)
    retry = [{"ErrorEquals": ["NotReady"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}]
    execution = machines.start(
        machines.create({"Look": invoke(name, Retry=retry)}, allow("lambda:InvokeFunction"))
    )
    assert machines.ended(execution)["error"] == "NotReady"
    failures = [event for event in machines.history(execution) if event["type"] == "TaskFailed"]
    assert [event["taskFailedEventDetails"]["error"] for event in failures] == ["NotReady"] * 2


def test_stopping_an_execution_stops_its_task(machines: Machines, tasks: Tasks) -> None:
    execution = machines.start(machines.create({"Sanitize": task_state(tasks, "sleep 60")}, *may_run(tasks)))

    def running() -> list[str]:
        found = tasks.ecs.list_tasks(cluster=tasks.name, desiredStatus="RUNNING")["taskArns"]
        return [arn for arn in found if tasks.describe(arn)["lastStatus"] == "RUNNING"]

    (task,) = eventually(running)
    machines.client.stop_execution(executionArn=execution, cause="by hand")
    assert machines.ended(execution)["status"] == "ABORTED"
    assert tasks.ended(task)["stopCode"] == "UserInitiated"


def test_the_end_of_an_execution_sends_an_event(machines: Machines, embedded: Any) -> None:
    functions, group = Functions(embedded), unique("/test/ended")
    client(embedded, "logs").create_log_group(logGroupName=group)
    name = functions.create(
        "def handler(event, context): print(event['detail']['status'])",
        role_arn=role(embedded, "lambda.amazonaws.com", allow(["logs:CreateLogStream", "logs:PutLogEvents"])),
        LoggingConfig={"LogGroup": group},
    )
    machine = machines.create({"Fail": {"Type": "Fail", "Error": "No", "Cause": "on purpose"}})
    events = client(embedded, "events")
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine], "status": ["FAILED"]}}
    rule = unique("ended")
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    function = functions.client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    functions.client.add_permission(
        FunctionName=name,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    events.put_targets(Rule=rule, Targets=[{"Id": "function", "Arn": function}])
    machines.ended(machines.start(machine))
    assert "FAILED" in eventually(lambda: [line.strip() for line in functions.log(group) if "FAILED" in line])


def test_a_path_without_a_result_fails_and_is_not_caught(machines: Machines) -> None:
    states = {
        "Invoke": {
            "Type": "Task",
            "Resource": INVOKE,
            "Parameters": {"FunctionName": "none", "Payload.$": "$.missing"},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
    }
    ended = machines.run(states)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert "$.missing" in ended["cause"]


def test_a_state_machine_times_out(machines: Machines) -> None:
    states = {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}
    execution = machines.start(machines.create(states, TimeoutSeconds=1))
    assert machines.ended(execution)["status"] == "TIMED_OUT"


def test_each_branch_has_its_own_chain_of_events(machines: Machines) -> None:
    def branch(name: str) -> dict[str, Any]:
        return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}

    states = {"Both": {"Type": "Parallel", "Branches": [branch("A"), branch("B")], "End": True}}
    execution = machines.start(machines.create(states))
    assert machines.ended(execution)["status"] == "SUCCEEDED"
    events = {event["id"]: event for event in machines.history(execution)}
    entered = {
        event["stateEnteredEventDetails"]["name"]: events[event["previousEventId"]]["type"]
        for event in events.values()
        if event["type"] == "PassStateEntered"
    }
    assert entered == {"A": "ParallelStateStarted", "B": "ParallelStateStarted"}


def test_an_execution_name_starts_one_execution(machines: Machines) -> None:
    machine = machines.create({"Wait": {"Type": "Wait", "Seconds": 1, "End": True}})
    first = machines.start(machine, {"a": 1}, name="once")
    assert machines.start(machine, {"a": 1}, name="once") == first
    with pytest.raises(machines.client.exceptions.ExecutionAlreadyExists):
        machines.start(machine, {"a": 2}, name="once")
    machines.client.stop_execution(executionArn=first)
