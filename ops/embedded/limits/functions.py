"""Lambda: environment variables, code, and the sizes of functions and requests.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core.responses import get_region
from ministack.services import s3

from ops.embedded.limits.problems import Parameters, Problem, Rule, violated

SEAMS = ("ministack.services.s3._buckets", "ministack.services.s3._get_object_data")

INVALID = "InvalidParameterValueException"
NAME_CHARACTERS = 64
TIMEOUT_S = 900
MEMORY_MB = 10_240
ENVIRONMENT_BYTES = 4_096
REQUEST_BYTES = 6 * 1024 * 1024
EVENT_BYTES = 1024 * 1024
UNRESERVED = 100  # concurrency that an account of 1,000 keeps for functions without a reservation
CONCURRENCY = 1_000
RESERVED = frozenset(
    (
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
        *("AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN"),
    )
)


def create(parameters: Parameters) -> Iterator[Problem]:
    name = str(parameters.get("FunctionName", "")).rpartition(":")[2]
    if len(name) > NAME_CHARACTERS:
        constraint = f"Member must have length less than or equal to {NAME_CHARACTERS}"
        yield Problem("ValidationException", violated(name, "functionName", constraint))
    yield from configure(parameters)
    zipped = parameters.get("PackageType", "Zip") == "Zip"
    if zipped and not (parameters.get("Runtime") and parameters.get("Handler")):
        yield Problem(
            INVALID,
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        )
    yield from _code(parameters.get("Code") or {})


def configure(parameters: Parameters) -> Iterator[Problem]:
    """Yield what is wrong with a function's configuration."""
    for name, most in (("Timeout", TIMEOUT_S), ("MemorySize", MEMORY_MB)):
        value = parameters.get(name)
        if value is not None and int(value) > most:
            constraint = f"Member must have value less than or equal to {most}"
            yield Problem("ValidationException", violated(value, f"{name[:1].lower()}{name[1:]}", constraint))
    variables = (parameters.get("Environment") or {}).get("Variables") or {}
    wrong = "Lambda was unable to configure your environment variables because the environment variables"
    if reserved := sorted(RESERVED & set(variables)):
        yield Problem(
            INVALID,
            f"{wrong} you have provided contains reserved keys that are currently not supported for "
            f"modification. Reserved keys used in this request: {', '.join(reserved)}",
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > ENVIRONMENT_BYTES:
        yield Problem(
            INVALID, f"{wrong} you have provided exceeded the 4KB limit. String measured: {measured}"
        )


def _code(code: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield why the code in S3 cannot be read; it may be another account's, but not another Region's."""
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    if not bucket:
        return
    failed = "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}"
    for (_, name), record in list(s3._buckets._data.items()):
        if name == bucket:
            region = record.get("region") or "us-east-1"
            if region != get_region():
                moved = f"The bucket is in this region: {region}. Please use this region to retry the request"
                yield Problem(INVALID, failed.format("PermanentRedirect", moved))
            elif key and s3._get_object_data(bucket, key) is None:
                yield Problem(INVALID, failed.format("NoSuchKey", "The specified key does not exist."))
            return
    yield Problem(INVALID, failed.format("NoSuchBucket", "The specified bucket does not exist"))


def invoke(parameters: Parameters) -> Iterator[Problem]:
    payload = parameters.get("Payload") or b""
    most = EVENT_BYTES if parameters.get("InvocationType") == "Event" else REQUEST_BYTES
    if len(payload) > most:
        message = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
        yield Problem("RequestTooLargeException", message, 413)
    elif payload:
        try:
            json.loads(payload)
        except ValueError as error:
            yield Problem(
                "InvalidRequestContentException", f"Could not parse request body into json: {error}"
            )


def reserve(parameters: Parameters) -> Iterator[Problem]:
    if int(parameters.get("ReservedConcurrentExecutions") or 0) > CONCURRENCY - UNRESERVED:
        yield Problem(
            INVALID,
            "Specified ReservedConcurrentExecutions for function decreases account's "
            f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED}].",
        )


RULES: Mapping[str, Rule] = {
    "CreateFunction": create,
    "Invoke": invoke,
    "PutFunctionConcurrency": reserve,
    "UpdateFunctionCode": _code,
    "UpdateFunctionConfiguration": configure,
}
