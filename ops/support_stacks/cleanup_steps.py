"""The steps of a cleanup, in their order, with what the preview shows of each.

Order for a support stack: archive and empty its buckets, delete the stack (which retains the buckets), delete
the buckets, and schedule the deletion of the key. `deletion` checks and acts.
"""

from dataclasses import dataclass, replace
from functools import partial

from ops.plan import Readiness, Resource, Step
from ops.support_stacks.deletion import Deletion
from ops.support_stacks.facts import ArtifactBucket, CandidateStack, KeyAlias
from ops.support_stacks.liveness import ResourceType, UsageGraph
from ops.text.sizes import size

MAX_DELETIONS = 50  # resources in one plan
WAITING_DAYS = 30  # before KMS deletes a key, the maximum: KMS API Reference, ScheduleKeyDeletion
READS = ("codepipeline:ListPipelines", "codepipeline:GetPipeline")
BUCKET_READS = (
    *READS,
    "s3:ListBucket",
    "s3:GetBucketPolicy",
    "cloudformation:DescribeStackResources",
    "cloudformation:DescribeStacks",
    "cloudformation:ListStacks",
)
LOCK_READS = ("s3:GetBucketObjectLockConfiguration", "s3:GetObjectRetention", "s3:GetObjectLegalHold")


@dataclass(frozen=True)
class CleanUpOptions:
    """What the user decides about a cleanup.

    `archive` is the bucket to which every version is copied first, empty for none. `unprotect` allows the
    plan to disable termination protection, and `with_additions` to delete the resources that somebody added
    to a support stack.
    """

    archive: str = ""
    unprotect: bool = False
    with_additions: bool = False
    max_deletions: int = MAX_DELETIONS
    waiting_days: int = WAITING_DAYS


