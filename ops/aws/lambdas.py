"""AWS Lambda: invoke a function and return its result."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place
from ops.errors import ExecutionFailed

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class FunctionFailed(ExecutionFailed):
    """A Lambda function raised an error; `error` is the name of its class."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message or error, hint="Check the function's log for the full error.", detail=error)
        self.error = error


def invoke(cloud: Cloud, place: Place, function: str, payload: Mapping[str, Any]) -> Any:
    """Invoke the function and return its result. Raises FunctionFailed."""
    return _invoke(cloud.client("lambda", place.account.id, place.region), function, payload)


def invoke_patiently(
    cloud: Cloud, place: Place, function: str, payload: Mapping[str, Any], timeout_s: int
) -> Any:
    """Invoke a function that may run for minutes, with `timeout_s` as the read timeout."""
    client = cloud.client_with_timeout("lambda", place.account.id, place.region, timeout_s)
    return _invoke(client, function, payload)


def _invoke(client: "LambdaClient", function: str, payload: Mapping[str, Any]) -> Any:
    with translated(f"Invoking {function.rpartition(':')[2]}"):
        response = client.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        result = json.loads(response["Payload"].read() or b"null")
    if response.get("FunctionError"):
        raise FunctionFailed(result.get("errorType", ""), result.get("errorMessage", ""))
    return result
