"""Who needs what: a verdict for every bucket, key and stack, with its reasons. Pure.

Nothing is called orphaned on a guess: a pipeline that refers to it, an account that could use it and cannot
be read, evidence that is missing, or something written lately keeps it from that.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from ops.aws.codepipeline import Pipeline
from ops.support_stacks import facts, fingerprints
from ops.support_stacks.facts import Alias, Bucket, Inventory, Stack
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.principals import ANYONE, encrypters, writers

QUIET_DAYS = 30
PER_GB = 0.023  # dollars a month, S3 Standard: Amazon S3 price list, us-east-1
PER_KEY = 1.0  # dollars a month, a customer managed key: AWS KMS price list
SOON_GONE = ("PendingDeletion", "PendingReplicaDeletion")


class State(StrEnum):
    IN_USE = "in use"
    SHARED = "shared"  # in use by more than one pipeline
    ORPHANED = "orphaned"
    UNKNOWN = "unknown"
    LEFT_ALONE = "left alone"  # not ours to judge


class Kind(StrEnum):
    STACK = "AWS::CloudFormation::Stack"
    BUCKET = "AWS::S3::Bucket"
    KEY = "AWS::KMS::Key"


@dataclass(frozen=True)
class Verdict:
    """One thing, how it stands and why. `users` are the pipelines that need it; `stack` is the support stack
    that it is part of, by id, empty where there is none now."""

    kind: Kind
    id: str
    account: str
    region: str
    state: State
    reasons: tuple[str, ...]
    users: tuple[Pipeline, ...] = ()
    stack: str = ""
    monthly: float = 0.0

    @property
    def key(self) -> str:
        """Names the thing uniquely: `AWS::S3::Bucket 111111111111 eu-west-1 name`."""
        return f"{self.kind} {self.account} {self.region} {self.id}"


@dataclass(frozen=True)
class Graph:
    """The inventory with a verdict for each of its things."""

    inventory: Inventory
    now: datetime
    quiet: timedelta
    verdicts: tuple[Verdict, ...]

    @cached_property
    def by_key(self) -> dict[str, Verdict]:
        return {verdict.key: verdict for verdict in self.verdicts}

    def of(self, *states: State) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.state in states]

    def of_stack(self, stack_id: str) -> list[Verdict]:
        """The buckets and keys that are part of the stack."""
        return [v for v in self.verdicts if v.stack == stack_id and v.kind is not Kind.STACK]

    @property
    def orphaned_monthly(self) -> float:
        """Dollars a month for what nobody needs."""
        return sum(verdict.monthly for verdict in self.of(State.ORPHANED))


def judge(inventory: Inventory, now: datetime, quiet_days: int = QUIET_DAYS) -> Graph:
    """The liveness graph. `quiet_days`: how long a thing must have been still to count as dead."""
    judging = _Judging(inventory, now, timedelta(days=quiet_days))
    return Graph(inventory, now, judging.quiet, tuple(judging.verdicts()))


class _Judging:
    def __init__(self, inventory: Inventory, now: datetime, quiet: timedelta) -> None:
        self.inventory = inventory
        self.now = now
        self.quiet = quiet
        self.stacks = {stack.id: stack for stack in inventory.stacks}
        self.blind = {
            (gap.account, gap.what) for gap in inventory.gaps if gap.what in (facts.PIPELINES, facts.REGIONS)
        }
        self.unread = {(gap.account, gap.region, gap.what) for gap in inventory.gaps}
        self.users: dict[str, list[Pipeline]] = {}
        for pipeline in inventory.pipelines:
            for bucket in dict.fromkeys(store.bucket for store in pipeline.stores):
                self.users.setdefault(bucket, []).append(pipeline)

    def verdicts(self) -> Iterable[Verdict]:
        buckets = {bucket.name: self.bucket(bucket) for bucket in self.inventory.buckets}
        yield from buckets.values()
        keys = [self.alias(alias, buckets) for alias in self.inventory.aliases]
        yield from keys
        for stack in self.inventory.stacks:
            inside = [v for v in (*buckets.values(), *keys) if v.stack == stack.id]
            yield self.stack(stack, inside)

    def bucket(self, bucket: Bucket) -> Verdict:
        users = tuple(self.users.get(bucket.name, ()))
        size = bucket.contents.bytes if bucket.contents else 0
        stack = self.stacks.get(bucket.stack[1])
        state, reasons = self._bucket_state(bucket, stack, users)
        return Verdict(
            kind=Kind.BUCKET,
            id=bucket.name,
            account=bucket.account,
            region=bucket.region,
            state=state,
            reasons=reasons,
            users=users,
            stack=stack.id if stack and stack.kind is StackKind.SUPPORT else "",
            monthly=size / 1e9 * PER_GB,
        )

    def _bucket_state(
        self, bucket: Bucket, stack: Stack | None, users: tuple[Pipeline, ...]
    ) -> tuple[State, tuple[str, ...]]:
        if users:
            return _used(users)
        if bucket.stack[1] and (stack is None or stack.kind is not StackKind.SUPPORT):
            if stack is None and self._is_unread(bucket):
                return State.UNKNOWN, (f"part of the stack {bucket.stack[0]}, which could not be read",)
            return State.LEFT_ALONE, (f"part of the stack {bucket.stack[0]}: it goes with that stack",)
        if not (bucket.origin or stack):
            if unread := [what for what in ("tags", "stack") if what in bucket.missing]:
                return State.UNKNOWN, (f"its {unread[0]} could not be read, so who made it is not known",)
            return State.LEFT_ALONE, ("only its name looks like CDK's",)
        doubts = [*self._unread(bucket), *self._could_be_used(bucket), *self._recent(bucket)]
        if doubts:
            return State.UNKNOWN, tuple(doubts)
        return State.ORPHANED, tuple(
            filter(None, [_seen(bucket), bucket.origin, _whereabouts(bucket, stack)])
        )

    def _is_unread(self, thing: Bucket | Alias) -> bool:
        """Whether the stack that holds the thing could be one that was not readable."""
        whats = (facts.STACKS, facts.of_stack(thing.stack[0]))
        return any((thing.account, thing.region, what) in self.unread for what in whats)

    def _unread(self, bucket: Bucket) -> Iterable[str]:
        for what in bucket.missing:
            yield f"its {what} could not be read"
        if bucket.contents and not bucket.contents.complete:
            yield f"it holds more than {bucket.contents.versions + bucket.contents.markers:,} versions"

    def _could_be_used(self, bucket: Bucket) -> Iterable[str]:
        return self._accounts_in_doubt({bucket.account, *writers(bucket.policy)})

    def _accounts_in_doubt(self, accounts: Iterable[str]) -> Iterable[str]:
        for account in sorted(accounts):
            if account == ANYONE:
                yield "its policy lets anyone use it: no reading can prove that nobody does"
            elif account not in self.inventory.accounts:
                yield f"account {account} may use it and is not configured here"
            elif (account, facts.REGIONS) in self.blind or (account, facts.PIPELINES) in self.blind:
                yield f"account {self.inventory.accounts[account]} may use it and could not be read"

    def _recent(self, bucket: Bucket) -> Iterable[str]:
        """A support stack is deployed before its pipeline: what is young may be about to be used."""
        written = bucket.contents.last_written if bucket.contents else None
        if written and self.now - written < self.quiet:
            yield f"written to on {written:%Y-%m-%d}, though no pipeline refers to it"
        elif self.now - bucket.created < self.quiet:
            yield f"made on {bucket.created:%Y-%m-%d}: its pipeline may be about to be deployed"

    def alias(self, alias: Alias, buckets: dict[str, Verdict]) -> Verdict:
        encrypted = [b for b in self.inventory.buckets if names_key(b.key, alias)]
        by_stores = {
            pipeline.arn: pipeline
            for pipeline in self.inventory.pipelines
            for store in pipeline.stores
            if names_key(store.key, alias)
        }
        by_buckets = {user.arn: user for bucket in encrypted for user in buckets[bucket.name].users}
        users = tuple({**by_stores, **by_buckets}.values())
        stack = self.stacks.get(alias.stack[1])
        state, reasons = self._alias_state(alias, stack, users, [buckets[b.name] for b in encrypted])
        return Verdict(
            kind=Kind.KEY,
            id=alias.name,
            account=alias.account,
            region=alias.region,
            state=state,
            reasons=reasons,
            users=users,
            stack=stack.id if stack and stack.kind is StackKind.SUPPORT else "",
            monthly=0.0 if alias.key.state in SOON_GONE else PER_KEY,
        )

    def _alias_state(
        self, alias: Alias, stack: Stack | None, users: tuple[Pipeline, ...], encrypted: list[Verdict]
    ) -> tuple[State, tuple[str, ...]]:
        if users:
            return _used(users)
        if alias.stack[1] and (stack is None or stack.kind is not StackKind.SUPPORT):
            if stack is None and self._is_unread(alias):
                return State.UNKNOWN, (f"part of the stack {alias.stack[0]}, which could not be read",)
            return State.LEFT_ALONE, (f"part of the stack {alias.stack[0]}",)
        if not (alias.origin or stack):
            return State.LEFT_ALONE, ("only its name looks like CDK's",)
        doubts = [
            f"it encrypts {verdict.id}, which is {verdict.state}"
            for verdict in encrypted
            if verdict.state is not State.ORPHANED
        ]
        accounts = {alias.account, *encrypters(alias.policy)}
        doubts += [*self._accounts_in_doubt(accounts), *self._could_be_encrypted(alias, accounts)]
        if self.now - alias.key.created < self.quiet:
            doubts.append(f"made on {alias.key.created:%Y-%m-%d}: its pipeline may be about to be deployed")
        if doubts:
            return State.UNKNOWN, tuple(doubts)
        gone = f"deleted on {alias.key.deletion:%Y-%m-%d}" if alias.key.deletion else ""
        return State.ORPHANED, tuple(filter(None, [NO_PIPELINE, alias.origin, gone]))

    def _could_be_encrypted(self, alias: Alias, accounts: set[str]) -> Iterable[str]:
        """A pipeline that names a bucket only needs the key that the bucket encrypts with."""
        for account in sorted(accounts & self.inventory.accounts.keys()):
            if (account, "", facts.BUCKETS) in self.unread:
                yield f"the buckets of account {self.inventory.accounts[account]} could not be read"
        for bucket in self.inventory.buckets:
            here = bucket.account in accounts and bucket.region == alias.region
            if here and "encryption" in bucket.missing:
                yield f"what {bucket.name} is encrypted with could not be read"

    def stack(self, stack: Stack, inside: list[Verdict]) -> Verdict:
        users = {user.arn: user for verdict in inside for user in verdict.users}
        for name in stack.physical(Kind.BUCKET):  # a bucket that was deleted by hand may still be referred to
            users |= {user.arn: user for user in self.users.get(name, ())}
        state, reasons = self._stack_state(stack, inside, tuple(users.values()))
        return Verdict(
            Kind.STACK,
            stack.name,
            stack.account,
            stack.region,
            state,
            reasons,
            tuple(users.values()),
            stack.id,
        )

    def _stack_state(
        self, stack: Stack, inside: list[Verdict], users: tuple[Pipeline, ...]
    ) -> tuple[State, tuple[str, ...]]:
        if stack.kind is StackKind.ROLES:
            return State.LEFT_ALONE, ("holds CDK's roles for actions in another account, not a bucket",)
        if stack.kind is StackKind.ORDINARY:
            return State.LEFT_ALONE, ("an ordinary stack that holds a replication bucket among other things",)
        if stack.kind is StackKind.LOOK_ALIKE:
            return State.LEFT_ALONE, (
                "only its name looks like a support stack's: what is in it is not CDK's",
            )
        if users:
            return _used(users)
        doubts = [
            f"holds {verdict.id}, which is {verdict.state}"
            for verdict in inside
            if verdict.state is not State.ORPHANED
        ]
        doubts += [*self._accounts_in_doubt({stack.account}), *self._unread_inside(stack)]
        if self.now - stack.changed < self.quiet:
            doubts.append(f"changed on {stack.changed:%Y-%m-%d}: its pipeline may be about to be deployed")
        if doubts:
            return State.UNKNOWN, tuple(doubts)
        return State.ORPHANED, (NO_PIPELINE, "holds nothing but CDK's bucket and key")

    def _unread_inside(self, stack: Stack) -> Iterable[str]:
        """What the stack may hold without our having seen it."""
        for what, region in ((facts.BUCKETS, ""), (facts.ALIASES, stack.region)):
            if (stack.account, region, what) in self.unread:
                yield f"the {what} of its account could not be read"
        for name in stack.physical("AWS::KMS::Alias"):
            if (stack.account, stack.region, facts.of_key(name)) in self.unread:
                yield f"the key {name} could not be read"


NO_PIPELINE = "no pipeline of any account that could use it refers to it"


def _used(users: tuple[Pipeline, ...]) -> tuple[State, tuple[str, ...]]:
    names = tuple(f"{user.name} ({user.account}, {user.region}) keeps artifacts in it" for user in users)
    return (State.SHARED if len(users) > 1 else State.IN_USE), names


def _seen(bucket: Bucket) -> str:
    written = bucket.contents.last_written if bucket.contents else None
    last = f"last written {written:%Y-%m-%d}" if written else "it is empty"
    return f"{NO_PIPELINE}; {last}"


def _whereabouts(bucket: Bucket, stack: Stack | None) -> str:
    if stack:
        return ""
    name = bucket.tags.get(fingerprints.STACK_NAME, "")
    return f"its stack {name} is gone" if name else "its stack is gone"


def names_key(reference: str, alias: Alias) -> bool:
    """Whether the reference (id, ARN or alias, plain or as ARN) means the alias's key."""
    if not reference:
        return False
    place = re.match(r"arn:[a-z-]+:kms:([a-z0-9-]+):(\d{12}):", reference)
    if place and place.groups() != (alias.region, alias.account):
        return False
    return reference.rpartition(":")[2] in (alias.name, alias.key.id, f"key/{alias.key.id}")
