"""The state machine of rollouts, in Amazon States Language: pure data.

    Start run → Decide → publish the assets of a stage, each target in an execution ──┐
                   ↑   → call a hook of a stage, and store its result                │
                   ↑   → deploy the targets of a stage, each in a child execution    │
                   ↑   → wait: a single state, ended by its timeout or a task token  │
                   ↑   → roll back the targets of a stage, each in a child execution │
                   └─────────────────────────────────────────────────────────────────┘

The run's input and state are in S3 and DynamoDB; only names pass through the states. CloudFormation replaces
tokens such as `${Handler}`.

The payloads (`action`, `on`, `do`, …) and the error names are a contract with the handler: an execution keeps
the definition that it started with, also when the controller is updated.
"""

import json
from typing import Any

from ops.rollouts.limits import BUSY_ATTEMPTS, SETTLE_ATTEMPTS, TRANSIENT_ATTEMPTS, UNREACHABLE_ATTEMPTS

StateDefinition = dict[str, Any]

HANDLER = "${Handler}"
POLL = "${PollSeconds}"  # becomes a number: see `text`
SETTLE = "${SettleSeconds}"
# For the handler to end a task with its token. It runs for at most 15 minutes: AWS Lambda Developer Guide,
# "Lambda quotas".
ANSWER_TIMEOUT_S = 1200


def definition() -> StateDefinition:
    """Return the complete state machine."""
    return {
        "Comment": "Deploys a stack to many accounts and regions in waves, with automatic rollback.",
        "StartAt": "Replaces an execution?",
        "States": {**_entry(), **_loop(), **_ends()},
    }


def text() -> str:
    """Return the definition as text for CloudFormation's Fn::Sub."""
    body = json.dumps(definition(), indent=1)
    return body.replace(f'"{POLL}"', POLL).replace(f'"{SETTLE}"', SETTLE)


def _entry() -> dict[str, StateDefinition]:
    return {
        "Replaces an execution?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.settle", "IsPresent": True, "Next": "Wait for running calls"}],
            "Default": "Start run",
        },
        "Wait for running calls": {
            "Type": "Wait",
            "Comment": "The last Lambda call of the stopped execution may still be running.",
            "Seconds": SETTLE,
            "Next": "Start run",
        },
        "Start run": _task(
            "begin", on={"run.$": "$.run", "execution.$": "$$.Execution.Id"}, following="Decide"
        ),
    }


def _loop() -> dict[str, StateDefinition]:
    return {
        "Decide": _task("next", on={"run.$": "$.run"}, following="Choose next step"),
        "Choose next step": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.do", "StringEquals": do, "Next": following}
                for do, following in (
                    ("publish", "Publish assets"),
                    ("hook", "Call hook"),
                    ("deploy", "Deploy"),
                    ("wait", "Wait"),
                    ("roll back", "Roll back"),
                    ("done", "Done"),
                )
            ],
            "Default": "Rolled back",
        },
        "Call hook": _task("hook", on={"run.$": "$.run", "hook.$": "$.hook"}, following="Decide"),
        "Publish assets": _map(_publish_target(), "Publish files"),
        "Deploy": _map(_deploy_target(), "Start target"),
        "Roll back": _map(_roll_back_target(), "Roll back target"),
        "Wait": {
            "Type": "Task",
            "Comment": "Ends at its timeout, or when the monitor or an operator sends the task token.",
            "Resource": "arn:${AWS::Partition}:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {
                "FunctionName": HANDLER,
                "Payload": {
                    "action": "rest",
                    "on": {"run.$": "$.run", "version.$": "$.version", "token.$": "$$.Task.Token"},
                },
            },
            "TimeoutSecondsPath": "$.seconds",
            "ResultPath": None,
            "Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 0}, _transient()],
            "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": "Decide"}],
            "Next": "Decide",
        },
    }


def _ends() -> dict[str, StateDefinition]:
    return {
        "Done": {"Type": "Succeed"},
        "Rolled back": {"Type": "Fail", "Error": "RolledBack", "CausePath": "$.why"},
    }


def _map(states: dict[str, StateDefinition], start: str) -> StateDefinition:
    """Return a distributed Map: every target in a child execution with its own history.

    A child execution never fails the Map; the result of each target is in the table.
    """
    return {
        "Type": "Map",
        "ItemsPath": "$.targets",
        "MaxConcurrencyPath": "$.at_once",
        "ToleratedFailurePercentage": 100,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": start,
            "States": states,
        },
        "ResultPath": None,
        "Next": "Decide",
    }


