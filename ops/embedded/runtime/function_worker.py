"""Runs one Lambda function: reads an init line and then one invocation per line; writes a response per line.

Unlike the emulator's worker, it keeps the exception's class, survives a handler's error, and hides the
environment of the process that started it.
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

END_OF_LOG = "\x04"  # stderr line that ends the log of an invocation

INHERITED = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_DISABLE_HOST_PREFIX_INJECTION",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "LAMBDA_TASK_ROOT",
    "PATH",
)
FIXED = {
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

Response = dict[str, Any]


class LambdaContext:
    """The second argument of a handler."""

    identity = None
    client_context = None

    def __init__(self, init: dict[str, Any], call: dict[str, Any]) -> None:
        self.function_name = init["function_name"]
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = str(init["memory"])
        self.invoked_function_arn = call["invoked_function_arn"]
        self.aws_request_id = call["request_id"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self._deadline = time.monotonic() + call["timeout_ms"] / 1000

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def main() -> None:
    output, sys.stdout = sys.stdout, sys.stderr
    init = json.loads(sys.stdin.readline())
    _isolate(init["env"])
    sys.path.insert(0, init["code_dir"])
    handler, failure = _load(init)
    _send(output, {"status": "ready"})
    for line in sys.stdin:
        message = json.loads(line)
        call = message["ctx"]
        if handler:
            response = _call(handler, message["event"], LambdaContext(init, call))
        else:
            response = {"failure": failure}
        if "failure" in response:
            response["failure"] = {**response["failure"], "requestId": call["request_id"]}
        print(END_OF_LOG, flush=True)
        _send(output, {"status": "ok", **response})


def _isolate(variables: dict[str, str]) -> None:
    """Leave only the function's environment and Lambda's variables, nothing from this machine."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    os.environ.clear()
    os.environ.update({**FIXED, **inherited, **variables})
    time.tzset()


def _load(init: dict[str, Any]) -> tuple[Callable[[Any, LambdaContext], Any] | None, Response]:
    module = init["module"]
    try:
        return getattr(importlib.import_module(module), init["handler"]), {}
    except ImportError as error:
        return None, _failure("Runtime.ImportModuleError", f"Unable to import module '{module}': {error}")
    except SyntaxError as error:
        return None, _failure("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}")
    except AttributeError as error:
        if f"has no attribute '{init['handler']}'" not in str(error):
            return None, _handler_failure(error)
        return None, _failure(
            "Runtime.HandlerNotFound", f"Handler '{init['handler']}' missing on module '{module}'"
        )
    except Exception as error:
        return None, _handler_failure(error)


def _call(handler: Callable[[Any, LambdaContext], Any], event: Any, context: LambdaContext) -> Response:
    try:
        result = handler(event, context)
    except Exception as error:
        return {"failure": _handler_failure(error)}
    try:
        json.dumps(result)
    except (TypeError, ValueError) as error:
        return {"failure": _failure("Runtime.MarshalError", f"Unable to marshal response: {error}")}
    return {"result": result}


def _handler_failure(error: Exception) -> Response:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return _failure(type(error).__name__, str(error), traceback.format_list(frames))


def _failure(error_type: str, message: str, trace: list[str] | None = None) -> Response:
    print(f"[ERROR] {error_type}: {message}")
    if trace:
        print("Traceback (most recent call last):\n" + "".join(trace).rstrip())
    return {"errorMessage": message, "errorType": error_type, "stackTrace": trace or []}


def _send(output: Any, response: Response) -> None:
    output.write(json.dumps(response) + "\n")
    output.flush()
