"""CloudFormation as the engine needs it: one stack, what identifies its state, change sets on it."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from botocore.handlers import json_decode_template_body

from ops.functions.rollouts.aws import NotReady, TargetFailed, code, message, there
from ops.rollouts.rules.changes import Change
from ops.rollouts.rules.waves import Target

Record = dict[str, Any]

INLINE_TEMPLATE = 51_200  # bytes; a larger one is read from S3: CloudFormation User Guide, "quotas"
SHOWN = "****"  # how CloudFormation shows a NoEcho parameter
# CloudFormation has no code for "nothing to do": these are its two ways to say it.
NOTHING = ("didn't contain changes", "No updates are to be performed")
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
LEFTOVER = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")  # a creation failed: only deleting is possible


@dataclass(frozen=True)
class Snapshot:
    """A stack at a moment: all that makes it so again. `existed` is False where there was none."""

    existed: bool
    id: str = ""
    updated: str = ""
    status: str = ""
    template: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    role: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def equals(self, other: "Snapshot") -> bool:
        """The same template, byte by byte, parameters and tags."""
        return (self.template, self.parameters, self.tags) == (other.template, other.parameters, other.tags)


def client(target: Target) -> Any:
    return there("cloudformation", target.account, target.region)


def same_template(one: str, other: str) -> bool:
    """CloudFormation may drop the blanks around a template; everything in it counts."""
    return one.strip() == other.strip()


def describe(target: Target, id_: str = "") -> Record | None:
    """The stack by its name, or by its id also once it is deleted; None where there is none."""
    try:
        found: Record = client(target).describe_stacks(StackName=id_ or target.stack)["Stacks"][0]
    except ClientError as error:
        # The only code that CloudFormation has for it; the words tell it from bad input.
        if code(error) == "ValidationError" and "does not exist" in message(error):
            return None
        raise
    return found


def is_busy(stack: Record) -> bool:
    status = stack["StackStatus"]
    return bool(status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS")


def is_new(stack: Record | None) -> bool:
    """Whether nothing has been created yet: no stack, or one that holds a change set only."""
    return stack is None or stack["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")


def snapshot(target: Target, stack: Record | None) -> Snapshot:
    if stack is None or is_new(stack):
        return Snapshot(existed=False)
    return Snapshot(
        existed=True,
        id=stack["StackId"],
        updated=moment(stack),
        status=stack["StackStatus"],
        template=template_of(target, stack["StackId"]),
        parameters={p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", [])},
        tags={t["Key"]: t["Value"] for t in stack.get("Tags", [])},
        capabilities=list(stack.get("Capabilities", [])),
        role=stack.get("RoleARN", ""),
    )


def moment(stack: Record) -> str:
    """When the last operation on the stack began: another's operation changes it."""
    return str(stack.get("LastUpdatedTime") or stack["CreationTime"])


def template_of(target: Target, id_: str) -> str:
    """The template as it was given, byte by byte."""
    cfn = client(target)
    # boto3 would turn JSON into objects, which loses its bytes.
    cfn.meta.events.unregister("after-call.cloudformation.GetTemplate", json_decode_template_body)
    return str(cfn.get_template(StackName=id_, TemplateStage="Original")["TemplateBody"])


def declared(target: Target, template: Record) -> dict[str, bool]:
    """The template's parameters; True for those that are NoEcho."""
    summary = client(target).get_template_summary(**template)
    return {p["ParameterKey"]: bool(p.get("NoEcho")) for p in summary.get("Parameters", [])}


def template_argument(run: str, name: str, text: str) -> Record:
    """The template as a call takes it: by value where it is small, else from the engine's bucket."""
    if len(text.encode()) <= INLINE_TEMPLATE:
        return {"TemplateBody": text}
    region, suffix = os.environ["AWS_REGION"], os.environ["URL_SUFFIX"]
    return {"TemplateURL": f"https://s3.{region}.{suffix}/{os.environ['BUCKET']}/runs/{run}/templates/{name}"}


