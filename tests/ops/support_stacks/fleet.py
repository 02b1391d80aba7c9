"""A support stack as CDK deploys it, with a bucket and a key, inside the test's process."""

import functools
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.aws.s3.buckets import ObjectVersion, iterate_versions
from ops.plan import Check, Plan
from ops.settings import Account
from ops.support_stacks.cleanup import plan_clean_up
from ops.support_stacks.cleanup_steps import CleanUpOptions
from ops.support_stacks.facts import Inventory
from ops.support_stacks.fingerprints import CONSTRUCT
from ops.support_stacks.inventory import read_inventory
from ops.support_stacks.liveness import UsageGraph, assess_usage
from tests.ops.in_process import InProcessCloud

REGION, PIPELINE_REGION = "eu-west-1", "us-east-1"
STACK = f"PipeA-support-{REGION}"
KEY, ALIAS, BUCKET = f"{CONSTRUCT}EncryptionKey1", f"{CONSTRUCT}EncryptionAlias1", f"{CONSTRUCT}FC3227F2"
ALIAS_NAME = f"alias/{STACK.lower()[-8:]}tencryptionalias{'a1' * 10}"


class Fleet:
    """Two accounts; the first has an orphaned support stack with one artifact in its bucket."""

    def __init__(self, cloud: InProcessCloud) -> None:
        self.cloud = cloud
        self.tools, self.other = cloud.accounts
        self.bucket = "pipea-support-eu-west-1eplicationbucketf341357fe038a0e2bc01"
        created = self.client("cloudformation").create_stack(StackName=STACK, TemplateBody=self._template())
        self.stack: str = created["StackId"]
        self.put_object("App/Artifact_S/1")
        self.cloud.calls.clear()

    def client(self, service: str, region: str = REGION, account: str = "tools") -> Any:
        return self.cloud.client(service, account, region)

    def _template(self) -> str:
        return json.dumps(
            {
                "Resources": {
                    KEY: {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": self.key_policy()}},
                    ALIAS: {
                        "Type": "AWS::KMS::Alias",
                        "Properties": {"AliasName": ALIAS_NAME, "TargetKeyId": {"Ref": KEY}},
                    },
                    BUCKET: {
                        "Type": "AWS::S3::Bucket",
                        "DeletionPolicy": "Retain",
                        "Properties": {
                            "BucketName": self.bucket,
                            "VersioningConfiguration": {"Status": "Enabled"},
                        },
                    },
                }
            }
        )

    def key_policy(self, *accounts: str) -> dict[str, Any]:
        principals = [f"arn:aws:iam::{account}:root" for account in (self.tools.id, *accounts)]
        allow = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "kms:*", "Resource": "*"}
        return {"Version": "2012-10-17", "Statement": [allow]}

    def put_object(self, key: str) -> None:
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=b"artifact")

    def put_bucket_policy(self, account: str) -> None:
        principal = {"AWS": f"arn:aws:iam::{account}:root"}
        resource = f"arn:aws:s3:::{self.bucket}/*"
        allow = {"Effect": "Allow", "Principal": principal, "Action": "s3:PutObject", "Resource": resource}
        policy = {"Version": "2012-10-17", "Statement": [allow]}
        self.client("s3").put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))

    def create_bucket(self, name: str) -> str:
        """Create a bucket with a name of this account's, and return it."""
        name = f"{name}-{self.tools.id}"
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def create_pipeline(
        self, bucket: str = "", key: str = "", name: str = "PipeA", account: str = "tools"
    ) -> None:
        store: dict[str, Any] = {"type": "S3", "location": bucket or self.bucket}
        if key:
            store["encryptionKey"] = {"id": key, "type": "KMS"}
        action = {
            "name": "Source",
            "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        }
        pipeline = {
            "name": name,
            "roleArn": f"arn:aws:iam::{self.tools.id}:role/pipeline",
            "artifactStores": {REGION: store},
            "stages": [{"name": "Source", "actions": [action]}, {"name": "Deploy", "actions": [action]}],
        }
        self.client("codepipeline", PIPELINE_REGION, account).create_pipeline(pipeline=pipeline)

    def refuse(self, call: str, code: str = "AccessDenied", status: int = 403) -> None:
        """Refuse this call from now on."""
        self.cloud.refuse = lambda made, account, region: (code, status) if made == call else None

    def key_id(self) -> str:
        aliases = self.client("kms").list_aliases()["Aliases"]
        return str(next(item["TargetKeyId"] for item in aliases if item["AliasName"] == ALIAS_NAME))

    def key_state(self, key: str) -> str:
        return str(self.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"])

    def versions(self, bucket: str = "") -> list[ObjectVersion]:
        pages = iterate_versions(self.client("s3"), bucket or self.bucket)
        return [version for page in pages for version in page]

    def inventory(self, **more: Any) -> Inventory:
        return read_inventory(self.cloud, datetime.now(UTC), **more)

    def plan(self, options: CleanUpOptions | None = None, **changes: Any) -> Plan:
        """Plan to delete everything orphaned; `changes` replace facts that the inventory read.

        They are named by what they belong to, such as `bucket={"policy": None}`.
        """
        facts = self.inventory()
        changed: dict[str, Any] = {
            plural: tuple(replace(item, **changes[name]) for item in getattr(facts, plural))
            for name, plural in (("bucket", "buckets"), ("alias", "aliases"), ("stack", "stacks"))
            if name in changes
        }
        graph: UsageGraph = assess_usage(replace(facts, **changed), datetime.now(UTC), min_idle_days=0)
        return plan_clean_up(self.cloud, graph, (), options or CleanUpOptions())


def check(plan: Plan, name: str) -> Check:
    """Check the resource of the step whose id starts with `name`."""
    return next(step for step in plan.steps if step.id.startswith(name)).check()


@functools.cache
def _cloud() -> InProcessCloud:
    """One for all tests: creating its clients takes the most time."""
    return InProcessCloud((Account("tools", "111111111111"), Account("other", "222222222222")))


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A new fleet, whose accounts have two regions, to be quick."""
    _cloud().reset()
    made = Fleet(_cloud())
    monkeypatch.setattr(
        "ops.support_stacks.inventory.list_regions", lambda _cloud, _account: [REGION, PIPELINE_REGION]
    )
    return made
