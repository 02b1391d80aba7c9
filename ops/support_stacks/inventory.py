"""An inventory of all pipelines, and of all stacks, buckets and keys that could belong to a support stack.

Accounts and regions are read in parallel; within one account and region, each service gets one call at a time
so that its rate limits hold. What cannot be read becomes a gap: it never counts as absent.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar

from ops.aws import iam, kms
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import resources as stack_resources
from ops.aws.cloudformation.resources import StackResource, StackSummary
from ops.aws.codepipeline import Pipeline, PipelineReader
from ops.aws.readings import Unread
from ops.aws.regions import has_endpoint, list_regions
from ops.aws.s3 import buckets as s3
from ops.aws.s3.buckets import ListedBucket
from ops.aws.s3.staging import client_of
from ops.aws.tagged import list_tag_values
from ops.errors import NotFound, SlipwayError
from ops.settings import Account
from ops.support_stacks import facts, fingerprints
from ops.support_stacks.blind_spots import without_absent
from ops.support_stacks.facts import ArtifactBucket, CandidateStack, Inventory, KeyAlias
from ops.support_stacks.principals import assumers

MAX_COUNTED_VERSIONS = 1_000_000  # in one bucket; a bucket with more stays unknown

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class InventoryProgress:
    """Progress of an inventory: `done` of the `total` reads of a phase."""

    phase: str
    done: int
    total: int


ReportInventoryProgress = Callable[[InventoryProgress], None]


class InventoryReader:
    """The reads of one inventory, with the gaps that they leave."""

    def __init__(self, cloud: Cloud, report: ReportInventoryProgress, max_versions: int) -> None:
        self._cloud = cloud
        self._report = report
        self._max_versions = max_versions
        self._lock = Lock()
        self.gaps: list[Unread] = []
        self.pipelines = PipelineReader(cloud)

    def read_all(self, phase: str, read: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Read all items in parallel, limited by the setting `concurrency`; return results in their order."""
        done = 0

        def read_one(item: T) -> R:
            nonlocal done
            result = read(item)
            with self._lock:
                done += 1
                self._report(InventoryProgress(phase, done, len(items)))
            return result

        with ThreadPoolExecutor(self._cloud.settings.concurrency) as pool:
            return list(pool.map(read_one, items))

    def read_or_gap(self, subject: str, account: str, region: str, read: Callable[[], R], default: R) -> R:
        """Return what `read` returns; on an error, note a gap and return `default`."""
        try:
            return read()
        except SlipwayError as error:
            with self._lock:
                self.gaps.append(Unread(account, region, subject, error))
            return default

    def is_excluded(self, account: str, region: str = "") -> bool:
        return any(each.covers(account, region) for each in self._cloud.settings.excluded)

    def regions(self, account: Account) -> tuple[str, ...]:
        if self.is_excluded(account.id):
            return ()
        enabled = self.read_or_gap(
            facts.REGIONS, account.id, "", lambda: list_regions(self._cloud, account.id), list[str]()
        )
        known = enabled or account.regions or self._cloud.settings.regions
        return tuple(region for region in known if not self.is_excluded(account.id, region))

    def bucket_names(self, account: Account) -> tuple[tuple[str, ListedBucket], ...]:
        none: tuple[ListedBucket, ...] = ()
        if self.is_excluded(account.id):
            return ()
        buckets = self.read_or_gap(
            facts.BUCKETS, account.id, "", lambda: s3.list_buckets(self._cloud, account.id), none
        )
        return tuple(
            (account.id, bucket) for bucket in buckets if not self.is_excluded(account.id, bucket.region)
        )

    def place(self, task: tuple[str, Place]) -> Any:
        """Read all resources of one subject (facts.PIPELINES, …) in one account and region."""
        subject, place = task
        reads: dict[str, Callable[[], Any]] = {
            facts.PIPELINES: lambda: self.pipelines.read(place),
            facts.STACKS: lambda: stack_resources.list_all_stacks(self._cloud, place),
            facts.ALIASES: lambda: kms.list_aliases(self._cloud, place),
            facts.TAGS: lambda: list_tag_values(self._cloud, place, "s3", fingerprints.LOGICAL_ID).items(),
            facts.KEY_TAGS: lambda: list_tag_values(
                self._cloud, place, "kms:key", fingerprints.LOGICAL_ID
            ).items(),
        }
        return self.read_or_gap(subject, place.account.id, place.region, reads[subject], ())

    def stack(self, candidate: tuple[Place, StackSummary]) -> CandidateStack | None:
        """Read a stack's resources and decide what it is. None if it is deleted or unreadable."""
        place, summary = candidate

        def read() -> CandidateStack | None:
            resources = stack_resources.list_resources(self._cloud, place, summary.id)
            kind = fingerprints.stack_kind(summary.name, resources)
            is_of_roles = kind is fingerprints.StackKind.ROLES
            is_support = kind in (fingerprints.StackKind.SUPPORT, fingerprints.StackKind.EXTENDED)
            return CandidateStack(
                name=summary.name,
                id=summary.id,
                account=place.account.id,
                region=place.region,
                status=summary.status,
                changed=summary.changed,
                protected=is_support and stack_resources.is_protected(self._cloud, place, summary.id),
                kind=kind,
                resources=resources,
                trusted=self._trusted(place, resources) if is_of_roles else frozenset(),
            )

        subject = facts.stack_subject(summary.name)
        return self.read_or_gap(subject, place.account.id, place.region, read, None)

    def _trusted(self, place: Place, resources: Iterable[StackResource]) -> frozenset[str]:
        roles = [item.physical_id for item in resources if item.kind == "AWS::IAM::Role" and item.physical_id]
        policies = [iam.read_trust_policy(self._cloud, place, role) for role in roles]
        return frozenset(account for policy in policies for account in assumers(policy))

    def bucket(self, candidate: tuple[str, ListedBucket]) -> ArtifactBucket:
        """Read the bucket's properties; those that cannot be read are named in `missing`."""
        account, listed = candidate
        place = self._cloud.place(account, listed.region)
        client = client_of(self._cloud, account, listed.region)
        missing: list[str] = []

        def read_part(part: str, read: Callable[[], R], default: R) -> R:
            try:
                return read()
            except NotFound:
                raise
            except SlipwayError as error:
                missing.append(part)
                with self._lock:
                    self.gaps.append(Unread(account, listed.region, f"{part} of {listed.name}", error))
                return default

        tags = read_part("tags", lambda: s3.read_tags(client, listed.name), dict[str, str]())
        return ArtifactBucket(
            name=listed.name,
            account=account,
            region=listed.region,
            created=listed.created,
            stack=read_part(
                "stack", lambda: stack_resources.find_stack_of(self._cloud, place, listed.name), ("", "")
            ),
            tags=tags,
            policy=read_part("policy", lambda: s3.read_policy(client, listed.name), None),
            key=read_part("encryption", lambda: s3.read_encryption_key(client, listed.name), ""),
            contents=read_part(
                "contents", lambda: s3.read_contents(client, listed.name, at_most=self._max_versions), None
            ),
            origin=fingerprints.bucket_origin(listed.name, account, listed.region, tags),
            object_lock=read_part("object lock", lambda: s3.read_object_lock(client, listed.name), ""),
            missing=tuple(missing),
        )

    def bucket_if_exists(self, candidate: tuple[str, ListedBucket]) -> ArtifactBucket | None:
        try:
            return self.bucket(candidate)
        except NotFound:  # deleted since it was listed
            return None

    def alias(self, candidate: tuple[Place, kms.Alias]) -> KeyAlias | None:
        """Read the alias's key. None if the key is deleted or unreadable."""
        place, alias = candidate

        def read() -> KeyAlias | None:
            key = kms.read_key(self._cloud, place, alias.key)
            if key is None or (key.pending_deletion and alias.name == key.id):
                return None  # deleted, or scheduled for deletion, with its alias deleted
            tags = kms.read_tags(self._cloud, place, key.id)
            return KeyAlias(
                name=alias.name,
                account=place.account.id,
                region=place.region,
                key=key,
                policy=kms.read_key_policy(self._cloud, place, key.id),
                stack=stack_resources.find_stack_of(self._cloud, place, alias.name),
                origin=fingerprints.alias_origin(alias.name, place.account.id, place.region, tags),
            )

        subject = facts.key_subject(alias.name)
        return self.read_or_gap(subject, place.account.id, place.region, read, None)


