"""The state machine of a snapshot pipeline, in Amazon States Language: pure data.

    Preflight → find or take a snapshot → (re-encrypt) → temporary database (in a cluster:
    an instance) → temporary password → sanitize and prove → final snapshot → share → delete old
    → clean up → tell
    any error → clean up → Failed

Tokens such as `${Handler}` are filled in by CloudFormation.
"""

import json
from typing import Any

State = dict[str, Any]

HANDLER = "${Handler}"
POLL = "${PollSeconds}"  # a number in the finished text: see `text`
POLL_ATTEMPTS = 300
SANITIZE_TIMEOUT_S = 24 * 3600
CLEAN_UP_ATTEMPTS = 20

# Faults of the services between us and the handler: AWS Step Functions Developer Guide, best practices,
# "Handle transient Lambda service exceptions".
TRANSIENT = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Throttled",
]


def definition() -> State:
    """The whole machine."""
    return {
        "Comment": "Makes a sanitized snapshot of a database, shares it, and leaves nothing else behind.",
        "StartAt": "Clean up only?",
        "States": {**_entry(), **_source(), **_temporary(), **_result(), **_clean_up()},
    }


def text() -> str:
    """The machine as CloudFormation's Fn::Sub takes it."""
    return json.dumps(definition(), indent=1).replace(f'"{POLL}"', POLL)


def _entry() -> dict[str, State]:
    return {
        "Clean up only?": {
            "Type": "Choice",
            "Comment": "A run that was stopped is cleaned up by a run of its own.",
            "Choices": [{"Variable": "$.clean_up", "IsPresent": True, "Next": "Let calls end"}],
            "Default": "Preflight",
        },
        "Preflight": _task(
            "preflight",
            run={"name.$": "$$.Execution.Name", "started.$": "$$.Execution.StartTime"},
            following="Take a new snapshot?",
        ),
        "Take a new snapshot?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.take_snapshot", "BooleanEquals": True, "Next": "Take snapshot"}],
            "Default": "Find latest snapshot",
        },
    }


def _source() -> dict[str, State]:
    return {
        "Take snapshot": _task("take_snapshot", following="Wait for snapshot"),
        "Wait for snapshot": _wait("wait_for_source", following="Re-encrypt?"),
        "Find latest snapshot": _task("find_snapshot", following="Re-encrypt?"),
        "Re-encrypt?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.reencrypt", "BooleanEquals": True, "Next": "Copy with own key"}],
            "Default": "Restore temporary database",
        },
        "Copy with own key": _task("copy_snapshot", following="Wait for copy"),
        "Wait for copy": _wait("wait_for_source", following="Restore temporary database"),
    }


def _temporary() -> dict[str, State]:
    return {
        "Restore temporary database": _task("restore_database", following="Wait for database"),
        "Wait for database": _wait("wait_for_database", following="Is it a cluster?"),
        "Is it a cluster?": {
            "Type": "Choice",
            "Comment": "A restored cluster is storage: nothing answers without an instance in it.",
            "Choices": [
                {"Variable": "$.kind", "StringEquals": "cluster", "Next": "Create instance in cluster"}
            ],
            "Default": "Set temporary password",
        },
        "Create instance in cluster": _task("add_instance", following="Wait for instance"),
        "Wait for instance": _wait("wait_for_instance", following="Set temporary password"),
        "Set temporary password": _wait("set_password", following="Wait for password"),
        "Wait for password": _wait("wait_for_password", following="Sanitize"),
        "Sanitize": {
            "Type": "Task",
            "Resource": "arn:${AWS::Partition}:states:::ecs:runTask.sync",
            "Parameters": {
                "LaunchType": "FARGATE",
                "Cluster": "${Cluster}",
                "TaskDefinition": "${TaskDefinition}",
                "StartedBy.$": "$$.Execution.Name",
                "NetworkConfiguration": {
                    "AwsvpcConfiguration": {
                        "Subnets": ["${SubnetA}", "${SubnetB}"],
                        "SecurityGroups": ["${TaskSecurityGroup}"],
                        "AssignPublicIp": "${AssignPublicIp}",
                    }
                },
                "Overrides": {
                    "ContainerOverrides": [
                        {
                            "Name": "sanitize",
                            "Environment": [
                                {"Name": "DB_HOST", "Value.$": "$.host"},
                                {"Name": "DB_PORT", "Value.$": "$.port"},
                                {"Name": "DB_USER", "Value.$": "$.user"},
                                {"Name": "DB_NAME", "Value.$": "$.database"},
                            ],
                        }
                    ]
                },
            },
            "TimeoutSeconds": SANITIZE_TIMEOUT_S,
            "ResultSelector": {"arn.$": "$.TaskArn"},
            "ResultPath": "$.task",
            "Catch": _catch(),
            "Next": "Read proof",
        },
    }


