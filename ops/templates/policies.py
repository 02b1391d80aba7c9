"""Helpers for IAM policies, and for linter findings that are suppressed with a reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import Sub


def arn(rest: str) -> Sub:
    """Return an ARN in this partition: `arn("rds:${AWS::Region}:${AWS::AccountId}:db:*")`."""
    return Sub("arn:${AWS::Partition}:" + rest)


def allow(
    actions: Sequence[str], resources: Any, condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return an Allow statement."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
    return {**statement, "Condition": dict(condition)} if condition else statement


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trusts(service: str, condition: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the trust policy of a role that the AWS service `service` may assume."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return document({**statement, "Condition": dict(condition)} if condition else statement)


def accepted(**reasons: str) -> dict[str, Any]:
    """Return resource metadata that makes checkov skip checks, each with its reason."""
    return {"checkov": {"skip": [{"id": check, "comment": reason} for check, reason in reasons.items()]}}
