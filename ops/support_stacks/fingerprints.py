"""How CDK's support stacks, buckets and keys are recognized: by what CDK itself computes. Pure.

Sources: aws-cdk-lib's `core/lib/private/physical-name-generator`, `core/lib/private/uniqueid` and
`aws-codepipeline/lib/private/cross-region-support-stack`.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from ops.aws.cloudformation.resources import StackResource

CONSTRUCT = "CrossRegionCodePipelineReplicationBucket"
ALIAS_CONSTRUCT = f"{CONSTRUCT}EncryptionAlias"
SCAFFOLDING = "aws-cdk-codepipeline-cross-region-scaffolding-"  # CDK of 2018

REPLICATION = re.compile(r"eplicationbucket(?P<path>[0-9a-f]{8})[0-9a-f]{12}$")
ALIAS = re.compile(r"tencryptionalias(?P<path>[0-9a-f]{8})[0-9a-f]{12}$")
ARTIFACTS = re.compile(r"artifactsbucket[0-9a-f]{8}-[a-z0-9]+$")
ARTIFACTS_LOGICAL = re.compile(r"ArtifactsBucket[0-9A-F]{8}$")
ARTIFACTS_ALIAS = re.compile(r"^alias/codepipeline-[a-z0-9]+$")
SUPPORT_NAME = re.compile(r"(-support-|^cross-region-support-)(?P<region>[a-z]{2}(-[a-z]+)+-\d)")
ROLES_NAME = re.compile(r"-support-\d{12}$")

KINDS = {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key", "AWS::KMS::Alias", "AWS::CDK::Metadata"}
LOGICAL_ID = "aws:cloudformation:logical-id"
STACK_ID = "aws:cloudformation:stack-id"
STACK_NAME = "aws:cloudformation:stack-name"


class StackKind(StrEnum):
    SUPPORT = "support stack"
    ROLES = "cross-account roles"  # CDK's as well, for actions in another account: no bucket in it
    LOOK_ALIKE = "look-alike"  # named like one, but what is in it is not CDK's
    ORDINARY = "ordinary stack"


def path_hash(account: str, region: str, construct: str = CONSTRUCT) -> str:
    """The eight hex digits that CDK puts into the name of a thing in a support stack at the app's top."""
    path = f"cross-region-stack-{account}:{region}/{construct}"
    return hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()[:8]


def is_named_like_replication(bucket: str) -> bool:
    return bool(REPLICATION.search(bucket)) or bucket.startswith(SCAFFOLDING)


def is_named_like_artifacts(bucket: str) -> bool:
    return bool(ARTIFACTS.search(bucket))


def is_candidate_stack(name: str) -> bool:
    """Whether the name makes it worth reading what is in the stack; never more than that."""
    return bool(SUPPORT_NAME.search(name) or ROLES_NAME.search(name)) or name.startswith(SCAFFOLDING)


def stack_kind(name: str, resources: Iterable[StackResource]) -> StackKind:
    """What the stack is, judged by what is in it."""
    found = [item for item in resources if item.kind != "AWS::CDK::Metadata"]
    if ROLES_NAME.search(name):
        return StackKind.ROLES
    ours = [item for item in found if item.logical_id.startswith(CONSTRUCT) and item.kind in KINDS]
    if ours and len(ours) == len(found):
        return StackKind.SUPPORT
    if any(CONSTRUCT in item.logical_id for item in found):
        return StackKind.ORDINARY
    return StackKind.LOOK_ALIKE


def bucket_origin(name: str, account: str, region: str, tags: Mapping[str, str]) -> str:
    """In words, what proves that CDK made the bucket; empty where nothing but the shape of the name does."""
    logical = tags.get(LOGICAL_ID, "")
    if logical.startswith(CONSTRUCT):
        return f"CloudFormation's tag: made as {logical} of {tags.get(STACK_NAME, 'a stack')}"
    if CONSTRUCT in logical:
        return f"CloudFormation's tag: made inside {tags.get(STACK_NAME, 'a stack')}"
    if ARTIFACTS_LOGICAL.search(logical):
        return f"CloudFormation's tag: a pipeline's own bucket, made by {tags.get(STACK_NAME, 'a stack')}"
    found = REPLICATION.search(name)
    if found and found["path"] == path_hash(account, region):
        return f"the name bears CDK's hash of {account} and {region}"
    if name.startswith(SCAFFOLDING) and name.removeprefix(SCAFFOLDING).startswith(region):
        return "the name is that of CDK's scaffolding of 2018"
    return ""


def alias_origin(name: str, account: str, region: str, tags: Mapping[str, str]) -> str:
    """As for a bucket: `tags` are those of the key."""
    logical = tags.get(LOGICAL_ID, "")
    if logical.startswith(CONSTRUCT):
        return f"CloudFormation's tag: made as {logical} of {tags.get(STACK_NAME, 'a stack')}"
    found = ALIAS.search(name)
    if found and found["path"] == path_hash(account, region, ALIAS_CONSTRUCT):
        return f"the name bears CDK's hash of {account} and {region}"
    return ""
