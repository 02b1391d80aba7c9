"""The bucket policies of the log export: statements that keep Firehose from writing."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ops.aws.s3.buckets import read_policy
from ops.aws.s3.staging import client_of
from ops.doctor.findings import Finding, Question, Result, refusal
from ops.errors import SlipwayError
from ops.logs.export.installed import find_exports
from ops.templates.access.grants import LOGS

CHECK = "bucket policies"
# What Firehose calls on its destination: Firehose Developer Guide, "Grant Firehose access to Amazon S3".
NEEDED = ("s3:GetBucketLocation", "s3:ListBucket", "s3:PutObject")
# Keys that a request of Firehose cannot have: it does not come from a VPC of the account.
FROM_A_NETWORK = {"aws:sourcevpc", "aws:sourcevpce", "aws:sourceip", "aws:vpcsourceip"}
TLS_ONLY = {"aws:securetransport"}  # Firehose uses TLS


def check(question: Question) -> Iterator[Finding]:
    if not question.concerns(LOGS):
        return
    cloud, place = question.cloud, question.place
    for export in find_exports(cloud, place):
        if not (location := export.location):
            continue
        subject = f"{export.stack.name}: {location.bucket}"
        try:
            policy = read_policy(client_of(cloud, place.account.id, place.region), location.bucket)
        except SlipwayError as error:
            yield refusal(CHECK, subject, question, error, LOGS.name)
            continue
        found = list(_findings(question, subject, policy or {}))
        yield from found or [_finding(question, subject, Result.WORKS, "no statement keeps Firehose out")]


def _findings(question: Question, subject: str, policy: Mapping[str, Any]) -> Iterator[Finding]:
    for number, statement in enumerate(_list(policy.get("Statement")), 1):
        if statement.get("Effect") != "Deny" or not _covers(statement):
            continue
        name = statement.get("Sid") or f"number {number}"
        keys = {key.lower() for values in statement.get("Condition", {}).values() for key in values}
        if not keys or keys <= FROM_A_NETWORK:
            yield _finding(
                question,
                subject,
                Result.WOULD_FAIL,
                f"the statement {name} of the bucket policy denies it to Firehose",
                "Except Firehose's role, with ArnNotEquals on aws:PrincipalArn, or remove the statement.",
            )
        elif not keys <= TLS_ONLY:
            yield _finding(
                question,
                subject,
                Result.NOT_ASKED,
                f"the statement {name} of the bucket policy denies requests by {', '.join(sorted(keys))}, "
                "which AWS decides for each request",
                "Check that it lets Firehose's role write.",
            )


def _covers(statement: Mapping[str, Any]) -> bool:
    def matches(patterns: Any, action: str) -> bool:
        return any(fnmatchcase(action.lower(), str(each).lower()) for each in _list(patterns))

    if "NotAction" in statement:
        return any(not matches(statement["NotAction"], action) for action in NEEDED)
    return any(matches(statement.get("Action"), action) for action in NEEDED)


def _finding(question: Question, subject: str, result: Result, reason: str, hint: str = "") -> Finding:
    place = question.place
    return Finding(CHECK, subject, result, place.account.name, place.region, LOGS.name, reason, hint=hint)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
