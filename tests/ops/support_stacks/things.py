"""Things of an inventory, made up: an account, one bucket in its support stack, its key, and a pipeline."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.aws.cloudformation.resources import StackResource
from ops.aws.codepipeline import Pipeline, Store
from ops.aws.kms import Key
from ops.aws.s3.buckets import Contents
from ops.support_stacks.facts import Alias, Bucket, Inventory, Stack
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
CONTENTS = Contents(3, 0, 2_000_000_000, LONG_AGO, 0, True)
TAGS = {"aws:cloudformation:logical-id": f"{CONSTRUCT}FC3227F2", "aws:cloudformation:stack-name": STACK[0]}


def bucket(**more: Any) -> Bucket:
    made = Bucket(
        name=NAME,
        account=TOOLS,
        region=REGION,
        created=LONG_AGO,
        stack=STACK,
        tags=TAGS,
        policy=None,
        key=f"arn:aws:kms:{REGION}:{TOOLS}:{ALIAS}",
        contents=CONTENTS,
        origin="CloudFormation's tag",
    )
    return replace(made, **more)


def alias(**more: Any) -> Alias:
    key = Key(KEY_ID, KEY_ARN, "Enabled", LONG_AGO, None)
    return replace(Alias(ALIAS, TOOLS, REGION, key, {}, STACK, "CloudFormation's tag"), **more)


def stack(**more: Any) -> Stack:
    resources = (
        StackResource(f"{CONSTRUCT}FC3227F2", "AWS::S3::Bucket", NAME),
        StackResource(f"{CONSTRUCT}EncryptionAliasF1A0F37D", "AWS::KMS::Alias", ALIAS),
    )
    made = Stack(
        STACK[0], STACK[1], TOOLS, REGION, "CREATE_COMPLETE", LONG_AGO, False, StackKind.SUPPORT, resources
    )
    return replace(made, **more)


def pipeline(name: str = "PipeA", store: str = NAME, key: str = "", **more: Any) -> Pipeline:
    made = Pipeline(name, TOOLS, "us-east-1", (Store(REGION, store, key),), LONG_AGO)
    return replace(made, **more)


def inventory(**more: Any) -> Inventory:
    made = Inventory(
        at=NOW,
        accounts={TOOLS: "tools", OTHER: "other"},
        regions={TOOLS: (REGION, "us-east-1"), OTHER: (REGION,)},
        pipelines=(),
        buckets=(bucket(),),
        aliases=(alias(),),
        stacks=(stack(),),
        gaps=(),
    )
    return replace(made, **more)
