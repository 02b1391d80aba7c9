"""The steps of a cleanup, each of which checks its resource again just before it acts.

Order for a support stack: archive and empty its buckets, delete the stack (which retains the buckets), delete
the buckets, and schedule the deletion of the key.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ops.aws import kms
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import resources as stack_resources
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.operations import delete_stack
from ops.aws.s3 import buckets as s3
from ops.aws.s3 import emptying
from ops.aws.s3.buckets import ObjectVersion
from ops.aws.s3.staging import client_of
from ops.plan import READY, Check, Readiness, ReportProgress, Resource, Step
from ops.support_stacks.facts import ArtifactBucket, CandidateStack, KeyAlias
from ops.support_stacks.liveness import PENDING_DELETION, ResourceType, UsageGraph
from ops.support_stacks.recheck import Recheck, changed, first_not_ready

MAX_DELETIONS = 50  # resources in one plan
WAITING_DAYS = 30  # before KMS deletes a key, the maximum: KMS API Reference, ScheduleKeyDeletion
READS = ("codepipeline:ListPipelines", "codepipeline:GetPipeline")
BUCKET_READS = (*READS, "s3:ListBucket", "s3:GetBucketPolicy", "cloudformation:DescribeStackResources")


@dataclass(frozen=True)
class CleanUpOptions:
    """What the user decides about a cleanup.

    `archive` is the bucket to which every version is copied first, empty for none. `unprotect` allows the
    plan to disable termination protection.
    """

    archive: str = ""
    unprotect: bool = False
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


@dataclass
class _Listing:
    """The contents of a bucket, listed by a step's check for its act, so that each step lists only once."""

    versions: list[ObjectVersion] = field(default_factory=list)
    uploads: list[tuple[str, str]] = field(default_factory=list)


