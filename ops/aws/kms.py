"""AWS KMS: keys, their policies, aliases and tags, and key deletion."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


def is_aws_managed(cloud: Cloud, place: Place, key: str) -> bool:
    """Whether the key is an AWS managed key: what it encrypts cannot be shared with other accounts."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Reading the key {key}"):
        return kms.describe_key(KeyId=key)["KeyMetadata"].get("KeyManager") == "AWS"


def read_key_policy(cloud: Cloud, place: Place, key: str) -> dict[str, Any]:
    """Return the key policy. KMS has only one per key, named "default"."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Reading the policy of the key {key}"):
        answer = kms.get_key_policy(KeyId=key, PolicyName="default")
    policy: dict[str, Any] = json.loads(answer["Policy"])
    return policy


@dataclass(frozen=True)
class Alias:
    """An alias of a key. `key` is the key's id."""

    name: str
    key: str


@dataclass(frozen=True)
class Key:
    """A customer managed key. `deletion` is the scheduled deletion date, None if it is not scheduled."""

    id: str
    arn: str
    state: str
    created: datetime
    deletion: datetime | None

    @property
    def pending_deletion(self) -> bool:
        return self.state in ("PendingDeletion", "PendingReplicaDeletion")


def list_aliases(cloud: Cloud, place: Place) -> tuple[Alias, ...]:
    """Return the aliases of the account and region that have a key, except those of AWS managed keys."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Listing the key aliases of {place.account.name} in {place.region}"):
        pages = kms.get_paginator("list_aliases").paginate()
        return tuple(
            Alias(item["AliasName"], item["TargetKeyId"])
            for page in pages
            for item in page["Aliases"]
            if "TargetKeyId" in item and not item["AliasName"].startswith("alias/aws/")
        )


def read_key(cloud: Cloud, place: Place, key: str) -> Key | None:
    """Return the key with this id, ARN or alias, or None if it does not exist."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Reading the key {key}"):
        try:
            metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
        except ClientError as error:
            if code(error) == "NotFoundException":
                return None
            raise
    return Key(
        metadata["KeyId"],
        metadata["Arn"],
        metadata["KeyState"],
        metadata["CreationDate"],
        metadata.get("DeletionDate"),
    )


def delete_alias(cloud: Cloud, place: Place, alias: str) -> None:
    """Delete the alias if it exists. The key remains."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Deleting {alias}"):
        try:
            kms.delete_alias(AliasName=alias)
        except ClientError as error:
            if code(error) != "NotFoundException":
                raise


def schedule_deletion(cloud: Cloud, place: Place, key: str, days: int) -> datetime:
    """Schedule the deletion of the key, which can be canceled until then, and return its date."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Scheduling the deletion of the key {key}"):
        return kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=days)["DeletionDate"]


def read_tags(cloud: Cloud, place: Place, key: str) -> dict[str, str]:
    """Return the key's tags, including those of CloudFormation."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Reading the tags of the key {key}"):
        return {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key)["Tags"]}
