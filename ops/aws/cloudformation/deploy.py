"""Deploys stacks: stage the template, see in a change set what will change, execute it, follow it to its end.

Two plans: `plan_preview` prepares and changes no resource of the stack, `plan_deploy` executes what
`read_preview` then shows.
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
from ops.aws.cloudformation.operations import LOOK_S, delete_stack, follow
from ops.aws.cloudformation.stacks import Change, Stack, StackSpec
from ops.aws.s3 import staging as s3
from ops.errors import Conflict, InputError, NotFound, StackFailed
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, ReportProgress, Resource, Step

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

MAXIMUM_TEMPLATE = 1_048_576  # bytes, staged in S3: AWS CloudFormation User Guide, "quotas"
CHANGE_SET_S = 300.0  # for a change set to be computed
OLD_VERSIONS_DAYS = 30
LEFTOVER = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")  # a creation failed: only deleting is possible
# CloudFormation has no code for "nothing to do": these are its two ways to say it.
NOTHING = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Upload:
    """An object that the stack needs in the staging bucket."""

    key: str
    body: bytes


@dataclass(frozen=True)
class Preview:
    """What executing would change. `change_set` is an ARN, empty when the stack is up to date."""

    spec: StackSpec
    change_set: str
    creates: bool
    changes: tuple[Change, ...]

    @property
    def up_to_date(self) -> bool:
        return not self.change_set

    @property
    def lost(self) -> tuple[Change, ...]:
        """The changes that remove or replace what there is."""
        return tuple(change for change in self.changes if change.loses)


def staging_bucket(account: str, region: str) -> str:
    """The bucket for templates and what stacks need, one an account and region."""
    return f"slipway-staging-{account}-{region}"


def change_set_name(spec: StackSpec) -> str:
    """Named by what is wanted: the same wish finds its change set again."""
    wanted = [spec.template_body, dict(spec.parameters), dict(spec.tags), sorted(spec.capabilities)]
    return f"slipway-{hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]}"


def plan_preview(cloud: Cloud, spec: StackSpec, uploads: tuple[Upload, ...]) -> Plan:
    """Stages template and uploads, makes the change set. Raises InputError for a template that is too big."""
    body = spec.template_body.encode()
    if len(body) > MAXIMUM_TEMPLATE:
        raise InputError(
            f"The template of {spec.name} has {len(body):,} bytes.",
            hint=f"CloudFormation takes {MAXIMUM_TEMPLATE:,} at most: split the stack.",
        )
    bucket = staging_bucket(spec.account, spec.region)
    template = Upload(f"templates/{hashlib.sha256(body).hexdigest()[:16]}.json", body)
    steps = (
        _bucket_step(cloud, spec, bucket),
        _upload_step(cloud, spec, bucket, (template, *uploads)),
        _leftover_step(cloud, spec),
        _change_set_step(cloud, spec, f"https://{_s3_host(spec.region)}/{bucket}/{template.key}"),
    )
    return Plan(f"Prepare {spec.name}", steps, Operation.PREPARE_STACK)


def _s3_host(region: str) -> str:
    return f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _resource(spec: StackSpec, kind: str, id_: str) -> Resource:
    return Resource(kind, id_, spec.account, spec.region)


def _bucket_step(cloud: Cloud, spec: StackSpec, bucket: str) -> Step:
    client = s3.client_of(cloud, spec.account, spec.region)

    def check() -> Check:
        there = s3.is_private_bucket(client, bucket, spec.account)
        return Check(Readiness.DONE, "it is there") if there else READY

    return Step(
        id="bucket",
        does="Make the staging bucket",
        resource=_resource(spec, "AWS::S3::Bucket", bucket),
        act=lambda say: s3.create_private_bucket(
            client, bucket, spec.region, keep_old_versions_days=OLD_VERSIONS_DAYS
        ),
        parameters={"bucket": bucket, "keep_old_versions_days": str(OLD_VERSIONS_DAYS)},
        check=check,
        evidence="CloudFormation reads larger templates from S3 only",
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
            say(f"{upload.key}: {'written' if wrote else 'there already'}")

    return Step(
        id="upload",
        does=f"Stage the template{f' and {len(uploads) - 1} more' if len(uploads) > 1 else ''}",
        resource=_resource(spec, "AWS::S3::Bucket", bucket),
        act=act,
        parameters={"bucket": bucket, "keys": ", ".join(upload.key for upload in uploads)},
        needs=("bucket",),
        actions=("s3:GetObject", "s3:PutObject"),
    )


def _leftover_step(cloud: Cloud, spec: StackSpec) -> Step:
    """A stack whose creation failed holds nothing and stands in the way of the next."""
    client = cfn.client_of(cloud, spec.account, spec.region)

    def check() -> Check:
        stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
        if stack and stack.busy:
            raise Conflict(
                f"{spec.name} is being changed: {stack.status}.", hint="Wait until that has ended."
            )
        if stack and stack.status in LEFTOVER:
            return READY
        return Check(Readiness.DONE, "no failed creation stands in the way")

    def act(say: ReportProgress) -> None:
        stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
        if stack and stack.status in LEFTOVER:
            delete_stack(client, stack, say)

    return Step(
        id="leftover",
        does="Delete what a failed creation has left, if there is any",
        resource=_resource(spec, "AWS::CloudFormation::Stack", spec.name),
        act=act,
        parameters={"stack": spec.name, "only_if": ", ".join(LEFTOVER)},
        check=check,
        evidence="Only a stack in ROLLBACK_COMPLETE or ROLLBACK_FAILED: it never was complete",
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
        say("computing the changes")
        _make_change_set(client, spec, template_url, creates=_is_new(stack))

    return Step(
        id="change-set",
        does="Make a change set: what would change",
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


def _make_change_set(
    client: "CloudFormationClient", spec: StackSpec, template_url: str, *, creates: bool
) -> None:
    name = change_set_name(spec)
    with translated(f"Making a change set for {spec.name}"):
        _delete_change_set(client, spec.name, name)
        made = client.create_change_set(
            StackName=spec.name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if creates else "UPDATE",
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in spec.parameters.items()],
            Tags=[{"Key": k, "Value": v} for k, v in spec.tags.items()],
            Capabilities=list(spec.capabilities),  # type: ignore[arg-type]
        )
        deadline = time.monotonic() + CHANGE_SET_S
        while (found := client.describe_change_set(ChangeSetName=made["Id"]))["Status"] != "CREATE_COMPLETE":
            reason = found.get("StatusReason", "")
            if found["Status"] == "FAILED" and any(words in reason for words in NOTHING):
                client.delete_change_set(ChangeSetName=made["Id"])
                return
            if found["Status"] == "FAILED" or time.monotonic() > deadline:
                raise StackFailed(
                    f"CloudFormation made no change set for {spec.name}: {reason or found['Status']}",
                    hint="Nothing was changed. Mend what it names, then repeat.",
                )
            time.sleep(LOOK_S)


def _delete_change_set(client: "CloudFormationClient", stack: str, name: str) -> None:
    """No error where there is none, nor where there is no stack."""
    try:
        client.delete_change_set(StackName=stack, ChangeSetName=name)
    except ClientError as error:
        if code(error) != "ChangeSetNotFound" and "does not exist" not in message(error):
            raise


def read_preview(cloud: Cloud, spec: StackSpec) -> Preview:
    """What the prepared change set would do. Raises NotFound when nothing was prepared for a new stack."""
    client = cfn.client_of(cloud, spec.account, spec.region)
    stack = cfn.read_stack(cloud, spec.account, spec.region, spec.name)
    new = _is_new(stack)
    if arn := _prepared(client, spec) if stack else "":
        return Preview(spec, arn, creates=new, changes=cfn.read_changes(client, arn))
    if new:
        raise NotFound(f"{spec.name} has not been prepared.", hint="Make the preview first.")
    return Preview(spec, "", creates=False, changes=())


def _prepared(client: "CloudFormationClient", spec: StackSpec) -> str:
    """ARN of the spec's change set; empty where there is none."""
    with translated(f"Reading what would change in {spec.name}"):
        try:
            found = client.describe_change_set(StackName=spec.name, ChangeSetName=change_set_name(spec))
        except ClientError as error:
            if code(error) == "ChangeSetNotFound":
                return ""
            raise
    return found["ChangeSetId"]


