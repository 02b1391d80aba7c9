"""The CloudFormation operations of the controller: one stack, its recorded state, and its change sets."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from botocore.handlers import json_decode_template_body

from ops.functions.rollouts.aws import NotReady, TargetFailed, error_code, error_message, target_client
from ops.functions.rollouts.recorded import RecordedStack
from ops.rollouts.rules.changes import STACK, ResourceChange
from ops.rollouts.rules.model import RolloutTarget
from ops.rollouts.rules.stateless import REPRODUCIBLE

Record = dict[str, Any]

INLINE_TEMPLATE = 51_200  # bytes; a larger one must be in S3: CloudFormation User Guide, "quotas"
MASKED_VALUE = "****"  # the value of a NoEcho parameter in CloudFormation's responses
# CloudFormation has no error code for an empty change set, only these two messages.
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
STABLE_STATUSES = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
# Such a stack can only be deleted: CloudFormation User Guide, "Stack status codes".
FAILED_CREATIONS = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")


def cloudformation(target: RolloutTarget) -> Any:
    return target_client("cloudformation", target.account, target.region)


def same_template(one: str, other: str) -> bool:
    """Compare templates without surrounding whitespace, which CloudFormation may strip."""
    return one.strip() == other.strip()


def describe(target: RolloutTarget, id_: str = "") -> Record | None:
    """Return the stack by name, or by id, which also finds a deleted one; None when it does not exist."""
    try:
        stack: Record = cloudformation(target).describe_stacks(StackName=id_ or target.stack)["Stacks"][0]
    except ClientError as error:
        # CloudFormation has no other code for it; only the message differs from that of invalid input.
        if error_code(error) == "ValidationError" and "does not exist" in error_message(error):
            return None
        raise
    return stack


def is_busy(stack: Record) -> bool:
    status = stack["StackStatus"]
    return bool(status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS")


def is_new(stack: Record | None) -> bool:
    """Return whether nothing was created yet: there is no stack, or only one with a change set."""
    return stack is None or stack["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")


def record_stack(target: RolloutTarget, stack: Record | None) -> RecordedStack:
    if stack is None or is_new(stack):
        return RecordedStack(existed=False)
    return RecordedStack(
        existed=True,
        id=stack["StackId"],
        updated=last_operation_time(stack),
        status=stack["StackStatus"],
        template=get_template(target, stack["StackId"]),
        parameters={p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", [])},
        tags={t["Key"]: t["Value"] for t in stack.get("Tags", [])},
        capabilities=list(stack.get("Capabilities", [])),
        role=stack.get("RoleARN", ""),
        resolved={
            p["ParameterKey"]: p["ResolvedValue"] for p in stack.get("Parameters", []) if "ResolvedValue" in p
        },
        nested=dict(nested_templates(target, stack["StackId"], "")),
        triggers=list(stack.get("RollbackConfiguration", {}).get("RollbackTriggers", [])),
        monitoring_min=int(stack.get("RollbackConfiguration", {}).get("MonitoringTimeInMinutes", 0)),
        notifications=list(stack.get("NotificationARNs", [])),
        protected=bool(stack.get("EnableTerminationProtection", False)),
        policy=get_policy(target, stack["StackId"]),
    )


def get_policy(target: RolloutTarget, id_: str) -> str:
    """Return the stack policy; empty when there is none."""
    return str(cloudformation(target).get_stack_policy(StackName=id_).get("StackPolicyBody", ""))


def nested_templates(target: RolloutTarget, id_: str, inside: str) -> Iterator[tuple[str, str]]:
    """Yield the templates of the nested stacks, each with the path of its logical ids."""
    pages = cloudformation(target).get_paginator("list_stack_resources").paginate(StackName=id_)
    for resource in (item for page in pages for item in page["StackResourceSummaries"]):
        nested = resource.get("PhysicalResourceId", "")
        if resource["ResourceType"] == STACK and nested and resource["ResourceStatus"] != "DELETE_COMPLETE":
            path = inside + resource["LogicalResourceId"]
            yield path, get_template(target, nested)
            yield from nested_templates(target, nested, f"{path}/")


def last_operation_time(stack: Record) -> str:
    """Return when the last operation on the stack started; it changes with every operation."""
    return str(stack.get("LastUpdatedTime") or stack["CreationTime"])


def get_template(target: RolloutTarget, id_: str) -> str:
    """Return the original template, byte for byte."""
    cfn = cloudformation(target)
    # By default, boto3 parses a JSON template, which loses its formatting.
    cfn.meta.events.unregister("after-call.cloudformation.GetTemplate", json_decode_template_body)
    return str(cfn.get_template(StackName=id_, TemplateStage="Original")["TemplateBody"])


def declared_parameters(target: RolloutTarget, template: Record) -> dict[str, Record]:
    """Return the parameters that the template declares, or that of the stack `StackName`."""
    summary = cloudformation(target).get_template_summary(**template)
    return {parameter["ParameterKey"]: parameter for parameter in summary.get("Parameters", [])}


def template_argument(run: str, name: str, text: str) -> Record:
    """Return the template as an argument: inline when it is small, otherwise in the controller's bucket."""
    if len(text.encode()) <= INLINE_TEMPLATE:
        return {"TemplateBody": text}
    region, suffix = os.environ["AWS_REGION"], os.environ["URL_SUFFIX"]
    return {"TemplateURL": f"https://s3.{region}.{suffix}/{os.environ['BUCKET']}/runs/{run}/templates/{name}"}


