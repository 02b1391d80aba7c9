"""The state machine of rollouts, in Amazon States Language: pure data.

    Begin → What next? → deploy the targets of a stage, each in an execution of its own ─┐
                 ↑    → wait: one state however long, that can be woken                  │
                 ↑    → roll back a stage's targets, each in an execution of its own     │
                 └───────────────────────────────────────────────────────────────────────┘

Plan and states lie in S3 and DynamoDB: what flows here are names. Tokens such as `${Handler}` are filled in
by CloudFormation.
"""

import json
from typing import Any

from ops.rollouts.limits import BUSY_ATTEMPTS, SETTLE_ATTEMPTS, TRANSIENT_ATTEMPTS, UNREACHABLE_ATTEMPTS

State = dict[str, Any]

HANDLER = "${Handler}"
POLL = "${PollSeconds}"  # numbers in the finished text: see `text`
SETTLE = "${SettleSeconds}"


def definition() -> State:
    """The whole machine."""
    return {
        "Comment": "Deploys a stack to many accounts and regions in waves, and rolls back by itself.",
        "StartAt": "After another execution?",
        "States": {**_entry(), **_loop(), **_ends()},
    }


def text() -> str:
    """The machine as CloudFormation's Fn::Sub takes it."""
    found = json.dumps(definition(), indent=1)
    return found.replace(f'"{POLL}"', POLL).replace(f'"{SETTLE}"', SETTLE)


def _entry() -> dict[str, State]:
    return {
        "After another execution?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.settle", "IsPresent": True, "Next": "Let calls end"}],
            "Default": "Begin",
        },
        "Let calls end": {
            "Type": "Wait",
            "Comment": "The killed execution's last call may still be changing something.",
            "Seconds": SETTLE,
            "Next": "Begin",
        },
        "Begin": _task(
            "begin", on={"run.$": "$.run", "execution.$": "$$.Execution.Id"}, following="What next?"
        ),
    }


def _loop() -> dict[str, State]:
    return {
        "What next?": _task("next", on={"run.$": "$.run"}, following="Do it"),
        "Do it": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.do", "StringEquals": do, "Next": following}
                for do, following in (
                    ("deploy", "Deploy"),
                    ("wait", "Wait"),
                    ("roll back", "Roll back"),
                    ("done", "Done"),
                )
            ],
            "Default": "Rolled back",
        },
        "Deploy": _each(_forward(), "Begin target"),
        "Roll back": _each(_back(), "Undo"),
        "Wait": {
            "Type": "Task",
            "Comment": "Ends at its time, or when the watcher or a person sends its token.",
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
            "Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 0}, _stubborn()],
            "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": "What next?"}],
            "Next": "What next?",
        },
    }


def _ends() -> dict[str, State]:
    return {
        "Done": {"Type": "Succeed"},
        "Rolled back": {"Type": "Fail", "Error": "RolledBack", "CausePath": "$.why"},
    }


def _each(states: dict[str, State], start: str) -> State:
    """Every target in a child execution with a history of its own; how it ended stands in the table."""
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
        "Next": "What next?",
    }


def _forward() -> dict[str, State]:
    return {
        "Begin target": _step("begin target", following="May it begin?"),
        "May it begin?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.go", "BooleanEquals": True, "Next": "Record"}],
            "Default": "Later",
        },
        "Later": {"Type": "Pass", "Result": {}, "End": True},
        "Record": _poll("record", following="Propose", attempts=BUSY_ATTEMPTS),
        "Propose": _poll("propose", following="Anything to change?", attempts=BUSY_ATTEMPTS),
        "Anything to change?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.nothing", "BooleanEquals": True, "Next": "Nothing to change"}],
            "Default": "Execute",
        },
        "Nothing to change": _last("finish"),
        "Execute": _step("execute", following="Watch"),
        "Watch": _poll("settle", following="Verify", attempts=SETTLE_ATTEMPTS),
        "Verify": _last("verify"),
        "Note failure": {**_invoke("fail", {}), "Retry": [_unreachable(), _stubborn()], "End": True},
    }


def _back() -> dict[str, State]:
    # On the way forward a denial is a failure, and everything goes back. On the way back there is nothing
    # else to do: rights may arrive late, or be given back by whoever is called at night.
    patient = _unreachable("Denied")
    retry = [_not_ready(SETTLE_ATTEMPTS), _failed_for_good("TargetFailed"), patient, _stubborn()]
    undo = {**_invoke("undo", {}), "Retry": retry}
    return {
        "Undo": {**undo, "Catch": _catch("Name it"), "End": True},
        "Name it": {**_invoke("stuck", {}), "Retry": [_unreachable(), _stubborn()], "End": True},
    }


def _step(action: str, *, following: str) -> State:
    """Any error is tried again a few times, then the target has failed."""
    return {
        **_invoke(action, {}),
        "Retry": [_failed_for_good("TargetFailed", "Denied"), _unreachable(), _stubborn()],
        "Catch": _catch("Note failure"),
        "Next": following,
    }


def _poll(action: str, *, following: str, attempts: int) -> State:
    """A look every POLL seconds until the handler no longer says NotReady."""
    step = _step(action, following=following)
    return {**step, "Retry": [_not_ready(attempts), *step["Retry"]]}


def _last(action: str) -> State:
    step = _step(action, following="")
    del step["Next"]
    return {**step, "End": True}


def _task(action: str, *, on: State, following: str) -> State:
    return {**_invoke(action, on), "Retry": [_unreachable(), _stubborn()], "Next": following}


def _invoke(action: str, on: State) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:${AWS::Partition}:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": HANDLER,
            "Payload": {"action": action, **({"on": on} if on else {"on.$": "$"})},
        },
        "OutputPath": "$.Payload",
    }


def _failed_for_good(*errors: str) -> State:
    return {"ErrorEquals": list(errors), "MaxAttempts": 0}


def _not_ready(attempts: int) -> State:
    return {
        "ErrorEquals": ["NotReady"],
        "IntervalSeconds": POLL,
        "MaxAttempts": attempts,
        "BackoffRate": 1,
    }


def _unreachable(*more: str) -> State:
    return {
        "ErrorEquals": ["Unreachable", *more],
        "IntervalSeconds": POLL,
        "MaxAttempts": UNREACHABLE_ATTEMPTS,
        "BackoffRate": 1,
    }


def _stubborn() -> State:
    """Faults of the services between us and the handler, and its own crash: each action may run twice."""
    return {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 1,
        "MaxAttempts": TRANSIENT_ATTEMPTS,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    }


def _catch(following: str) -> list[State]:
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": following}]
