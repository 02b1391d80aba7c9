"""The resources that a request is checked on: the emulator knows one for each, AWS checks the action on all.

Source: the Service Authorization Reference of each service.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ecs
from ministack.services.cloudformation import changesets

from ops.embedded.authority import reference

SEAMS = (
    "ministack.services.cloudformation.changesets._find_change_set",
    "ministack.services.ecs._resolve_td_key",
    "ministack.services.ecs._task_defs",
)

ANY = "*"
# Parameters of RDS that name a resource, and its type in ARNs.
_RDS = {
    "DBClusterIdentifier": "cluster",
    "DBClusterParameterGroupName": "cluster-pg",
    "DBClusterSnapshotIdentifier": "cluster-snapshot",
    "DBInstanceIdentifier": "db",
    "DBParameterGroupName": "pg",
    "DBSnapshotIdentifier": "snapshot",
    "DBSubnetGroupName": "subgrp",
    "OptionGroupName": "og",
    "SnapshotIdentifier": "cluster-snapshot",
    "SourceDBClusterSnapshotIdentifier": "cluster-snapshot",
    "SourceDBSnapshotIdentifier": "snapshot",
    "TargetDBClusterSnapshotIdentifier": "cluster-snapshot",
    "TargetDBSnapshotIdentifier": "snapshot",
}


def of_request(action: str, parameters: Mapping[str, Any], emulated: str) -> list[str]:
    """Return the ARNs of the request's resources. Without any that the action takes, it is checked on `*`.

    So a grant on a type of resource that the action does not take grants nothing.
    """
    service = action.partition(":")[0]
    if action == "iam:SimulatePrincipalPolicy":
        return [_text(parameters.get("PolicySourceArn", ""))]
    if service not in _RESOURCES or not reference.is_listed(action):
        return [emulated]
    named = _RESOURCES[service](action, parameters, emulated)
    return [arn for arn in dict.fromkeys(named) if reference.takes(action, arn)] or [ANY]


def _cloudformation(action: str, parameters: Mapping[str, Any], emulated: str) -> Iterator[str]:
    """Yield the stack; a change set is not a resource of its own, also if the request has its ARN only."""
    names = {name: _text(parameters.get(name, "")) for name in ("ChangeSetName", "StackName")}
    change_set = names["ChangeSetName"] and changesets._find_change_set(*names.values())[1]
    yield change_set["StackId"] if change_set else emulated


def _ecs(action: str, parameters: Mapping[str, Any], emulated: str) -> Iterator[str]:
    yield emulated
    if definition := parameters.get("taskDefinition"):
        registered = ecs._task_defs.get(ecs._resolve_td_key(definition)) or {}
        yield registered.get("taskDefinitionArn") or _arn("ecs", f"task-definition/{definition}")
    for task in [parameters["task"]] if "task" in parameters else parameters.get("tasks", []):
        cluster = (parameters.get("cluster") or "default").rpartition("/")[2]
        yield task if task.startswith("arn:") else _arn("ecs", f"task/{cluster}/{task}")


def _events(action: str, parameters: Mapping[str, Any], emulated: str) -> Iterator[str]:
    """Yield the rule: on the default bus, its ARN does not name the bus."""
    rule = parameters.get("Rule") or parameters.get("Name")
    if not rule:
        yield emulated
        return
    bus = (parameters.get("EventBusName") or "default").rpartition("/")[2]
    yield _arn("events", f"rule/{rule}" if bus == "default" else f"rule/{bus}/{rule}")


def _lambda(action: str, parameters: Mapping[str, Any], emulated: str) -> Iterator[str]:
    yield emulated
    if action == "lambda:CreateFunction":
        yield _arn("lambda", f"function:{parameters.get('FunctionName', '')}")


def _logs(action: str, parameters: Mapping[str, Any], emulated: str) -> Iterator[str]:
    yield emulated
    if ":destination:" in (destination := parameters.get("destinationArn") or ""):
        yield destination


def _rds(action: str, parameters: Mapping[str, Any], emulated: str) -> Iterator[str]:
    yield emulated
    for name, kind in _RDS.items():
        if text := _text(parameters.get(name, "")):
            yield text if text.startswith("arn:") else _arn("rds", f"{kind}:{text}")


def _text(value: Any) -> str:
    """Return a parameter, which is a list of one in the Query protocol."""
    return str(value[0] if isinstance(value, list) and value else value or "")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{resource}"


_RESOURCES: dict[str, Callable[[str, Mapping[str, Any], str], Iterator[str]]] = {
    "cloudformation": _cloudformation,
    "ecs": _ecs,
    "events": _events,
    "lambda": _lambda,
    "logs": _logs,
    "rds": _rds,
}