@dataclass(frozen=True)
class CleanUpSteps:
    """The steps that delete one group of resources."""

    deletion: Deletion
    graph: UsageGraph
    options: CleanUpOptions

    def in_order(self) -> list[Step[None]]:
        group = self.deletion.group
        steps: list[Step[None]] = []
        emptied = []
        for bucket in group.buckets:
            if self.options.archive:
                steps.append(self._archive(bucket))
            steps.append(self._empty(bucket))
            emptied.append(steps[-1].id)
        needs: tuple[str, ...] = tuple(emptied)
        if group.stack:
            if group.stack.protected and self.options.unprotect:
                steps.append(self._unprotect(group.stack, needs))
                needs = (*needs, steps[-1].id)
            steps.append(self._delete_stack(group.stack, needs))
            needs = (steps[-1].id,)
        steps += [self._delete_bucket(bucket, needs) for bucket in group.buckets]
        for alias in group.aliases:
            # The key first: after a crash in between, the inventory finds the key by its alias.
            steps.append(self._schedule(alias, needs))
            if alias.has_alias:
                steps.append(self._delete_alias(alias, (*needs, steps[-1].id)))
        if excluded := "; ".join(map(str, self.graph.inventory.excluded)):  # for the audit log
            steps = [replace(step, parameters={**step.parameters, "excluded": excluded}) for step in steps]
        return steps

    def _archive(self, bucket: ArtifactBucket) -> Step[None]:
        archive = self.options.archive
        return Step(
            id=f"archive {bucket.name}",
            does=f"Copy {_amount(bucket)} to {archive} with SHA-256 checksums",
            resource=Resource(ResourceType.BUCKET, bucket.name, bucket.account, bucket.region),
            act=partial(self.deletion.archive_contents, bucket, archive),
            parameters={"bucket": bucket.name, "to": f"{archive}/{bucket.name}/"},
            check=partial(self.deletion.check_contents, bucket),
            evidence=f"stored under {archive}/{bucket.name}/ with a manifest",
            actions=(
                *BUCKET_READS,
                *LOCK_READS,
                "s3:ListBucketVersions",
                "s3:GetObjectVersion",
                "s3:PutObject",
                "kms:Decrypt",
            ),
        )

    def _empty(self, bucket: ArtifactBucket) -> Step[None]:
        fate = ", archived first" if self.options.archive else ", permanently deleted"
        is_empty = bucket.contents is None or bucket.contents.empty
        return Step(
            id=f"empty {bucket.name}",
            does=f"Empty the bucket: {_amount(bucket)}{'' if is_empty else fate}",
            resource=Resource(ResourceType.BUCKET, bucket.name, bucket.account, bucket.region),
            act=partial(self.deletion.empty, bucket),
            parameters={
                "bucket": bucket.name,
                "versions": _amount(bucket),
                "copied_to": self.options.archive,
            },
            check=partial(self.deletion.check_contents, bucket, if_empty=Readiness.DONE),
            evidence="; ".join(self.graph.verdict(ResourceType.BUCKET, bucket).reasons),
            actions=(
                *BUCKET_READS,
                *LOCK_READS,
                "s3:ListBucketVersions",
                "s3:ListBucketMultipartUploads",
                "s3:DeleteObjectVersion",
                "s3:AbortMultipartUpload",
            ),
            needs=(f"archive {bucket.name}",) if self.options.archive else (),
            destructive=True,
        )

    def _unprotect(self, stack: CandidateStack, needs: tuple[str, ...]) -> Step[None]:
        return Step(
            id=f"unprotect {stack.id}",
            does="Disable termination protection",
            resource=Resource(ResourceType.STACK, stack.name, stack.account, stack.region),
            act=partial(self.deletion.disable_protection, stack),
            parameters={"stack": stack.id, "termination_protection": "off"},
            check=partial(self.deletion.check_stack, stack),
            evidence="requested for this plan",
            actions=("cloudformation:DescribeStacks", "cloudformation:UpdateTerminationProtection"),
            needs=needs,
            destructive=True,
        )

    def _delete_stack(self, stack: CandidateStack, needs: tuple[str, ...]) -> Step[None]:
        return Step(
            id=f"delete {stack.id}",
            does=f"Delete stack {stack.name}{' and its key' if self.deletion.group.aliases else ''}",
            details=tuple(f"Deletes {addition} too" for addition in stack.additions),
            resource=Resource(ResourceType.STACK, stack.name, stack.account, stack.region),
            act=partial(self.deletion.delete_stack, stack),
            parameters={"stack": stack.id},
            check=partial(self.deletion.check_stack_with_contents, stack),
            evidence="; ".join(self.graph.verdict(ResourceType.STACK, stack).reasons),
            actions=(
                *BUCKET_READS,
                "cloudformation:DeleteStack",
                "cloudformation:DescribeStackEvents",
                "cloudformation:DescribeStacks",
                "cloudformation:ListStackResources",
                "kms:GetKeyPolicy",
                "kms:DeleteAlias",
                "kms:ScheduleKeyDeletion",
                "s3:DeleteBucketPolicy",
            ),
            needs=needs,
            destructive=True,
        )

    def _delete_bucket(self, bucket: ArtifactBucket, needs: tuple[str, ...]) -> Step[None]:
        return Step(
            id=f"delete {bucket.name}",
            does=f"Delete bucket {bucket.name}",
            resource=Resource(ResourceType.BUCKET, bucket.name, bucket.account, bucket.region),
            act=partial(self.deletion.delete_bucket, bucket),
            parameters={"bucket": bucket.name, "owner": bucket.account},
            check=partial(self.deletion.check_bucket, bucket),
            evidence="retained by its stack; S3 deletes a bucket only if it is empty",
            actions=(*BUCKET_READS, "s3:DeleteBucket"),
            needs=needs,
            destructive=True,
        )

    def _delete_alias(self, alias: KeyAlias, needs: tuple[str, ...]) -> Step[None]:
        return Step(
            id=f"delete {alias.name}",
            does=f"Delete {alias.name}",
            resource=Resource("AWS::KMS::Alias", alias.name, alias.account, alias.region),
            act=partial(self.deletion.delete_alias, alias),
            parameters={"alias": alias.name, "key": alias.key.id},
            check=partial(self.deletion.check_alias, alias),
            evidence="the alias of a key that is scheduled for deletion",
            actions=(*READS, "kms:DescribeKey", "kms:GetKeyPolicy", "kms:DeleteAlias"),
            needs=needs,
            destructive=True,
        )

    def _schedule(self, alias: KeyAlias, needs: tuple[str, ...]) -> Step[None]:
        days = self.options.waiting_days
        return Step(
            id=f"schedule {alias.key.id}",
            does=f"Schedule key deletion in {days} days",
            resource=Resource(ResourceType.KEY, alias.key.id, alias.account, alias.region),
            act=partial(self.deletion.schedule_key_deletion, alias, days),
            parameters={"key": alias.key.id, "waiting_days": str(days)},
            check=partial(self.deletion.check_key, alias),
            evidence=f"to keep the key until then: {alias.cancel_command}",
            actions=(*READS, "kms:DescribeKey", "kms:GetKeyPolicy", "kms:ScheduleKeyDeletion"),
            needs=needs,
            destructive=True,
        )


def _amount(bucket: ArtifactBucket) -> str:
    contents = bucket.contents
    if contents is None or contents.empty:
        return "no objects"
    parts = [
        _counted(contents.versions, "version"),
        _counted(contents.markers, "delete marker"),
        size(contents.bytes),
        _counted(contents.uploads, "incomplete upload"),
    ]
    return ", ".join(filter(None, parts))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number > 1 else ''}" if number else ""
