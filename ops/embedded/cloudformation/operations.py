"""CloudFormation's stack operations as rollouts need them, where the emulator leaves something out.

Rollback triggers are watched, and an alarm rolls the operation back; a stack keeps the role that it was
deployed with; a template may lie in another account's bucket.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_region, request_scope
from ministack.services import cloudformation, cloudwatch, s3
from ministack.services.cloudformation import changesets, handlers, helpers, stacks

from ops.embedded.context import Context

SEAMS = (
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

_KEPT = (
    "_resources",
    "_template",
    "_template_body",
    "_resolved_params",
    "_conditions",
    "Parameters",
    "Tags",
    "Outputs",
)


def install(context: Context) -> None:
    actions = handlers._ACTION_HANDLERS
    execute = actions["ExecuteChangeSet"]
    actions["ExecuteChangeSet"] = lambda request: _executed(execute, request)
    create = actions["CreateChangeSet"]
    actions["CreateChangeSet"] = lambda request: _created(create, request)
    describe = actions["DescribeStacks"]
    actions["DescribeStacks"] = lambda request: _described(describe, request)
    track = changesets._track_change_set_execution
    changesets._track_change_set_execution = lambda *arguments: _tracked(track, *arguments)
    changesets._resolve_props_for_diff = _resolved
    read = s3._get_object_data
    s3._get_object_data = lambda bucket, key, *rest, **more: (
        read(bucket, key, *rest, **more) or _anywhere(read, bucket, key)
    )


def _resolved(template: Record, parameters: Record, stack_name: str, stack_id: str) -> Record:
    """What a change set compares. The emulator resolves against no resource: one that names another's
    attribute seems the same to it, whatever a parameter or a condition makes of it."""
    there = cloudformation._stacks.get(stack_name, {}).get("_resources", {})
    conditions = changesets._evaluate_conditions(template, parameters) if template else {}
    found = {}
    for name, resource in template.get("Resources", {}).items():
        properties = copy.deepcopy(resource.get("Properties", {}))
        known = (there, parameters, conditions, template.get("Mappings", {}), stack_name, stack_id)
        try:
            properties = changesets._resolve_refs(properties, *known)
        except Exception:  # of whatever kind: it names a resource that is yet to be made
            properties = resource.get("Properties", {})
        found[name] = {**resource, "Properties": properties}
    return {"Resources": found}


def _created(original: Callable[..., Any], request: Any) -> Any:
    """The change set keeps what the emulator drops."""
    answer = original(request)
    if answer[0] == 200:
        name, stack = helpers._p(request, "ChangeSetName"), helpers._p(request, "StackName")
        _, change_set = changesets._find_change_set(name, stack)
        change_set["_role"] = helpers._p(request, "RoleARN")
        change_set["_triggers"] = list(_triggers(request))
    return answer


def _triggers(request: Any) -> Iterator[str]:
    number = 1
    while arn := helpers._p(request, f"RollbackConfiguration.RollbackTriggers.member.{number}.Arn"):
        yield arn
        number += 1


def _described(original: Callable[..., Any], request: Any) -> Any:
    status, headers, body = original(request)
    if status != 200:
        return status, headers, body
    text = body.decode() if isinstance(body, bytes) else body
    for stack in cloudformation._stacks.values():
        if role := stack.get("_role"):
            id_ = f"<StackId>{escape(stack['StackId'])}</StackId>"
            text = text.replace(id_, f"{id_}<RoleARN>{escape(role)}</RoleARN>")
    return status, headers, text.encode() if isinstance(body, bytes) else text


def _executed(original: Callable[..., Any], request: Any) -> Any:
    """Keeps the stack as it was: an alarm after the last resource brings it back."""
    name, stack_name = helpers._p(request, "ChangeSetName"), helpers._p(request, "StackName")
    _, change_set = changesets._find_change_set(name, stack_name)
    stack = change_set and cloudformation._stacks.get(change_set["StackName"])
    if stack and change_set.get("_triggers"):
        change_set["_before"] = copy.deepcopy({key: stack[key] for key in _KEPT if key in stack})
    return original(request)


async def _tracked(original: Callable[..., Any], change_set: Record, stack: Record, deploy: Any) -> None:
    """What was executed, and then undone where an alarm among the triggers is on."""
    stack["_role"] = change_set.get("_role") or stack.get("_role", "")
    await original(change_set, stack, deploy)
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return
    for arn in change_set.get("_triggers", []):
        alarm = _alarm(arn)
        if alarm is None or alarm["StateValue"] == "ALARM":
            name = arn.rpartition(":alarm:")[2]
            why = "was triggered" if alarm else "does not exist"
            change_set["ExecutionStatus"] = "EXECUTE_FAILED"
            await _roll_back(change_set, stack, f"Rollback trigger {name} {why}")
            return


async def _roll_back(change_set: Record, stack: Record, why: str) -> None:
    name, id_, before = stack["StackName"], stack["StackId"], change_set.get("_before", {})
    if change_set["ChangeSetType"] == "CREATE":
        operation = {"created": list(stack["_resources"]), "template": stack["_template"]}
        await stacks._roll_back_operation(name, id_, stack, operation, why)
        return
    kind, status = "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS"
    stacks._add_event(id_, name, name, kind, status, why, id_)
    stack["StackStatus"] = status
    now = copy.deepcopy({key: stack[key] for key in _KEPT if key in stack})
    await stacks._deploy_stack_async(
        name,
        id_,
        before["_template"],
        before["_resolved_params"],
        False,
        before.get("Tags", []),
        is_update=True,
        previous_stack=now,
    )
    stack.update({key: before[key] for key in _KEPT if key in before and key != "_resources"})
    stack["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
    stacks._add_event(id_, name, name, kind, stack["StackStatus"], physical_id=id_)


def _anywhere(read: Callable[..., Any], bucket: str, key: str) -> bytes | None:
    """CloudFormation and Lambda read what another account's bucket lets them."""
    for (account, name), _ in list(s3._buckets._data.items()):
        if name == bucket:
            with request_scope(account, get_region()):
                found: bytes | None = read(bucket, key)
                return found
    return None


def _alarm(arn: str) -> Any:
    name = arn.rpartition(":alarm:")[2]
    return cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
