"""AWS Lambda: a function called, its answer or its error."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place
from ops.errors import ExecutionFailed

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class FunctionFailed(ExecutionFailed):
    """The function raised an error; `error` is its class."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message or error, hint="The function's log has the whole error.", detail=error)
        self.error = error


def invoke(cloud: Cloud, place: Place, function: str, payload: Mapping[str, Any]) -> Any:
    """What the function answers. Raises FunctionFailed."""
    return _answer(cloud.client("lambda", place.account.id, place.region), function, payload)


def invoke_patiently(
    cloud: Cloud, place: Place, function: str, payload: Mapping[str, Any], timeout_s: int
) -> Any:
    """The same, for one that takes minutes."""
    client = cloud.client_with_timeout("lambda", place.account.id, place.region, timeout_s)
    return _answer(client, function, payload)


def _answer(client: "LambdaClient", function: str, payload: Mapping[str, Any]) -> Any:
    with translated(f"Calling {function.rpartition(':')[2]}"):
        answer = client.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        value = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        raise FunctionFailed(value.get("errorType", ""), value.get("errorMessage", ""))
    return value
