"""Plans that deploy a stack: stage the template, preview a change set, execute it, wait until it completes.

plan_preview            creates a change set, which changes no resource of the stack
plan_deploy             executes the change set that `change_sets.read_preview` shows
plan_staging            uploads the template and what the stack needs
plan_temporary_preview  creates a change set, reads it, and deletes it again
plan_stack              all steps of a deployment, as part of a plan that deploys many stacks
plan_delete             deletes a stack
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ops.aws.cloud import Cloud
from ops.aws.cloudformation import change_sets
from ops.aws.cloudformation import stacks as cfn
from ops.aws.cloudformation.change_sets import (
    EXECUTE_ACTIONS,
    Preview,
    check_executable,
    create_change_set,
    discard_change_set,
    execute_change_set,
    read_preview,
)
from ops.aws.cloudformation.operations import delete_stack
from ops.aws.cloudformation.stacks import Change, Stack, StackSpec
from ops.aws.s3 import staging as s3
from ops.errors import Conflict, InputError
from ops.operations import Operation
from ops.plan import (
    READY,
    AuditedCall,
    Check,
    Plan,
    Readiness,
    ReportProgress,
    Resource,
    Step,
    always_ready,
)

MAX_TEMPLATE_BYTES = 1_048_576  # bytes, staged in S3: AWS CloudFormation User Guide, "quotas"
OLD_VERSIONS_DAYS = 30
# Such a stack can only be deleted: AWS CloudFormation User Guide, "Stack status codes".
FAILED_CREATION = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")


@dataclass(frozen=True)
class Upload:
    """An object that the stack needs in the staging bucket, such as the code of a function."""

    key: str
    body: bytes


def staging_bucket(account: str, region: str) -> str:
    """Return the name of the bucket for templates and code, one per account and region."""
    return f"slipway-staging-{account}-{region}"


def plan_preview(cloud: Cloud, spec: StackSpec, uploads: tuple[Upload, ...]) -> Plan:
    """Plan to create a change set of the staged template. Raises InputError if the template is too large."""
    steps = (*_staging_steps(cloud, spec, uploads), _change_set_step(cloud, spec))
    return Plan(f"Prepare {spec.name}", steps, Operation.PREPARE_STACK)


def plan_staging(cloud: Cloud, spec: StackSpec, uploads: tuple[Upload, ...]) -> Plan:
    """Plan to upload the template and what the stack needs. Raises InputError for a too large template."""
    bucket, upload, _ = _staging_steps(cloud, spec, uploads)
    return Plan(f"Stage {spec.name} in {spec.region}", (bucket, upload), Operation.PREPARE_STACK)


def plan_temporary_preview(
    cloud: Cloud, spec: StackSpec, uploads: tuple[Upload, ...] = ()
) -> tuple[Plan, Step[Preview]]:
    """Plan to read what a change set would change and to delete it again, with the step that returns it.

    What must exist first, the bucket and the uploads, has steps of its own.
    """

    def act(say: ReportProgress) -> Preview:
        # One step: a plan that is stopped between its steps leaves no change set and no empty stack behind.
        try:
            return create_change_set(cloud, spec, _template_url(spec), say)
        finally:
            discard_change_set(cloud, spec, say)

    look = Step(
        id="preview",
        does="Create a change set to preview the changes, then delete it",
        resource=_resource(spec, "AWS::CloudFormation::Stack", spec.name),
        act=act,
        needs=("upload", "leftover"),
        evidence="Changes no resource of the stack",
        parameters=spec.parameters,
        actions=tuple(sorted({*change_sets.CREATE_ACTIONS, *change_sets.DISCARD_ACTIONS})),
    )
    steps = (*_staging_steps(cloud, spec, uploads), look)
    return Plan(f"Preview {spec.name}", steps, Operation.PREPARE_STACK), look


def plan_stack(
    cloud: Cloud,
    spec: StackSpec,
    uploads: tuple[Upload, ...] = (),
    *,
    title: str,
    may_remove: Callable[[Change], bool],
    resolve: Callable[[], StackSpec] | None = None,
    check: Callable[[], Check] = always_ready,
    evidence: str = "",
    changes: tuple[Change, ...] = (),
    actions: tuple[str, ...] = (),
) -> Plan:
    """Plan every step of a deployment, to be nested in a plan that deploys many stacks.

    `resolve` returns the specification once the steps before have run, if `spec` depends on what they create.
    `check` is DONE if the stack is up to date. `evidence`, `changes` and `actions` are those of the
    execution, which raises Conflict for a deletion or replacement that `may_remove` does not allow.
    """
    final = resolve or (lambda: spec)
    client = cfn.client_of(cloud, spec.account, spec.region)

    def check_execution() -> Check:
        if (result := check()).readiness is not Readiness.READY:
            return result
        preview = read_preview(cloud, final())
        if preview.up_to_date:
            return Check(Readiness.DONE, "up to date")
        if forbidden := [change for change in preview.destructive_changes if not may_remove(change)]:
            raise Conflict(
                f"The change set would delete or replace {forbidden[0].logical_id} of {spec.name}. "
                "Nothing was changed.",
                hint="Check the stack's template: it was changed outside of Slipway.",
            )
        return check_executable(client, preview)

    execution = Step(
        id="execute",
        does=title,
        resource=_resource(spec, "AWS::CloudFormation::Stack", spec.name),
        act=lambda run: execute_change_set(client, run.value(change_set), run),
        parameters=spec.parameters,
        check=check_execution,
        needs=("change-set",),
        evidence=evidence,
        details=tuple(change.line for change in changes),
        destructive=any(change.is_destructive for change in changes),
        actions=(*EXECUTE_ACTIONS, *actions),
    )
    change_set = _change_set_step(cloud, spec, final, check)
    steps = (*_staging_steps(cloud, spec, uploads, final), change_set, execution)
    return Plan(title, steps, Operation.DEPLOY_STACK)


def _staging_steps(
    cloud: Cloud,
    spec: StackSpec,
    uploads: tuple[Upload, ...],
    final: Callable[[], StackSpec] | None = None,
) -> tuple[Step[None], Step[None], Step[None]]:
    """Return the steps for what must exist, and what must not, before there can be a change set."""
    body = spec.template_body.encode()
    if len(body) > MAX_TEMPLATE_BYTES:
        raise InputError(
            f"The template of {spec.name} is too large: {len(body):,} bytes.",
            hint=f"CloudFormation accepts up to {MAX_TEMPLATE_BYTES:,} bytes. Split the stack.",
        )
    bucket = staging_bucket(spec.account, spec.region)
    return (
        _bucket_step(cloud, spec, bucket),
        _upload_step(cloud, spec, bucket, uploads, final or (lambda: spec)),
        _failed_creation_step(cloud, spec),
    )


def _template_upload(spec: StackSpec) -> Upload:
    body = spec.template_body.encode()
    return Upload(f"templates/{hashlib.sha256(body).hexdigest()[:16]}.json", body)


def _template_url(spec: StackSpec) -> str:
    bucket = staging_bucket(spec.account, spec.region)
    return f"https://{_s3_host(spec.region)}/{bucket}/{_template_upload(spec).key}"


def _s3_host(region: str) -> str:
    return f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _resource(spec: StackSpec, resource_type: str, id_: str) -> Resource:
    return Resource(resource_type, id_, spec.account, spec.region)


def _bucket_step(cloud: Cloud, spec: StackSpec, bucket: str) -> Step[None]:
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


def _upload_step(
    cloud: Cloud,
    spec: StackSpec,
    bucket: str,
    uploads: tuple[Upload, ...],
    final: Callable[[], StackSpec],
) -> Step[None]:
    client = s3.client_of(cloud, spec.account, spec.region)

    def act(say: ReportProgress) -> None:
        for upload in (_template_upload(final()), *uploads):
            wrote = s3.put_if_different(client, bucket, upload.key, upload.body)
            say(f"{upload.key}: {'uploaded' if wrote else 'already up to date'}")

    keys = [upload.key for upload in (_template_upload(spec), *uploads)]
    return Step(
        id="upload",
        does=f"Upload the template{f' and {len(uploads)} more' if uploads else ''}",
        resource=_resource(spec, "AWS::S3::Bucket", bucket),
        act=act,
        parameters={"bucket": bucket, "keys": ", ".join(keys)},
        needs=("bucket",),
        actions=("s3:GetObject", "s3:PutObject"),
    )


def _failed_creation_step(cloud: Cloud, spec: StackSpec) -> Step[None]:
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


def _change_set_step(
    cloud: Cloud,
    spec: StackSpec,
    final: Callable[[], StackSpec] | None = None,
    check: Callable[[], Check] = always_ready,
) -> Step[Preview]:
    def act(say: ReportProgress) -> Preview:
        current = final() if final else spec
        preview = create_change_set(cloud, current, _template_url(current), say)
        for change in preview.changes:
            say(change.line)
        return preview

    return Step(
        id="change-set",
        does="Create a change set to preview the changes",
        resource=_resource(spec, "AWS::CloudFormation::Stack", spec.name),
        act=act,
        check=check,
        needs=("upload", "leftover"),
        evidence="Changes no resource of the stack",
        parameters=spec.parameters,
        actions=change_sets.CREATE_ACTIONS,
    )


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
        act=partial(execute_change_set, client, preview),
        check=partial(check_executable, client, preview),
        evidence=preview.summary,
        details=tuple(change.line for change in preview.changes),
        parameters=spec.parameters,
        actions=EXECUTE_ACTIONS,
        destructive=bool(preview.destructive_changes),
    )
    return Plan(title, (step,), Operation.DEPLOY_STACK)


def discard_call(cloud: Cloud, preview: Preview) -> AuditedCall[None]:
    """Delete the change set of a preview, and the empty stack of a creation that was not executed."""
    spec = preview.spec
    step = Step(
        id="discard",
        does=f"Discard the change set of {spec.name}",
        resource=_resource(spec, "AWS::CloudFormation::Stack", spec.name),
        act=partial(discard_change_set, cloud, spec),
        parameters={"change_set": change_sets.change_set_name(spec)},
        actions=change_sets.DISCARD_ACTIONS,
    )
    return AuditedCall(step, Operation.DISCARD_CHANGES)


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
