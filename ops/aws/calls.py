"""botocore's errors → ours: matched by code, never by message."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto

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
CONFLICT = re.compile(r"AlreadyExists|ResourceInUse|Conflict|^Invalid\w*State(Fault)?$|OperationInProgress")
NOT_FOUND = re.compile(r"NotFound|NoSuch|DoesNotExist|ResourceNotFoundException|ResourceNotFound")


def code(error: boto.ClientError) -> str:
    """The error's code as AWS names it."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: boto.ClientError) -> str:
    """The error's message as AWS words it."""
    return str(error.response.get("Error", {}).get("Message", ""))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raises botocore's errors as a SlipwayError whose message begins with `doing`: "Reading stack x"."""
    try:
        yield
    except boto.ClientError as error:
        raise from_client_error(error, doing) from error
    except boto.BotoCoreError as error:
        raise _from_core_error(error, doing) from error


def from_client_error(error: boto.ClientError, doing: str) -> errors.SlipwayError:
    """The SlipwayError for an error that AWS answered."""
    name, said, operation = code(error), message(error), error.operation_name
    facts = {"code": name, "operation": operation, "detail": str(error)}
    if name in ACCESS_DENIED:
        return errors.AccessDenied(
            f"{doing}: access denied. {said}",
            hint=f"Allow {operation} for the role named above, or choose another role in slipway.toml.",
            **facts,
        )
    if name in EXPIRED:
        return errors.ExpiredCredentials(
            f"{doing}: AWS does not accept the credentials ({name}).",
            hint="Sign in again (for instance `aws sso login`), then repeat.",
            **facts,
        )
    if name in THROTTLED:
        return errors.Throttled(
            f"{doing}: AWS throttles the call ({name}).", hint="Wait a minute, then repeat.", **facts
        )
    if NOT_FOUND.search(name):
        return errors.NotFound(f"{doing}: {said}", hint="Check the name and the region.", detail=str(error))
    if CONFLICT.search(name):
        return errors.Conflict(
            f"{doing}: {said}", hint="Wait until it is free, then repeat.", detail=str(error)
        )
    return errors.AwsError(f"{doing}: {said or name}", hint="The detail holds AWS's own words.", **facts)


def _from_core_error(error: boto.BotoCoreError, doing: str) -> errors.AwsError:
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError | boto.ProfileNotFound):
        return errors.NoCredentials(
            f"{doing}: no AWS credentials were found.",
            hint="Set AWS_PROFILE, or sign in (for instance `aws sso login`); then repeat.",
            detail=str(error),
        )
    if isinstance(error, boto.TokenRetrievalError | boto.SSOError | boto.CredentialRetrievalError):
        return errors.ExpiredCredentials(
            f"{doing}: the AWS sign-in has expired.",
            hint="Sign in again (for instance `aws sso login`), then repeat.",
            detail=str(error),
        )
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return errors.Unreachable(
            f"{doing}: AWS cannot be reached.",
            hint="Check the network, the proxy and the region's name, then repeat.",
            detail=str(error),
        )
    return errors.AwsError(
        f"{doing}: {error}", hint="The detail holds the library's own words.", detail=str(error)
    )
