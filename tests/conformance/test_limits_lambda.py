"""Lambda: what AWS documents about functions and requests."""

import io
import zipfile
from typing import Any

import pytest

from tests.conformance.callers import Account, error, unique

INVALID = "InvalidParameterValueException"


def archive(source: str = "def handler(event, context): return event") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        written.writestr("index.py", source)
    return buffer.getvalue()


def function(account: Account, **more: Any) -> dict[str, Any]:
    """Return the parameters of a function that can be created."""
    return {
        "FunctionName": unique("limits"),
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": account.role("lambda.amazonaws.com"),
        "Code": {"ZipFile": archive()},
        **more,
    }


def variables(**values: str) -> dict[str, Any]:
    return {"Environment": {"Variables": values}}


def test_the_environment_of_a_function_has_4_kb(account: Account) -> None:
    """The environment variables of a function have at most 4 KB together.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    client, fits = account.client("lambda"), "x" * (4096 - len('{"KEY":""}'))
    name = client.create_function(**function(account, **variables(KEY=fits)))["FunctionName"]
    exceeded = "exceeded the 4KB limit"
    code, message = error(client.create_function, **function(account, **variables(KEY=fits + "x")))
    assert code == INVALID and exceeded in message
    update = client.update_function_configuration
    code, message = error(update, FunctionName=name, **variables(KEY="y" * 3000, OTHER="y" * 1100))
    assert code == INVALID and exceeded in message


@pytest.mark.parametrize("key", ["AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR"])
def test_reserved_environment_variables_cannot_be_set(account: Account, key: str) -> None:
    """Environment variables that the Lambda runtime sets are reserved.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    client = account.client("lambda")
    code, message = error(client.create_function, **function(account, **variables(**{key: "x"})))
    assert code == INVALID and f"Reserved keys used in this request: {key}" in message


@pytest.mark.parametrize(
    ("given", "member"),
    [({"Timeout": 901}, "timeout"), ({"MemorySize": 10_241}, "memorySize"), ({"FunctionName": "n" * 65}, "")],
    ids=["timeout", "memory", "name"],
)
def test_functions_have_limits(account: Account, given: dict[str, Any], member: str) -> None:
    """A function has at most 15 minutes, 10,240 MB of memory, and a name of 64 characters.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """
    code, message = error(account.client("lambda").create_function, **function(account, **given))
    assert code == "ValidationException" and f"at '{member or 'functionName'}'" in message


@pytest.mark.parametrize("missing", ["Runtime", "Handler"])
def test_a_zipped_function_has_a_runtime_and_a_handler(account: Account, missing: str) -> None:
    """`Runtime` and `Handler` are required if the deployment package is a .zip file archive.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """
    given = function(account)
    del given[missing]
    code, message = error(account.client("lambda").create_function, **given)
    assert code == INVALID and "Runtime and Handler are mandatory" in message


def test_the_code_of_a_function_exists(account: Account) -> None:
    """A function's code in Amazon S3 must exist, in a bucket in the same Region.

    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html
    """
    client, s3, here, there = account.client("lambda"), account.client("s3"), unique("here"), unique("there")
    s3.create_bucket(Bucket=here, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    account.client("s3", "us-east-1").create_bucket(Bucket=there)
    for bucket in (here, there):
        s3.put_object(Bucket=bucket, Key="code.zip", Body=archive())
    name = function(account, Code={"S3Bucket": here, "S3Key": "code.zip"})
    client.create_function(**name)
    for bucket, key, reason in (
        ("no-such-bucket-anywhere", "code.zip", "NoSuchBucket"),
        (here, "other.zip", "NoSuchKey"),
        (there, "code.zip", "PermanentRedirect"),
    ):
        source = {"S3Bucket": bucket, "S3Key": key}
        code, message = error(client.create_function, **function(account, Code=source))
        assert code == INVALID and f"S3 Error Code: {reason}" in message
        code, message = error(client.update_function_code, FunctionName=name["FunctionName"], **source)
        assert code == INVALID and f"S3 Error Code: {reason}" in message


@pytest.mark.parametrize(
    ("type_", "most"), [("RequestResponse", 6 * 1024 * 1024), ("Event", 1024 * 1024)], ids=["sync", "async"]
)
def test_the_payload_of_an_invocation_has_a_limit(account: Account, type_: str, most: int) -> None:
    """An invocation's payload has at most 6 MB, and 1 MB if the invocation is asynchronous.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    client = account.client("lambda")
    name = client.create_function(**function(account))["FunctionName"]
    payload = b'"' + b"x" * (most - 1) + b'"'
    code, message = error(client.invoke, FunctionName=name, InvocationType=type_, Payload=payload)
    assert code == "RequestTooLargeException" and str(most) in message


def test_the_payload_of_an_invocation_is_json(account: Account) -> None:
    """An invocation's payload must be JSON.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """
    client = account.client("lambda")
    name = client.create_function(**function(account))["FunctionName"]
    assert error(client.invoke, FunctionName=name, Payload=b"{no")[0] == "InvalidRequestContentException"


def test_some_concurrency_stays_unreserved(account: Account) -> None:
    """A reservation leaves 100 of the account's concurrent executions unreserved.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    """
    client = account.client("lambda")
    name = client.create_function(**function(account))["FunctionName"]
    put = client.put_function_concurrency
    put(FunctionName=name, ReservedConcurrentExecutions=900)
    assert error(put, FunctionName=name, ReservedConcurrentExecutions=901)[0] == INVALID
