"""Lambda: handlers run in our own worker, which reports errors and logs as AWS does."""

import json
import os
import queue
import sys
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc

from ops.embedded.context import OverlayContext
from ops.embedded.runtime.function_worker import END_OF_LOG

SEAMS = (
    "ministack.core.lambda_runtime.Worker.invoke",
    "ministack.core.lambda_runtime.Worker._drain_stderr_bounded",
    "ministack.core.lambda_runtime._worker_class_for",
    "ministack.core.lambda_runtime._detect_runtime_binary",
    "ministack.services.lambda_svc._execute_function_warm",
    "ministack.services.lambda_svc.invalidate_worker",
    "ministack.services.lambda_svc.invoke_async_with_retry",
    "ministack.services.lambda_svc._get_func_record_for_ref",
    "ministack.services.lambda_svc._execution_record_for_config",
    "ministack.services.eventbridge._dispatch_to_lambda",
)

_RUNTIME = Path(__file__).parents[1] / "runtime"
_BOOTSTRAP = f"""\
import sys
sys.path.append({str(_RUNTIME)!r})
from guard import block_outside_connections
block_outside_connections()
import function_worker
function_worker.main()
"""
_LAST_LINES_S = 5.0  # how long to wait for the last log lines after the response

Result = dict[str, Any]


class HandlerFailed(str):
    """An error message with Lambda's error response: the emulator passes errors on as strings."""

    answer: Result

    def __new__(cls, answer: Result) -> "HandlerFailed":
        message = super().__new__(cls, answer["errorMessage"])
        message.answer = answer
        return message


class FunctionWorker(lambda_runtime.Worker):  # type: ignore[misc]
    """A worker that survives a handler's error, as on AWS, so that retries on NotReady stay fast."""

    def invoke(self, *arguments: Any, **more: Any) -> Result:
        response: Result = super().invoke(*arguments, **more)
        if failure := response.get("failure"):
            return {**response, "status": "error", "error": HandlerFailed(failure), "trace": ""}
        return response

    def _drain_stderr_bounded(self, *_arguments: Any) -> str:
        lines = []
        try:
            while (line := self._stderr_queue.get(timeout=_LAST_LINES_S)) != END_OF_LOG:
                lines.append(line)
        except queue.Empty:
            pass  # the worker died before it could end its log
        return "\n".join(lines)


def install(context: OverlayContext) -> None:
    os.environ["AWS_ENDPOINT_URL"] = context.endpoint
    worker_class, binary = lambda_runtime._worker_class_for, lambda_runtime._detect_runtime_binary
    lambda_runtime._worker_class_for = lambda config: (
        FunctionWorker if _is_python(config.get("Runtime", "python")) else worker_class(config)
    )
    lambda_runtime._detect_runtime_binary = lambda runtime: (
        (sys.executable, _BOOTSTRAP) if _is_python(runtime) else binary(runtime)
    )
    execute = lambda_svc._execute_function_warm
    lambda_svc._execute_function_warm = lambda *arguments: _with_lambda_error(execute(*arguments))
    invalidate = lambda_svc.invalidate_worker
    lambda_svc.invalidate_worker = lambda name, qualifier=None, account=None, region=None: invalidate(
        # Without account and region, the emulator would kill the workers of every function with that name,
        # during their invocations: a stack in many accounts and regions has one in each.
        name,
        qualifier,
        account or get_account_id(),
        region or get_region(),
    )
    eventbridge._dispatch_to_lambda = _invoke_target


def _invoke_target(arn: str, payload: str) -> None:
    """Invoke the function that is a rule's target, asynchronously, so that a failed event is retried.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if function and config:
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))


def _is_python(runtime: str) -> bool:
    return runtime.startswith("python")


def _with_lambda_error(result: Result) -> Result:
    body = result.get("body")
    if not result.get("error") or not isinstance(body, dict):
        return result
    message = body.get("errorMessage")
    if isinstance(message, HandlerFailed):
        return {**result, "body": message.answer}
    if message == "Worker process died":
        died = {"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited without providing a reason"}
        return {**result, "body": died}
    return result
