"""CloudFormation, read: which stacks there are and were, what is in them, which one holds a resource."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, message, translated
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.stacks import client_of


@dataclass(frozen=True)
class Listed:
    """A stack in the list: deleted ones stay in it for 90 days. `id` is its ARN."""

    name: str
    id: str
    status: str
    changed: datetime

    @property
    def gone(self) -> bool:
        return self.status == "DELETE_COMPLETE"


@dataclass(frozen=True)
class StackResource:
    """A resource of a stack. `kind` as CloudFormation names it."""

    logical_id: str
    kind: str
    physical_id: str


def list_all_stacks(cloud: Cloud, place: Place) -> tuple[Listed, ...]:
    """Every stack of the place, those that were deleted in the last 90 days as well."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Listing the stacks of {place.account.name} in {place.region}"):
        pages = client.get_paginator("list_stacks").paginate()
        return tuple(_listed(item) for page in pages for item in page["StackSummaries"])


def _listed(item: Any) -> Listed:
    changed = item.get("DeletionTime") or item.get("LastUpdatedTime") or item["CreationTime"]
    return Listed(item["StackName"], item["StackId"], item["StackStatus"], changed)


def list_resources(cloud: Cloud, place: Place, stack: str) -> tuple[StackResource, ...]:
    """What is in the stack, given by name or id."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Listing the resources of {stack}"):
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
        return tuple(
            StackResource(item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId", ""))
            for page in pages
            for item in page["StackResourceSummaries"]
        )


def find_stack_of(cloud: Cloud, place: Place, physical_id: str) -> tuple[str, str]:
    """Name and id of the stack that holds the resource now; empty where none does."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Looking for the stack of {physical_id}"):
        try:
            found = client.describe_stack_resources(PhysicalResourceId=physical_id)["StackResources"]
        except ClientError as error:
            # The only code that CloudFormation has for it; the words tell it from bad input.
            if code(error) == "ValidationError" and "does not exist" in message(error):
                return "", ""
            raise
    return (found[0]["StackName"], found[0]["StackId"]) if found else ("", "")


def is_protected(cloud: Cloud, place: Place, stack: str) -> bool:
    """Whether termination protection is on."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Reading the stack {stack}"):
        (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    return bool(found.get("EnableTerminationProtection"))


def unprotect(cloud: Cloud, place: Place, stack: str) -> None:
    """Turns termination protection off."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Turning the termination protection of {stack} off"):
        client.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
