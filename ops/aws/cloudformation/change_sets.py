"""Change sets: created from a staged template, read, and deleted again."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws.calls import code, message, translated
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import stacks as cfn
from ops.aws.cloudformation.operations import POLL_INTERVAL_S, delete_stack, follow
from ops.aws.cloudformation.stacks import Change, Stack, StackSpec
from ops.errors import NotFound, StackFailed
from ops.plan import READY, Check, Readiness, ReportProgress

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

CHANGE_SET_TIMEOUT_S = 300.0  # for CloudFormation to create a change set
# CloudFormation has no error code for a change set without changes, only these two reasons.
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
BOUNDARY = "PermissionsBoundary"  # the parameter of the templates whose stacks have roles
CREATE_ACTIONS = (
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStacks",
)
EXECUTE_ACTIONS = (
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
)
DISCARD_ACTIONS = (
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ListChangeSets",
)


@dataclass(frozen=True)
class Preview:
    """The changes of a change set. `change_set` is its ARN, empty if the stack is up to date."""

    spec: StackSpec
    change_set: str
    creates: bool
    changes: tuple[Change, ...]

    @property
    def up_to_date(self) -> bool:
        return not self.change_set

    @property
    def destructive_changes(self) -> tuple[Change, ...]:
        """The changes that delete or replace an existing resource."""
        return tuple(change for change in self.changes if change.is_destructive)

    @property
    def summary(self) -> str:
        """The number of changes by what they do to a resource, such as `2 added, 1 replaced`."""

        def count(matches: Callable[[Change], bool]) -> int:
            return sum(matches(change) for change in self.changes)

        counts = {
            "added": count(lambda change: change.action == "Add"),
            "modified": count(lambda change: change.action == "Modify" and not change.is_destructive),
            "replaced": count(lambda change: change.action == "Modify" and change.is_destructive),
            "removed": count(lambda change: change.action == "Remove"),
        }
        return ", ".join(f"{number} {action}" for action, number in counts.items() if number)


def change_set_name(spec: StackSpec) -> str:
    """Return a name derived from the spec, so that the same spec finds its change set again."""
    content = [spec.template_body, dict(spec.parameters), dict(spec.tags), sorted(spec.capabilities)]
    return f"slipway-{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]}"


def create_change_set(cloud: Cloud, spec: StackSpec, template_url: str, say: ReportProgress) -> Preview:
    """Create the change set of the spec, and return its changes. A new stack gets one of type CREATE.

    Without `template_url`, the template is sent in the request, which takes 51,200 bytes.
    Raises StackFailed if CloudFormation rejects it, after deleting it and the empty stack that it made.
    """
    client = cfn.client_of(cloud, spec.account, spec.region)
    stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
    creates = _is_new(stack)
    name = change_set_name(spec)
    say("creating the change set")
    with translated(f"Creating a change set for {spec.name}"):
        _delete_change_set(client, spec.name, name)
        change_set = client.create_change_set(
            StackName=spec.name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if creates else "UPDATE",
            **({"TemplateURL": template_url} if template_url else {"TemplateBody": spec.template_body}),  # type: ignore[arg-type]
            Parameters=[*_parameters(cloud, spec, stack)],
            Tags=[{"Key": k, "Value": v} for k, v in spec.tags.items()],
            Capabilities=list(spec.capabilities),  # type: ignore[arg-type]
        )["Id"]
        reason = _wait_until_created(client, change_set)
    if reason is None:
        return Preview(spec, change_set, creates=creates, changes=cfn.read_changes(client, change_set))
    if any(text in reason for text in NO_CHANGES):
        with translated(f"Deleting the empty change set of {spec.name}"):
            client.delete_change_set(ChangeSetName=change_set)
        return Preview(spec, "", creates=False, changes=())
    discard_change_set(cloud, spec, say)
    raise StackFailed(
        f"Cannot create a change set for {spec.name}: {reason}",
        hint="Nothing was changed. Fix the reported problem and retry.",
    )


def _parameters(cloud: Cloud, spec: StackSpec, stack: Stack | None) -> Iterator["ParameterTypeDef"]:
    """Yield the parameters of the spec, and the permissions boundary if the template has one.

    A deployed boundary remains if the settings have none: only a change in the settings replaces it.
    """
    for name, value in spec.parameters.items():
        yield {"ParameterKey": name, "ParameterValue": value}
    if BOUNDARY in spec.parameters or BOUNDARY not in json.loads(spec.template_body).get("Parameters", {}):
        return
    if policy := cloud.settings.permissions_boundary:
        partition = cfn.client_of(cloud, spec.account, spec.region).meta.partition
        arn = f"arn:{partition}:iam::{spec.account}:policy/{policy}"
        yield {"ParameterKey": BOUNDARY, "ParameterValue": arn}
    elif stack and BOUNDARY in stack.parameters:
        yield {"ParameterKey": BOUNDARY, "UsePreviousValue": True}


def _is_new(stack: Stack | None) -> bool:
    return stack is None or stack.status == "REVIEW_IN_PROGRESS"


def _wait_until_created(client: "CloudFormationClient", change_set: str) -> str | None:
    """Return why CloudFormation did not create the change set; None once it is created."""
    deadline = time.monotonic() + CHANGE_SET_TIMEOUT_S
    while True:
        description = client.describe_change_set(ChangeSetName=change_set)
        status, reason = description["Status"], description.get("StatusReason", "")
        if status == "CREATE_COMPLETE":
            return None
        if status == "FAILED" or time.monotonic() > deadline:
            return reason or status
        time.sleep(POLL_INTERVAL_S)


def discard_change_set(cloud: Cloud, spec: StackSpec, say: ReportProgress) -> None:
    """Delete the change set of the spec, and its stack if that has never had a resource.

    Such a stack, in REVIEW_IN_PROGRESS, is kept if it has another change set, which somebody else created.
    """
    client = cfn.client_of(cloud, spec.account, spec.region)
    with translated(f"Discarding the change set of {spec.name}"):
        _delete_change_set(client, spec.name, change_set_name(spec))
        stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
        if not stack or stack.status != "REVIEW_IN_PROGRESS" or _has_change_set(client, stack):
            return
    delete_stack(client, stack, say)


def _has_change_set(client: "CloudFormationClient", stack: Stack) -> bool:
    pages = client.get_paginator("list_change_sets").paginate(StackName=stack.name)
    return any(
        summary["StackId"] == stack.id and summary["Status"] != "DELETE_COMPLETE"
        for page in pages
        for summary in page["Summaries"]
    )


def _delete_change_set(client: "CloudFormationClient", stack: str, name: str) -> None:
    """Delete the change set if it and the stack exist."""
    try:
        client.delete_change_set(StackName=stack, ChangeSetName=name)
    except ClientError as error:
        if code(error) != "ChangeSetNotFound" and "does not exist" not in message(error):
            raise


def read_preview(cloud: Cloud, spec: StackSpec) -> Preview:
    """Return the changes of the spec's change set. Raises NotFound for a new stack without a change set."""
    client = cfn.client_of(cloud, spec.account, spec.region)
    stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
    creates = _is_new(stack)
    if arn := _find_change_set(client, spec) if stack else "":
        return Preview(spec, arn, creates=creates, changes=cfn.read_changes(client, arn))
    if creates:
        raise NotFound(f"{spec.name} has no change set.", hint="Create the preview first.")
    return Preview(spec, "", creates=False, changes=())


