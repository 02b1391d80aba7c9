"""A second check of a resource just before a cleanup step acts on it."""

from collections.abc import Iterable
from functools import partial

from ops.aws import kms
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import resources as stack_resources
from ops.aws.cloudformation.stacks import read_stack
from ops.aws.codepipeline import Pipeline, PipelineReader
from ops.aws.s3 import buckets as s3
from ops.aws.s3.staging import client_of
from ops.plan import READY, Check, Readiness
from ops.support_stacks.facts import ArtifactBucket, CandidateStack, Inventory, KeyAlias
from ops.support_stacks.fingerprints import StackKind, stack_kind
from ops.support_stacks.liveness import names_key
from ops.support_stacks.principals import encrypters, writers

DELETED = Check(Readiness.DONE, "it no longer exists")


def changed(reason: str) -> Check:
    return Check(Readiness.CHANGED, reason)


class Recheck:
    """Checks of the resources of one inventory. What cannot be read raises, so that the step does not run."""

    def __init__(self, cloud: Cloud, inventory: Inventory) -> None:
        self.cloud = cloud
        self._inventory = inventory
        self._pipelines = PipelineReader(cloud)

    def place(self, account: str, region: str) -> Place:
        return Place(self.cloud.account(account), region)

    def pipelines(self, accounts: Iterable[str]) -> list[Pipeline]:
        """Return the current pipelines of these accounts. Raises the first error."""
        places = [
            self.place(account, region)
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
        place = self.place(bucket.account, bucket.region)
        if stack_resources.find_stack_of(self.cloud, place, bucket.name) not in (bucket.stack, ("", "")):
            return changed("it is now part of another stack")
        for pipeline in self.pipelines({bucket.account, *writers(bucket.policy)}):
            if any(store.bucket == bucket.name for store in pipeline.stores):
                return changed(f"pipeline {pipeline.name} ({pipeline.account}) now uses it")
        return READY

    def key(self, alias: KeyAlias) -> Check:
        """Return DONE if the key is deleted, CHANGED if it is in use or its policy changed."""
        place = self.place(alias.account, alias.region)
        if kms.read_key(self.cloud, place, alias.key.id) is None:
            return DELETED
        if kms.read_key_policy(self.cloud, place, alias.key.id) != alias.policy:
            return changed("its policy changed after the plan was made")
        for pipeline in self.pipelines({alias.account, *encrypters(alias.policy)}):
            if any(names_key(store.key, alias) for store in pipeline.stores):
                return changed(f"pipeline {pipeline.name} ({pipeline.account}) now uses it")
        return READY

    def stack(self, stack: CandidateStack, *, may_be_protected: bool) -> Check:
        """Return DONE if the stack is deleted, CHANGED if it was updated or is protected unexpectedly."""
        current = read_stack(self.cloud, stack.account, stack.region, stack.id)
        if current is None or current.status == "DELETE_COMPLETE":
            return DELETED
        if current.busy:
            return changed(f"an operation is in progress: {current.status}")
        place = self.place(stack.account, stack.region)
        resources = stack_resources.list_resources(self.cloud, place, stack.id)
        added = set(resources) - set(stack.resources)
        if added or (resources and stack_kind(stack.name, resources) is not StackKind.SUPPORT):
            return changed("its resources changed after the plan was made")
        if stack_resources.is_protected(self.cloud, place, stack.id) and not may_be_protected:
            return changed("termination protection is enabled, and this plan does not disable it")
        return READY


def first_not_ready(*checks: partial[Check]) -> Check:
    """Run the checks in order and return the first result that is not READY; READY if all are."""
    for check in checks:
        if (result := check()).readiness is not Readiness.READY:
            return result
    return READY
