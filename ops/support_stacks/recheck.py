"""Looks again, just before a step of a clean-up acts: does anything need the thing now?"""

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
from ops.support_stacks.facts import Alias, Bucket, Inventory, Stack
from ops.support_stacks.fingerprints import StackKind, stack_kind
from ops.support_stacks.liveness import names_key
from ops.support_stacks.principals import encrypters, writers


def changed(reason: str) -> Check:
    return Check(Readiness.CHANGED, reason)


class Recheck:
    """Asks AWS again about the things of one inventory; what cannot be read raises, so nothing is done."""

    def __init__(self, cloud: Cloud, inventory: Inventory) -> None:
        self.cloud = cloud
        self._inventory = inventory
        self._pipelines = PipelineReader(cloud)

    def place(self, account: str, region: str) -> Place:
        return Place(self.cloud.account(account), region)

    def pipelines(self, accounts: Iterable[str]) -> list[Pipeline]:
        """Every pipeline of these accounts as it is now. Raises the first error."""
        places = [
            self.place(account, region)
            for account in accounts
            if account in self._inventory.accounts
            for region in self._inventory.regions[account]
        ]
        found: list[Pipeline] = []
        for reading in self.cloud.read(self._pipelines.read, places):
            if reading.error:
                raise reading.error
            found += reading.value or ()
        return found

    def bucket(self, bucket: Bucket) -> Check:
        """DONE when it is gone, CHANGED when it is used, in another stack, or may be used by others now."""
        client = client_of(self.cloud, bucket.account, bucket.region)
        if not s3.exists(client, bucket.name, bucket.account):
            return Check(Readiness.DONE, "it is gone")
        if s3.read_policy(client, bucket.name) not in (bucket.policy, None):
            return changed("its policy has changed since the plan was made")
        place = self.place(bucket.account, bucket.region)
        if stack_resources.find_stack_of(self.cloud, place, bucket.name) not in (bucket.stack, ("", "")):
            return changed("it is part of another stack now")
        for pipeline in self.pipelines({bucket.account, *writers(bucket.policy)}):
            if any(store.bucket == bucket.name for store in pipeline.stores):
                return changed(f"the pipeline {pipeline.name} of {pipeline.account} uses it now")
        return READY

    def key(self, alias: Alias) -> Check:
        """DONE when it is gone, CHANGED when a pipeline names it, or other accounts may use it now."""
        place = self.place(alias.account, alias.region)
        if kms.read_key(self.cloud, place, alias.key.id) is None:
            return Check(Readiness.DONE, "it is gone")
        if kms.key_policy(self.cloud, place, alias.key.id) != alias.policy:
            return changed("its policy has changed since the plan was made")
        for pipeline in self.pipelines({alias.account, *encrypters(alias.policy)}):
            if any(names_key(store.key, alias) for store in pipeline.stores):
                return changed(f"the pipeline {pipeline.name} of {pipeline.account} uses it now")
        return READY

    def stack(self, stack: Stack, *, protection_goes: bool) -> Check:
        """DONE when it is gone, CHANGED when something was added to it or it was protected."""
        found = read_stack(self.cloud, stack.account, stack.region, stack.id)
        if found is None or found.status == "DELETE_COMPLETE":
            return Check(Readiness.DONE, "it is gone")
        if found.busy:
            return changed(f"it is being changed: {found.status}")
        place = self.place(stack.account, stack.region)
        now = stack_resources.list_resources(self.cloud, place, stack.id)
        added = set(now) - set(stack.resources)
        if added or (now and stack_kind(stack.name, now) is not StackKind.SUPPORT):
            return changed("what is in it has changed since the plan was made")
        if stack_resources.is_protected(self.cloud, place, stack.id) and not protection_goes:
            return changed("it is protected against deletion, and the plan does not say to change that")
        return READY


def first(*checks: partial[Check]) -> Check:
    """The first check that is not READY; READY when all are."""
    for check in checks:
        if (found := check()).readiness is not Readiness.READY:
            return found
    return READY
