"""CloudFormation acts with the permissions of its caller, or of the service role of the operation.

Each resource is checked before it is created, changed, or deleted; without the permissions, it fails, and the
stack is rolled back.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from ministack import app
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, helpers, provisioners, stacks

from ops.embedded.authority.stacks import UNKNOWN, Operation, StackResource, name_property, needed
from ops.embedded.cloudformation import boundaries
from ops.embedded.context import OverlayContext
from ops.embedded.iam import identity

SEAMS = (
    "ministack.app.AUTH",
    "ministack.services.cloudformation._stacks",
    "ministack.services.cloudformation.changesets._find_change_set",
    "ministack.services.cloudformation.handlers._ACTION_HANDLERS",
    "ministack.services.cloudformation.handlers._resolve_stack",
    "ministack.services.cloudformation.helpers._p",
    "ministack.services.cloudformation.provisioners._delete_resource",
    "ministack.services.cloudformation.provisioners._provision_resource",
    "ministack.services.cloudformation.provisioners._update_resource",
    "ministack.services.cloudformation.stacks._delete_resource",
    "ministack.services.cloudformation.stacks._provision_resource",
    "ministack.services.cloudformation.stacks._update_resource",
)
_OPERATIONS = (
    *("ContinueUpdateRollback", "CreateStack", "DeleteStack", "ExecuteChangeSet", "RollbackStack"),
    "UpdateStack",
)
_CONTEXT = {"aws:calledvia": ["cloudformation.amazonaws.com"], "aws:viaawsservice": "true"}

Properties = dict[str, Any]
# The access key of the caller of this request, or of the service role that acts instead. None: not checked.
acting: ContextVar[str | None] = ContextVar("acting", default=None)


def install(context: OverlayContext) -> None:
    actions = handlers._ACTION_HANDLERS
    for name in _OPERATIONS:
        actions[name] = partial(_as_role, actions[name])
    provision, update, delete = (
        provisioners._provision_resource,
        provisioners._update_resource,
        provisioners._delete_resource,
    )

    def provisioned(type_: str, logical_id: str, properties: Properties, stack: str) -> Any:
        _require("create", type_, f"{stack}-{logical_id}-{UNKNOWN}", properties)
        return provision(type_, logical_id, properties, stack)

    def updated(type_: str, id_: str, old: Properties, new: Properties, *rest: Any, **more: Any) -> Any:
        if old != new:
            _require("update", type_, id_, new, old)
        return update(type_, id_, old, new, *rest, **more)

    def deleted(type_: str, id_: str, properties: Properties, *rest: Any, **more: Any) -> Any:
        _require("delete", type_, id_, properties)
        return delete(type_, id_, properties, *rest, **more)

    for module in (provisioners, stacks):  # the emulator imports the functions by name
        module._provision_resource = provisioned
        module._update_resource = updated
        module._delete_resource = deleted


def _as_role(original: Callable[..., Any], request: Any) -> Any:
    """Perform the operation as its service role, if it has one: a stack keeps the role of an operation."""
    if not (app.AUTH and acting.get() and (role := _service_role(request))):
        return original(request)
    token = acting.set(identity.assume(role, "AWSCloudFormation").access_key_id)
    try:
        response = original(request)
    finally:
        acting.reset(token)
    stack = handlers._resolve_stack(helpers._p(request, "StackName"))
    if stack and helpers._p(request, "RoleARN"):
        stack["_role"] = role
    return response


def _service_role(request: Any) -> str:
    if role := helpers._p(request, "RoleARN"):
        return str(role)
    stack = handlers._resolve_stack(helpers._p(request, "StackName"))
    if name := helpers._p(request, "ChangeSetName"):
        _, change_set = changesets._find_change_set(name, helpers._p(request, "StackName"))
        if change_set and change_set.get("_role"):
            return str(change_set["_role"])
        stack = stack or cloudformation._stacks.get((change_set or {}).get("StackName", ""))
    return str((stack or {}).get("_role") or "")


def _require(
    operation: Operation, type_: str, name: str, properties: Properties, before: Properties | None = None
) -> None:
    """Raise ValueError, which fails the resource, if who acts lacks a permission for the operation."""
    key = acting.get()
    if not key:
        return
    named = str(properties.get(name_property(type_), "")) if operation == "create" else ""
    resource = StackResource(type_, named or name, properties, get_account_id(), get_region())
    keys = {**_CONTEXT, **_tags(properties)}
    if boundary := boundaries.of_request(properties):
        keys["iam:permissionsboundary"] = boundary
    for permission in needed(resource, operation, before):
        passed = {"iam:passedtoservice": permission.passed_to} if permission.passed_to else {}
        denial = identity.denial_of(key, permission.action, permission.resource, {**keys, **passed})
        if denial:
            service = permission.action.partition(":")[0]
            raise ValueError(
                f'Resource handler returned message: "{denial} (Service: {service}, Status Code: 403)" '
                "(HandlerErrorCode: AccessDenied)"
            )


def _tags(properties: Properties) -> Mapping[str, Any]:
    """Return the condition keys of the tags. A type that takes them as an object has its own tag actions."""
    tags = properties.get("Tags")
    listed = [tag for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    return {f"aws:requesttag/{tag.get('Key')}".lower(): tag.get("Value") for tag in listed}
