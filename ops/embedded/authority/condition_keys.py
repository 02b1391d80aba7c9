"""Condition keys of a request that the emulator leaves out. A key that is not set does not match.

Sources: the Service Authorization Reference of each service and, for `aws:PrincipalOrgID`,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, organizations, stepfunctions, tagging

from ops.embedded.authority import reference
from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.core.iam_evaluator._principal_org_id",
    "ministack.services.iam._roles",
    "ministack.services.iam._users",
    "ministack.services.organizations._accounts",
    "ministack.services.organizations._orgs",
    "ministack.services.stepfunctions._tags",
    "ministack.services.tagging._COLLECTORS",
    "ministack.services.tagging._RESOURCE_TAG_COLLECTORS",
)
_REQUEST_TAG = "aws:requesttag/"


def install(context: OverlayContext) -> None:
    organization: Callable[[str], Any] = iam_evaluator._principal_org_id
    iam_evaluator._principal_org_id = lambda account: organization(account) or _joined_organization(account)
    collectors = tagging._RESOURCE_TAG_COLLECTORS
    collectors.update({**tagging._COLLECTORS, **collectors, "states": _state_machine_tags})


def of_request(action: str, parameters: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that the request has besides those that are `known`, in lower case."""
    service = action.partition(":")[0]
    keys = _KEYS[service](action, parameters, known) if service in _KEYS else ()
    return {name.lower(): value for name, value in keys if value}


def _cloudwatch_keys(
    action: str, parameters: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    if action == "cloudwatch:PutMetricData":
        yield "cloudwatch:namespace", _value(parameters, "Namespace")


def _ecs_keys(
    action: str, parameters: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    if "ecs:cluster" in reference.condition_keys(action):
        cluster = parameters.get("cluster") or "default"
        own = f"arn:aws:ecs:{get_region()}:{get_account_id()}:cluster/{cluster}"
        yield "ecs:cluster", cluster if cluster.startswith("arn:") else own


def _iam_keys(
    action: str, parameters: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    listed = reference.condition_keys(action)
    if "iam:PolicyARN" in listed:
        yield "iam:PolicyARN", _value(parameters, "PolicyArn")
    if "iam:PermissionsBoundary" in listed:
        yield "iam:PermissionsBoundary", _value(parameters, "PermissionsBoundary") or _boundary(parameters)


def _boundary(parameters: Mapping[str, Any]) -> str:
    """Return the boundary of the role or user that the request changes."""
    role, user = _value(parameters, "RoleName"), _value(parameters, "UserName")
    record = (iam._roles.get(role) if role else iam._users.get(user)) or {}
    return record.get("PermissionsBoundary") or ""


def _kms_keys(
    action: str, parameters: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    yield "kms:CallerAccount", get_account_id()


def _rds_keys(
    action: str, parameters: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield the request's tags under RDS' own name, which is older than aws:RequestTag."""
    for name, value in known.items():
        if name.lower().startswith(_REQUEST_TAG):
            yield f"rds:req-tag/{name[len(_REQUEST_TAG) :]}", value


_KEYS: dict[str, Callable[..., Iterator[tuple[str, Any]]]] = {
    "cloudwatch": _cloudwatch_keys,
    "ecs": _ecs_keys,
    "iam": _iam_keys,
    "kms": _kms_keys,
    "rds": _rds_keys,
}


def _value(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


def _joined_organization(account: str) -> str | None:
    """Return the organization that the account is a member of; the emulator knows the one that it manages."""
    for (management, member), _ in list(organizations._accounts._data.items()):
        if member == account and (found := organizations._orgs.get_scoped(management, None, "self")):
            return str(found["Id"])
    return None


def _state_machine_tags() -> Iterator[tuple[str, list[dict[str, str]]]]:
    for arn, tags in stepfunctions._tags.items():
        yield arn, [{"Key": tag["key"], "Value": tag["value"]} for tag in tags]
