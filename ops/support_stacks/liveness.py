"""The usage of each bucket, key and stack: whether a pipeline needs it, and why. Pure.

A resource is orphaned only on complete evidence. It stays unknown if a pipeline could still use it: an
account with access could not be read, evidence is missing, or the resource was created or written to
recently.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from ops.aws.codepipeline import Pipeline
from ops.aws.readings import Amount, total
from ops.support_stacks import facts, fingerprints
from ops.support_stacks.facts import ArtifactBucket, CandidateStack, Inventory, KeyAlias
from ops.support_stacks.fingerprints import StackKind, contains_only_roles
from ops.support_stacks.principals import ANYONE, encrypters, writers

SUPPORT_KINDS = (StackKind.SUPPORT, StackKind.EXTENDED)
MIN_IDLE_DAYS = 30
PER_GB = 0.023  # dollars a month, S3 Standard: Amazon S3 price list, us-east-1
PER_KEY = 1.0  # dollars a month, a customer managed key: AWS KMS price list


class UsageState(StrEnum):
    IN_USE = "in use"
    SHARED = "shared"  # in use by more than one pipeline
    ORPHANED = "orphaned"
    UNKNOWN = "unknown"
    LEFT_ALONE = "left alone"  # not a support stack's: Slipway never changes it


class ResourceType(StrEnum):
    STACK = "AWS::CloudFormation::Stack"
    BUCKET = "AWS::S3::Bucket"
    KEY = "AWS::KMS::Key"


@dataclass(frozen=True)
class UsageVerdict:
    """Whether one resource is in use, and why.

    `users` are the pipelines that use the resource. `stack` is the id of the support stack that contains it,
    empty for none. `monthly` is its cost in dollars.
    """

    kind: ResourceType
    id: str
    account: str
    region: str
    state: UsageState
    reasons: tuple[str, ...]
    users: tuple[Pipeline, ...] = ()
    stack: str = ""
    monthly: float = 0.0

    @property
    def key(self) -> str:
        """Identifies the resource: `AWS::S3::Bucket 111111111111 eu-west-1 name`."""
        return f"{self.kind} {self.account} {self.region} {self.id}"


@dataclass(frozen=True)
class UsageGraph:
    """An inventory with a verdict for each of its resources."""

    inventory: Inventory
    now: datetime
    min_idle: timedelta
    verdicts: tuple[UsageVerdict, ...]

    @cached_property
    def by_key(self) -> dict[str, UsageVerdict]:
        return {verdict.key: verdict for verdict in self.verdicts}

    def verdict(
        self, kind: ResourceType, resource: ArtifactBucket | KeyAlias | CandidateStack
    ) -> UsageVerdict:
        """Return the verdict of a resource of the inventory."""
        return self.by_key[f"{kind} {resource.account} {resource.region} {resource.name}"]

    def with_state(self, *states: UsageState) -> list[UsageVerdict]:
        return [verdict for verdict in self.verdicts if verdict.state in states]

    def inside_stack(self, stack_id: str) -> list[UsageVerdict]:
        """Return the verdicts of the buckets and keys that the stack contains."""
        return [v for v in self.verdicts if v.stack == stack_id and v.kind is not ResourceType.STACK]

    @property
    def orphaned_monthly(self) -> Amount:
        """The cost of all orphaned resources in dollars a month: at least, if not everything was read."""
        orphaned = self.with_state(UsageState.ORPHANED)
        unread = (*self.inventory.gaps, *self.inventory.excluded)
        return total((verdict.monthly for verdict in orphaned), unread)


def assess_usage(inventory: Inventory, now: datetime, min_idle_days: int = MIN_IDLE_DAYS) -> UsageGraph:
    """Return a verdict for each resource; one that changed within `min_idle_days` is never orphaned."""
    assessment = _Assessment(inventory, now, timedelta(days=min_idle_days))
    # What is excluded could use a resource: a verdict that holds only without it names it.
    excluded = tuple(map(str, inventory.excluded))
    verdicts = tuple(
        replace(verdict, reasons=(*verdict.reasons, *excluded))
        if verdict.state is UsageState.ORPHANED
        else verdict
        for verdict in assessment.verdicts()
    )
    return UsageGraph(inventory, now, assessment.min_idle, verdicts)


class _Assessment:
    def __init__(self, inventory: Inventory, now: datetime, min_idle: timedelta) -> None:
        self.inventory = inventory
        self.now = now
        self.min_idle = min_idle
        self.stacks = {stack.id: stack for stack in inventory.stacks}
        self.unread_accounts = {
            gap.account for gap in inventory.gaps if gap.subject in (facts.PIPELINES, facts.REGIONS)
        }
        self.unread = {(gap.account, gap.region, gap.subject) for gap in inventory.gaps}
        self.users: dict[str, list[Pipeline]] = {}
        for pipeline in inventory.pipelines:
            for bucket in dict.fromkeys(store.bucket for store in pipeline.stores):
                self.users.setdefault(bucket, []).append(pipeline)

    def verdicts(self) -> Iterable[UsageVerdict]:
        buckets = {bucket.name: self.bucket(bucket) for bucket in self.inventory.buckets}
        yield from buckets.values()
        keys = [self.alias(alias, buckets) for alias in self.inventory.aliases]
        yield from keys
        for stack in self.inventory.stacks:
            # By the stack's own list too: the stack of a bucket or a key is a reading of its own.
            names = {
                (kind, name)
                for kind, of in ((ResourceType.BUCKET, ResourceType.BUCKET), (ResourceType.KEY, ALIAS))
                for name in stack.physical_ids(of)
            }
            contents = [
                v
                for v in (*buckets.values(), *keys)
                if v.stack == stack.id
                or ((v.kind, v.id) in names and (v.account, v.region) == (stack.account, stack.region))
            ]
            yield self.stack(stack, contents)

    def bucket(self, bucket: ArtifactBucket) -> UsageVerdict:
        users = tuple(self.users.get(bucket.name, ()))
        size = bucket.contents.bytes if bucket.contents else 0
        stack = self.stacks.get(bucket.stack[1])
        state, reasons = self._bucket_state(bucket, stack, users)
        return UsageVerdict(
            kind=ResourceType.BUCKET,
            id=bucket.name,
            account=bucket.account,
            region=bucket.region,
            state=state,
            reasons=reasons,
            users=users,
            stack=stack.id if stack and stack.kind in SUPPORT_KINDS else "",
            monthly=size / 1e9 * PER_GB,
        )

    def _bucket_state(
        self, bucket: ArtifactBucket, stack: CandidateStack | None, users: tuple[Pipeline, ...]
    ) -> tuple[UsageState, tuple[str, ...]]:
        if users:
            return _used(users)
        if bucket.named_in:
            return UsageState.IN_USE, tuple(f"named in the parameters of {name}" for name in bucket.named_in)
        if bucket.stack[1] and (stack is None or stack.kind not in SUPPORT_KINDS):
            if stack is None and self._stack_is_unread(bucket):
                return UsageState.UNKNOWN, (f"part of stack {bucket.stack[0]}, which could not be read",)
            return UsageState.LEFT_ALONE, (f"part of stack {bucket.stack[0]}, which is not a support stack",)
        if not (bucket.origin or stack):
            if unread := [name for name in ("tags", "stack") if name in bucket.missing]:
                return UsageState.UNKNOWN, (
                    f"its {unread[0]} could not be read, so it is not known what created it",
                )
            return UsageState.LEFT_ALONE, ("only its name matches a CDK bucket",)
        doubts = [*self._unread_parts(bucket), *self._unread_users(bucket), *self._recent_changes(bucket)]
        if doubts:
            return UsageState.UNKNOWN, tuple(doubts)
        return UsageState.ORPHANED, tuple(
            filter(None, [_last_write(bucket), bucket.origin, _deleted_stack(bucket, stack), _lock(bucket)])
        )

    def _stack_is_unread(self, resource: ArtifactBucket | KeyAlias) -> bool:
        """Whether the stack that contains the resource is missing only because it could not be read."""
        if resource.region not in self.inventory.regions.get(resource.account, ()):
            return True
        subjects = (facts.STACKS, facts.stack_subject(resource.stack[0]))
        return any((resource.account, resource.region, subject) in self.unread for subject in subjects)

    def _unread_parts(self, bucket: ArtifactBucket) -> Iterable[str]:
        for name in bucket.missing:
            yield f"its {name} could not be read"
        if bucket.contents and not bucket.contents.complete:
            yield f"it contains more than {bucket.contents.versions + bucket.contents.markers:,} versions"

    def _unread_users(self, bucket: ArtifactBucket) -> Iterable[str]:
        accounts = {bucket.account, *writers(bucket.policy)}
        yield from self._unread_among(accounts)
        for account in sorted(accounts & self.inventory.accounts.keys()):
            regions = self.inventory.regions[account]
            if any((account, region, facts.STACKS) in self.unread for region in regions):
                yield f"the stacks of account {self.inventory.accounts[account]} could not be read"

    def _unread_among(self, accounts: Iterable[str]) -> Iterable[str]:
        """Yield a reason for each account with access whose pipelines are not all known."""
        for account in sorted(accounts):
            if account == ANYONE:
                yield "its policy allows everyone to use it, so no inventory can prove that it is unused"
            elif account not in self.inventory.accounts:
                yield f"account {account} has access and is not configured in Slipway"
            elif account in self.unread_accounts:
                yield f"account {self.inventory.accounts[account]} has access and could not be read"

    def _recent_changes(self, bucket: ArtifactBucket) -> Iterable[str]:
        # CDK deploys a support stack before its pipeline, so a new bucket may have no pipeline yet.
        written = bucket.contents.last_written if bucket.contents else None
        if written and self.now - written < self.min_idle:
            yield f"written to on {written:%Y-%m-%d}, although no pipeline uses it"
        elif self.now - bucket.created < self.min_idle:
            yield f"created on {bucket.created:%Y-%m-%d}: its pipeline may not be deployed yet"

    def alias(self, alias: KeyAlias, buckets: dict[str, UsageVerdict]) -> UsageVerdict:
        encrypted = [b for b in self.inventory.buckets if alias.is_named_by(b.key)]
        by_stores = {
            pipeline.arn: pipeline
            for pipeline in self.inventory.pipelines
            for store in pipeline.stores
            if alias.is_named_by(store.key)
        }
        by_buckets = {user.arn: user for bucket in encrypted for user in buckets[bucket.name].users}
        users = tuple({**by_stores, **by_buckets}.values())
        stack = self.stacks.get(alias.stack[1])
        state, reasons = self._alias_state(alias, stack, users, [buckets[b.name] for b in encrypted])
        return UsageVerdict(
            kind=ResourceType.KEY,
            id=alias.name,
            account=alias.account,
            region=alias.region,
            state=state,
            reasons=reasons,
            users=users,
            stack=stack.id if stack and stack.kind in SUPPORT_KINDS else "",
            monthly=0.0 if alias.key.pending_deletion else PER_KEY,
        )

    def _alias_state(
        self,
        alias: KeyAlias,
        stack: CandidateStack | None,
        users: tuple[Pipeline, ...],
        encrypted: list[UsageVerdict],
    ) -> tuple[UsageState, tuple[str, ...]]:
        if users:
            return _used(users)
        if alias.stack[1] and (stack is None or stack.kind not in SUPPORT_KINDS):
            if stack is None and self._stack_is_unread(alias):
                return UsageState.UNKNOWN, (f"part of stack {alias.stack[0]}, which could not be read",)
            return UsageState.LEFT_ALONE, (f"part of stack {alias.stack[0]}, which is not a support stack",)
        if not (alias.origin or stack):
            return UsageState.LEFT_ALONE, ("only its name matches a CDK key alias",)
        doubts = [
            f"it encrypts {verdict.id}, which is {verdict.state}"
            for verdict in encrypted
            if verdict.state is not UsageState.ORPHANED
        ]
        accounts = {alias.account, *encrypters(alias.policy)}
        doubts += [*self._unread_among(accounts), *self._unread_encryption(alias, accounts)]
        if self.now - alias.key.created < self.min_idle:
            doubts.append(f"created on {alias.key.created:%Y-%m-%d}: its pipeline may not be deployed yet")
        if doubts:
            return UsageState.UNKNOWN, tuple(doubts)
        deletion = f"KMS deletes it on {alias.key.deletion:%Y-%m-%d}" if alias.key.deletion else ""
        return UsageState.ORPHANED, tuple(filter(None, [NO_PIPELINE, alias.origin, deletion]))

    def _unread_encryption(self, alias: KeyAlias, accounts: set[str]) -> Iterable[str]:
        # A pipeline can name only a bucket, and still need the key that the bucket is encrypted with.
        for account in sorted(accounts & self.inventory.accounts.keys()):
            if (account, "", facts.BUCKETS) in self.unread:
                yield f"the buckets of account {self.inventory.accounts[account]} could not be read"
        for bucket in self.inventory.buckets:
            in_reach = bucket.account in accounts and bucket.region == alias.region
            if in_reach and "encryption" in bucket.missing:
                yield f"the encryption of bucket {bucket.name} could not be read"

    def stack(self, stack: CandidateStack, contents: list[UsageVerdict]) -> UsageVerdict:
        users = {user.arn: user for verdict in contents for user in verdict.users}
        # A pipeline may still name a bucket that was deleted by hand.
        for name in stack.physical_ids(ResourceType.BUCKET):
            users |= {user.arn: user for user in self.users.get(name, ())}
        state, reasons = self._stack_state(stack, contents, tuple(users.values()))
        return UsageVerdict(
            ResourceType.STACK,
            stack.name,
            stack.account,
            stack.region,
            state,
            reasons,
            tuple(users.values()),
            stack.id,
        )

    def _stack_state(
        self, stack: CandidateStack, contents: list[UsageVerdict], users: tuple[Pipeline, ...]
    ) -> tuple[UsageState, tuple[str, ...]]:
        if stack.kind is StackKind.ROLES:
            return self._roles_state(stack)
        if stack.kind is StackKind.ORDINARY:
            return UsageState.LEFT_ALONE, (
                "not a support stack: contains a replication bucket among other resources",
            )
        if stack.kind is StackKind.LOOK_ALIKE:
            return UsageState.LEFT_ALONE, (
                "only its name matches a support stack: its resources are not CDK's",
            )
        if users:
            return _used(users)
        doubts = [
            f"contains {verdict.id}, which is {verdict.state}"
            for verdict in contents
            if verdict.state is not UsageState.ORPHANED
        ]
        doubts += [*self._unread_among({stack.account}), *self._unread_contents(stack)]
        if self.now - stack.changed < self.min_idle:
            doubts.append(f"changed on {stack.changed:%Y-%m-%d}: its pipeline may not be deployed yet")
        if doubts:
            return UsageState.UNKNOWN, tuple(doubts)
        contains = (
            f"contains, besides CDK's bucket and key: {', '.join(stack.additions)}"
            if stack.additions
            else "contains only CDK's bucket and key"
        )
        return UsageState.ORPHANED, (NO_PIPELINE, contains)

    def _roles_state(self, stack: CandidateStack) -> tuple[UsageState, tuple[str, ...]]:
        if not contains_only_roles(stack.resources):
            return UsageState.LEFT_ALONE, (
                "named like CDK's cross-account roles, but contains other resources",
            )
        users = [p for p in self.inventory.pipelines if any(map(stack.has_role, p.roles))]
        if users:
            return _used(tuple(users))
        doubts = list(self._unread_among({stack.account, *stack.trusted}))
        if self.now - stack.changed < self.min_idle:
            doubts.append(f"changed on {stack.changed:%Y-%m-%d}: its pipeline may not be deployed yet")
        if doubts:
            return UsageState.UNKNOWN, tuple(doubts)
        return UsageState.ORPHANED, ("no pipeline in the accounts that may assume its roles uses them",)

    def _unread_contents(self, stack: CandidateStack) -> Iterable[str]:
        """Yield a reason for each resource that the stack may contain and the inventory does not show."""
        for subject, region in ((facts.BUCKETS, ""), (facts.ALIASES, stack.region)):
            if (stack.account, region, subject) in self.unread:
                yield f"the {subject} of its account could not be read"
        shown = {bucket.name for bucket in self.inventory.buckets}
        for name in stack.physical_ids(ResourceType.BUCKET):
            if name in shown:
                continue
            # It was deleted, or it is not known to be CDK's: then only a pipeline's settings show its use.
            if (stack.account, stack.region, facts.TAGS) in self.unread:
                yield f"the tags of bucket {name} could not be read"
            yield from self._unread_among(self.unread_accounts - {stack.account})
        for name in stack.physical_ids(ALIAS):
            if (stack.account, stack.region, facts.key_subject(name)) in self.unread:
                yield f"the key {name} could not be read"


ALIAS = "AWS::KMS::Alias"
NO_PIPELINE = "not used by any pipeline in the accounts with access"


def _used(users: tuple[Pipeline, ...]) -> tuple[UsageState, tuple[str, ...]]:
    reasons = tuple(f"used by pipeline {user.name} ({user.account}, {user.region})" for user in users)
    return (UsageState.SHARED if len(users) > 1 else UsageState.IN_USE), reasons


def _last_write(bucket: ArtifactBucket) -> str:
    written = bucket.contents.last_written if bucket.contents else None
    return f"{NO_PIPELINE}; " + (f"last written to on {written:%Y-%m-%d}" if written else "empty")


def _lock(bucket: ArtifactBucket) -> str:
    if not bucket.object_lock:
        return ""
    return f"Object Lock ({bucket.object_lock}): emptied only if no version is locked"


def _deleted_stack(bucket: ArtifactBucket, stack: CandidateStack | None) -> str:
    if stack:
        return ""
    name = bucket.tags.get(fingerprints.STACK_NAME, "")
    return f"its stack {name} was deleted" if name else "its stack was deleted"
