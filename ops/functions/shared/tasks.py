"""The outcome of a task of a state machine: reported with the task's token, and logged as one JSON line.

A function that raises an error has it logged by Lambda's runtime at level ERROR, without the run, and also an
expected one: a resource that is not ready yet. With a token, the function reports the error to the state
machine itself, which retries and catches it by the same name, and logs it at its level.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

import json
import traceback
from collections.abc import Callable
from typing import Any

from ops.functions.shared.records import log

EXPECTED = ("NotReady",)  # the state machine polls
# The task was stopped, has timed out, or an earlier attempt of the call had reported its outcome.
ENDED_TASK = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
LIBRARIES = ("builtins", "botocore", "boto3")  # their messages can quote parameters: they are not logged
LONGEST_CAUSE = 30_000  # characters; SendTaskFailure accepts 32,768


def run_task(event: dict[str, Any], run: str, states: Any, act: Callable[[], Any]) -> Any:
    """Call `act` and report its outcome with the event's token. `states` is a client of Step Functions.

    Without a token, return the outcome: EventBridge and the workbench send none, nor do executions that
    started before an update of the state machine.
    """
    token = event.get("token")
    if not token:
        return act()
    names = {"run": run, "state": event["state"]}
    try:
        output = act()
    except Exception as error:
        _log_error(error, names)
        kind, reason = type(error).__name__, str(error)[:LONGEST_CAUSE]
        cause = json.dumps({"errorType": kind, "errorMessage": reason}, ensure_ascii=False)
        _report(states.send_task_failure, names, taskToken=token, error=kind, cause=cause)
    else:
        log("INFO", "Task succeeded", **names)
        _report(states.send_task_success, names, taskToken=token, output=json.dumps(output))
    return None


def _log_error(error: Exception, names: dict[str, str]) -> None:
    kind = type(error)
    reason = {} if kind.__module__.partition(".")[0] in LIBRARIES else {"reason": str(error)}
    if kind.__name__ in EXPECTED:
        log("INFO", "Task not ready", **names, **reason)
        return
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None) or {}
    code = {"code": response["Error"]["Code"]} if "Error" in response else {}
    frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log("ERROR", "Task failed", **names, type=kind.__name__, **code, **reason, frames=frames)


def _report(send: Callable[..., Any], names: dict[str, str], **arguments: str) -> None:
    try:
        send(**arguments)
    except Exception as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
        if code not in ENDED_TASK:
            raise
        log("INFO", "Task already ended", **names, code=code)