def plan_deploy(cloud: Cloud, preview: Preview) -> Plan:
    """Executes the change set that was shown and follows it; no step when the stack is up to date."""
    spec = preview.spec
    title = f"Deploy {spec.name}"
    if preview.up_to_date:
        return Plan(title, (), Operation.DEPLOY_STACK)
    client = cfn.client_of(cloud, spec.account, spec.region)
    step = Step(
        id="execute",
        does=f"{'Create' if preview.creates else 'Update'} the stack {spec.name}",
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
        destructive=bool(preview.lost),
    )
    return Plan(title, (step,), Operation.DEPLOY_STACK)


def _counted(changes: tuple[Change, ...]) -> str:
    def of(test: Callable[[Change], bool]) -> int:
        return sum(test(change) for change in changes)

    counts = {
        "added": of(lambda change: change.action == "Add"),
        "changed": of(lambda change: change.action == "Modify" and not change.loses),
        "replaced": of(lambda change: change.action == "Modify" and change.loses),
        "removed": of(lambda change: change.action == "Remove"),
    }
    return ", ".join(f"{number} {word}" for word, number in counts.items() if number)


def _check_executable(client: "CloudFormationClient", preview: Preview) -> Check:
    with translated(f"Reading the change set of {preview.spec.name}"):
        try:
            found = client.describe_change_set(ChangeSetName=preview.change_set)
        except ClientError as error:
            if code(error) == "ChangeSetNotFound":
                return Check(Readiness.CHANGED, "its change set is gone: make the preview again")
            raise
    execution = found.get("ExecutionStatus", "")
    if execution == "EXECUTE_COMPLETE":
        return Check(Readiness.DONE, "the change set has been executed")
    if execution != "AVAILABLE":
        return Check(Readiness.CHANGED, f"its change set is {execution}: make the preview again")
    return READY


