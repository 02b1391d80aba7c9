"""What was read: pipelines, buckets, keys and stacks, and what could not be read. Plain data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.aws.cloudformation.resources import StackResource
from ops.aws.codepipeline import Pipeline
from ops.aws.kms import Key
from ops.aws.s3.buckets import Contents
from ops.errors import SlipwayError
from ops.support_stacks.fingerprints import StackKind

PIPELINES, STACKS, BUCKETS, ALIASES, REGIONS = "pipelines", "stacks", "buckets", "key aliases", "regions"


def of_stack(name: str) -> str:
    """A gap's `what` of one stack."""
    return f"stack {name}"


def of_key(alias: str) -> str:
    """A gap's `what` of one key, by its alias."""
    return f"key {alias}"


@dataclass(frozen=True)
class Gap:
    """Something that could not be read: `what` in which account, and region where it is regional."""

    account: str
    region: str
    what: str
    error: SlipwayError


@dataclass(frozen=True)
class Bucket:
    """A replication or artifact bucket. `stack`: name and id of the stack that holds it now, empty for none.

    `policy` is None where there is none; `contents` and `origin` are what proves what. `missing` names what
    of it could not be read.
    """

    name: str
    account: str
    region: str
    created: datetime
    stack: tuple[str, str]
    tags: dict[str, str]
    policy: dict[str, Any] | None
    key: str
    contents: Contents | None
    origin: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alias:
    """A support stack's alias and the key that it names. `stack` as for a bucket."""

    name: str
    account: str
    region: str
    key: Key
    policy: dict[str, Any]
    stack: tuple[str, str]
    origin: str


@dataclass(frozen=True)
class Stack:
    """A stack that is, or is named like, a support stack."""

    name: str
    id: str
    account: str
    region: str
    status: str
    changed: datetime
    protected: bool
    kind: StackKind
    resources: tuple[StackResource, ...]

    def physical(self, kind: str) -> list[str]:
        return [item.physical_id for item in self.resources if item.kind == kind and item.physical_id]


@dataclass(frozen=True)
class Inventory:
    """Everything that was read, `at` when the reading began. `accounts` and `names` are those configured."""

    at: datetime
    accounts: dict[str, str]  # id → name
    regions: dict[str, tuple[str, ...]]  # account id → enabled regions
    pipelines: tuple[Pipeline, ...]
    buckets: tuple[Bucket, ...]
    aliases: tuple[Alias, ...]
    stacks: tuple[Stack, ...]
    gaps: tuple[Gap, ...]
