"""Amazon S3: a private bucket of our own, and objects in it that are written only when they differ."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud
from ops.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 names the same absence in three ways: HEAD carries no body, so no name at all.
MISSING = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")
DIGEST = "slipway-sha256"  # metadata of an object: of its content


def client_of(cloud: Cloud, account: str, region: str) -> "S3Client":
    client: S3Client = cloud.client("s3", account, region)
    return client


def is_private_bucket(s3: "S3Client", bucket: str, owner: str) -> bool:
    """Whether the account has the bucket, made to its end. Raises Conflict for another account's."""
    with translated(f"Looking for the bucket {bucket}"):
        try:
            s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=owner)
            s3.get_bucket_lifecycle_configuration(Bucket=bucket)  # the last that making it sets
        except ClientError as error:
            if code(error) in (*MISSING, "NoSuchLifecycleConfiguration"):
                return False
            if code(error) == "403":
                raise Conflict(
                    f"The bucket {bucket} belongs to another account, or this role may not use it.",
                    hint="Allow s3:ListBucket on it; if it is another account's, ask its owner to delete it.",
                ) from error
            raise
    return True


def create_private_bucket(s3: "S3Client", bucket: str, region: str, *, keep_old_versions_days: int) -> None:
    """A bucket without public access, encrypted, versioned, TLS only. Safe to run again."""
    # us-east-1 takes no constraint: S3 API Reference, CreateBucket.
    place: Any = {} if region == "us-east-1" else {"LocationConstraint": region}
    with translated(f"Creating the bucket {bucket}"):
        try:
            s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": place} if place else {}))
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
    """Writes the object unless it holds just that already; whether it wrote."""
    digest = hashlib.sha256(body).hexdigest()
    with translated(f"Writing s3://{bucket}/{key}"):
        if _digest(s3, bucket, key) == digest:
            return False
        s3.put_object(
            Bucket=bucket, Key=key, Body=body, ServerSideEncryption="AES256", Metadata={DIGEST: digest}
        )
    return True


def read_text(s3: "S3Client", bucket: str, key: str) -> str:
    """The object's text. Raises NotFound."""
    with translated(f"Reading s3://{bucket}/{key}"):
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def _digest(s3: "S3Client", bucket: str, key: str) -> str:
    try:
        return s3.head_object(Bucket=bucket, Key=key)["Metadata"].get(DIGEST, "")
    except ClientError as error:
        if code(error) in MISSING:
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
