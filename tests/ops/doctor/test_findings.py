"""Findings of errors, the exit status, and how they are summarized."""

import json

import pytest

from ops.aws.cloud import Cloud, Place
from ops.doctor.findings import Finding, Question, Result, exit_status, merged, refusal, summary
from ops.errors import AccessDenied, AwsError, SlipwayError, Throttled, Unreachable
from ops.settings import Account, Settings

PLACE = Place(Account("qa", "222222222222"), "eu-west-1")
QUESTION = Question(Cloud(Settings(accounts=(PLACE.account,))), PLACE)


def denied(message: str, operation: str = "GetKeyPolicy") -> AccessDenied:
    detail = f"An error occurred (AccessDenied) when calling the {operation} operation: {message}"
    return AccessDenied("Access denied.", operation=operation, detail=detail)


@pytest.mark.parametrize(
    ("error", "result", "action"),
    [
        (
            denied(
                "User: arn:aws:sts::2:assumed-role/r/s is not authorized to perform: kms:GetKeyPolicy on …"
            ),
            Result.REFUSED,
            "kms:GetKeyPolicy",
        ),
        # The action has another name than the operation.
        (
            denied("… is not authorized to perform: s3:ListBucket because no policy …", "ListObjectsV2"),
            Result.REFUSED,
            "s3:ListBucket",
        ),
        (denied("… to perform: kms:GetKeyPolicy with an explicit deny in …"), Result.REFUSED, ""),
        (AwsError("Rejected", code="ValidationError"), Result.REFUSED, ""),
        (AwsError("Broken", code="InternalFailure"), Result.NOT_ASKED, ""),
        (Throttled("Slow", code="Throttling"), Result.NOT_ASKED, ""),
        (Unreachable("No network"), Result.NOT_ASKED, ""),
    ],
)
def test_an_error_is_a_refusal_or_no_answer(error: SlipwayError, result: Result, action: str) -> None:
    found = refusal("keys", "a key", QUESTION, error)
    assert (found.result, found.reason) == (result, str(error))
    actions = json.loads(found.statement)["Statement"][0]["Action"] if found.statement else []
    assert actions == ([action] if action else [])


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([Result.WORKS], 0),
        ([Result.WORKS, Result.NOT_ASKED], 4),
        ([Result.NOT_ASKED, Result.WOULD_FAIL], 1),
        ([Result.REFUSED], 1),
        ([], 4),
    ],
)
def test_exit_status(results: list[Result], status: int) -> None:
    assert exit_status(Finding("a", "b", result, "qa") for result in results) == status


def test_what_differs_only_in_its_place_is_shown_once() -> None:
    findings = [
        Finding("templates", "roles", Result.REFUSED, account, region, reason="no")
        for account, region in (("qa", "eu-west-1"), ("qa", "us-east-1"), ("production", "eu-west-1"))
    ]
    ((finding, places),) = merged(findings)
    assert finding.reason == "no" and places == "qa eu-west-1, qa us-east-1, production eu-west-1"
    assert summary(findings) == [
        {"check": "templates", "works": 0, "refused": 3, "would_fail": 0, "not_asked": 0}
    ]
