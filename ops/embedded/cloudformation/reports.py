"""What CloudFormation reports of stacks, where the emulator says something else, and exports in use.

A stack that was rolled back or deleted lists its resources as DELETE_COMPLETE. A parameter of an SSM type
shows the name of the parameter, and the value beside it. An export that another stack imports stays as it is.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, helpers, stacks

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.services.cloudformation._change_sets",
    "ministack.services.cloudformation._exports",
    "ministack.services.cloudformation._stack_events",
    "ministack.services.cloudformation._stacks",
    "ministack.services.cloudformation.changesets._find_change_set",
    "ministack.services.cloudformation.handlers._ACTION_HANDLERS",
    "ministack.services.cloudformation.handlers._imported_export_names",
    "ministack.services.cloudformation.handlers._resolve_stack",
    "ministack.services.cloudformation.stacks._resolve_stack_outputs",
)
GONE = ("ROLLBACK_COMPLETE", "DELETE_COMPLETE")
_STACK = "AWS::CloudFormation::Stack"
# Private characters around the name and the value of an SSM parameter in the emulator's XML.
_NAME, _VALUE, _END = "\ue000", "\ue001", "\ue002"
_SSM = re.compile(f"<ParameterValue>{_NAME}(.*?){_VALUE}(.*?){_END}</ParameterValue>", re.DOTALL)

Record = dict[str, Any]


def install(context: OverlayContext) -> None:
    actions = handlers._ACTION_HANDLERS
    for name in ("ListStackResources", "DescribeStackResources"):
        actions[name] = partial(_with_deleted, actions[name])
    actions["DescribeStacks"] = partial(_with_resolved, actions["DescribeStacks"], _described_stacks)
    actions["DescribeChangeSet"] = partial(
        _with_resolved, actions["DescribeChangeSet"], _described_change_set
    )
    outputs = stacks._resolve_stack_outputs
    stacks._resolve_stack_outputs = lambda *arguments: _keep_exports(outputs(*arguments), arguments[-1])


def _with_deleted(original: Callable[..., Any], request: Any) -> Any:
    stack = handlers._resolve_stack(helpers._p(request, "StackName"))
    if not stack or stack["StackStatus"] not in GONE or stack.get("_resources"):
        return original(request)
    stack["_resources"] = dict(_deleted(stack["StackId"]))
    try:
        return original(request)
    finally:
        stack["_resources"] = {}


def _deleted(stack_id: str) -> Iterator[tuple[str, Record]]:
    """Yield each resource that the stack once had, from its events."""
    for event in cloudformation._stack_events.get(stack_id, []):
        if event["ResourceType"] != _STACK or event.get("PhysicalResourceId") != stack_id:
            skipped = event["ResourceStatus"] == "DELETE_SKIPPED"
            yield (
                event["LogicalResourceId"],
                {
                    "PhysicalResourceId": event.get("PhysicalResourceId", ""),
                    "ResourceType": event["ResourceType"],
                    "ResourceStatus": "DELETE_SKIPPED" if skipped else "DELETE_COMPLETE",
                    "Timestamp": event["Timestamp"],
                },
            )


def _described_stacks(request: Any) -> list[Record]:
    return list(cloudformation._stacks.values())


def _described_change_set(request: Any) -> list[Record]:
    found = changesets._find_change_set(
        helpers._p(request, "ChangeSetName"), helpers._p(request, "StackName")
    )
    return [found[1]] if found[1] else []


def _with_resolved(
    original: Callable[..., Any], described: Callable[[Any], list[Record]], request: Any
) -> Any:
    """Show the name of an SSM parameter as its value, and what it was resolved to."""
    kept = []
    for record in described(request):
        resolved = record.get("_resolved_params") or {}
        for parameter in record.get("Parameters", []):
            name = (resolved.get(parameter["ParameterKey"]) or {}).get("SsmName")
            if name is not None and not parameter.get("NoEcho"):
                value = parameter["ParameterValue"]
                kept.append((parameter, value))
                parameter["ParameterValue"] = f"{_NAME}{name}{_VALUE}{value}{_END}"
    try:
        status, headers, body = original(request)
    finally:
        for parameter, value in kept:
            parameter["ParameterValue"] = value
    text = body.decode() if isinstance(body, bytes) else body
    shown = _SSM.sub(r"<ParameterValue>\1</ParameterValue><ResolvedValue>\2</ResolvedValue>", text)
    return status, headers, shown.encode() if isinstance(body, bytes) else shown


def _keep_exports(resolved: tuple[Any, Record], stack_id: str) -> tuple[Any, Record]:
    """Raise ValueError if the stack's exports collide with another's, or if one in use would change."""
    outputs, exports = resolved
    for name, export in cloudformation._exports.items():
        if export["StackId"] != stack_id:
            if name in exports:
                owner = export["StackId"].split("/")[1]
                raise ValueError(f"Export with name {name} is already exported by stack {owner}")
        elif name not in exports or exports[name]["Value"] != export["Value"]:
            if users := _importers(name):
                change = "updated" if name in exports else "deleted"
                raise ValueError(f"Export {name} cannot be {change} as it is in use by {', '.join(users)}")
    return outputs, exports


def _importers(export: str) -> list[str]:
    return sorted(
        name
        for name, stack in cloudformation._stacks.items()
        if stack["StackStatus"] not in GONE and export in handlers._imported_export_names(stack, name)
    )
