"""The deletion of resources: each is checked again just before a step acts, and acts on what was checked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TypeVar

from ops.aws import kms
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import resources as stack_resources
from ops.aws.cloudformation.operations import delete_stack
from ops.aws.cloudformation.stacks import client_of as stack_client
from ops.aws.cloudformation.stacks import read_stack
from ops.aws.codepipeline import Pipeline, PipelineReader
from ops.aws.s3 import buckets as s3
from ops.aws.s3 import emptying
from ops.aws.s3.buckets import ObjectVersion
from ops.aws.s3.staging import client_of
from ops.plan import READY, Check, Readiness, ReportProgress
from ops.support_stacks.facts import ArtifactBucket, CandidateStack, Inventory, KeyAlias, stack_label
from ops.support_stacks.fingerprints import stack_kind
from ops.support_stacks.liveness import SUPPORT_KINDS
from ops.support_stacks.principals import encrypters, writers

T = TypeVar("T")
DELETED = Check(Readiness.DONE, "it no longer exists")
CheckedContents = tuple[list[ObjectVersion], list[tuple[str, str]]]  # versions, and uploads by key and id


def changed(reason: str) -> Check:
    return Check(Readiness.CHANGED, reason)


@dataclass(frozen=True)
class DeletionGroup:
    """Resources that are deleted together: a support stack with its contents, or one resource alone.

    `name` is that of the stack, or of the resource.
    """

    name: str
    stack: CandidateStack | None
    buckets: tuple[ArtifactBucket, ...]
    aliases: tuple[KeyAlias, ...]


@dataclass(frozen=True)
class UsersNow:
    """What could use a resource, as it is now: pipelines and stacks of an inventory's accounts."""

    cloud: Cloud
    inventory: Inventory
    reader: PipelineReader

    def pipelines(self, accounts: Iterable[str]) -> list[Pipeline]:
        """Return the pipelines of these accounts. Raises the first error."""
        return [item for _, items in self._read(accounts, self.reader.read) for item in items]

    def naming(self, bucket: ArtifactBucket, accounts: Iterable[str]) -> str:
        """Describe a stack of these accounts, other than the bucket's own, that names it in a parameter."""
        for place, stacks in self._read(accounts, partial(stack_resources.list_all_stacks, self.cloud)):
            for stack in stacks:
                if bucket.name in stack.named and stack.id != bucket.stack[1]:
                    return stack_label(stack.name, place.account.id, place.region)
        return ""

    def _read(
        self, accounts: Iterable[str], read: Callable[[Place], tuple[T, ...]]
    ) -> list[tuple[Place, tuple[T, ...]]]:
        places = [
            self.cloud.place(account, region)
            for account in accounts
            if account in self.inventory.accounts
            for region in self.inventory.regions[account]
        ]
        answers = []
        for place, reading in zip(places, self.cloud.read(read, places), strict=True):
            if reading.error:
                raise reading.error
            answers.append((place, reading.value or ()))
        return answers


