"""Slipway's private S3 bucket, and objects in it that are written only if they differ."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud
from ops.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 has several codes for what does not exist; a response to HEAD has no body and so only the status.
NOT_FOUND_CODES = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")
DIGEST = "slipway-sha256"  # object metadata: the hash of its content


def client_of(cloud: Cloud, account: str, region: str) -> "S3Client":
    client: S3Client = cloud.client("s3", account, region)
    return client


def is_private_bucket(s3: "S3Client", bucket: str, owner: str) -> bool:
    """Whether the account has the bucket, fully configured. Raises Conflict for another account's bucket."""
    with translated(f"Finding the bucket {bucket}"):
        try:
            s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=owner)
            s3.get_bucket_lifecycle_configuration(Bucket=bucket)  # create_private_bucket sets it last
        except ClientError as error:
            if code(error) in (*NOT_FOUND_CODES, "NoSuchLifecycleConfiguration"):
                return False
            if code(error) == "403":
                raise Conflict(
                    f"Cannot use the bucket {bucket}: another account owns it, or the role has no access.",
                    hint="Allow s3:ListBucket on it. If another account owns it, ask its owner to delete it.",
                ) from error
            raise
    return True


def create_private_bucket(s3: "S3Client", bucket: str, region: str, *, keep_old_versions_days: int) -> None:
    """Create a bucket without public access, encrypted, versioned and TLS only. Idempotent."""
    # us-east-1 must have no constraint: S3 API Reference, CreateBucket.
    configuration: Any = {} if region == "us-east-1" else {"LocationConstraint": region}
    with translated(f"Creating the bucket {bucket}"):
        try:
            s3.create_bucket(
                Bucket=bucket, **({"CreateBucketConfiguration": configuration} if configuration else {})
            )
        except ClientError as error:
            if code(error) != "BucketAlreadyOwnedByYou":
                raise
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_tls_only(s3.meta.partition, bucket)))
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "old-versions",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "NoncurrentVersionExpiration": {"NoncurrentDays": keep_old_versions_days},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    }
                ]
            },
        )


def put_if_different(s3: "S3Client", bucket: str, key: str, body: bytes) -> bool:
    """Write the object unless it already has this content; return whether it was written."""
    digest = hashlib.sha256(body).hexdigest()
    with translated(f"Writing s3://{bucket}/{key}"):
        if _digest(s3, bucket, key) == digest:
            return False
        s3.put_object(
            Bucket=bucket, Key=key, Body=body, ServerSideEncryption="AES256", Metadata={DIGEST: digest}
        )
    return True


def exists(s3: "S3Client", bucket: str, key: str) -> bool:
    """Return whether the object exists."""
    with translated(f"Reading s3://{bucket}/{key}"):
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code(error) in NOT_FOUND_CODES:
                return False
            raise
    return True


def read_text(s3: "S3Client", bucket: str, key: str) -> str:
    """Return the content of the object as text. Raises NotFound."""
    with translated(f"Reading s3://{bucket}/{key}"):
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def _digest(s3: "S3Client", bucket: str, key: str) -> str:
    try:
        return s3.head_object(Bucket=bucket, Key=key)["Metadata"].get(DIGEST, "")
    except ClientError as error:
        if code(error) in NOT_FOUND_CODES:
            return ""
        raise


def _tls_only(partition: str, bucket: str) -> dict[str, Any]:
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TLSOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
