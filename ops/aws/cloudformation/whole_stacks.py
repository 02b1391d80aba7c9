"""Deployment of a stack within a single step, for plans that deploy many stacks.

The caller decides which resources the change set may delete or replace.
"""

from collections.abc import Callable

from ops.aws.cloud import Cloud
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import Change, StackSpec
from ops.errors import Conflict
from ops.plan import Readiness, ReportProgress

EXECUTE_ACTIONS = (
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
)
DEPLOY_ACTIONS = (
    *EXECUTE_ACTIONS,
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "s3:CreateBucket",
    "s3:GetLifecycleConfiguration",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutObject",
)


def deploy_in_one_step(
    cloud: Cloud,
    spec: StackSpec,
    uploads: tuple[Upload, ...],
    say: ReportProgress,
    *,
    may_remove: Callable[[Change], bool],
) -> None:
    """Create or update the stack and wait until the operation completes. Idempotent.

    Raises Conflict for a deletion or replacement that `may_remove` does not allow, and StackFailed.
    """
    for step in deploy.plan_preview(cloud, spec, uploads).steps:
        if step.check().readiness is Readiness.READY:
            step.act(say)
    execute_prepared(cloud, spec, say, may_remove=may_remove)


def execute_prepared(
    cloud: Cloud, spec: StackSpec, say: ReportProgress, *, may_remove: Callable[[Change], bool]
) -> None:
    """Execute the change set that `deploy.plan_preview` created, and wait until the operation completes."""
    preview = deploy.read_preview(cloud, spec)
    if forbidden := [change for change in preview.destructive_changes if not may_remove(change)]:
        raise Conflict(
            f"The change set would delete or replace {forbidden[0].logical_id} of {spec.name}. "
            "Nothing was changed.",
            hint="Check the stack's template: it was changed outside of Slipway.",
        )
    for step in deploy.plan_deploy(cloud, preview).steps:
        check = step.check()
        if check.readiness is Readiness.CHANGED:
            raise Conflict(f"{spec.name}: {check.reason}.", hint="Run the plan again.")
        if check.readiness is Readiness.READY:
            step.act(say)
    if preview.up_to_date:
        say(f"{spec.name} is up to date in {spec.region}")
