"""The state machine of a snapshot pipeline, in Amazon States Language, as plain data.

    Preflight → find or take a snapshot → (re-encrypt) → restore a temporary database (cluster: and
    create an instance) → set a temporary password → sanitize and verify → take the final snapshot
    → share → delete old snapshots → clean up → send notification
    rebuild: also create a new database, and take the final snapshot of that
    any error → clean up → Failed

CloudFormation replaces tokens such as `${Handler}`.
"""

import json
from typing import Any

State = dict[str, Any]

HANDLER = "${Handler}"
POLL = "${PollSeconds}"  # a number in the rendered text: see `text`
POLL_ATTEMPTS = 300
MISSING_ATTEMPTS = 3
SANITIZE_TIMEOUT_S = 24 * 3600
CLEAN_UP_ATTEMPTS = 20
ANSWER_TIMEOUT_S = 300  # for the handler, which runs for at most a minute, to end a task with its token

# Errors of Lambda and its SDK, not of the handler: AWS Step Functions Developer Guide, best practices,
# "Handle transient Lambda service exceptions".
TRANSIENT = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Throttled",
]


def definition() -> State:
    """Return the definition of the state machine."""
    return {
        "Comment": "Creates and shares a sanitized snapshot, then deletes all temporary resources.",
        "StartAt": "Clean up only?",
        "States": {**_entry(), **_source(), **_temporary(), **_result(), **_clean_up()},
    }


def text() -> str:
    """Return the definition as text for Fn::Sub of CloudFormation."""
    return json.dumps(definition(), indent=1).replace(f'"{POLL}"', POLL)


def _entry() -> dict[str, State]:
    return {
        "Clean up only?": {
            "Type": "Choice",
            "Comment": "A separate execution cleans up after a run that was stopped.",
            "Choices": [{"Variable": "$.clean_up", "IsPresent": True, "Next": "Let pending calls finish"}],
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
        "Restore temporary database": _task("restore_database", following="Rebuild?"),
        "Rebuild?": {
            "Type": "Choice",
            "Comment": "The new database, which gets the sanitized rows, starts while the copy is restored.",
            "Choices": [{"Variable": "$.rebuild", "BooleanEquals": True, "Next": "Create new database"}],
            "Default": "Wait for database",
        },
        "Create new database": _task("create_new", following="Wait for new database"),
        "Wait for new database": _wait("wait_for_new", following="Wait for database"),
        "Wait for database": _wait("wait_for_database", following="Is it a cluster?"),
        "Is it a cluster?": {
            "Type": "Choice",
            "Comment": "A restored cluster has no DB instance and accepts no connections without one.",
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
                                {"Name": "NEW_HOST", "Value.$": "$.new_host"},
                                {"Name": "NEW_PORT", "Value.$": "$.new_port"},
                            ],
                        }
                    ]
                },
            },
            "TimeoutSeconds": SANITIZE_TIMEOUT_S,
            "ResultSelector": {"arn.$": "$.TaskArn"},
            "ResultPath": "$.task",
            "Catch": _catch(),
            "Next": "Read report",
        },
    }


def _result() -> dict[str, State]:
    return {
        "Read report": _wait("read_proof", following="Take final snapshot"),
        "Take final snapshot": _task("create_final", following="Wait for final snapshot"),
        "Wait for final snapshot": _wait("wait_for_final", following="Share"),
        "Share": _task("share", following="Delete old snapshots"),
        "Delete old snapshots": _task("delete_old", following="Clean up"),
        "Clean up": {
            **_clean_up_task("$$.Execution.Name"),
            "Catch": _catch("Clean-up incomplete"),
            "Next": "Send notification",
        },
        "Send notification": {
            **_task("notify", following="Done"),
            "Comment": "A run succeeds even if its notification cannot be sent.",
            "Catch": _catch("Done"),
        },
        "Done": {"Type": "Succeed"},
    }


def _clean_up() -> dict[str, State]:
    return {
        "Clean up after failure": {
            **_clean_up_task("$$.Execution.Name"),
            "Catch": _catch("Failed, clean-up incomplete", path="$.left"),
            "Next": "Failed",
        },
        "Failed": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"},
        "Failed, clean-up incomplete": {
            "Type": "Fail",
            "Error": "LeftBehind",
            "CausePath": "States.Format('{} The clean-up also failed: {}', $.failure.Cause, $.left.Cause)",
        },
        "Clean-up incomplete": {"Type": "Fail", "Error": "LeftBehind", "CausePath": "$.failure.Cause"},
        "Let pending calls finish": {
            "Type": "Wait",
            "Comment": "The last API call of the stopped run may still create a resource.",
            "Seconds": POLL,
            "Next": "Clean up after stop",
        },
        "Clean up after stop": {
            **_clean_up_task("$.clean_up"),
            "Catch": _catch("Clean-up incomplete"),
            "Next": "Cleaned up",
        },
        "Cleaned up": {"Type": "Succeed"},
    }


def _task(action: str, *, following: str, run: State | None = None) -> State:
    return {**_invoke(action, run), "Retry": [_missing(), _transient()], "Catch": _catch(), "Next": following}


def _wait(action: str, *, following: str) -> State:
    """Return a task that polls every POLL seconds until the handler no longer raises NotReady."""
    return {**_task(action, following=following), "Retry": [_not_ready(), _missing(), _transient()]}


def _clean_up_task(name: str) -> State:
    """Return a clean-up task that retries all errors: a leftover costs money and may hold production data."""
    any_error = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": POLL,
        "MaxAttempts": CLEAN_UP_ATTEMPTS,
        "BackoffRate": 1,
    }
    invoke = _invoke("clean_up", {"name.$": name})
    return {**invoke, "ResultPath": None, "Retry": [_not_ready(), any_error]}


def _invoke(action: str, run: State | None) -> State:
    """Return a task that the handler ends with the token: see ops/functions/shared/tasks.py."""
    payload: State = {
        "action": action,
        **({"run": run} if run else {"run.$": "$"}),
        "token.$": "$$.Task.Token",
        "state.$": "$$.State.Name",
    }
    return {
        "Type": "Task",
        "Resource": "arn:${AWS::Partition}:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": HANDLER, "Payload": payload},
        "TimeoutSeconds": ANSWER_TIMEOUT_S,
    }


def _not_ready() -> State:
    return {
        "ErrorEquals": ["NotReady"],
        "IntervalSeconds": POLL,
        "MaxAttempts": POLL_ATTEMPTS,
        "BackoffRate": 1,
    }


def _missing() -> State:
    """Retry a read that may not see yet what an earlier state created."""
    return {
        "ErrorEquals": ["ResourceMissing"],
        "IntervalSeconds": POLL,
        "MaxAttempts": MISSING_ATTEMPTS,
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
