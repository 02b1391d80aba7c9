"""Fingerprints of CDK's support stacks, buckets and keys: names and ids that CDK computes. Pure.

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
SUPPORT_NAME = re.compile(r"(-support-|^cross-region-support-)(?P<region>[a-z]{2}(-[a-z]+)+-\d)")
ROLES_NAME = re.compile(r"-support-\d{12}$")

RESOURCE_TYPES = {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key", "AWS::KMS::Alias"}
ROLE_TYPES = {"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}
LOGICAL_ID = "aws:cloudformation:logical-id"
STACK_NAME = "aws:cloudformation:stack-name"


class StackKind(StrEnum):
    SUPPORT = "support stack"
    ROLES = "cross-account roles"  # CDK's roles for actions in another account; contains no bucket
    LOOK_ALIKE = "look-alike"  # named like a support stack, but its resources are not CDK's
    EXTENDED = "support stack with additions"  # to which somebody added resources
    ORDINARY = "ordinary stack"  # contains a replication bucket among other resources


def path_hash(account: str, region: str, construct: str = CONSTRUCT) -> str:
    """Return the eight hex digits in the resource names of a support stack at the root of a CDK app."""
    path = f"cross-region-stack-{account}:{region}/{construct}"
    return hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()[:8]


def is_named_like_replication(bucket: str) -> bool:
    return bool(REPLICATION.search(bucket)) or bucket.startswith(SCAFFOLDING)


def is_named_like_artifacts(bucket: str) -> bool:
    return bool(ARTIFACTS.search(bucket))


def is_candidate_stack(name: str) -> bool:
    """Whether the stack's resources need to be read. A name alone proves nothing."""
    return bool(SUPPORT_NAME.search(name) or ROLES_NAME.search(name)) or name.startswith(SCAFFOLDING)


def stack_kind(name: str, resources: Iterable[StackResource]) -> StackKind:
    """Return what the stack is, decided by its resources."""
    relevant = [item for item in resources if item.kind != "AWS::CDK::Metadata"]
    if ROLES_NAME.search(name):
        return StackKind.ROLES
    of_support = list(filter(_is_of_support, relevant))
    if of_support and len(of_support) == len(relevant):
        return StackKind.SUPPORT
    if SUPPORT_NAME.search(name) and any(item.kind == "AWS::S3::Bucket" for item in of_support):
        return StackKind.EXTENDED
    if any(CONSTRUCT in item.logical_id for item in relevant):
        return StackKind.ORDINARY
    return StackKind.LOOK_ALIKE


def contains_only_roles(resources: Iterable[StackResource]) -> bool:
    """Whether the stack has roles, and nothing but roles and their policies."""
    types = {item.kind for item in resources} - {"AWS::CDK::Metadata"}
    return "AWS::IAM::Role" in types and types <= ROLE_TYPES


def additions(resources: Iterable[StackResource]) -> list[StackResource]:
    """Return the resources of a support stack that CDK did not put there."""
    return [item for item in resources if item.kind != "AWS::CDK::Metadata" and not _is_of_support(item)]


def _is_of_support(item: StackResource) -> bool:
    return item.logical_id.startswith(CONSTRUCT) and item.kind in RESOURCE_TYPES


def is_of_pipelines(logical_id: str) -> bool:
    """Whether CDK gives this logical ID to a replication or artifact bucket."""
    return CONSTRUCT in logical_id or bool(ARTIFACTS_LOGICAL.search(logical_id))


def bucket_origin(name: str, account: str, region: str, tags: Mapping[str, str]) -> str:
    """Describe what proves that CDK created the bucket; empty if only the shape of its name suggests it."""
    logical_id, stack = tags.get(LOGICAL_ID, ""), tags.get(STACK_NAME, "unknown")
    if logical_id.startswith(CONSTRUCT):
        return f"CloudFormation tags: created as {logical_id} in stack {stack}"
    if CONSTRUCT in logical_id:
        return f"CloudFormation tags: created in stack {stack}"
    if ARTIFACTS_LOGICAL.search(logical_id):
        return f"CloudFormation tags: artifact bucket of a pipeline in stack {stack}"
    match = REPLICATION.search(name)
    if match and match["path"] == path_hash(account, region):
        return f"the name contains CDK's hash of {account} and {region}"
    if name.startswith(SCAFFOLDING) and name.removeprefix(SCAFFOLDING).startswith(region):
        return "the name is that of CDK's scaffolding bucket of 2018"
    return ""


def alias_origin(name: str, account: str, region: str, tags: Mapping[str, str]) -> str:
    """Describe what proves that CDK created the alias; empty for no proof. `tags` are the key's."""
    logical_id = tags.get(LOGICAL_ID, "")
    if logical_id.startswith(CONSTRUCT):
        return f"CloudFormation tags: created as {logical_id} in stack {tags.get(STACK_NAME, 'unknown')}"
    match = ALIAS.search(name)
    if match and match["path"] == path_hash(account, region, ALIAS_CONSTRUCT):
        return f"the name contains CDK's hash of {account} and {region}"
    return ""