def read_inventory(
    cloud: Cloud,
    now: datetime,
    report: ReportInventoryProgress = lambda progress: None,
    *,
    max_versions: int = MAX_COUNTED_VERSIONS,
) -> Inventory:
    """Read all accounts in all their enabled regions. What cannot be read is a gap, not an error."""
    reader = InventoryReader(cloud, report, max_versions)
    accounts = cloud.accounts
    regions = dict(
        zip([a.id for a in accounts], reader.read_all("Regions", reader.regions, accounts), strict=True)
    )
    listed = [
        bucket
        for buckets_of_account in reader.read_all("Buckets", reader.bucket_names, accounts)
        for bucket in buckets_of_account
    ]
    places = [Place(account, region) for account in accounts for region in regions[account.id]]
    subjects = (facts.PIPELINES, facts.STACKS, facts.ALIASES, facts.TAGS, facts.KEY_TAGS)
    tasks = [(subject, place) for place in places for subject in subjects]
    answers = reader.read_all("Pipelines, stacks and keys", reader.place, tasks)
    by_subject: dict[str, list[tuple[Place, Any]]] = {subject: [] for subject in subjects}
    for (subject, place), answer in zip(tasks, answers, strict=True):
        by_subject[subject].append((place, answer))
    pipelines: list[Pipeline] = [
        pipeline for _, pipelines_of_place in by_subject[facts.PIPELINES] for pipeline in pipelines_of_place
    ]
    named: dict[str, list[tuple[str, str]]] = {}  # word in a parameter → stacks: id, description
    for place, stacks_of_place in by_subject[facts.STACKS]:
        for summary in stacks_of_place:
            for word in summary.named:
                described = facts.stack_label(summary.name, place.account.id, place.region)
                named.setdefault(word, []).append((summary.id, described))
    used = {store.bucket for pipeline in pipelines for store in pipeline.stores}
    # CloudFormation shortens a name that it generates, so that it may have nothing left of the logical ID.
    tagged = {
        arn.rpartition(":")[2]
        for _, tags in by_subject[facts.TAGS]
        for arn, logical_id in tags
        if fingerprints.is_of_pipelines(logical_id)
    }
    buckets = _present(
        reader.read_all(
            "Details: buckets",
            reader.bucket_if_exists,
            [bucket for bucket in listed if _is_candidate_bucket(bucket[1].name, used | tagged)],
        )
    )
    buckets = [replace(bucket, named_in=_others(named, bucket)) for bucket in buckets]
    stacks = _present(
        reader.read_all("Details: stacks", reader.stack, _candidates(by_subject[facts.STACKS], buckets))
    )
    aliases = _present(
        reader.read_all(
            "Details: keys",
            reader.alias,
            _candidate_keys(by_subject, reader.gaps),
        )
    )
    gaps, not_enabled = without_absent(
        reader.gaps,
        [(place.account.id, place.region) for place in places],
        frozenset(place.region for place in places if has_endpoint("codepipeline", place.region)),
    )
    return Inventory(
        at=now,
        accounts={account.id: account.name for account in accounts},
        regions=regions,
        pipelines=tuple(pipelines),
        buckets=tuple(buckets),
        aliases=tuple(aliases),
        stacks=tuple(stacks),
        gaps=gaps,
        not_enabled=not_enabled,
        excluded=cloud.settings.excluded,
    )


