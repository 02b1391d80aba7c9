"""A sample inventory: an account with one support stack, its bucket and key, and a pipeline."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.aws.cloudformation.resources import StackResource
from ops.aws.codepipeline import ArtifactStore, Pipeline
from ops.aws.kms import Key
from ops.aws.s3.buckets import BucketContents
from ops.support_stacks.facts import ArtifactBucket, CandidateStack, Inventory, KeyAlias
from ops.support_stacks.fingerprints import CONSTRUCT, StackKind

TOOLS, OTHER = "111111111111", "222222222222"
REGION = "eu-west-1"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
NAME = "pipea-support-eu-west-1eplicationbucketf341357fe038a0e2bc01"
ALIAS = "alias/u-west-1tencryptionaliase57b9f9ead1acf30851f"
STACK = (
    "PipeA-support-eu-west-1",
    f"arn:aws:cloudformation:{REGION}:{TOOLS}:stack/PipeA-support-eu-west-1/1",
)
KEY_ID = "6f2d1c7a-0000-4000-8000-000000000001"
KEY_ARN = f"arn:aws:kms:{REGION}:{TOOLS}:key/{KEY_ID}"
CONTENTS = BucketContents(3, 0, 2_000_000_000, LONG_AGO, 0, True)
TAGS = {"aws:cloudformation:logical-id": f"{CONSTRUCT}FC3227F2", "aws:cloudformation:stack-name": STACK[0]}


def bucket(**more: Any) -> ArtifactBucket:
    sample = ArtifactBucket(
        name=NAME,
        account=TOOLS,
        region=REGION,
        created=LONG_AGO,
        stack=STACK,
        tags=TAGS,
        policy=None,
        key=f"arn:aws:kms:{REGION}:{TOOLS}:{ALIAS}",
        contents=CONTENTS,
        origin="CloudFormation tags",
    )
    return replace(sample, **more)


def alias(**more: Any) -> KeyAlias:
    key = Key(KEY_ID, KEY_ARN, "Enabled", LONG_AGO, None)
    return replace(KeyAlias(ALIAS, TOOLS, REGION, key, {}, STACK, "CloudFormation tags"), **more)


def stack(**more: Any) -> CandidateStack:
    resources = (
        StackResource(f"{CONSTRUCT}FC3227F2", "AWS::S3::Bucket", NAME),
        StackResource(f"{CONSTRUCT}EncryptionAliasF1A0F37D", "AWS::KMS::Alias", ALIAS),
    )
    sample = CandidateStack(
        STACK[0], STACK[1], TOOLS, REGION, "CREATE_COMPLETE", LONG_AGO, False, StackKind.SUPPORT, resources
    )
    return replace(sample, **more)


def pipeline(name: str = "PipeA", store: str = NAME, key: str = "", **more: Any) -> Pipeline:
    sample = Pipeline(name, TOOLS, "us-east-1", (ArtifactStore(REGION, store, key),), LONG_AGO)
    return replace(sample, **more)


def inventory(**more: Any) -> Inventory:
    sample = Inventory(
        at=NOW,
        accounts={TOOLS: "tools", OTHER: "other"},
        regions={TOOLS: (REGION, "us-east-1"), OTHER: (REGION,)},
        pipelines=(),
        buckets=(bucket(),),
        aliases=(alias(),),
        stacks=(stack(),),
        gaps=(),
    )
    return replace(sample, **more)