def _find_change_set(client: "CloudFormationClient", spec: StackSpec) -> str:
    """Return the ARN of the spec's change set; empty for none."""
    with translated(f"Reading the change set of {spec.name}"):
        try:
            description = client.describe_change_set(StackName=spec.name, ChangeSetName=change_set_name(spec))
        except ClientError as error:
            if code(error) == "ChangeSetNotFound":
                return ""
            raise
    return description["ChangeSetId"]


def check_executable(client: "CloudFormationClient", preview: Preview) -> Check:
    """Return DONE if the change set is executed, CHANGED if it no longer can be."""
    with translated(f"Reading the change set of {preview.spec.name}"):
        try:
            description = client.describe_change_set(ChangeSetName=preview.change_set)
        except ClientError as error:
            if code(error) == "ChangeSetNotFound":
                return Check(Readiness.CHANGED, "the change set no longer exists: create the preview again")
            raise
    execution = description.get("ExecutionStatus", "")
    if execution == "EXECUTE_COMPLETE":
        return Check(Readiness.DONE, "the change set is already executed")
    if execution != "AVAILABLE":
        return Check(Readiness.CHANGED, f"the change set is {execution}: create the preview again")
    return READY


def execute_change_set(client: "CloudFormationClient", preview: Preview, say: ReportProgress) -> None:
    """Execute the change set and wait until the operation completes. Raises StackFailed."""
    name = preview.spec.name
    with translated(f"Deploying {name}"):
        stack_id = client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        result = follow(
            client, stack_id, lambda: client.execute_change_set(ChangeSetName=preview.change_set), say
        )
    if not cfn.has_failed(result.status):
        return
    rolled_back = (
        "CloudFormation rolled the creation back; the next deployment deletes the empty stack first."
        if preview.creates
        else "CloudFormation rolled the stack back."
    )
    raise result.failure(
        name,
        hint=f"{rolled_back} Fix the reported problem and retry."
        if result.status.endswith("ROLLBACK_COMPLETE")
        else "The stack needs attention before its next update. Check its events in CloudFormation.",
    )
