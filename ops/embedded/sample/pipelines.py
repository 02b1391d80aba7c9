"""CDK pipelines of the sample accounts, as templates in the form that CDK synthesizes."""

import hashlib
from dataclasses import dataclass
from typing import Any

CONSTRUCT = "CrossRegionCodePipelineReplicationBucket"
DAYS_AGO = 200  # age of old stacks


@dataclass(frozen=True)
class SampleStack:
    """A stack to deploy.

    `artifacts` is the number of objects in its bucket. A `deleted` stack leaves only its bucket behind, and
    an `old` one is backdated.
    """

    name: str
    account: str
    region: str
    template: dict[str, Any]
    artifacts: int = 0
    deleted: bool = False
    old: bool = True


def support_names(stack: str, account: str, region: str) -> tuple[str, str]:
    """Return the names of bucket and alias that CDK generates for a stack directly below the app."""
    return (
        _physical(stack, account, region, CONSTRUCT).lower(),
        f"alias/{_physical(stack, account, region, f'{CONSTRUCT}EncryptionAlias', prefix=False).lower()}",
    )


def _physical(stack: str, account: str, region: str, construct: str, *, prefix: bool = True) -> str:
    path = hashlib.md5(
        f"cross-region-stack-{account}:{region}/{construct}".encode(), usedforsecurity=False
    ).hexdigest()[:8]
    id_ = f"crossregionstack{account}{region.replace('-', '')}{construct}{path}"
    digest = hashlib.sha256(f"{stack}{id_}{region}{account}".encode()).hexdigest()[:12]
    return f"{stack[:25] if prefix else stack[-8:]}{id_[-24:]}{digest}"


def support_stack(pipeline: str, account: str, region: str, **more: Any) -> SampleStack:
    """Return a support stack with bucket, key, and alias."""
    name = f"{pipeline}-support-{region}"
    bucket, alias = support_names(name, account, region)
    root = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{account}:root"}
    policy = {"Effect": "Allow", "Action": "kms:*", "Principal": {"AWS": root}, "Resource": "*"}
    resources = {
        f"{CONSTRUCT}EncryptionKey70216490": {
            "Type": "AWS::KMS::Key",
            "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [policy]}},
        },
        f"{CONSTRUCT}EncryptionAliasF1A0F37D": {
            "Type": "AWS::KMS::Alias",
            "Properties": {
                "AliasName": alias,
                "TargetKeyId": {"Fn::GetAtt": [f"{CONSTRUCT}EncryptionKey70216490", "Arn"]},
            },
        },
        f"{CONSTRUCT}FC3227F2": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": bucket,
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": f"arn:aws:kms:{region}:{account}:{alias}",
                            }
                        }
                    ]
                },
            },
            "DeletionPolicy": "Retain",
        },
    }
    return SampleStack(name, account, region, {"Resources": resources}, **more)


def pipeline_stack(name: str, account: str, home: str, stores: dict[str, str]) -> SampleStack:
    """Return a pipeline with its own artifact bucket; `stores` maps regions to support stacks."""
    artifact_stores: list[dict[str, Any]] = [
        {
            "Region": home,
            "ArtifactStore": {"Type": "S3", "Location": {"Ref": "PipelineArtifactsBucket22248F97"}},
        }
    ]
    for region, stack in stores.items():
        bucket, alias = support_names(stack, account, region)
        key = {"Type": "KMS", "Id": f"arn:aws:kms:{region}:{account}:{alias}"}
        artifact_stores.append(
            {"Region": region, "ArtifactStore": {"Type": "S3", "Location": bucket, "EncryptionKey": key}}
        )
    properties = {
        "Name": name,
        "RoleArn": f"arn:aws:iam::{account}:role/{name}",
        "ArtifactStores": artifact_stores,
        "Stages": [{"Name": "Source", "Actions": []}, {"Name": "Deploy", "Actions": []}],
    }
    resources = {
        "PipelineArtifactsBucket22248F97": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        "PipelineC660917D": {"Type": "AWS::CodePipeline::Pipeline", "Properties": properties},
    }
    return SampleStack(name, account, home, {"Resources": resources})


def sample_stacks(production: str, development: str) -> tuple[SampleStack, ...]:
    """Return in-use, shared, orphaned, retained, and recent stacks, in the order of their creation."""
    home, other = "eu-west-1", "us-east-1"
    return (
        support_stack("Storefront", production, other, artifacts=12),
        pipeline_stack("Storefront", production, home, {other: f"Storefront-support-{other}"}),
        pipeline_stack("Checkout", production, home, {other: f"Storefront-support-{other}"}),
        support_stack("Loyalty", production, other, artifacts=9),
        support_stack("Spike", development, other, artifacts=4, deleted=True),
        support_stack("Reports", development, other, old=False),
    )
