"""AWS KMS: whose key it is, its policy and names, and scheduling its deletion."""

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
    """Whether the key is the account's default one for a service: what it encrypts cannot be shared."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Reading the key {key}"):
        return kms.describe_key(KeyId=key)["KeyMetadata"].get("KeyManager") == "AWS"


def key_policy(cloud: Cloud, place: Place, key: str) -> dict[str, Any]:
    """The key's policy, whose name is always "default"."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Reading the policy of the key {key}"):
        answer = kms.get_key_policy(KeyId=key, PolicyName="default")
    policy: dict[str, Any] = json.loads(answer["Policy"])
    return policy


@dataclass(frozen=True)
class Alias:
    """A name of a key. `key` is the key's id."""

    name: str
    key: str


@dataclass(frozen=True)
class Key:
    """A customer managed key. `deletion` is when it will be gone, where that is scheduled."""

    id: str
    arn: str
    state: str
    created: datetime
    deletion: datetime | None


def list_aliases(cloud: Cloud, place: Place) -> tuple[Alias, ...]:
    """Every alias of the place that points to a key, AWS's own left out."""
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
    """The key of that id, ARN or alias; None where there is none."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Reading the key {key}"):
        try:
            found = kms.describe_key(KeyId=key)["KeyMetadata"]
        except ClientError as error:
            if code(error) == "NotFoundException":
                return None
            raise
    return Key(
        found["KeyId"], found["Arn"], found["KeyState"], found["CreationDate"], found.get("DeletionDate")
    )


def delete_alias(cloud: Cloud, place: Place, alias: str) -> None:
    """Deletes the alias; its key stays. No error where it is gone."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Deleting {alias}"):
        try:
            kms.delete_alias(AliasName=alias)
        except ClientError as error:
            if code(error) != "NotFoundException":
                raise


def schedule_deletion(cloud: Cloud, place: Place, key: str, days: int) -> datetime:
    """Schedules the key's deletion; until then it can be cancelled. Returns when it will be gone."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Scheduling the deletion of the key {key}"):
        return kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=days)["DeletionDate"]


def read_tags(cloud: Cloud, place: Place, key: str) -> dict[str, str]:
    """The key's tags, those of CloudFormation as well."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Reading the tags of the key {key}"):
        return {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key)["Tags"]}
