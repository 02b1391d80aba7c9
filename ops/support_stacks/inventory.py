"""Reads every pipeline, and every stack, bucket and key that a support stack could be, in parallel.

Places are read beside each other; within one place each service is asked one call after another, so that no
account's rate limits are strained. What cannot be read becomes a gap, never an absence.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar

from ops.aws import kms
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import resources as stack_resources
from ops.aws.cloudformation.resources import Listed
from ops.aws.codepipeline import Pipeline, PipelineReader
from ops.aws.regions import list_regions
from ops.aws.s3 import buckets as s3
from ops.aws.s3.buckets import BucketName
from ops.aws.s3.staging import client_of
from ops.errors import NotFound, SlipwayError
from ops.settings import Account
from ops.support_stacks import facts, fingerprints
from ops.support_stacks.facts import Bucket, Gap, Inventory, Stack

MOST_VERSIONS = 1_000_000  # counted in one bucket; a fuller one stays unknown

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Tick:
    """Progress: `done` of `total` readings of a phase."""

    phase: str
    done: int
    total: int


Report = Callable[[Tick], None]


class Reader:
    """One reading of the inventory: what it finds, and the gaps, are collected on the way."""

    def __init__(self, cloud: Cloud, report: Report, most_versions: int) -> None:
        self._cloud = cloud
        self._report = report
        self._most = most_versions
        self._lock = Lock()
        self.gaps: list[Gap] = []
        self.pipelines = PipelineReader(cloud)

    def each(self, phase: str, fn: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """`fn` of every item at once, bounded by the concurrency setting, in the order of the items."""
        done = 0

        def one(item: T) -> R:
            nonlocal done
            found = fn(item)
            with self._lock:
                done += 1
                self._report(Tick(phase, done, len(items)))
            return found

        with ThreadPoolExecutor(self._cloud.settings.concurrency) as pool:
            return list(pool.map(one, items))

    def read(self, what: str, account: str, region: str, ask: Callable[[], R], otherwise: R) -> R:
        """What `ask` answers; a gap and `otherwise` when it cannot."""
        try:
            return ask()
        except SlipwayError as error:
            with self._lock:
                self.gaps.append(Gap(account, region, what, error))
            return otherwise

    def regions(self, account: Account) -> tuple[str, ...]:
        asked = self.read(
            facts.REGIONS, account.id, "", lambda: list_regions(self._cloud, account.id), list[str]()
        )
        return tuple(asked) or account.regions or self._cloud.settings.regions

    def names(self, account: Account) -> tuple[tuple[str, BucketName], ...]:
        none: tuple[BucketName, ...] = ()
        found = self.read(
            facts.BUCKETS, account.id, "", lambda: s3.list_buckets(self._cloud, account.id), none
        )
        return tuple((account.id, bucket) for bucket in found)

    def place(self, task: tuple[str, Place]) -> Any:
        """One kind of thing in one place."""
        what, place = task
        asks: dict[str, Callable[[], Any]] = {
            facts.PIPELINES: lambda: self.pipelines.read(place),
            facts.STACKS: lambda: stack_resources.list_all_stacks(self._cloud, place),
            facts.ALIASES: lambda: kms.list_aliases(self._cloud, place),
        }
        return self.read(what, place.account.id, place.region, asks[what], ())

    def stack(self, found: tuple[Place, Listed]) -> Stack | None:
        """What is in the candidate, and what that makes of it. None when it is gone or unreadable."""
        place, listed = found

        def ask() -> Stack | None:
            resources = stack_resources.list_resources(self._cloud, place, listed.id)
            kind = fingerprints.stack_kind(listed.name, resources)
            ours = kind is fingerprints.StackKind.SUPPORT
            return Stack(
                name=listed.name,
                id=listed.id,
                account=place.account.id,
                region=place.region,
                status=listed.status,
                changed=listed.changed,
                protected=ours and stack_resources.is_protected(self._cloud, place, listed.id),
                kind=kind,
                resources=resources,
            )

        return self.read(facts.of_stack(listed.name), place.account.id, place.region, ask, None)

    def bucket(self, found: tuple[str, BucketName]) -> Bucket:
        """The evidence that the bucket holds; what of it is unreadable is named in `missing`."""
        account, listed = found
        place = Place(self._cloud.account(account), listed.region)
        client = client_of(self._cloud, account, listed.region)
        missing: list[str] = []

        def part(what: str, ask: Callable[[], R], otherwise: R) -> R:
            try:
                return ask()
            except NotFound:
                raise
            except SlipwayError as error:
                missing.append(what)
                with self._lock:
                    self.gaps.append(Gap(account, listed.region, f"{what} of {listed.name}", error))
                return otherwise

        tags = part("tags", lambda: s3.read_tags(client, listed.name), dict[str, str]())
        return Bucket(
            name=listed.name,
            account=account,
            region=listed.region,
            created=listed.created,
            stack=part(
                "stack", lambda: stack_resources.find_stack_of(self._cloud, place, listed.name), ("", "")
            ),
            tags=tags,
            policy=part("policy", lambda: s3.read_policy(client, listed.name), None),
            key=part("encryption", lambda: s3.read_key(client, listed.name), ""),
            contents=part(
                "contents", lambda: s3.read_contents(client, listed.name, at_most=self._most), None
            ),
            origin=fingerprints.bucket_origin(listed.name, account, listed.region, tags),
            missing=tuple(missing),
        )

    def bucket_if_there(self, found: tuple[str, BucketName]) -> Bucket | None:
        try:
            return self.bucket(found)
        except NotFound:  # deleted while we read
            return None

    def alias(self, found: tuple[Place, kms.Alias]) -> facts.Alias | None:
        place, alias = found

        def ask() -> facts.Alias | None:
            key = kms.read_key(self._cloud, place, alias.key)
            if key is None:
                return None
            tags = kms.read_tags(self._cloud, place, key.id)
            return facts.Alias(
                name=alias.name,
                account=place.account.id,
                region=place.region,
                key=key,
                policy=kms.key_policy(self._cloud, place, key.id),
                stack=stack_resources.find_stack_of(self._cloud, place, alias.name),
                origin=fingerprints.alias_origin(alias.name, place.account.id, place.region, tags),
            )

        return self.read(facts.of_key(alias.name), place.account.id, place.region, ask, None)


def read_inventory(
    cloud: Cloud, now: datetime, report: Report = lambda tick: None, *, most_versions: int = MOST_VERSIONS
) -> Inventory:
    """Reads all accounts in all their enabled regions. Raises nothing for what it may not read."""
    reader = Reader(cloud, report, most_versions)
    accounts = cloud.accounts
    regions = dict(
        zip([a.id for a in accounts], reader.each("Regions", reader.regions, accounts), strict=True)
    )
    names = [found for each in reader.each("Buckets", reader.names, accounts) for found in each]
    places = [Place(account, region) for account in accounts for region in regions[account.id]]
    whats = (facts.PIPELINES, facts.STACKS, facts.ALIASES)
    tasks = [(what, place) for place in places for what in whats]
    answers = reader.each("Pipelines, stacks and keys", reader.place, tasks)
    of = {what: [(t[1], a) for t, a in zip(tasks, answers, strict=True) if t[0] == what] for what in whats}
    pipelines: list[Pipeline] = [pipeline for _, found in of[facts.PIPELINES] for pipeline in found]
    used = {store.bucket for pipeline in pipelines for store in pipeline.stores}
    buckets = _present(
        reader.each(
            "Evidence: buckets", reader.bucket_if_there, [n for n in names if _is_ours(n[1].name, used)]
        )
    )
    stacks = _present(reader.each("Evidence: stacks", reader.stack, _candidates(of[facts.STACKS], buckets)))
    aliases = _present(
        reader.each(
            "Evidence: keys",
            reader.alias,
            [(p, a) for p, found in of[facts.ALIASES] for a in found if fingerprints.ALIAS.search(a.name)],
        )
    )
    return Inventory(
        at=now,
        accounts={account.id: account.name for account in accounts},
        regions=regions,
        pipelines=tuple(pipelines),
        buckets=tuple(buckets),
        aliases=tuple(aliases),
        stacks=tuple(stacks),
        gaps=tuple(reader.gaps),
    )


def _is_ours(name: str, used: set[str]) -> bool:
    return (
        name in used
        or fingerprints.is_named_like_replication(name)
        or fingerprints.is_named_like_artifacts(name)
    )


def _candidates(
    listed: Iterable[tuple[Place, Iterable[Listed]]], buckets: Sequence[Bucket]
) -> list[tuple[Place, Listed]]:
    """Stacks that hold a replication bucket now, and those named like a support stack."""
    holders = {bucket.stack[1] for bucket in buckets if fingerprints.is_named_like_replication(bucket.name)}
    return [
        (place, stack)
        for place, stacks in listed
        for stack in stacks
        if not stack.gone and (stack.id in holders or fingerprints.is_candidate_stack(stack.name))
    ]


def _present(found: Iterable[R | None]) -> list[R]:
    return [item for item in found if item is not None]
