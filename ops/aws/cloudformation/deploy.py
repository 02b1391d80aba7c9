"""Deployment of a stack: stage the template, preview a change set, execute it, wait until it completes.

Two plans: `plan_preview` creates a change set, which changes no resource of the stack; `plan_deploy` executes
the change set that `read_preview` shows.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws.calls import code, message, translated
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import stacks as cfn
from ops.aws.cloudformation.operations import POLL_INTERVAL_S, delete_stack, follow
from ops.aws.cloudformation.stacks import Change, Stack, StackSpec
from ops.aws.s3 import staging as s3
from ops.errors import Conflict, InputError, NotFound, StackFailed
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, ReportProgress, Resource, Step

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

MAX_TEMPLATE_BYTES = 1_048_576  # bytes, staged in S3: AWS CloudFormation User Guide, "quotas"
CHANGE_SET_TIMEOUT_S = 300.0  # for CloudFormation to create a change set
OLD_VERSIONS_DAYS = 30
FAILED_CREATION = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")  # such a stack can only be deleted
# CloudFormation has no error code for a change set without changes, only these two reasons.
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Upload:
    """An object that the stack needs in the staging bucket, such as the code of a function."""

    key: str
    body: bytes


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


def staging_bucket(account: str, region: str) -> str:
    """Return the name of the bucket for templates and code, one per account and region."""
    return f"slipway-staging-{account}-{region}"


def change_set_name(spec: StackSpec) -> str:
    """Return a name derived from the spec, so that the same spec finds its change set again."""
    content = [spec.template_body, dict(spec.parameters), dict(spec.tags), sorted(spec.capabilities)]
    return f"slipway-{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]}"


def plan_preview(cloud: Cloud, spec: StackSpec, uploads: tuple[Upload, ...]) -> Plan:
    """Plan to create a change set of the staged template. Raises InputError if the template is too large."""
    body = spec.template_body.encode()
    if len(body) > MAX_TEMPLATE_BYTES:
        raise InputError(
            f"The template of {spec.name} is too large: {len(body):,} bytes.",
            hint=f"CloudFormation accepts up to {MAX_TEMPLATE_BYTES:,} bytes. Split the stack.",
        )
    bucket = staging_bucket(spec.account, spec.region)
    template = Upload(f"templates/{hashlib.sha256(body).hexdigest()[:16]}.json", body)
    steps = (
        _bucket_step(cloud, spec, bucket),
        _upload_step(cloud, spec, bucket, (template, *uploads)),
        _failed_creation_step(cloud, spec),
        _change_set_step(cloud, spec, f"https://{_s3_host(spec.region)}/{bucket}/{template.key}"),
    )
    return Plan(f"Prepare {spec.name}", steps, Operation.PREPARE_STACK)


def _s3_host(region: str) -> str:
    return f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _resource(spec: StackSpec, resource_type: str, id_: str) -> Resource:
    return Resource(resource_type, id_, spec.account, spec.region)


def _bucket_step(cloud: Cloud, spec: StackSpec, bucket: str) -> Step:
    client = s3.client_of(cloud, spec.account, spec.region)

    def check() -> Check:
        exists = s3.is_private_bucket(client, bucket, spec.account)
        return Check(Readiness.DONE, "it already exists") if exists else READY

    return Step(
        id="bucket",
        does="Create the staging bucket",
        resource=_resource(spec, "AWS::S3::Bucket", bucket),
        act=lambda say: s3.create_private_bucket(
            client, bucket, spec.region, keep_old_versions_days=OLD_VERSIONS_DAYS
        ),
        parameters={"bucket": bucket, "keep_old_versions_days": str(OLD_VERSIONS_DAYS)},
        check=check,
        evidence="CloudFormation reads templates over 51,200 bytes only from S3",
        actions=(
            "s3:ListBucket",
            "s3:CreateBucket",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketVersioning",
            "s3:GetLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
        ),
    )


def _upload_step(cloud: Cloud, spec: StackSpec, bucket: str, uploads: tuple[Upload, ...]) -> Step:
    client = s3.client_of(cloud, spec.account, spec.region)

    def act(say: ReportProgress) -> None:
        for upload in uploads:
            wrote = s3.put_if_different(client, bucket, upload.key, upload.body)
            say(f"{upload.key}: {'uploaded' if wrote else 'already up to date'}")

    return Step(
        id="upload",
        does=f"Upload the template{f' and {len(uploads) - 1} more' if len(uploads) > 1 else ''}",
        resource=_resource(spec, "AWS::S3::Bucket", bucket),
        act=act,
        parameters={"bucket": bucket, "keys": ", ".join(upload.key for upload in uploads)},
        needs=("bucket",),
        actions=("s3:GetObject", "s3:PutObject"),
    )


def _failed_creation_step(cloud: Cloud, spec: StackSpec) -> Step:
    """Return the step that deletes a stack whose creation failed, because CloudFormation cannot update it."""
    client = cfn.client_of(cloud, spec.account, spec.region)

    def check() -> Check:
        stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
        if stack and stack.busy:
            raise Conflict(
                f"Cannot deploy {spec.name}: an operation is in progress ({stack.status}).",
                hint="Wait until it completes, then retry.",
            )
        if stack and stack.status in FAILED_CREATION:
            return READY
        return Check(Readiness.DONE, "no failed creation to delete")

    def act(say: ReportProgress) -> None:
        stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
        if stack and stack.status in FAILED_CREATION:
            delete_stack(client, stack, say)

    return Step(
        id="leftover",
        does="Delete the stack if its creation failed earlier",
        resource=_resource(spec, "AWS::CloudFormation::Stack", spec.name),
        act=act,
        parameters={"stack": spec.name, "only_if": ", ".join(FAILED_CREATION)},
        check=check,
        evidence="Only in ROLLBACK_COMPLETE or ROLLBACK_FAILED: the stack was never created successfully",
        actions=(
            "cloudformation:DescribeStacks",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeStackEvents",
        ),
    )


def _change_set_step(cloud: Cloud, spec: StackSpec, template_url: str) -> Step:
    client = cfn.client_of(cloud, spec.account, spec.region)

    def act(say: ReportProgress) -> None:
        stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
        say("creating the change set")
        _create_change_set(client, spec, template_url, creates=_is_new(stack))

    return Step(
        id="change-set",
        does="Create a change set to preview the changes",
        resource=_resource(spec, "AWS::CloudFormation::Stack", spec.name),
        act=act,
        needs=("upload", "leftover"),
        evidence="Changes no resource of the stack",
        parameters=spec.parameters,
        actions=(
            "cloudformation:CreateChangeSet",
            "cloudformation:DeleteChangeSet",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeStacks",
        ),
    )


def _is_new(stack: Stack | None) -> bool:
    return stack is None or stack.status == "REVIEW_IN_PROGRESS"


def _create_change_set(
    client: "CloudFormationClient", spec: StackSpec, template_url: str, *, creates: bool
) -> None:
    name = change_set_name(spec)
    with translated(f"Creating a change set for {spec.name}"):
        _delete_change_set(client, spec.name, name)
        change_set = client.create_change_set(
            StackName=spec.name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if creates else "UPDATE",
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in spec.parameters.items()],
            Tags=[{"Key": k, "Value": v} for k, v in spec.tags.items()],
            Capabilities=list(spec.capabilities),  # type: ignore[arg-type]
        )
        deadline = time.monotonic() + CHANGE_SET_TIMEOUT_S
        while True:
            description = client.describe_change_set(ChangeSetName=change_set["Id"])
            status, reason = description["Status"], description.get("StatusReason", "")
            if status == "CREATE_COMPLETE":
                return
            if status == "FAILED" and any(text in reason for text in NO_CHANGES):
                client.delete_change_set(ChangeSetName=change_set["Id"])
                return
            if status == "FAILED" or time.monotonic() > deadline:
                raise StackFailed(
                    f"Cannot create a change set for {spec.name}: {reason or status}",
                    hint="Nothing was changed. Fix the reported problem and retry.",
                )
            time.sleep(POLL_INTERVAL_S)


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


def plan_deploy(cloud: Cloud, preview: Preview) -> Plan:
    """Plan to execute the change set of the preview; no step if the stack is up to date."""
    spec = preview.spec
    title = f"Deploy {spec.name}"
    if preview.up_to_date:
        return Plan(title, (), Operation.DEPLOY_STACK)
    client = cfn.client_of(cloud, spec.account, spec.region)
    step = Step(
        id="execute",
        does=f"{'Create' if preview.creates else 'Update'} stack {spec.name}",
        resource=_resource(spec, "AWS::CloudFormation::Stack", spec.name),
        act=partial(_execute, client, preview),
        check=partial(_check_executable, client, preview),
        evidence=_counted(preview.changes),
        parameters=spec.parameters,
        actions=(
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
            "cloudformation:ExecuteChangeSet",
        ),
        destructive=bool(preview.destructive_changes),
    )
    return Plan(title, (step,), Operation.DEPLOY_STACK)


def _counted(changes: tuple[Change, ...]) -> str:
    def count(matches: Callable[[Change], bool]) -> int:
        return sum(matches(change) for change in changes)

    counts = {
        "added": count(lambda change: change.action == "Add"),
        "modified": count(lambda change: change.action == "Modify" and not change.is_destructive),
        "replaced": count(lambda change: change.action == "Modify" and change.is_destructive),
        "removed": count(lambda change: change.action == "Remove"),
    }
    return ", ".join(f"{number} {action}" for action, number in counts.items() if number)


def _check_executable(client: "CloudFormationClient", preview: Preview) -> Check:
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


def _execute(client: "CloudFormationClient", preview: Preview, say: ReportProgress) -> None:
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


def plan_discard(cloud: Cloud, preview: Preview) -> Plan:
    """Plan to delete the change set of a preview, and the empty stack of a creation that was not executed."""
    spec = preview.spec
    client = cfn.client_of(cloud, spec.account, spec.region)

    def act(say: ReportProgress) -> None:
        with translated(f"Discarding the change set of {spec.name}"):
            _delete_change_set(client, spec.name, change_set_name(spec))
        stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
        if preview.creates and stack and stack.status == "REVIEW_IN_PROGRESS":
            delete_stack(client, stack, say)

    step = Step(
        id="discard",
        does=f"Discard the change set of {spec.name}",
        resource=_resource(spec, "AWS::CloudFormation::Stack", spec.name),
        act=act,
        parameters={"change_set": change_set_name(spec)},
        actions=(
            "cloudformation:DeleteChangeSet",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
        ),
    )
    return Plan(f"Discard the preview of {spec.name}", (step,), Operation.DISCARD_CHANGES)


def plan_delete(cloud: Cloud, stack: Stack, account: str, region: str) -> Plan:
    """Plan to delete the stack, which its name must confirm, and wait until it is deleted."""
    client = cfn.client_of(cloud, account, region)

    def check() -> Check:
        current = cfn.read_stack(cloud, account, region, stack.name)
        if current is None:
            return Check(Readiness.DONE, "it no longer exists")
        if current.id != stack.id:
            return Check(Readiness.CHANGED, "another stack now has this name")
        return READY

    step = Step(
        id="delete",
        does=f"Delete stack {stack.name} and its resources",
        resource=Resource("AWS::CloudFormation::Stack", stack.name, account, region),
        act=lambda say: delete_stack(client, stack, say),
        parameters={"stack": stack.id},
        check=check,
        evidence=f"{stack.status.lower()}, created {stack.created:%Y-%m-%d}",
        actions=(
            "cloudformation:DeleteStack",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
        ),
        destructive=True,
    )
    return Plan(f"Delete {stack.name}", (step,), Operation.DELETE_STACK, confirm=stack.name)
