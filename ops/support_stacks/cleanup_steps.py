"""The steps of a clean-up: what each one looks at again, does, and loses.

Order for a support stack: archive and empty its buckets, delete the stack (which retains them), delete the
buckets, then see to it that the key is gone only after the longest waiting period.
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
from ops.aws.s3.buckets import Version
from ops.aws.s3.staging import client_of
from ops.plan import READY, Check, Readiness, ReportProgress, Resource, Step
from ops.support_stacks.facts import Alias, Bucket, Stack
from ops.support_stacks.liveness import SOON_GONE, Graph, Kind
from ops.support_stacks.recheck import Recheck, changed, first

MOST = 50  # things that one plan may delete
WAITING_DAYS = 30  # before a key is gone, the longest that KMS allows: KMS API Reference, ScheduleKeyDeletion
READS = ("codepipeline:ListPipelines", "codepipeline:GetPipeline")
BUCKET_READS = (*READS, "s3:ListBucket", "s3:GetBucketPolicy", "cloudformation:DescribeStackResources")


@dataclass(frozen=True)
class Wishes:
    """What the user decides. `archive`: a bucket that everything is copied to first; empty for none."""

    archive: str = ""
    unprotect: bool = False
    most: int = MOST
    waiting_days: int = WAITING_DAYS


@dataclass(frozen=True)
class Unit:
    """What is deleted together: a support stack with what is in it, or one thing whose stack is gone."""

    stack: Stack | None
    buckets: tuple[Bucket, ...]
    aliases: tuple[Alias, ...]

    @property
    def name(self) -> str:
        if self.stack:
            return self.stack.name
        return self.buckets[0].name if self.buckets else self.aliases[0].name


@dataclass
class _Found:
    """What a check has found for its step's act, so that a bucket is listed once."""

    versions: list[Version] = field(default_factory=list)
    uploads: list[tuple[str, str]] = field(default_factory=list)


