"""A stack in one go, for a plan over many of them: prepared, judged and executed within one step.

What the change set would lose is judged by the caller's rule just before it is executed.
"""

from collections.abc import Callable

from ops.aws.cloud import Cloud
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import Change, StackSpec
from ops.errors import Conflict
from ops.plan import Readiness, ReportProgress

EXECUTES = (
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
)
BRINGS_UP = (
    *EXECUTES,
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


def bring_up(
    cloud: Cloud,
    spec: StackSpec,
    uploads: tuple[Upload, ...],
    say: ReportProgress,
    *,
    may_go: Callable[[Change], bool],
) -> None:
    """Creates or updates the stack and follows it. Safe to run again.

    Raises Conflict for a change that removes or replaces what may not go, and StackFailed.
    """
    for step in deploy.plan_preview(cloud, spec, uploads).steps:
        if step.check().readiness is Readiness.READY:
            step.act(say)
    execute_prepared(cloud, spec, say, may_go=may_go)


def execute_prepared(
    cloud: Cloud, spec: StackSpec, say: ReportProgress, *, may_go: Callable[[Change], bool]
) -> None:
    """The second half of `bring_up`: what `deploy.plan_preview` has prepared."""
    preview = deploy.read_preview(cloud, spec)
    if lost := [change for change in preview.lost if not may_go(change)]:
        raise Conflict(
            f"The change would remove or replace {lost[0].logical_id} of {spec.name}; nothing was changed.",
            hint="Look at the stack's template: somebody has changed it by other means.",
        )
    for step in deploy.plan_deploy(cloud, preview).steps:
        found = step.check()
        if found.readiness is Readiness.CHANGED:
            raise Conflict(f"{spec.name}: {found.reason}.", hint="Run the plan again.")
        if found.readiness is Readiness.READY:
            step.act(say)
    if preview.up_to_date:
        say(f"{spec.name} is up to date in {spec.region}")
