"""AWS KMS: whose key it is."""

from typing import TYPE_CHECKING

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


def is_aws_managed(cloud: Cloud, place: Place, key: str) -> bool:
    """Whether the key is the account's default one for a service: what it encrypts cannot be shared."""
    kms: KMSClient = cloud.client("kms", place.account.id, place.region)
    with translated(f"Reading the key {key}"):
        return kms.describe_key(KeyId=key)["KeyMetadata"].get("KeyManager") == "AWS"
