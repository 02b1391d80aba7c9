"""Step Functions' task tokens and distributed Maps as on AWS.

Timeout and concurrency may come from the state's input, a function that fails when it is invoked with a
token fails the task, and a wait ends with its execution.
"""

import json
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.services import stepfunctions as sf

from ops.embedded.context import OverlayContext
from ops.embedded.stepfunctions import executions

SEAMS = (
    "ministack.services.stepfunctions._execute_task",
    "ministack.services.stepfunctions._invoke_with_callback",
    "ministack.services.stepfunctions._run_distributed_map",
    "ministack.services.stepfunctions._resolve_path_or_ctx",
    "ministack.services.stepfunctions._resolve_lambda_function_ref",
    "ministack.services.stepfunctions._call_lambda",
    "ministack.services.stepfunctions._task_tokens",
    "ministack.services.stepfunctions._ExecutionError",
)

Record = dict[str, Any]

LAMBDA = "arn:aws:states:::lambda:invoke.waitForTaskToken"
POLL_S = 0.2
FOREVER_S = 365 * 86400.0

_input: ContextVar[Any] = ContextVar("input", default=None)


def install(context: OverlayContext) -> None:
    task = sf._execute_task
    sf._execute_task = lambda state, data, execution, ctx: task(
        _with_path(state, "TimeoutSeconds", data, ctx), data, execution, ctx
    )
    run_map = sf._run_distributed_map
    sf._run_distributed_map = lambda state, data, effective, *rest: run_map(
        _with_path(state, "MaxConcurrency", data, rest[-1]), data, effective, *rest
    )
    call = sf._invoke_with_callback
    sf._invoke_with_callback = lambda *arguments: _invoke_with_token(call, *arguments)


def _with_path(state: Record, field: str, data: Any, ctx: Record) -> Record:
    path = state.get(f"{field}Path")
    return {**state, field: sf._resolve_path_or_ctx(path, data, ctx)} if path else state


def _invoke_with_token(
    original: Callable[..., Any], resource: str, parameters: Record, token: str, state: Record
) -> Any:
    if resource != LAMBDA:
        return original(resource, parameters, token, state)
    event = threading.Event()
    sf._task_tokens[token] = {"event": event, "result": None, "error": None, "heartbeat": None}
    try:
        function = sf._resolve_lambda_function_ref(parameters["FunctionName"], optimized=True)
        try:
            sf._call_lambda(function, parameters.get("Payload", {}))
        except sf._ExecutionError:
            if not event.is_set():  # the token has not ended the task before the function failed
                raise
        deadline = time.monotonic() + float(state.get("TimeoutSeconds", FOREVER_S))
        while not event.wait(min(POLL_S, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                raise sf._ExecutionError("States.Timeout", "")
            if execution := executions.current():
                executions.check(execution)
        task = sf._task_tokens[token]
        if failure := task["error"]:
            raise sf._ExecutionError(failure["Error"], failure["Cause"])
        return json.loads(task["result"])
    finally:
        sf._task_tokens.pop(token, None)
