"""CloudFormation, read: stacks, the changes that a change set holds, events and what failed first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, message, translated
from ops.aws.cloud import Cloud

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# What CloudFormation writes on resources that failed only because another one did.
CANCELLED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


@dataclass(frozen=True)
class StackSpec:
    """A stack as it is wanted. `account` is an id."""

    name: str
    template_body: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...]
    account: str
    region: str


@dataclass(frozen=True)
class Stack:
    """A stack as it is. `id` is its ARN; `updated` is None before the first update."""

    name: str
    id: str
    status: str
    status_reason: str
    description: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    created: datetime
    updated: datetime | None

    @property
    def busy(self) -> bool:
        return is_busy(self.status)

    @property
    def failed(self) -> bool:
        return has_failed(self.status)


@dataclass(frozen=True)
class Change:
    """What a change set does to one resource. `replacement` is AWS's word, or empty."""

    action: str
    logical_id: str
    kind: str
    physical_id: str
    replacement: str
    properties: tuple[str, ...]

    @property
    def loses(self) -> bool:
        """Whether the resource that there is now may be gone afterwards."""
        return self.action == "Remove" or self.replacement in ("True", "Conditional")


@dataclass(frozen=True)
class Event:
    """Something that befell a resource; `own` when it is the stack itself, not a resource in it."""

    id: str
    at: datetime
    logical_id: str
    kind: str
    status: str
    reason: str
    own: bool

    @property
    def words(self) -> str:
        return f"{self.at:%H:%M:%S} {self.logical_id} {self.status} {self.reason}".rstrip()


def is_busy(status: str) -> bool:
    """Whether a stack of that status is being worked on; one in review holds a change set only."""
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def has_failed(status: str) -> bool:
    """Whether the last thing done to a stack of that status went wrong."""
    return status.endswith("_FAILED") or "ROLLBACK" in status


def client_of(cloud: Cloud, account: str, region: str) -> "CloudFormationClient":
    client: CloudFormationClient = cloud.client("cloudformation", account, region)
    return client


def list_stacks(cloud: Cloud, account: str, region: str) -> list[Stack]:
    """Every stack of the account and region that is not deleted, by name."""
    client = client_of(cloud, account, region)
    with translated(f"Listing the stacks of {account} in {region}"):
        pages = client.get_paginator("describe_stacks").paginate()
        found = [_stack(item) for page in pages for item in page["Stacks"]]
    return sorted(found, key=lambda stack: stack.name)


def read_stack(cloud: Cloud, account: str, region: str, name_or_id: str) -> Stack | None:
    """The stack; None where there is none. By its id a deleted one is found as well."""
    client = client_of(cloud, account, region)
    with translated(f"Reading the stack {name_or_id}"):
        try:
            return _stack(client.describe_stacks(StackName=name_or_id)["Stacks"][0])
        except ClientError as error:
            # The only code that CloudFormation has for it; the words tell it from bad input.
            if code(error) == "ValidationError" and "does not exist" in message(error):
                return None
            raise


def read_template(cloud: Cloud, account: str, region: str, stack: str) -> Any:
    """The stack's template as it was given: an object for JSON, else text."""
    with translated(f"Reading the template of {stack}"):
        client = client_of(cloud, account, region)
        return client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]


def read_changes(client: "CloudFormationClient", change_set: str) -> tuple[Change, ...]:
    """The changes of a change set, given by ARN."""
    with translated(f"Reading the change set {change_set}"):
        pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
        return tuple(
            _change(item["ResourceChange"])
            for page in pages
            for item in page["Changes"]
            if "ResourceChange" in item
        )


def events_after(client: "CloudFormationClient", stack_id: str, last: str) -> list[Event]:
    """The stack's events that came after the one with the id `last`, oldest first; all for an empty id."""
    found: list[Event] = []
    with translated(f"Reading the events of {stack_id}"):
        for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            for item in page["StackEvents"]:
                if item["EventId"] == last:
                    return found[::-1]
                found.append(_event(item))
    return found[::-1]


def first_failure(events: Iterable[Event]) -> Event | None:
    """The resource that failed by itself: the first in time, not those that were cancelled with it."""
    return next(
        (
            event
            for event in events
            if event.status.endswith("_FAILED") and not event.own and not event.reason.startswith(CANCELLED)
        ),
        None,
    )


def _stack(item: Any) -> Stack:
    return Stack(
        name=item["StackName"],
        id=item["StackId"],
        status=item["StackStatus"],
        status_reason=item.get("StackStatusReason", ""),
        description=item.get("Description", ""),
        outputs={o["OutputKey"]: o["OutputValue"] for o in item.get("Outputs", [])},
        parameters={p["ParameterKey"]: p.get("ParameterValue", "") for p in item.get("Parameters", [])},
        tags={t["Key"]: t["Value"] for t in item.get("Tags", [])},
        created=item["CreationTime"],
        updated=item.get("LastUpdatedTime"),
    )


def _change(item: Any) -> Change:
    properties = {
        detail["Target"]["Name"]
        for detail in item.get("Details", [])
        if detail.get("Target", {}).get("Attribute") == "Properties" and "Name" in detail["Target"]
    }
    return Change(
        action=item["Action"],
        logical_id=item["LogicalResourceId"],
        kind=item["ResourceType"],
        physical_id=item.get("PhysicalResourceId", ""),
        replacement=item.get("Replacement", ""),
        properties=tuple(sorted(properties)),
    )


def _event(item: Any) -> Event:
    return Event(
        id=item["EventId"],
        at=item["Timestamp"],
        logical_id=item.get("LogicalResourceId", ""),
        kind=item.get("ResourceType", ""),
        status=item.get("ResourceStatus", ""),
        reason=item.get("ResourceStatusReason", ""),
        own=item.get("PhysicalResourceId") == item["StackId"],
    )