def _execute(client: "CloudFormationClient", preview: Preview, say: ReportProgress) -> None:
    name = preview.spec.name
    with translated(f"Deploying {name}"):
        stack_id = client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        ended = follow(
            client, stack_id, lambda: client.execute_change_set(ChangeSetName=preview.change_set), say
        )
    if not cfn.has_failed(ended.status):
        return
    undone = (
        "What was made is undone; the next try deletes the empty stack first."
        if preview.creates
        else "CloudFormation went back to the stack as it was."
    )
    raise ended.failure(
        name,
        hint=f"{undone} Mend what the reason names, then deploy again."
        if ended.status.endswith("ROLLBACK_COMPLETE")
        else "Look at the stack's events; it needs you before it can be changed again.",
    )


def plan_discard(cloud: Cloud, preview: Preview) -> Plan:
    """Forgets a preview: deletes the change set, and the empty stack where it would have created one."""
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
    """Deletes the stack, after its name was typed, and follows it to its end."""
    client = cfn.client_of(cloud, account, region)

    def check() -> Check:
        found = cfn.read_stack(cloud, account, region, stack.name)
        if found is None:
            return Check(Readiness.DONE, "it is gone")
        if found.id != stack.id:
            return Check(Readiness.CHANGED, "another stack has that name now")
        return READY

    step = Step(
        id="delete",
        does=f"Delete the stack {stack.name} and everything in it",
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
