"""CloudFormation's stack operations as rollouts use them, where the emulator is incomplete.

Alarms among the rollback triggers roll an operation back, a stack keeps the role of its deployment and the
keys of its SSM parameters, and a template may be in another account's bucket.
"""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_region, request_scope
from ministack.services import cloudformation, cloudwatch, s3
from ministack.services.cloudformation import changesets, handlers, helpers, stacks

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.services.cloudformation._change_sets",
    "ministack.services.cloudformation._stacks",
    "ministack.services.cloudformation.changesets._evaluate_conditions",
    "ministack.services.cloudformation.changesets._find_change_set",
    "ministack.services.cloudformation.changesets._resolve_props_for_diff",
    "ministack.services.cloudformation.changesets._resolve_refs",
    "ministack.services.cloudformation.changesets._track_change_set_execution",
    "ministack.services.cloudformation.handlers._ACTION_HANDLERS",
    "ministack.services.cloudformation.helpers._p",
    "ministack.services.cloudformation.stacks._add_event",
    "ministack.services.cloudformation.stacks._deploy_stack_async",
    "ministack.services.cloudformation.stacks._roll_back_operation",
    "ministack.services.cloudwatch._alarms",
    "ministack.services.cloudwatch._composite_alarms",
    "ministack.services.s3._buckets",
    "ministack.services.s3._get_object_data",
)

Record = dict[str, Any]

_SNAPSHOT_KEYS = (
    "_resources",
    "_template",
    "_template_body",
    "_resolved_params",
    "_conditions",
    "Parameters",
    "Tags",
    "Outputs",
)


def install(context: OverlayContext) -> None:
    actions = handlers._ACTION_HANDLERS
    execute = actions["ExecuteChangeSet"]
    actions["ExecuteChangeSet"] = lambda request: _execute_change_set(execute, request)
    create = actions["CreateChangeSet"]
    actions["CreateChangeSet"] = lambda request: _create_change_set(create, request)
    describe = actions["DescribeStacks"]
    actions["DescribeStacks"] = lambda request: _describe_stacks(describe, request)
    track = changesets._track_change_set_execution
    changesets._track_change_set_execution = lambda *arguments: _track_execution(track, *arguments)
    changesets._resolve_props_for_diff = _resolve_properties
    read = s3._get_object_data
    s3._get_object_data = lambda bucket, key, *rest, **more: (
        read(bucket, key, *rest, **more) or _read_from_any_account(read, bucket, key)
    )


def _resolve_properties(template: Record, parameters: Record, stack_name: str, stack_id: str) -> Record:
    """Return the template that a change set compares, with its references resolved.

    The emulator does not resolve references to resources: to it, a property that refers to another resource's
    attribute never changes, even if a parameter or a condition changes its value.
    """
    deployed = cloudformation._stacks.get(stack_name, {}).get("_resources", {})
    conditions = changesets._evaluate_conditions(template, parameters) if template else {}
    resolved = {}
    for name, resource in template.get("Resources", {}).items():
        properties = copy.deepcopy(resource.get("Properties", {}))
        arguments = (deployed, parameters, conditions, template.get("Mappings", {}), stack_name, stack_id)
        try:
            properties = changesets._resolve_refs(properties, *arguments)
        except Exception:  # the exception varies: the property refers to a resource that does not exist yet
            properties = resource.get("Properties", {})
        resolved[name] = {**resource, "Properties": properties}
    return {"Resources": resolved}


def made_change_set(response: tuple[int, Any, str | bytes]) -> Record | None:
    """Return the change set that a response to CreateChangeSet names, or None if none was made."""
    status, _, body = response
    id_ = re.search("<Id>(.*?)</Id>", body.decode() if isinstance(body, bytes) else body)
    return cloudformation._change_sets.get(id_[1]) if status == 200 and id_ else None


def _create_change_set(original: Callable[..., Any], request: Any) -> Any:
    """Keep the role and the rollback triggers, which the emulator drops."""
    response = original(request)
    if change_set := made_change_set(response):
        change_set["_role"] = helpers._p(request, "RoleARN")
        change_set["_triggers"] = list(_triggers(request))
    return response


def _triggers(request: Any) -> Iterator[str]:
    number = 1
    while arn := helpers._p(request, f"RollbackConfiguration.RollbackTriggers.member.{number}.Arn"):
        yield arn
        number += 1