class CleanUpStepBuilder:
    """A builder of the steps that delete a group of resources."""

    def __init__(self, cloud: Cloud, graph: UsageGraph, options: CleanUpOptions) -> None:
        self._cloud = cloud
        self._graph = graph
        self._options = options
        self._recheck = Recheck(cloud, graph.inventory)

    def steps(self, group: DeletionGroup) -> list[Step]:
        steps: list[Step] = []
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

    def _evidence(self, resource_type: ResourceType, account: str, region: str, id: str) -> str:
        return "; ".join(self._graph.by_key[f"{resource_type} {account} {region} {id}"].reasons)

    def _archive(self, bucket: ArtifactBucket, stack: CandidateStack | None) -> Step:
        archive, listing = self._options.archive, _Listing()
        source = client_of(self._cloud, bucket.account, bucket.region)

        def act(say: ReportProgress) -> None:
            emptying.archive_versions(source, bucket.name, source, archive, listing.versions, say)

        return Step(
            id=f"archive {bucket.name}",
            does=f"Copy {_amount(bucket)} to {archive} with SHA-256 checksums",
            resource=Resource(ResourceType.BUCKET, bucket.name, bucket.account, bucket.region),
            act=act,
            parameters={"bucket": bucket.name, "to": f"{archive}/{bucket.name}/"},
            check=partial(self._unchanged, bucket, stack, listing),
            evidence=f"stored under {archive}/{bucket.name}/ with a manifest",
            actions=(
                *BUCKET_READS,
                "s3:ListBucketVersions",
                "s3:GetObjectVersion",
                "s3:PutObject",
                "kms:Decrypt",
            ),
        )

    def _empty(self, bucket: ArtifactBucket, stack: CandidateStack | None) -> Step:
        listing = _Listing()
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
            check=partial(self._unchanged, bucket, stack, listing, if_empty=Readiness.DONE),
            evidence=self._evidence(ResourceType.BUCKET, bucket.account, bucket.region, bucket.name),
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

    def _unchanged(
        self,
        bucket: ArtifactBucket,
        stack: CandidateStack | None,
        listing: _Listing,
        *,
        if_empty: Readiness = Readiness.READY,
    ) -> Check:
        """List the bucket. CHANGED if anything is newer than the inventory, `if_empty` if it is empty."""
        stack_check = [_ready_if_deleted(partial(self._stack, stack))] if stack else []
        check = first_not_ready(*stack_check, partial(self._recheck.bucket, bucket))
        if check.readiness is not Readiness.READY:
            return check
        client = client_of(self._cloud, bucket.account, bucket.region)
        last_known = bucket.contents.last_written if bucket.contents else None
        listing.versions = []
        for page in s3.iterate_versions(client, bucket.name):
            if new := [item for item in page if last_known is None or item.written > last_known]:
                return changed(f"{new[0].key} was written after the plan was made")
            listing.versions += page
        listing.uploads = s3.list_uploads(client, bucket.name)
        if len(listing.uploads) > (bucket.contents.uploads if bucket.contents else 0):
            return changed("a multipart upload was started after the plan was made")
        is_empty = not (listing.versions or listing.uploads)
        return Check(if_empty, "the bucket is empty") if is_empty else READY

    def _unprotect(self, stack: CandidateStack, needs: tuple[str, ...]) -> Step:
        place = self._recheck.place(stack.account, stack.region)
        return Step(
            id=f"unprotect {stack.id}",
            does="Disable termination protection",
            resource=Resource(ResourceType.STACK, stack.name, stack.account, stack.region),
            act=lambda say: stack_resources.disable_termination_protection(self._cloud, place, stack.id),
            parameters={"stack": stack.id, "termination_protection": "off"},
            check=partial(self._stack, stack),
            evidence="requested for this plan",
            actions=("cloudformation:DescribeStacks", "cloudformation:UpdateTerminationProtection"),
            needs=needs,
            destructive=True,
        )

    def _stack(self, stack: CandidateStack) -> Check:
        return self._recheck.stack(stack, may_be_protected=self._options.unprotect and stack.protected)

    def _delete_stack(self, stack: CandidateStack, group: DeletionGroup, needs: tuple[str, ...]) -> Step:
        client = cloudformation.client_of(self._cloud, stack.account, stack.region)

        def act(say: ReportProgress) -> None:
            current = cloudformation.read_stack(self._cloud, stack.account, stack.region, stack.id)
            if current:
                delete_stack(client, current, say)

        bucket_checks = [partial(self._recheck.bucket, bucket) for bucket in group.buckets]
        key_checks = [partial(self._recheck.key, alias) for alias in group.aliases]
        contents = [_ready_if_deleted(check) for check in (*bucket_checks, *key_checks)]

        return Step(
            id=f"delete {stack.id}",
            does=f"Delete stack {stack.name}{' and its key' if group.aliases else ''}",
            resource=Resource(ResourceType.STACK, stack.name, stack.account, stack.region),
            act=act,
            parameters={"stack": stack.id},
            check=partial(first_not_ready, partial(self._stack, stack), *contents),
            evidence=self._evidence(ResourceType.STACK, stack.account, stack.region, stack.name),
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

    def _delete_bucket(self, bucket: ArtifactBucket, needs: tuple[str, ...]) -> Step:
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

    def _delete_alias(self, alias: KeyAlias, needs: tuple[str, ...]) -> Step:
        place = self._recheck.place(alias.account, alias.region)

        def check() -> Check:
            if kms.read_key(self._cloud, place, alias.name) is None:
                return Check(Readiness.DONE, "the alias no longer exists")
            return self._recheck.key(alias)

        return Step(
            id=f"delete {alias.name}",
            does=f"Delete {alias.name}",
            resource=Resource("AWS::KMS::Alias", alias.name, alias.account, alias.region),
            act=lambda say: kms.delete_alias(self._cloud, place, alias.name),
            parameters={"alias": alias.name, "key": alias.key.id},
            check=check,
            evidence="the alias of a key that is scheduled for deletion",
            actions=(*READS, "kms:DescribeKey", "kms:GetKeyPolicy", "kms:DeleteAlias"),
            needs=needs,
            destructive=True,
        )

    def _schedule(self, alias: KeyAlias, needs: tuple[str, ...]) -> Step:
        place = self._recheck.place(alias.account, alias.region)
        days = self._options.waiting_days

        def check() -> Check:
            key = kms.read_key(self._cloud, place, alias.key.id)
            if key is None or key.state in PENDING_DELETION:
                date = f" on {key.deletion:%Y-%m-%d}" if key and key.deletion else ""
                return Check(
                    Readiness.DONE, f"KMS deletes the key{date}. To keep it: {cancel_command(alias)}"
                )
            return self._recheck.key(alias)

        def act(say: ReportProgress) -> None:
            date = kms.schedule_deletion(self._cloud, place, alias.key.id, days)
            say(f"KMS deletes the key on {date:%Y-%m-%d}. To keep it: {cancel_command(alias)}")

        return Step(
            id=f"schedule {alias.key.id}",
            does=f"Schedule key deletion in {days} days",
            resource=Resource(ResourceType.KEY, alias.key.id, alias.account, alias.region),
            act=act,
            parameters={"key": alias.key.id, "waiting_days": str(days)},
            check=check,
            evidence=f"to keep the key until then: {cancel_command(alias)}",
            actions=(*READS, "kms:DescribeKey", "kms:GetKeyPolicy", "kms:ScheduleKeyDeletion"),
            needs=needs,
            destructive=True,
        )


def cancel_command(alias: KeyAlias) -> str:
    """Return the command that cancels a key's deletion and enables the key, which KMS leaves disabled."""
    key = f"--key-id {alias.key.id} --region {alias.region}"
    return f"aws kms cancel-key-deletion {key} && aws kms enable-key {key}"


def _ready_if_deleted(check: Callable[[], Check]) -> partial[Check]:
    """Return the check with READY instead of DONE: the stack may exist although its resource is deleted."""

    def ready_if_deleted() -> Check:
        result = check()
        return READY if result.readiness is Readiness.DONE else result

    return partial(ready_if_deleted)


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