def propose(target: Target, name: str, *, creates: bool, **arguments: Any) -> Record | None:
    """The change set of that name, made where it is not there; None when it would change nothing.

    Raises NotReady while it is computed, TargetFailed when CloudFormation refuses it.
    """
    cfn = client(target)
    if not (found := change_set(target, name)):
        try:
            cfn.create_change_set(
                StackName=target.stack,
                ChangeSetName=name,
                ChangeSetType="CREATE" if creates else "UPDATE",
                **arguments,
            )
        except ClientError as error:
            if code(error) in ("ValidationError", "InsufficientCapabilitiesException"):
                raise TargetFailed(f"CloudFormation refuses the change: {message(error)}") from error
            raise
        found = change_set(target, name)
    if not found or found["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        raise NotReady(f"the change set {name} is being computed")
    if found["Status"] == "CREATE_COMPLETE":
        return found
    reason = found.get("StatusReason", "")
    if any(words in reason for words in NOTHING):
        cfn.delete_change_set(StackName=target.stack, ChangeSetName=found["ChangeSetId"])
        return None
    cfn.delete_change_set(StackName=target.stack, ChangeSetName=found["ChangeSetId"])
    raise TargetFailed(f"CloudFormation made no change set: {reason or found['Status']}")


def change_set(target: Target, name: str) -> Record | None:
    try:
        found: Record = client(target).describe_change_set(StackName=target.stack, ChangeSetName=name)
    except ClientError as error:
        gone = code(error) in ("ChangeSetNotFound", "ChangeSetNotFoundException")
        if gone or (code(error) == "ValidationError" and "does not exist" in message(error)):
            return None
        raise
    return found


def changes(target: Target, arn: str) -> list[Change]:
    pages = (
        client(target)
        .get_paginator("describe_change_set")
        .paginate(StackName=target.stack, ChangeSetName=arn)
    )
    found = [item["ResourceChange"] for page in pages for item in page["Changes"] if "ResourceChange" in item]
    return [
        Change(each["Action"], each["LogicalResourceId"], each["ResourceType"], each.get("Replacement", ""))
        for each in found
    ]


def execute(target: Target, arn: str) -> None:
    """Executes the change set; one that is executed already is left alone."""
    try:
        client(target).execute_change_set(StackName=target.stack, ChangeSetName=arn)
    except ClientError as error:
        if code(error) in ("InvalidChangeSetStatus", "InvalidChangeSetStatusException"):
            found = client(target).describe_change_set(StackName=target.stack, ChangeSetName=arn)
            if found.get("ExecutionStatus", "").startswith("EXECUTE_"):
                return
            raise TargetFailed(
                f"its change set is {found.get('ExecutionStatus')}: the stack was changed by somebody else"
            ) from error
        if code(error) in ("ChangeSetNotFound", "ChangeSetNotFoundException"):
            return  # what was executed is gone; how the stack stands is looked at next
        raise


def first_failure(target: Target, id_: str) -> str:
    """The resource that failed first in the last operation, and why."""
    failed = ""
    pages = client(target).get_paginator("describe_stack_events").paginate(StackName=id_)
    for event in (each for page in pages for each in page["StackEvents"]):  # newest first
        own = event.get("PhysicalResourceId") == event["StackId"]
        status = event.get("ResourceStatus", "")
        if own and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"):
            break
        reason = event.get("ResourceStatusReason", "")
        if own and status.endswith("ROLLBACK_IN_PROGRESS") and not failed:
            failed = reason
        if status.endswith("_FAILED") and not own and "cancelled" not in reason:
            failed = f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
    return failed or "CloudFormation does not say why"


def drifted(target: Target, id_: str, detection: str) -> tuple[str, list[str] | None]:
    """The id of a drift detection, begun where none is given, and what has drifted; None while it looks."""
    cfn = client(target)
    if not detection:
        detection = cfn.detect_stack_drift(StackName=id_)["StackDriftDetectionId"]
    found = cfn.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    if found["DetectionStatus"] == "DETECTION_IN_PROGRESS":
        return detection, None
    if found.get("StackDriftStatus") != "DRIFTED":
        return detection, []
    wanted = ["MODIFIED", "DELETED"]
    pages: Iterable[Any] = _drifts(cfn, id_, wanted)
    return detection, [each["LogicalResourceId"] for each in pages]


def _drifts(cfn: Any, id_: str, wanted: list[str]) -> Iterable[Any]:
    token: Record = {}
    while True:
        page = cfn.describe_stack_resource_drifts(
            StackName=id_, StackResourceDriftStatusFilters=wanted, **token
        )
        yield from page["StackResourceDrifts"]
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
