"""Small words for IAM policies and for findings of linters that are accepted with a reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import Sub


def arn(rest: str) -> Sub:
    """An ARN in this partition: `arn("rds:${AWS::Region}:${AWS::AccountId}:db:*")`."""
    return Sub("arn:${AWS::Partition}:" + rest)


def allow(
    actions: Sequence[str], resources: Any, condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One statement that allows."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
    return {**statement, "Condition": dict(condition)} if condition else statement


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trusts(service: str, condition: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The trust policy of a role that `service` assumes for this account only."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return document({**statement, "Condition": dict(condition)} if condition else statement)


def accepted(**reasons: str) -> dict[str, Any]:
    """Resource metadata that tells checkov which findings are meant, each with its reason."""
    return {"checkov": {"skip": [{"id": check, "comment": why} for check, why in reasons.items()]}}