def _publish_target() -> dict[str, StateDefinition]:
    # Names of states are unique in the whole state machine.
    publish = {**_last("publish"), "Catch": _catch("Record missing assets")}
    return {"Publish files": publish, "Record missing assets": _record_failure()}


def _deploy_target() -> dict[str, StateDefinition]:
    return {
        "Start target": _step("begin target", following="Start allowed?"),
        "Start allowed?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.go", "BooleanEquals": True, "Next": "Record stack"}],
            "Default": "Not started",
        },
        "Not started": {"Type": "Pass", "Result": {}, "End": True},
        "Record stack": _poll("record", following="Create change set", attempts=BUSY_ATTEMPTS),
        "Create change set": _poll("propose", following="Any changes?", attempts=BUSY_ATTEMPTS),
        "Any changes?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.nothing", "BooleanEquals": True, "Next": "No changes"}],
            "Default": "Execute change set",
        },
        "No changes": _last("finish"),
        "Execute change set": _step("execute", following="Wait for stack"),
        "Wait for stack": _poll("settle", following="Verify stack", attempts=SETTLE_ATTEMPTS),
        "Verify stack": _last("verify"),
        "Record failure": _record_failure(),
    }


def _record_failure() -> StateDefinition:
    return {**_invoke("fail", {}), "Retry": [_unreachable(), _transient()], "End": True}


def _roll_back_target() -> dict[str, StateDefinition]:
    # While deploying, a denied call fails the target, and everything is rolled back. While rolling back there
    # is no safer alternative, and permissions may be restored: retry for a while.
    unreachable_or_denied = _unreachable("Denied")
    retry = [_not_ready(SETTLE_ATTEMPTS), _no_retry("TargetFailed"), unreachable_or_denied, _transient()]
    task = {**_invoke("undo", {}), "Retry": retry}
    return {
        "Roll back target": {**task, "Catch": _catch("Record stuck target"), "End": True},
        "Record stuck target": {
            **_invoke("stuck", {}),
            "Retry": [_unreachable(), _transient()],
            "End": True,
        },
    }


def _step(action: str, *, following: str) -> StateDefinition:
    """Return a task that retries errors a few times and then fails the target."""
    return {
        **_invoke(action, {}),
        "Retry": [_no_retry("TargetFailed", "Denied"), _unreachable(), _transient()],
        "Catch": _catch("Record failure"),
        "Next": following,
    }


def _poll(action: str, *, following: str, attempts: int) -> StateDefinition:
    """Return a step that retries every POLL seconds while the handler raises NotReady."""
    step = _step(action, following=following)
    return {**step, "Retry": [_not_ready(attempts), *step["Retry"]]}


def _last(action: str) -> StateDefinition:
    step = _step(action, following="")
    del step["Next"]
    return {**step, "End": True}


def _task(action: str, *, on: StateDefinition, following: str) -> StateDefinition:
    return {**_invoke(action, on), "Retry": [_unreachable(), _transient()], "Next": following}


def _invoke(action: str, on: StateDefinition) -> StateDefinition:
    """Return a task that the handler ends with the token: see ops/functions/shared/tasks.py."""
    return {
        "Type": "Task",
        "Resource": "arn:${AWS::Partition}:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {
            "FunctionName": HANDLER,
            "Payload": {
                "action": action,
                **({"on": on} if on else {"on.$": "$"}),
                "token.$": "$$.Task.Token",
                "state.$": "$$.State.Name",
            },
        },
        "TimeoutSeconds": ANSWER_TIMEOUT_S,
    }


def _no_retry(*errors: str) -> StateDefinition:
    return {"ErrorEquals": list(errors), "MaxAttempts": 0}


def _not_ready(attempts: int) -> StateDefinition:
    return {
        "ErrorEquals": ["NotReady"],
        "IntervalSeconds": POLL,
        "MaxAttempts": attempts,
        "BackoffRate": 1,
    }


def _unreachable(*more: str) -> StateDefinition:
    return {
        "ErrorEquals": ["Unreachable", *more],
        "IntervalSeconds": POLL,
        "MaxAttempts": UNREACHABLE_ATTEMPTS,
        "BackoffRate": 1,
    }


def _transient() -> StateDefinition:
    """Retry service faults and crashes of the handler: every action is idempotent."""
    return {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 1,
        "MaxAttempts": TRANSIENT_ATTEMPTS,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    }


def _catch(following: str) -> list[StateDefinition]:
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": following}]