def _result() -> dict[str, State]:
    return {
        "Read proof": _wait("read_proof", following="Take final snapshot"),
        "Take final snapshot": _task("create_final", following="Wait for final snapshot"),
        "Wait for final snapshot": _wait("wait_for_final", following="Share"),
        "Share": _task("share", following="Delete old snapshots"),
        "Delete old snapshots": _task("delete_old", following="Clean up"),
        "Clean up": {**_clean_up_task("$$.Execution.Name"), "Catch": _catch("Left behind"), "Next": "Tell"},
        "Tell": {
            **_task("tell", following="Done"),
            "Comment": "A notice that cannot be sent does not make a failure of a good run.",
            "Catch": _catch("Done"),
        },
        "Done": {"Type": "Succeed"},
    }


def _clean_up() -> dict[str, State]:
    return {
        "Clean up after failure": {
            **_clean_up_task("$$.Execution.Name"),
            "Catch": _catch("Failed, left behind", path="$.left"),
            "Next": "Failed",
        },
        "Failed": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"},
        "Failed, left behind": {
            "Type": "Fail",
            "Error": "LeftBehind",
            "CausePath": "States.Format('{} And the clean-up failed: {}', $.failure.Cause, $.left.Cause)",
        },
        "Left behind": {"Type": "Fail", "Error": "LeftBehind", "CausePath": "$.failure.Cause"},
        "Let calls end": {
            "Type": "Wait",
            "Comment": "The stopped run's last call may still be creating something.",
            "Seconds": POLL,
            "Next": "Clean up after stop",
        },
        "Clean up after stop": {
            **_clean_up_task("$.clean_up"),
            "Catch": _catch("Left behind"),
            "Next": "Cleaned up",
        },
        "Cleaned up": {"Type": "Succeed"},
    }


def _task(action: str, *, following: str, run: State | None = None) -> State:
    return {**_invoke(action, run), "Retry": [_transient()], "Catch": _catch(), "Next": following}


def _wait(action: str, *, following: str) -> State:
    """A look every POLL seconds until the handler no longer says NotReady."""
    return {**_task(action, following=following), "Retry": [_not_ready(), _transient()]}


def _clean_up_task(name: str) -> State:
    """Tries against everything: a resource that stays costs money and may hold production's data."""
    stubborn = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": POLL,
        "MaxAttempts": CLEAN_UP_ATTEMPTS,
        "BackoffRate": 1,
    }
    invoke = _invoke("clean_up", {"name.$": name})
    del invoke["OutputPath"]
    return {**invoke, "ResultPath": None, "Retry": [_not_ready(), stubborn]}


def _invoke(action: str, run: State | None) -> State:
    payload: State = {"action": action, **({"run": run} if run else {"run.$": "$"})}
    return {
        "Type": "Task",
        "Resource": "arn:${AWS::Partition}:states:::lambda:invoke",
        "Parameters": {"FunctionName": HANDLER, "Payload": payload},
        "OutputPath": "$.Payload",
    }


def _not_ready() -> State:
    return {
        "ErrorEquals": ["NotReady"],
        "IntervalSeconds": POLL,
        "MaxAttempts": POLL_ATTEMPTS,
        "BackoffRate": 1,
    }


def _transient() -> State:
    return {
        "ErrorEquals": TRANSIENT,
        "IntervalSeconds": 2,
        "MaxAttempts": 6,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    }


def _catch(following: str = "Clean up after failure", *, path: str = "$.failure") -> list[State]:
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": path, "Next": following}]
