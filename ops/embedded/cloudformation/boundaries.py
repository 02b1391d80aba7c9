"""Permissions boundaries of the roles and users in stacks, which the emulator drops.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS",
    "ministack.services.iam._boundary_policy_error",
    "ministack.services.iam._roles",
    "ministack.services.iam._users",
)
_PROPERTY = "PermissionsBoundary"

Properties = Mapping[str, Any]


def install(context: OverlayContext) -> None:
    types = provisioners._RESOURCE_HANDLERS
    types["AWS::IAM::Role"] = _limited(types["AWS::IAM::Role"], iam._roles)
    types["AWS::IAM::User"] = _limited(types["AWS::IAM::User"], iam._users)


def of_request(properties: Properties) -> str:
    """Return the boundary that a resource has, or that the roles or users have whose policy it is."""
    if boundary := properties.get(_PROPERTY):
        return str(boundary)
    named = {"Roles": iam._roles, "Users": iam._users}
    records = [store.get(name) for key, store in named.items() for name in properties.get(key) or ()]
    boundaries = {(record or {}).get(_PROPERTY) or "" for record in records}
    return boundaries.pop() if len(boundaries) == 1 else ""


def _limited(emulated: dict[str, Any], records: Any) -> dict[str, Any]:
    def check(properties: Properties) -> None:
        if (boundary := properties.get(_PROPERTY)) and iam._boundary_policy_error(boundary):
            raise ValueError(f"Scope ARN: {boundary} does not exist or is not attachable.")

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        check(properties)
        created = emulated["create"](logical_id, properties, stack)
        records.get(created[0])[_PROPERTY] = properties.get(_PROPERTY)
        return created

    def update(id_: str, old: Properties, new: Properties, stack: str, *rest: Any, **more: Any) -> Any:
        check(new)
        updated = emulated["update"](id_, old, new, stack, *rest, **more)
        records.get(updated[0])[_PROPERTY] = new.get(_PROPERTY)
        return updated

    return {**emulated, "create": create, "update": update}
