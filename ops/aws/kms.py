"""AWS KMS: whose key it is."""

import json
from typing import TYPE_CHECKING, Any

from ops.aws.calls import translated
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