def _others(named: dict[str, list[tuple[str, str]]], bucket: ArtifactBucket) -> tuple[str, ...]:
    """Return the stacks that name the bucket in a parameter, without the one that contains it."""
    return tuple(label for id, label in named.get(bucket.name, ()) if id != bucket.stack[1])


def _is_candidate_bucket(name: str, known: set[str]) -> bool:
    return (
        name in known
        or fingerprints.is_named_like_replication(name)
        or fingerprints.is_named_like_artifacts(name)
    )


def _candidates(
    listed: Iterable[tuple[Place, Iterable[StackSummary]]], buckets: Sequence[ArtifactBucket]
) -> list[tuple[Place, StackSummary]]:
    """Return the stacks that contain a replication bucket or are named like a support stack."""
    with_bucket = {
        bucket.stack[1] for bucket in buckets if fingerprints.is_named_like_replication(bucket.name)
    }
    return [
        (place, stack)
        for place, stacks in listed
        for stack in stacks
        if stack.id in with_bucket or fingerprints.is_candidate_stack(stack.name)
    ]


def _candidate_keys(
    by_subject: dict[str, list[tuple[Place, Any]]], gaps: Sequence[Unread]
) -> list[tuple[Place, kms.Alias]]:
    """Return the keys whose alias is named like a support stack's, and CDK's keys that have no alias.

    The latter go by their tags, and are returned with their id as the name of the alias. Where the aliases
    could not be read, no key is known to have none.
    """
    unread = {(gap.account, gap.region) for gap in gaps if gap.subject == facts.ALIASES}
    keys = []
    for (place, aliases), (_, tags) in zip(
        by_subject[facts.ALIASES], by_subject[facts.KEY_TAGS], strict=True
    ):
        keys += [(place, alias) for alias in aliases if fingerprints.ALIAS.search(alias.name)]
        if (place.account.id, place.region) in unread:
            continue
        with_alias = {alias.key for alias in aliases}
        ids = [arn.rpartition("/")[2] for arn, id in tags if id.startswith(fingerprints.CONSTRUCT)]
        keys += [(place, kms.Alias(id, id)) for id in ids if id not in with_alias]
    return keys


def _present(items: Iterable[R | None]) -> list[R]:
    return [item for item in items if item is not None]
