"""The steps of a cleanup, each of which checks its resource again just before it acts.

Order for a support stack: archive and empty its buckets, delete the stack (which retains the buckets), delete
the buckets, and schedule the deletion of the key.
"""

from dataclasses import dataclass
from functools import partial

from ops.aws import kms
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import resources as stack_resources
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.operations import delete_stack
from ops.aws.s3 import emptying
from ops.aws.s3.staging import client_of
from ops.plan import Readiness, ReportProgress, Resource, Step
from ops.support_stacks.facts import ArtifactBucket, CandidateStack, KeyAlias
from ops.support_stacks.liveness import ResourceType, UsageGraph
from ops.support_stacks.recheck import BucketListing, Recheck

MAX_DELETIONS = 50  # resources in one plan
WAITING_DAYS = 30  # before KMS deletes a key, the maximum: KMS API Reference, ScheduleKeyDeletion
READS = ("codepipeline:ListPipelines", "codepipeline:GetPipeline")
BUCKET_READS = (*READS, "s3:ListBucket", "s3:GetBucketPolicy", "cloudformation:DescribeStackResources")


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
class DeletionGroup:
    """Resources that are deleted together: a support stack with its contents, or one resource alone."""

    stack: CandidateStack | None
    buckets: tuple[ArtifactBucket, ...]
    aliases: tuple[KeyAlias, ...]

    @property
    def name(self) -> str:
        if self.stack:
            return self.stack.name
        return self.buckets[0].name if self.buckets else self.aliases[0].name


