"""Translate botocore errors to `ops.errors`, by error code and never by message."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from ops import errors

ACCESS_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
    "NotAuthorized",
}
EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "AuthFailure",
}
THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
    "ProvisionedThroughputExceededException",
    "PriorRequestNotComplete",
}
LOCAL = ("127.0.0.1", "localhost", "::1")
CONFLICT = re.compile(r"AlreadyExists|ResourceInUse|Conflict|^Invalid\w*State(Fault)?$|OperationInProgress")
NOT_FOUND = re.compile(r"NotFound|NoSuch|DoesNotExist|ResourceNotFoundException|ResourceNotFound")


def code(error: boto.ClientError) -> str:
    """Return the error code of a response."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: boto.ClientError) -> str:
    """Return the error message of a response."""
    return str(error.response.get("Error", {}).get("Message", ""))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise botocore errors as SlipwayErrors. `doing` starts the message, such as "Reading stack x"."""
    try:
        yield
    except boto.ClientError as error:
        raise from_client_error(error, doing) from error
    except boto.BotoCoreError as error:
        raise _from_core_error(error, doing) from error
    except ResponseParserError as error:  # the only error of botocore outside its tree
        raise errors.AwsError(
            f"{doing} failed: the response cannot be parsed.",
            hint="Retry. If it happens again, a proxy on the way may change responses.",
            detail=str(error),
        ) from error


def from_client_error(error: boto.ClientError, doing: str) -> errors.SlipwayError:
    """Return the SlipwayError for an error response."""
    error_code, text, operation = code(error), message(error), error.operation_name
    fields = {"code": error_code, "operation": operation, "detail": str(error)}
    if error_code in ACCESS_DENIED:
        return errors.AccessDenied(
            f"{doing} failed: access denied. {text}",
            hint=f"Allow {operation} for the role, or configure another role in slipway.toml.",
            **fields,
        )
    if error_code in EXPIRED:
        return errors.ExpiredCredentials(
            f"{doing} failed: the AWS credentials are expired or invalid ({error_code}).",
            hint="Sign in again, for example with `aws sso login`, and retry.",
            **fields,
        )
    if error_code in THROTTLED:
        return errors.Throttled(
            f"{doing} failed: AWS throttled the call ({error_code}).",
            hint="Wait a minute, then retry.",
            **fields,
        )
    if NOT_FOUND.search(error_code):
        return errors.NotFound(
            f"{doing} failed: {text}", hint="Check the name, the account, and the region.", detail=str(error)
        )
    if CONFLICT.search(error_code):
        return errors.Conflict(
            f"{doing} failed: {text}",
            hint="Wait until the other operation has finished, then retry.",
            detail=str(error),
        )
    return errors.AwsError(
        f"{doing} failed: {text or error_code}", hint="See the details for AWS's message.", **fields
    )


def _from_core_error(error: boto.BotoCoreError, doing: str) -> errors.AwsError:
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError | boto.ProfileNotFound):
        return errors.NoCredentials(
            f"{doing} failed: no AWS credentials found.",
            hint="Set AWS_PROFILE or sign in, for example with `aws sso login`, and retry.",
            detail=str(error),
        )
    if isinstance(error, boto.TokenRetrievalError | boto.SSOError | boto.CredentialRetrievalError):
        return errors.ExpiredCredentials(
            f"{doing} failed: the AWS session has expired.",
            hint="Sign in again, for example with `aws sso login`, and retry.",
            detail=str(error),
        )
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        url = urlsplit(str(error.kwargs.get("endpoint_url", "")))
        if url.hostname in LOCAL:
            return errors.Unreachable(
                f"{doing} failed: the embedded cloud at {url.scheme}://{url.netloc} does not answer.",
                hint="It restarts within seconds if slipway run started it. If not: slipway embedded start",
                detail=str(error),
            )
        return errors.Unreachable(
            f"{doing} failed: cannot connect to AWS.",
            hint="Check the network, the proxy, and the region's name, then retry.",
            detail=str(error),
        )
    return errors.AwsError(
        f"{doing} failed: {error}", hint="See the details for botocore's message.", detail=str(error)
    )
