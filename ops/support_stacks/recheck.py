"""A second check of a resource just before a cleanup step acts on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from ops.aws import kms
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import resources as stack_resources
from ops.aws.cloudformation.stacks import read_stack
from ops.aws.codepipeline import Pipeline, PipelineReader
from ops.aws.s3 import buckets as s3
from ops.aws.s3.buckets import ObjectVersion
from ops.aws.s3.staging import client_of
from ops.plan import READY, Check, Readiness
from ops.support_stacks.facts import ArtifactBucket, CandidateStack, Inventory, KeyAlias
from ops.support_stacks.fingerprints import stack_kind
from ops.support_stacks.liveness import SUPPORT_KINDS
from ops.support_stacks.principals import encrypters, writers

DELETED = Check(Readiness.DONE, "it no longer exists")


def changed(reason: str) -> Check:
    return Check(Readiness.CHANGED, reason)


@dataclass
class BucketListing:
    """The contents of a bucket, listed by a step's check for its act, so that each step lists only once."""

    versions: list[ObjectVersion] = field(default_factory=list)
    uploads: list[tuple[str, str]] = field(default_factory=list)


class Recheck:
    """Checks of the resources of one inventory. What cannot be read raises, so that the step does not run.

    With `unprotect`, a stack may still have the termination protection that the inventory has read.
    """

    def __init__(self, cloud: Cloud, inventory: Inventory, *, unprotect: bool = False) -> None:
        self.cloud = cloud
        self._inventory = inventory
        self._unprotect = unprotect
        self._pipelines = PipelineReader(cloud)

    def pipelines(self, accounts: Iterable[str]) -> list[Pipeline]:
        """Return the current pipelines of these accounts. Raises the first error."""
        places = [
            self.cloud.place(account, region)
            for account in accounts
            if account in self._inventory.accounts
            for region in self._inventory.regions[account]
        ]
        pipelines: list[Pipeline] = []
        for reading in self.cloud.read(self._pipelines.read, places):
            if reading.error:
                raise reading.error
            pipelines += reading.value or ()
        return pipelines

    def bucket(self, bucket: ArtifactBucket) -> Check:
        """Return DONE if the bucket is deleted, CHANGED if it is in use, moved or its policy changed."""
        client = client_of(self.cloud, bucket.account, bucket.region)
        if not s3.bucket_exists(client, bucket.name, bucket.account):
            return DELETED
        if s3.read_policy(client, bucket.name) not in (bucket.policy, None):
            return changed("its policy changed after the plan was made")
        place = self.cloud.place(bucket.account, bucket.region)
        if stack_resources.find_stack_of(self.cloud, place, bucket.name) not in (bucket.stack, ("", "")):
            return changed("it is now part of another stack")
        for pipeline in self.pipelines({bucket.account, *writers(bucket.policy)}):
            if any(store.bucket == bucket.name for store in pipeline.stores):
                return changed(f"pipeline {pipeline.name} ({pipeline.account}) now uses it")
        return READY

    def key(self, alias: KeyAlias) -> Check:
        """Return DONE if the key is deleted, CHANGED if it is in use or its policy changed."""
        place = self.cloud.place(alias.account, alias.region)
        if kms.read_key(self.cloud, place, alias.key.id) is None:
            return DELETED
        if kms.read_key_policy(self.cloud, place, alias.key.id) != alias.policy:
            return changed("its policy changed after the plan was made")
        for pipeline in self.pipelines({alias.account, *encrypters(alias.policy)}):
            if any(alias.is_named_by(store.key) for store in pipeline.stores):
                return changed(f"pipeline {pipeline.name} ({pipeline.account}) now uses it")
        return READY

    def stack(self, stack: CandidateStack) -> Check:
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
        may_be_protected = self._unprotect and stack.protected
        if stack_resources.is_protected(self.cloud, place, stack.id) and not may_be_protected:
            return changed("termination protection is enabled, and this plan does not disable it")
        return READY

    def stack_with_contents(
        self, stack: CandidateStack, buckets: Sequence[ArtifactBucket], aliases: Sequence[KeyAlias]
    ) -> Check:
        """As `stack`, and CHANGED if one of its buckets or keys has changed; these may be deleted already."""
        check = self.stack(stack)
        if check.readiness is not Readiness.READY:
            return check
        contents = chain(map(self.bucket, buckets), map(self.key, aliases))
        return next((check for check in contents if check.readiness is Readiness.CHANGED), READY)

    def contents(
        self,
        bucket: ArtifactBucket,
        stack: CandidateStack | None,
        listing: BucketListing,
        *,
        if_empty: Readiness = Readiness.READY,
    ) -> Check:
        """Check the bucket and its stack, which may be deleted already: it can retain the bucket.

        Lists the bucket. CHANGED if anything is newer than the inventory, `if_empty` if it is empty.
        """
        if stack and (check := self.stack(stack)).readiness is Readiness.CHANGED:
            return check
        if (check := self.bucket(bucket)).readiness is not Readiness.READY:
            return check
        client = client_of(self.cloud, bucket.account, bucket.region)
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

    def alias(self, alias: KeyAlias) -> Check:
        """As `key`, and DONE if the alias is deleted."""
        if kms.read_key(self.cloud, self.cloud.place(alias.account, alias.region), alias.name) is None:
            return Check(Readiness.DONE, "the alias no longer exists")
        return self.key(alias)

    def unscheduled_key(self, alias: KeyAlias) -> Check:
        """As `key`, and DONE if the deletion of the key is scheduled."""
        key = kms.read_key(self.cloud, self.cloud.place(alias.account, alias.region), alias.key.id)
        if key is None or key.pending_deletion:
            date = f" on {key.deletion:%Y-%m-%d}" if key and key.deletion else ""
            return Check(Readiness.DONE, f"KMS deletes the key{date}. To keep it: {alias.cancel_command}")
        return self.key(alias)