def _describe_stacks(original: Callable[..., Any], request: Any) -> Any:
    status, headers, body = original(request)
    if status != 200:
        return status, headers, body
    text = body.decode() if isinstance(body, bytes) else body
    for stack in cloudformation._stacks.values():
        start, id_, rest = text.partition(f"<StackId>{escape(stack['StackId'])}</StackId>")
        if id_:
            role = f"<RoleARN>{escape(stack['_role'])}</RoleARN>" if stack.get("_role") else ""
            parameters, end, rest = rest.partition("</Parameters>")
            parameters = _with_keys(parameters, stack.get("_resolved_params", {}))
            text = start + id_ + role + parameters + end + rest
    return status, headers, text.encode() if isinstance(body, bytes) else text


def _with_keys(text: str, parameters: Record) -> str:
    """Give an SSM parameter its key as the value, as AWS does; the emulator has the resolved one."""
    for name, parameter in parameters.items():
        if key := parameter.get("SsmName"):
            start = f"<ParameterKey>{escape(name)}</ParameterKey><ParameterValue>"
            resolved = escape(str(parameter["Value"]))
            text = text.replace(
                f"{start}{resolved}</ParameterValue>",
                f"{start}{escape(key)}</ParameterValue><ResolvedValue>{resolved}</ResolvedValue>",
            )
    return text


def _execute_change_set(original: Callable[..., Any], request: Any) -> Any:
    """Keep a snapshot of the stack: an alarm after the last resource restores it."""
    name, stack_name = helpers._p(request, "ChangeSetName"), helpers._p(request, "StackName")
    _, change_set = changesets._find_change_set(name, stack_name)
    stack = change_set and cloudformation._stacks.get(change_set["StackName"])
    if stack and change_set.get("_triggers"):
        change_set["_before"] = copy.deepcopy({key: stack[key] for key in _SNAPSHOT_KEYS if key in stack})
    return original(request)


async def _track_execution(
    original: Callable[..., Any], change_set: Record, stack: Record, deploy: Any
) -> None:
    """Execute the change set, and roll it back if an alarm among its triggers is in ALARM state."""
    stack["_role"] = change_set.get("_role") or stack.get("_role", "")
    await original(change_set, stack, deploy)
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return
    for arn in change_set.get("_triggers", []):
        alarm = _alarm(arn)
        if alarm is None or alarm["StateValue"] == "ALARM":
            name = arn.rpartition(":alarm:")[2]
            problem = "was triggered" if alarm else "does not exist"
            change_set["ExecutionStatus"] = "EXECUTE_FAILED"
            await _roll_back(change_set, stack, f"Rollback trigger {name} {problem}")
            return


async def _roll_back(change_set: Record, stack: Record, reason: str) -> None:
    name, id_, previous = stack["StackName"], stack["StackId"], change_set.get("_before", {})
    if change_set["ChangeSetType"] == "CREATE":
        operation = {"created": list(stack["_resources"]), "template": stack["_template"]}
        await stacks._roll_back_operation(name, id_, stack, operation, reason)
        return
    resource_type, status = "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS"
    stacks._add_event(id_, name, name, resource_type, status, reason, id_)
    stack["StackStatus"] = status
    current = copy.deepcopy({key: stack[key] for key in _SNAPSHOT_KEYS if key in stack})
    await stacks._deploy_stack_async(
        name,
        id_,
        previous["_template"],
        previous["_resolved_params"],
        False,
        previous.get("Tags", []),
        is_update=True,
        previous_stack=current,
    )
    stack.update({key: previous[key] for key in _SNAPSHOT_KEYS if key in previous and key != "_resources"})
    stack["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
    stacks._add_event(id_, name, name, resource_type, stack["StackStatus"], physical_id=id_)


def _read_from_any_account(read: Callable[..., Any], bucket: str, key: str) -> bytes | None:
    """Read an object of another account's bucket, as CloudFormation and Lambda may."""
    for (account, name), _ in list(s3._buckets._data.items()):
        if name == bucket:
            with request_scope(account, get_region()):
                data: bytes | None = read(bucket, key)
                return data
    return None


def _alarm(arn: str) -> Any:
    name = arn.rpartition(":alarm:")[2]
    return cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