def create_change_set(target: RolloutTarget, name: str, *, creates: bool, **arguments: Any) -> Record | None:
    """Return the change set of that name, created if necessary; None when it would change nothing.

    Raises NotReady during its creation, and TargetFailed when CloudFormation rejects it.
    """
    cfn = cloudformation(target)
    if not (change_set := find_change_set(target, name)):
        try:
            cfn.create_change_set(
                StackName=target.stack,
                ChangeSetName=name,
                ChangeSetType="CREATE" if creates else "UPDATE",
                **arguments,
            )
        except ClientError as error:
            if error_code(error) in ("ValidationError", "InsufficientCapabilitiesException"):
                raise TargetFailed(f"CloudFormation rejected the change: {error_message(error)}") from error
            raise
        change_set = find_change_set(target, name)
    if not change_set or change_set["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        raise NotReady(f"the change set {name} is being created")
    if change_set["Status"] == "CREATE_COMPLETE":
        return change_set
    reason = change_set.get("StatusReason", "")
    cfn.delete_change_set(StackName=target.stack, ChangeSetName=change_set["ChangeSetId"])
    if any(message in reason for message in NO_CHANGES):
        return None
    raise TargetFailed(f"CloudFormation could not create a change set: {reason or change_set['Status']}")


def find_change_set(target: RolloutTarget, name: str) -> Record | None:
    try:
        change_set: Record = cloudformation(target).describe_change_set(
            StackName=target.stack, ChangeSetName=name
        )
    except ClientError as error:
        gone = error_code(error) in ("ChangeSetNotFound", "ChangeSetNotFoundException")
        if gone or (error_code(error) == "ValidationError" and "does not exist" in error_message(error)):
            return None
        raise
    return change_set


def list_changes(target: RolloutTarget, arn: str) -> list[ResourceChange]:
    """Return the changes of the change set, and of the change sets of its nested stacks.

    A resource of a nested stack has the path of its logical ids: `Storage/Table`.
    """
    items = _change_items(target, {"StackName": target.stack, "ChangeSetName": arn})
    if items is None:
        raise TargetFailed("the change set was deleted or replaced outside this rollout")
    return list(_changes(target, items, ""))


def _change_items(target: RolloutTarget, arguments: Record) -> list[Record] | None:
    """Return the changes of one change set; None when it was not created."""
    paginator = cloudformation(target).get_paginator("describe_change_set")
    pages = list(paginator.paginate(**arguments))
    failed = pages[0]["Status"] != "CREATE_COMPLETE"
    if failed and not any(message in pages[0].get("StatusReason", "") for message in NO_CHANGES):
        return None
    return [item["ResourceChange"] for page in pages for item in page["Changes"] if "ResourceChange" in item]


def _changes(target: RolloutTarget, items: list[Record], inside: str) -> Iterable[ResourceChange]:
    for item in items:
        path, nested = inside + item["LogicalResourceId"], None
        if item["Action"] == "Modify" and (change_set := item.get("ChangeSetId")):
            nested = _change_items(target, {"ChangeSetName": change_set})
            yield from _changes(target, nested or [], f"{path}/")
        replacement = item.get("Replacement", "")
        yield ResourceChange(item["Action"], path, item["ResourceType"], replacement, read=nested is not None)


def execute(target: RolloutTarget, arn: str) -> None:
    """Execute the change set. Idempotent: nothing is done when its execution has started already."""
    try:
        cloudformation(target).execute_change_set(StackName=target.stack, ChangeSetName=arn)
    except ClientError as error:
        if error_code(error) in ("InvalidChangeSetStatus", "InvalidChangeSetStatusException"):
            change_set = cloudformation(target).describe_change_set(StackName=target.stack, ChangeSetName=arn)
            if change_set.get("ExecutionStatus", "").startswith("EXECUTE_"):
                return
            raise TargetFailed(
                f"the change set is {change_set.get('ExecutionStatus')}: the stack was changed outside this "
                "rollout"
            ) from error
        if error_code(error) in ("ChangeSetNotFound", "ChangeSetNotFoundException"):
            return  # an executed change set is deleted; the next step checks the stack
        raise


def data_in_new_stack(target: RolloutTarget, stack: Record) -> list[str]:
    """Return the resources of a stack that the rollout created which may have got data since then."""
    latest: dict[str, Record] = {}
    pages = cloudformation(target).get_paginator("describe_stack_events").paginate(StackName=stack["StackId"])
    for event in (item for page in pages for item in page["StackEvents"]):  # newest first
        if event.get("PhysicalResourceId") != event["StackId"]:
            latest.setdefault(event["LogicalResourceId"], event)
    return sorted(
        f"{name} ({event['ResourceType']})"
        for name, event in latest.items()
        if event["ResourceType"] not in REPRODUCIBLE and event["ResourceStatus"] != "DELETE_COMPLETE"
    )


def first_failure(target: RolloutTarget, id_: str) -> str:
    """Return the resource that failed first in the last operation, and why."""
    failed = ""
    pages = cloudformation(target).get_paginator("describe_stack_events").paginate(StackName=id_)
    for event in (item for page in pages for item in page["StackEvents"]):  # newest first
        own = event.get("PhysicalResourceId") == event["StackId"]
        status = event.get("ResourceStatus", "")
        if own and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"):
            break
        reason = event.get("ResourceStatusReason", "")
        if own and status.endswith("ROLLBACK_IN_PROGRESS") and not failed:
            failed = reason
        if status.endswith("_FAILED") and not own and "cancelled" not in reason:
            failed = f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
    return failed or "CloudFormation reported no reason"


def failed_rollbacks(target: RolloutTarget, id_: str) -> list[str]:
    """Return the logical ids of the resources that CloudFormation could not roll back."""
    pages = cloudformation(target).get_paginator("list_stack_resources").paginate(StackName=id_)
    return [
        resource["LogicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"] in ("UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED")
    ]


@dataclass(frozen=True)
class Drift:
    """The logical ids that have drifted, and why the drift of the stack is unknown, if it is."""

    drifted: list[str]
    unknown: str = ""


def detect_drift(target: RolloutTarget, id_: str, detection: str) -> tuple[str, Drift | None]:
    """Return the id of a drift detection, started if none is given, and the drift; None in progress."""
    cfn = cloudformation(target)
    if not detection:
        detection = cfn.detect_stack_drift(StackName=id_)["StackDriftDetectionId"]
    status = cfn.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    if status["DetectionStatus"] == "DETECTION_IN_PROGRESS":
        return detection, None
    unknown = ""
    if status["DetectionStatus"] == "DETECTION_FAILED":
        unknown = status.get("DetectionStatusReason") or "drift detection failed"
    if status.get("StackDriftStatus") != "DRIFTED" and not unknown:
        return detection, Drift([])
    # A detection that failed has results for the resources that it could check.
    drifts = _drifts(cfn, id_, ["MODIFIED", "DELETED"])
    return detection, Drift([drift["LogicalResourceId"] for drift in drifts], unknown)


def _drifts(cfn: Any, id_: str, statuses: list[str]) -> Iterable[Any]:
    token: Record = {}
    while True:
        page = cfn.describe_stack_resource_drifts(
            StackName=id_, StackResourceDriftStatusFilters=statuses, **token
        )
        yield from page["StackResourceDrifts"]
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