@dataclass(frozen=True)
class Deletion:
    """The checks and the actions of a group's steps. What cannot be read raises: the step does not run.

    With `unprotect`, the stack may still have the termination protection that the inventory has read.
    `checked` are the contents of each bucket as its last check listed them: the next action is on just these.
    """

    cloud: Cloud
    group: DeletionGroup
    users: UsersNow
    unprotect: bool
    checked: dict[str, CheckedContents]

    def check_contents(self, bucket: ArtifactBucket, *, if_empty: Readiness = Readiness.READY) -> Check:
        """Check the bucket and its stack, which may be deleted already, and list the bucket.

        CHANGED if anything is newer than the inventory, `if_empty` if the bucket is empty.
        """
        if self.group.stack and (check := self.check_stack(self.group.stack)).readiness is Readiness.CHANGED:
            return check
        if (check := self.check_bucket(bucket)).readiness is not Readiness.READY:
            return check
        client, known = client_of(self.cloud, bucket.account, bucket.region), bucket.contents
        last_known = known.last_written if known else None
        versions: list[ObjectVersion] = []
        for page in s3.iterate_versions(client, bucket.name):
            if new := [item for item in page if last_known is None or item.written > last_known]:
                return changed(f"{new[0].key} was written after the plan was made")
            versions += page
        uploads = s3.list_uploads(client, bucket.name)
        if len(uploads) > (known.uploads if known else 0):
            return changed("a multipart upload was started after the plan was made")
        if lock := s3.find_lock(client, bucket.name, versions, datetime.now(UTC)):
            return changed(f"S3 would refuse to delete it whole: {lock}")
        self.checked[bucket.name] = (versions, uploads)
        return READY if versions or uploads else Check(if_empty, "the bucket is empty")

    def archive_contents(self, bucket: ArtifactBucket, to: str, say: ReportProgress) -> None:
        """Copy the checked versions to the bucket `to`, with a manifest."""
        client, (versions, _) = (
            client_of(self.cloud, bucket.account, bucket.region),
            self.checked[bucket.name],
        )
        emptying.archive_versions(client, bucket.name, client, to, versions, say)

    def empty(self, bucket: ArtifactBucket, say: ReportProgress) -> None:
        """Delete the checked versions permanently, and abort the uploads."""
        client = client_of(self.cloud, bucket.account, bucket.region)
        versions, uploads = self.checked[bucket.name]
        emptying.delete_versions(client, bucket.name, bucket.account, versions, say)
        emptying.abort_uploads(client, bucket.name, bucket.account, uploads)

    def check_stack(self, stack: CandidateStack) -> Check:
        """Return DONE if the stack is deleted, CHANGED if it was updated or is protected unexpectedly."""
        current = read_stack(self.cloud, stack.account, stack.region, stack.id)
        if current is None or current.status == "DELETE_COMPLETE":
            return DELETED
        if current.busy:
            return changed(f"an operation is in progress: {current.status}")
        place = self.cloud.place(stack.account, stack.region)
        resources = stack_resources.list_resources(self.cloud, place, stack.id)
        added = set(resources) - set(stack.resources)
        if added or (resources and stack_kind(stack.name, resources) not in SUPPORT_KINDS):
            return changed("its resources changed after the plan was made")
        may_be_protected = self.unprotect and stack.protected
        if stack_resources.is_protected(self.cloud, place, stack.id) and not may_be_protected:
            return changed("termination protection is enabled, and this plan does not disable it")
        return READY

    def check_stack_with_contents(self, stack: CandidateStack) -> Check:
        """As `check_stack`, and CHANGED if a bucket or key has changed; these may be deleted already."""
        check = self.check_stack(stack)
        if check.readiness is not Readiness.READY:
            return check
        contents = chain(
            map(self.check_bucket, self.group.buckets), map(self._check_unused_key, self.group.aliases)
        )
        return next((check for check in contents if check.readiness is Readiness.CHANGED), READY)

    def disable_protection(self, stack: CandidateStack, say: ReportProgress) -> None:
        place = self.cloud.place(stack.account, stack.region)
        stack_resources.disable_termination_protection(self.cloud, place, stack.id)

    def delete_stack(self, stack: CandidateStack, say: ReportProgress) -> None:
        if current := read_stack(self.cloud, stack.account, stack.region, stack.id):
            delete_stack(stack_client(self.cloud, stack.account, stack.region), current, say)

    def check_bucket(self, bucket: ArtifactBucket) -> Check:
        """Return DONE if the bucket is deleted, CHANGED if it is in use, moved or its policy changed."""
        client = client_of(self.cloud, bucket.account, bucket.region)
        if not s3.bucket_exists(client, bucket.name, bucket.account):
            return DELETED
        if s3.read_policy(client, bucket.name) not in (bucket.policy, None):
            return changed("its policy changed after the plan was made")
        place = self.cloud.place(bucket.account, bucket.region)
        if stack_resources.find_stack_of(self.cloud, place, bucket.name) not in (bucket.stack, ("", "")):
            return changed("it is now part of another stack")
        accounts = {bucket.account, *writers(bucket.policy)}
        for pipeline in self.users.pipelines(accounts):
            if any(store.bucket == bucket.name for store in pipeline.stores):
                return changed(f"pipeline {pipeline.name} ({pipeline.account}) now uses it")
        if stack := self.users.naming(bucket, accounts):
            return changed(f"{stack} now names it in its parameters")
        return READY

    def delete_bucket(self, bucket: ArtifactBucket, say: ReportProgress) -> None:
        client = client_of(self.cloud, bucket.account, bucket.region)
        emptying.delete_bucket(client, bucket.name, bucket.account)

    def check_key(self, alias: KeyAlias) -> Check:
        """Return DONE if the key's deletion is scheduled, CHANGED if it is in use or its policy changed."""
        key = kms.read_key(self.cloud, self.cloud.place(alias.account, alias.region), alias.key.id)
        if key is None or key.pending_deletion:
            date = f" on {key.deletion:%Y-%m-%d}" if key and key.deletion else ""
            return Check(Readiness.DONE, f"KMS deletes the key{date}. To keep it: {alias.cancel_command}")
        return self._check_unused_key(alias)

    def _check_unused_key(self, alias: KeyAlias) -> Check:
        place = self.cloud.place(alias.account, alias.region)
        if kms.read_key(self.cloud, place, alias.key.id) is None:
            return DELETED
        if kms.read_key_policy(self.cloud, place, alias.key.id) != alias.policy:
            return changed("its policy changed after the plan was made")
        for pipeline in self.users.pipelines({alias.account, *encrypters(alias.policy)}):
            if any(alias.is_named_by(store.key) for store in pipeline.stores):
                return changed(f"pipeline {pipeline.name} ({pipeline.account}) now uses it")
        return READY

    def schedule_key_deletion(self, alias: KeyAlias, days: int, say: ReportProgress) -> None:
        place = self.cloud.place(alias.account, alias.region)
        date = kms.schedule_deletion(self.cloud, place, alias.key.id, days)
        say(f"KMS deletes the key on {date:%Y-%m-%d}. To keep it: {alias.cancel_command}")

    def check_alias(self, alias: KeyAlias) -> Check:
        """Return DONE if the alias is deleted, CHANGED if its key is in use or its policy changed."""
        if kms.read_key(self.cloud, self.cloud.place(alias.account, alias.region), alias.name) is None:
            return Check(Readiness.DONE, "the alias no longer exists")
        return self._check_unused_key(alias)

    def delete_alias(self, alias: KeyAlias, say: ReportProgress) -> None:
        kms.delete_alias(self.cloud, self.cloud.place(alias.account, alias.region), alias.name)
