"""Roles that a request passes to a service: `iam:PassRole` is required, and the service must be trusted.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html. The Service Authorization
Reference names the actions that depend on `iam:PassRole` incompletely (not Firehose, EventBridge, or
CloudFormation), so every member of a request that holds the ARN of a role counts.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import ecs

from ops.embedded.iam import service_roles
from ops.embedded.iam.identity import Refused

SEAMS = ("ministack.services.ecs._resolve_td_key", "ministack.services.ecs._task_defs")

# The principal that a service assumes roles as, by the service's prefix in actions.
PASSED_TO = {
    "cloudformation": "cloudformation",
    "ecs": "ecs-tasks",
    "events": "events",
    "firehose": "firehose",
    "lambda": "lambda",
    "logs": "logs",
    "pipes": "pipes",
    "rds": "monitoring.rds",
    "scheduler": "scheduler",
    "states": "states",
}
# A service's answer to a role that it cannot assume. ECS reports it when a task starts, and CloudWatch Logs
# when it sends its test message.
_NOT_TRUSTED = {
    "cloudformation": ("ValidationError", "Role {role} is invalid or cannot be assumed"),
    "events": (
        "ValidationException",
        "Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'.",
    ),
    "firehose": (
        "InvalidArgumentException",
        "Firehose is unable to assume role {role}. Please check the role provided.",
    ),
    "lambda": (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    ),
    "rds": (
        "InvalidParameterValue",
        "The specified IAM role ARN value is invalid or does not include the required permissions for: "
        "ENHANCED_MONITORING",
    ),
    "scheduler": (
        "ValidationException",
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
    ),
    "states": (
        "AccessDeniedException",
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to "
        "assume the provided role.",
    ),
}
_INVOKES = ("lambda:InvokeAsync", "lambda:InvokeFunction")  # the body is the function's event
_RUNS_TASK = ("ecs:RunTask", "ecs:StartTask")
_MEMBER = re.compile(r"(.*rolearn|role)$", re.IGNORECASE)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")


def named_in(action: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ARN of each role that the request passes to its service."""
    if action.partition(":")[0] not in PASSED_TO or action in _INVOKES:
        return
    if action in _RUNS_TASK:
        yield from of_task(parameters.get("taskDefinition", ""), parameters.get("overrides", {}))
    else:
        yield from sorted(set(roles_in(parameters)))


def of_task(definition: str, overrides: Mapping[str, Any]) -> Iterator[str]:
    """Yield the roles of a task: those of the overrides, and otherwise those of its task definition."""
    registered = ecs._task_defs.get(ecs._resolve_td_key(definition)) or {}
    given = {name.lower(): value for name, value in overrides.items()}
    for member in ("executionRoleArn", "taskRoleArn"):
        if role := given.get(member.lower()) or registered.get(member):
            yield role


def passed_to(action: str) -> str:
    """Return the service principal that the action passes roles to, such as `ecs-tasks.amazonaws.com`."""
    return f"{PASSED_TO[action.partition(':')[0]]}.amazonaws.com"


def require_own_account(action: str, role: str) -> None:
    """Raise Refused for a role of another account."""
    if role.split(":")[4] != get_account_id():
        raise Refused(action.partition(":")[0], "AccessDenied", "Cross-account pass role is not allowed.")


def require_trust(action: str, role: str, *, region: str, source_arn: str) -> None:
    """Raise Refused if the action's service cannot assume the role on behalf of the resource `source_arn`."""
    service = action.partition(":")[0]
    if service in _NOT_TRUSTED and not service_roles.trusts(
        role, PASSED_TO[service], region=region, source_arn=source_arn
    ):
        code, message = _NOT_TRUSTED[service]
        raise Refused(service, code, message.format(role=role))


def roles_in(parameters: Any) -> Iterator[str]:
    """Yield the ARN of each role that a member of the parameters holds, however deep."""
    if isinstance(parameters, list):
        for member in parameters:
            yield from roles_in(member)
    elif isinstance(parameters, Mapping):
        for name, value in parameters.items():
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            if isinstance(value, str):
                if _MEMBER.match(name) and _ROLE.match(value):
                    yield value
            else:
                yield from roles_in(value)
