"""Helpers for IAM policies and roles, and for linter findings that are suppressed with a reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import Equals, If, Not, NoValue, Parameter, Ref, Sub, Template, iam

BOUNDARY_PARAMETER = "PermissionsBoundary"
_PATH_PARAMETER = "RolePath"


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


def limit_roles(stack: Template, *, path: bool = True) -> None:
    """Give every role of the template a permissions boundary and a path, which two parameters name.

    Many organizations allow only roles with their boundary or under their path. `path` is False for roles
    that others find by their name alone.
    """
    stack.add_parameter(
        Parameter(
            BOUNDARY_PARAMETER,
            Type="String",
            Default="",
            AllowedPattern=r"(arn:[a-z-]+:iam::(\d{12}|aws):policy/.+)?",
            ConstraintDescription="the ARN of an IAM managed policy, or empty",
            Description="Optional: ARN of the managed policy that is the permissions boundary of every role.",
        )
    )
    stack.add_condition("HasBoundary", Not(Equals(Ref(BOUNDARY_PARAMETER), "")))
    if path:
        stack.add_parameter(
            Parameter(
                _PATH_PARAMETER,
                Type="String",
                Default="/",
                AllowedPattern=r"/([!-.0-~]+/)*",
                ConstraintDescription="a path that begins and ends with a slash",
                Description="IAM path of every role.",
            )
        )
    for resource in stack.resources.values():
        if isinstance(resource, iam.Role):
            resource.PermissionsBoundary = If("HasBoundary", Ref(BOUNDARY_PARAMETER), NoValue)
            if path:
                resource.Path = Ref(_PATH_PARAMETER)
    labels = {BOUNDARY_PARAMETER: "Permissions boundary", **({_PATH_PARAMETER: "Role path"} if path else {})}
    for name, label in labels.items():
        stack.add_parameter_to_group(stack.parameters[name], "Roles")
        stack.set_parameter_label(stack.parameters[name], label)