class Writer:
    """Writes the steps of units."""

    def __init__(self, cloud: Cloud, graph: Graph, wishes: Wishes) -> None:
        self._cloud = cloud
        self._graph = graph
        self._wishes = wishes
        self._recheck = Recheck(cloud, graph.inventory)

    def steps(self, unit: Unit) -> list[Step]:
        steps: list[Step] = []
        emptied = []
        for bucket in unit.buckets:
            if self._wishes.archive:
                steps.append(self._archive(bucket, unit.stack))
            steps.append(self._empty(bucket, unit.stack))
            emptied.append(steps[-1].id)
        before: tuple[str, ...] = tuple(emptied)
        if unit.stack:
            if unit.stack.protected and self._wishes.unprotect:
                steps.append(self._unprotect(unit.stack, before))
                before = (*before, steps[-1].id)
            steps.append(self._delete_stack(unit.stack, unit, before))
            before = (steps[-1].id,)
        steps += [self._delete_bucket(bucket, before) for bucket in unit.buckets]
        for alias in unit.aliases:
            steps.append(self._schedule(alias, before))  # before its name goes, by which it is found again
            steps.append(self._delete_alias(alias, (*before, steps[-1].id)))
        return steps

    def _evidence(self, kind: Kind, account: str, region: str, id: str) -> str:
        return "; ".join(self._graph.by_key[f"{kind} {account} {region} {id}"].reasons)

    def _archive(self, bucket: Bucket, stack: Stack | None) -> Step:
        archive, found = self._wishes.archive, _Found()
        source = client_of(self._cloud, bucket.account, bucket.region)

        def act(say: ReportProgress) -> None:
            emptying.archive_versions(source, bucket.name, source, archive, found.versions, say)

        return Step(
            id=f"archive {bucket.name}",
            does=f"Copy {_amount(bucket)} to {archive}, with SHA-256 checksums",
            resource=Resource(Kind.BUCKET, bucket.name, bucket.account, bucket.region),
            act=act,
            parameters={"bucket": bucket.name, "to": f"{archive}/{bucket.name}/"},
            check=partial(self._unchanged, bucket, stack, found),
            evidence=f"kept under {bucket.name}/ in {archive}, with a manifest",
            actions=(
                *BUCKET_READS,
                "s3:ListBucketVersions",
                "s3:GetObjectVersion",
                "s3:PutObject",
                "kms:Decrypt",
            ),
        )

    def _empty(self, bucket: Bucket, stack: Stack | None) -> Step:
        found = _Found()
        client = client_of(self._cloud, bucket.account, bucket.region)

        def act(say: ReportProgress) -> None:
            emptying.delete_versions(client, bucket.name, bucket.account, found.versions, say)
            emptying.abort_uploads(client, bucket.name, bucket.account, found.uploads)

        lost = "copied first" if self._wishes.archive else "lost for good"
        return Step(
            id=f"empty {bucket.name}",
            does=f"Empty the bucket: {_amount(bucket)}, {lost}",
            resource=Resource(Kind.BUCKET, bucket.name, bucket.account, bucket.region),
            act=act,
            parameters={
                "bucket": bucket.name,
                "versions": _amount(bucket),
                "copied_to": self._wishes.archive,
            },
            check=partial(self._unchanged, bucket, stack, found, otherwise=Readiness.DONE),
            evidence=self._evidence(Kind.BUCKET, bucket.account, bucket.region, bucket.name),
            actions=(
                *BUCKET_READS,
                "s3:ListBucketVersions",
                "s3:ListBucketMultipartUploads",
                "s3:DeleteObjectVersion",
                "s3:AbortMultipartUpload",
            ),
            needs=(f"archive {bucket.name}",) if self._wishes.archive else (),
            destructive=True,
        )

    def _unchanged(
        self,
        bucket: Bucket,
        stack: Stack | None,
        found: _Found,
        *,
        otherwise: Readiness = Readiness.READY,
    ) -> Check:
        """Lists the bucket: CHANGED for anything newer than the plan knows; `otherwise` when it is empty."""
        whole = [_unless_gone(partial(self._stack, stack))] if stack else []
        checked = first(*whole, partial(self._recheck.bucket, bucket))
        if checked.readiness is not Readiness.READY:
            return checked
        client = client_of(self._cloud, bucket.account, bucket.region)
        known = bucket.contents.last_written if bucket.contents else None
        found.versions = []
        for page in s3.iterate_versions(client, bucket.name):
            if new := [item for item in page if known is None or item.written > known]:
                return changed(f"{new[0].key} was written since the plan was made")
            found.versions += page
        found.uploads = s3.list_uploads(client, bucket.name)
        if len(found.uploads) > (bucket.contents.uploads if bucket.contents else 0):
            return changed("an upload was begun since the plan was made")
        empty = not (found.versions or found.uploads)
        return Check(otherwise, "it is empty") if empty else READY

    def _unprotect(self, stack: Stack, needs: tuple[str, ...]) -> Step:
        place = self._recheck.place(stack.account, stack.region)
        return Step(
            id=f"unprotect {stack.id}",
            does="Turn its termination protection off",
            resource=Resource(Kind.STACK, stack.name, stack.account, stack.region),
            act=lambda say: stack_resources.unprotect(self._cloud, place, stack.id),
            parameters={"stack": stack.id, "termination_protection": "off"},
            check=partial(self._stack, stack),
            evidence="as wished in this plan",
            actions=("cloudformation:DescribeStacks", "cloudformation:UpdateTerminationProtection"),
            needs=needs,
            destructive=True,
        )

    def _stack(self, stack: Stack) -> Check:
        return self._recheck.stack(stack, protection_goes=self._wishes.unprotect and stack.protected)

    def _delete_stack(self, stack: Stack, unit: Unit, needs: tuple[str, ...]) -> Step:
        client = cloudformation.client_of(self._cloud, stack.account, stack.region)

        def act(say: ReportProgress) -> None:
            found = cloudformation.read_stack(self._cloud, stack.account, stack.region, stack.id)
            if found:
                delete_stack(client, found, say)

        used = [partial(self._recheck.bucket, bucket) for bucket in unit.buckets]
        keys = [partial(self._recheck.key, alias) for alias in unit.aliases]

        def check() -> Check:
            return first(partial(self._stack, stack), *(_unless_gone(ask) for ask in (*used, *keys)))

        return Step(
            id=f"delete {stack.id}",
            does=f"Delete the stack {stack.name}{' and its key' if unit.aliases else ''}",
            resource=Resource(Kind.STACK, stack.name, stack.account, stack.region),
            act=act,
            parameters={"stack": stack.id},
            check=check,
            evidence=self._evidence(Kind.STACK, stack.account, stack.region, stack.name),
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

    def _delete_bucket(self, bucket: Bucket, needs: tuple[str, ...]) -> Step:
        client = client_of(self._cloud, bucket.account, bucket.region)
        return Step(
            id=f"delete {bucket.name}",
            does=f"Delete the bucket {bucket.name}",
            resource=Resource(Kind.BUCKET, bucket.name, bucket.account, bucket.region),
            act=lambda say: emptying.delete_bucket(client, bucket.name, bucket.account),
            parameters={"bucket": bucket.name, "owner": bucket.account},
            check=partial(self._recheck.bucket, bucket),
            evidence="its stack has retained it; S3 deletes it only while it is empty",
            actions=(*BUCKET_READS, "s3:DeleteBucket"),
            needs=needs,
            destructive=True,
        )

    def _delete_alias(self, alias: Alias, needs: tuple[str, ...]) -> Step:
        place = self._recheck.place(alias.account, alias.region)

        def check() -> Check:
            if kms.read_key(self._cloud, place, alias.name) is None:
                return Check(Readiness.DONE, "it is gone")
            return self._recheck.key(alias)

        return Step(
            id=f"delete {alias.name}",
            does=f"Delete {alias.name}",
            resource=Resource("AWS::KMS::Alias", alias.name, alias.account, alias.region),
            act=lambda say: kms.delete_alias(self._cloud, place, alias.name),
            parameters={"alias": alias.name, "key": alias.key.id},
            check=check,
            evidence="the key's name, which nothing refers to any more",
            actions=(*READS, "kms:DescribeKey", "kms:GetKeyPolicy", "kms:DeleteAlias"),
            needs=needs,
            destructive=True,
        )

    def _schedule(self, alias: Alias, needs: tuple[str, ...]) -> Step:
        place = self._recheck.place(alias.account, alias.region)
        days = self._wishes.waiting_days

        def check() -> Check:
            key = kms.read_key(self._cloud, place, alias.key.id)
            if key is None or key.state in SOON_GONE:
                until = f" on {key.deletion:%Y-%m-%d}" if key and key.deletion else ""
                return Check(Readiness.DONE, f"it will be gone{until}. To keep it: {cancel(alias)}")
            return self._recheck.key(alias)

        def act(say: ReportProgress) -> None:
            gone = kms.schedule_deletion(self._cloud, place, alias.key.id, days)
            say(f"gone on {gone:%Y-%m-%d}. To keep it: {cancel(alias)}")

        return Step(
            id=f"schedule {alias.key.id}",
            does=f"Schedule the key's deletion in {days} days",
            resource=Resource(Kind.KEY, alias.key.id, alias.account, alias.region),
            act=act,
            parameters={"key": alias.key.id, "waiting_days": str(days)},
            check=check,
            evidence=f"until then it can be kept: {cancel(alias)}",
            actions=(*READS, "kms:DescribeKey", "kms:GetKeyPolicy", "kms:ScheduleKeyDeletion"),
            needs=needs,
            destructive=True,
        )


def cancel(alias: Alias) -> str:
    """The command that keeps a key whose deletion is scheduled: cancelled, it is disabled at first."""
    which = f"--key-id {alias.key.id} --region {alias.region}"
    return f"aws kms cancel-key-deletion {which} && aws kms enable-key {which}"


def _unless_gone(ask: Callable[[], Check]) -> partial[Check]:
    """A thing of the stack that is gone already does not mean that the stack is."""

    def check() -> Check:
        found = ask()
        return READY if found.readiness is Readiness.DONE else found

    return partial(check)


def _amount(bucket: Bucket) -> str:
    held = bucket.contents
    if held is None or held.empty:
        return "nothing in it"
    parts = [_counted(held.versions, "version"), _counted(held.markers, "delete marker"), _size(held.bytes)]
    return ", ".join(filter(None, [*parts, _counted(held.uploads, "unfinished upload")]))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number > 1 else ''}" if number else ""


def _size(number: int) -> str:
    for unit, each in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if number >= each:
            return f"{number / each:,.1f} {unit}"
    return f"{number} B"
