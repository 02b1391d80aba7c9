"""Translation of botocore errors by code, never by message."""

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from ops import errors
from ops.aws.calls import translated

KINDS = {
    "AccessDenied": errors.AccessDenied,
    "AccessDeniedException": errors.AccessDenied,
    "UnauthorizedOperation": errors.AccessDenied,
    "ExpiredToken": errors.ExpiredCredentials,
    "ExpiredTokenException": errors.ExpiredCredentials,
    "InvalidClientTokenId": errors.ExpiredCredentials,
    "ThrottlingException": errors.Throttled,
    "RequestLimitExceeded": errors.Throttled,
    "DBInstanceNotFound": errors.NotFound,
    "NoSuchBucket": errors.NotFound,
    "ResourceNotFoundException": errors.NotFound,
    "ExecutionDoesNotExist": errors.NotFound,
    "ExecutionAlreadyExists": errors.Conflict,
    "DBSnapshotAlreadyExists": errors.Conflict,
    "InvalidDBInstanceState": errors.Conflict,
    "InvalidDBInstanceStateFault": errors.Conflict,
    "ValidationError": errors.AwsError,
    "SomethingNew": errors.AwsError,
}


@pytest.mark.parametrize("code", KINDS)
def test_error_responses_are_translated_by_code(code: str) -> None:
    answer = boto.ClientError({"Error": {"Code": code, "Message": "AccessDenied? said AWS."}}, "DoIt")
    with pytest.raises(errors.SlipwayError) as caught, translated("Doing it"):
        raise answer
    assert type(caught.value) is KINDS[code]
    assert str(caught.value).startswith("Doing it failed: ")
    assert caught.value.hint
    assert caught.value.__cause__ is answer


CORE = [
    (boto.NoCredentialsError(), errors.NoCredentials),
    (boto.PartialCredentialsError(provider="env", cred_var="key"), errors.NoCredentials),
    (boto.ProfileNotFound(profile="x"), errors.NoCredentials),
    (boto.SSOTokenLoadError(profile_name="x", error_msg="expired"), errors.ExpiredCredentials),
    (boto.TokenRetrievalError(provider="sso", error_msg="expired"), errors.ExpiredCredentials),
    (boto.EndpointConnectionError(endpoint_url="https://x"), errors.Unreachable),
    (boto.ConnectTimeoutError(endpoint_url="https://x"), errors.Unreachable),
    (boto.ReadTimeoutError(endpoint_url="https://x"), errors.Unreachable),
    (boto.ParamValidationError(report="bad"), errors.AwsError),
]


@pytest.mark.parametrize(("raised", "kind"), CORE, ids=[type(raised).__name__ for raised, _ in CORE])
def test_connection_errors_are_translated(raised: Exception, kind: type[errors.SlipwayError]) -> None:
    with pytest.raises(errors.SlipwayError) as caught, translated("Doing it"):
        raise raised
    assert type(caught.value) is kind
    assert caught.value.hint


def test_a_response_that_cannot_be_parsed_is_an_error_in_words() -> None:
    with pytest.raises(errors.AwsError, match="the response cannot be parsed"), translated("Listing"):
        raise ResponseParserError("Unable to parse response: not well-formed <html>")


def test_other_errors_are_not_translated() -> None:
    with pytest.raises(KeyError), translated("Doing it"):
        raise KeyError("ours")
