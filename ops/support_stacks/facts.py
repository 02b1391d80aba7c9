"""What an inventory reads: pipelines, buckets, keys, stacks, and what could not be read. Plain data."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.aws.cloudformation.resources import StackResource
from ops.aws.codepipeline import Pipeline
from ops.aws.kms import Key
from ops.aws.readings import Unread
from ops.aws.s3.buckets import BucketContents
from ops.settings import Exclusion
from ops.support_stacks.fingerprints import StackKind, additions

PIPELINES, STACKS, BUCKETS, ALIASES, REGIONS = "pipelines", "stacks", "buckets", "key aliases", "regions"
TAGS, KEY_TAGS = "tags of buckets", "tags of keys"


def stack_subject(name: str) -> str:
    """Return the subject of a gap that concerns one stack."""
    return f"stack {name}"


def stack_label(name: str, account: str, region: str) -> str:
    return f"stack {name} ({account}, {region})"


def key_subject(alias: str) -> str:
    """Return the subject of a gap that concerns one key, named by its alias."""
    return f"key {alias}"


@dataclass(frozen=True)
class ArtifactBucket:
    """A replication or artifact bucket.

    `stack` is the name and id of the stack that contains the bucket now, both empty for none. `policy` is
    None if the bucket has none. `origin` says what proves that CDK created the bucket, empty for no proof.
    `missing` names the properties that could not be read. `named_in` are the other stacks that name the
    bucket in their parameters. `object_lock` describes the bucket's Object Lock, empty for none.
    """

    name: str
    account: str
    region: str
    created: datetime
    stack: tuple[str, str]
    tags: dict[str, str]
    policy: dict[str, Any] | None
    key: str
    contents: BucketContents | None
    origin: str
    missing: tuple[str, ...] = ()
    named_in: tuple[str, ...] = ()
    object_lock: str = ""


@dataclass(frozen=True)
class KeyAlias:
    """The key of a support stack. `stack` and `origin` are as in ArtifactBucket.

    `name` is its alias, or the key's id if it has none.
    """

    name: str
    account: str
    region: str
    key: Key
    policy: dict[str, Any]
    stack: tuple[str, str]
    origin: str

    @property
    def has_alias(self) -> bool:
        return self.name != self.key.id

    def is_named_by(self, reference: str) -> bool:
        """Whether the reference (key id, alias name, or the ARN of either) means this alias's key."""
        if not reference:
            return False
        place = re.match(r"arn:[a-z-]+:kms:([a-z0-9-]+):(\d{12}):", reference)
        if place and place.groups() != (self.region, self.account):
            return False
        return reference.rpartition(":")[2] in (self.name, self.key.id, f"key/{self.key.id}")

    @property
    def cancel_command(self) -> str:
        """The command that cancels the key's deletion and enables the key, which KMS leaves disabled."""
        key = f"--key-id {self.key.id} --region {self.region}"
        return f"aws kms cancel-key-deletion {key} && aws kms enable-key {key}"


@dataclass(frozen=True)
class CandidateStack:
    """A stack that is a support stack or is named like one; `kind` says which.

    `trusted` are the accounts that may assume the roles of a cross-account role stack.
    """

    name: str
    id: str
    account: str
    region: str
    status: str
    changed: datetime
    protected: bool
    kind: StackKind
    resources: tuple[StackResource, ...]
    trusted: frozenset[str] = frozenset()

    @property
    def additions(self) -> tuple[str, ...]:
        """What somebody added to a support stack: logical ID and type of each resource."""
        if self.kind is not StackKind.EXTENDED:
            return ()
        return tuple(f"{item.logical_id} ({item.kind})" for item in additions(self.resources))

    def has_role(self, arn: str) -> bool:
        """Whether the role is part of this stack."""
        account, _, path = arn.partition(":role/")
        is_here = account.rpartition(":")[2] == self.account
        return is_here and path.rpartition("/")[2] in self.physical_ids("AWS::IAM::Role")

    def physical_ids(self, resource_type: str) -> list[str]:
        """Return the physical ids of the stack's resources of this type."""
        return [
            item.physical_id for item in self.resources if item.kind == resource_type and item.physical_id
        ]


@dataclass(frozen=True)
class Inventory:
    """Everything that was read. `at` is when the read started."""

    at: datetime
    accounts: dict[str, str]  # configured accounts: id → name
    regions: dict[str, tuple[str, ...]]  # account id → enabled regions
    pipelines: tuple[Pipeline, ...]
    buckets: tuple[ArtifactBucket, ...]
    aliases: tuple[KeyAlias, ...]
    stacks: tuple[CandidateStack, ...]
    gaps: tuple[Unread, ...]
    excluded: tuple[Exclusion, ...] = ()  # not read, by a setting
    not_enabled: tuple[tuple[str, str], ...] = ()  # account id and region: nothing can be there
