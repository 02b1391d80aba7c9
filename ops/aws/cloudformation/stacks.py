"""CloudFormation stacks: their state, the changes of a change set, and their events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, message, translated
from ops.aws.cloud import Cloud

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# The reasons of resources that failed only because another one did, as CloudFormation spells them.
CANCELLED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


@dataclass(frozen=True)
class StackSpec:
    """A stack to deploy: its template, parameters and target. `account` is an id."""

    name: str
    template_body: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...]
    account: str
    region: str


@dataclass(frozen=True)
class Stack:
    """A stack as it exists. `id` is its ARN; `updated` is None before the first update."""

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
    """The change of one resource in a change set. `replacement` is True, False or Conditional, or empty."""

    action: str
    logical_id: str
    kind: str
    physical_id: str
    replacement: str
    properties: tuple[str, ...]

    @property
    def is_destructive(self) -> bool:
        """Whether the change may delete the existing resource."""
        return self.action == "Remove" or self.replacement in ("True", "Conditional")

    @property
    def line(self) -> str:
        """The change in one line, such as `Modify Data (AWS::S3::Bucket), may be replaced`."""
        replaced = {"True": ", replaced", "Conditional": ", may be replaced"}.get(self.replacement, "")
        return f"{self.action} {self.logical_id} ({self.kind}){replaced}"


@dataclass(frozen=True)
class StackEvent:
    """An event of a stack; `own` is True if it concerns the stack itself, not one of its resources."""

    id: str
    at: datetime
    logical_id: str
    kind: str
    status: str
    reason: str
    own: bool

    @property
    def line(self) -> str:
        return f"{self.at:%H:%M:%S} {self.logical_id} {self.status} {self.reason}".rstrip()


def is_busy(status: str) -> bool:
    """Whether an operation is in progress. A stack in review contains only a change set."""
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def has_failed(status: str) -> bool:
    """Whether the last operation on a stack with this status failed."""
    return status.endswith("_FAILED") or "ROLLBACK" in status


def client_of(cloud: Cloud, account: str, region: str) -> "CloudFormationClient":
    client: CloudFormationClient = cloud.client("cloudformation", account, region)
    return client


def list_stacks(cloud: Cloud, account: str, region: str) -> list[Stack]:
    """Return the stacks of the account and region, sorted by name, without deleted ones."""
    client = client_of(cloud, account, region)
    with translated(f"Listing the stacks of {account} in {region}"):
        pages = client.get_paginator("describe_stacks").paginate()
        stacks = [_stack(item) for page in pages for item in page["Stacks"]]
    return sorted(stacks, key=lambda stack: stack.name)


def read_stack(cloud: Cloud, account: str, region: str, name_or_id: str) -> Stack | None:
    """Return the stack, or None if it does not exist. A deleted stack is found only by its id."""
    client = client_of(cloud, account, region)
    with translated(f"Reading the stack {name_or_id}"):
        try:
            return _stack(client.describe_stacks(StackName=name_or_id)["Stacks"][0])
        except ClientError as error:
            # CloudFormation returns the same code for invalid input, so the message decides.
            if code(error) == "ValidationError" and "does not exist" in message(error):
                return None
            raise


def read_template(cloud: Cloud, account: str, region: str, stack: str) -> Any:
    """Return the original template of the stack: an object for JSON, text for YAML."""
    with translated(f"Reading the template of {stack}"):
        client = client_of(cloud, account, region)
        return client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]


def read_changes(client: "CloudFormationClient", change_set: str) -> tuple[Change, ...]:
    """Return the resource changes of a change set, given by ARN."""
    with translated(f"Reading the change set {change_set}"):
        pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
        return tuple(
            _change(item["ResourceChange"])
            for page in pages
            for item in page["Changes"]
            if "ResourceChange" in item
        )


def events_after(client: "CloudFormationClient", stack_id: str, last: str) -> list[StackEvent]:
    """Return the stack's events after the one with the id `last`, oldest first; all for an empty id."""
    newest_first: list[StackEvent] = []
    with translated(f"Reading the events of {stack_id}"):
        for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            for item in page["StackEvents"]:
                if item["EventId"] == last:
                    return newest_first[::-1]
                newest_first.append(_event(item))
    return newest_first[::-1]


def first_failure(events: Iterable[StackEvent]) -> StackEvent | None:
    """Return the first failure of a resource, except those that were canceled because another one failed."""
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


def _event(item: Any) -> StackEvent:
    return StackEvent(
        id=item["EventId"],
        at=item["Timestamp"],
        logical_id=item.get("LogicalResourceId", ""),
        kind=item.get("ResourceType", ""),
        status=item.get("ResourceStatus", ""),
        reason=item.get("ResourceStatusReason", ""),
        own=item.get("PhysicalResourceId") == item["StackId"],
    )