class CleanUpStepBuilder:
    """A builder of the steps that delete a group of resources."""

    def __init__(self, cloud: Cloud, graph: UsageGraph, options: CleanUpOptions) -> None:
        self._cloud = cloud
        self._graph = graph
        self._options = options
        self._recheck = Recheck(cloud, graph.inventory, unprotect=options.unprotect)

    def steps(self, group: DeletionGroup) -> list[Step[None]]:
        steps: list[Step[None]] = []
        emptied = []
        for bucket in group.buckets:
            if self._options.archive:
                steps.append(self._archive(bucket, group.stack))
            steps.append(self._empty(bucket, group.stack))
            emptied.append(steps[-1].id)
        needs: tuple[str, ...] = tuple(emptied)
        if group.stack:
            if group.stack.protected and self._options.unprotect:
                steps.append(self._unprotect(group.stack, needs))
                needs = (*needs, steps[-1].id)
            steps.append(self._delete_stack(group.stack, group, needs))
            needs = (steps[-1].id,)
        steps += [self._delete_bucket(bucket, needs) for bucket in group.buckets]
        for alias in group.aliases:
            # The key first: after a crash in between, the inventory finds the key by its alias.
            steps.append(self._schedule(alias, needs))
            steps.append(self._delete_alias(alias, (*needs, steps[-1].id)))
        return steps

    def _archive(self, bucket: ArtifactBucket, stack: CandidateStack | None) -> Step[None]:
        archive, listing = self._options.archive, BucketListing()
        source = client_of(self._cloud, bucket.account, bucket.region)

        def act(say: ReportProgress) -> None:
            emptying.archive_versions(source, bucket.name, source, archive, listing.versions, say)

        return Step(
            id=f"archive {bucket.name}",
            does=f"Copy {_amount(bucket)} to {archive} with SHA-256 checksums",
            resource=Resource(ResourceType.BUCKET, bucket.name, bucket.account, bucket.region),
            act=act,
            parameters={"bucket": bucket.name, "to": f"{archive}/{bucket.name}/"},
            check=partial(self._recheck.contents, bucket, stack, listing),
            evidence=f"stored under {archive}/{bucket.name}/ with a manifest",
            actions=(
                *BUCKET_READS,
                "s3:ListBucketVersions",
                "s3:GetObjectVersion",
                "s3:PutObject",
                "kms:Decrypt",
            ),
        )

    def _empty(self, bucket: ArtifactBucket, stack: CandidateStack | None) -> Step[None]:
        listing = BucketListing()
        client = client_of(self._cloud, bucket.account, bucket.region)

        def act(say: ReportProgress) -> None:
            emptying.delete_versions(client, bucket.name, bucket.account, listing.versions, say)
            emptying.abort_uploads(client, bucket.name, bucket.account, listing.uploads)

        fate = ", archived first" if self._options.archive else ", permanently deleted"
        is_empty = bucket.contents is None or bucket.contents.empty
        return Step(
            id=f"empty {bucket.name}",
            does=f"Empty the bucket: {_amount(bucket)}{'' if is_empty else fate}",
            resource=Resource(ResourceType.BUCKET, bucket.name, bucket.account, bucket.region),
            act=act,
            parameters={
                "bucket": bucket.name,
                "versions": _amount(bucket),
                "copied_to": self._options.archive,
            },
            check=partial(self._recheck.contents, bucket, stack, listing, if_empty=Readiness.DONE),
            evidence="; ".join(self._graph.verdict(ResourceType.BUCKET, bucket).reasons),
            actions=(
                *BUCKET_READS,
                "s3:ListBucketVersions",
                "s3:ListBucketMultipartUploads",
                "s3:DeleteObjectVersion",
                "s3:AbortMultipartUpload",
            ),
            needs=(f"archive {bucket.name}",) if self._options.archive else (),
            destructive=True,
        )

    def _unprotect(self, stack: CandidateStack, needs: tuple[str, ...]) -> Step[None]:
        place = self._cloud.place(stack.account, stack.region)
        return Step(
            id=f"unprotect {stack.id}",
            does="Disable termination protection",
            resource=Resource(ResourceType.STACK, stack.name, stack.account, stack.region),
            act=lambda say: stack_resources.disable_termination_protection(self._cloud, place, stack.id),
            parameters={"stack": stack.id, "termination_protection": "off"},
            check=partial(self._recheck.stack, stack),
            evidence="requested for this plan",
            actions=("cloudformation:DescribeStacks", "cloudformation:UpdateTerminationProtection"),
            needs=needs,
            destructive=True,
        )

    def _delete_stack(
        self, stack: CandidateStack, group: DeletionGroup, needs: tuple[str, ...]
    ) -> Step[None]:
        client = cloudformation.client_of(self._cloud, stack.account, stack.region)

        def act(say: ReportProgress) -> None:
            current = cloudformation.read_stack(self._cloud, stack.account, stack.region, stack.id)
            if current:
                delete_stack(client, current, say)

        return Step(
            id=f"delete {stack.id}",
            does=f"Delete stack {stack.name}{' and its key' if group.aliases else ''}",
            details=tuple(f"Deletes {addition} too" for addition in stack.additions),
            resource=Resource(ResourceType.STACK, stack.name, stack.account, stack.region),
            act=act,
            parameters={"stack": stack.id},
            check=partial(self._recheck.stack_with_contents, stack, group.buckets, group.aliases),
            evidence="; ".join(self._graph.verdict(ResourceType.STACK, stack).reasons),
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
        client = client_of(self._cloud, bucket.account, bucket.region)
        return Step(
            id=f"delete {bucket.name}",
            does=f"Delete bucket {bucket.name}",
            resource=Resource(ResourceType.BUCKET, bucket.name, bucket.account, bucket.region),
            act=lambda say: emptying.delete_bucket(client, bucket.name, bucket.account),
            parameters={"bucket": bucket.name, "owner": bucket.account},
            check=partial(self._recheck.bucket, bucket),
            evidence="retained by its stack; S3 deletes a bucket only if it is empty",
            actions=(*BUCKET_READS, "s3:DeleteBucket"),
            needs=needs,
            destructive=True,
        )

    def _delete_alias(self, alias: KeyAlias, needs: tuple[str, ...]) -> Step[None]:
        place = self._cloud.place(alias.account, alias.region)

        return Step(
            id=f"delete {alias.name}",
            does=f"Delete {alias.name}",
            resource=Resource("AWS::KMS::Alias", alias.name, alias.account, alias.region),
            act=lambda say: kms.delete_alias(self._cloud, place, alias.name),
            parameters={"alias": alias.name, "key": alias.key.id},
            check=partial(self._recheck.alias, alias),
            evidence="the alias of a key that is scheduled for deletion",
            actions=(*READS, "kms:DescribeKey", "kms:GetKeyPolicy", "kms:DeleteAlias"),
            needs=needs,
            destructive=True,
        )

    def _schedule(self, alias: KeyAlias, needs: tuple[str, ...]) -> Step[None]:
        place = self._cloud.place(alias.account, alias.region)
        days = self._options.waiting_days

        def act(say: ReportProgress) -> None:
            date = kms.schedule_deletion(self._cloud, place, alias.key.id, days)
            say(f"KMS deletes the key on {date:%Y-%m-%d}. To keep it: {alias.cancel_command}")

        return Step(
            id=f"schedule {alias.key.id}",
            does=f"Schedule key deletion in {days} days",
            resource=Resource(ResourceType.KEY, alias.key.id, alias.account, alias.region),
            act=act,
            parameters={"key": alias.key.id, "waiting_days": str(days)},
            check=partial(self._recheck.unscheduled_key, alias),
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
        _size(contents.bytes),
        _counted(contents.uploads, "incomplete upload"),
    ]
    return ", ".join(filter(None, parts))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number > 1 else ''}" if number else ""


def _size(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number} B"
