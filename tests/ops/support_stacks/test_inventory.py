"""The inventory: what it reads, and a gap for everything that it cannot read."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudformation

from ops.plan import Readiness
from ops.settings import Exclusion
from ops.support_stacks import facts
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.inventory import InventoryProgress
from ops.support_stacks.liveness import ResourceType, UsageState, assess_usage
from tests.ops.support_stacks.fleet import (
    ALIAS_NAME,
    PIPELINE_REGION,
    REGION,
    STACK,
    Fleet,
    check,
    fleet,
)

__all__ = ["fleet"]


def states(fleet: Fleet) -> dict[ResourceType, UsageState]:
    graph = assess_usage(fleet.inventory(), datetime.now(UTC), min_idle_days=0)
    return {verdict.kind: verdict.state for verdict in graph.verdicts}


def gaps(fleet: Fleet) -> set[tuple[str, str, str]]:
    """The gaps of the first account."""
    found = fleet.inventory().gaps
    return {
        (gap.subject, gap.region, type(gap.error).__name__) for gap in found if gap.account == fleet.tools.id
    }


def test_a_support_stack_is_read_with_its_bucket_key_and_users(fleet: Fleet) -> None:
    fleet.create_pipeline(key=ALIAS_NAME)
    progress: list[InventoryProgress] = []
    found = fleet.inventory(report=progress.append)
    assert found.gaps == ()
    assert found.accounts == {fleet.tools.id: "tools", fleet.other.id: "other"}
    assert found.regions == dict.fromkeys(found.accounts, (REGION, PIPELINE_REGION))
    (bucket,), (alias,), (stack,), (pipeline,) = found.buckets, found.aliases, found.stacks, found.pipelines
    assert (bucket.name, bucket.stack, bucket.missing) == (fleet.bucket, (STACK, fleet.stack), ())
    assert bucket.contents and (bucket.contents.versions, bucket.contents.bytes) == (1, 8)
    assert bucket.contents.complete and bucket.origin.startswith("CloudFormation tags: created as")
    assert (alias.name, alias.key.id, alias.stack) == (ALIAS_NAME, fleet.key_id(), (STACK, fleet.stack))
    assert (stack.id, stack.kind, stack.protected) == (fleet.stack, StackKind.SUPPORT, False)
    assert [store.bucket for store in pipeline.stores] == [fleet.bucket]
    assert states(fleet) == dict.fromkeys(ResourceType, UsageState.IN_USE)
    assert {item.phase for item in progress if item.done == item.total} == {
        "Regions",
        "Buckets",
        "Pipelines, stacks and keys",
        "Details: buckets",
        "Details: stacks",
        "Details: keys",
    }


@pytest.mark.parametrize(
    ("call", "part"),
    [
        ("s3:GetBucketTagging", "tags"),
        ("s3:GetBucketPolicy", "policy"),
        ("s3:GetBucketEncryption", "encryption"),
        ("s3:ListObjectVersions", "contents"),
        ("s3:ListMultipartUploads", "contents"),
        ("cloudformation:DescribeStackResources", "stack"),
    ],
)
def test_a_property_of_a_bucket_that_cannot_be_read_is_missing(fleet: Fleet, call: str, part: str) -> None:
    fleet.refuse(call)
    (bucket,) = fleet.inventory().buckets
    assert bucket.missing == (part,)
    assert (f"{part} of {fleet.bucket}", REGION, "AccessDenied") in gaps(fleet)
    assert states(fleet)[ResourceType.BUCKET] is UsageState.UNKNOWN


@pytest.mark.parametrize(
    ("call", "code", "gap"),
    [
        ("codepipeline:ListPipelines", "AccessDeniedException", (facts.PIPELINES, PIPELINE_REGION)),
        ("codepipeline:GetPipeline", "AccessDeniedException", (facts.PIPELINES, PIPELINE_REGION)),
        ("kms:ListAliases", "AccessDeniedException", (facts.ALIASES, REGION)),
        ("kms:DescribeKey", "AccessDeniedException", (facts.key_subject(ALIAS_NAME), REGION)),
        ("kms:GetKeyPolicy", "AccessDeniedException", (facts.key_subject(ALIAS_NAME), REGION)),
        ("kms:ListResourceTags", "AccessDeniedException", (facts.key_subject(ALIAS_NAME), REGION)),
        ("cloudformation:ListStackResources", "AccessDenied", (facts.stack_subject(STACK), REGION)),
        ("cloudformation:DescribeStacks", "AccessDenied", (facts.STACKS, REGION)),
        ("s3:ListBuckets", "AccessDenied", (facts.BUCKETS, "")),
    ],
)
def test_what_cannot_be_read_is_a_gap_and_nothing_of_it_is_orphaned(
    fleet: Fleet, call: str, code: str, gap: tuple[str, str]
) -> None:
    fleet.create_pipeline(bucket="elsewhere")
    fleet.refuse(call, code, 400)
    assert (*gap, "AccessDenied") in gaps(fleet)
    found = states(fleet)
    assert UsageState.ORPHANED not in (found.get(ResourceType.STACK), found.get(ResourceType.KEY))


def test_unread_regions_are_a_gap_and_the_configured_ones_are_read(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    fleet.refuse("account:ListRegions", "AccessDeniedException", 403)
    found = fleet.inventory()
    assert found.regions[fleet.tools.id] == fleet.cloud.settings.regions
    assert (facts.REGIONS, "", "AccessDenied") in gaps(fleet)
    assert states(fleet)[ResourceType.STACK] is UsageState.UNKNOWN


def test_a_bucket_that_was_deleted_since_it_was_listed_is_left_out(fleet: Fleet) -> None:
    fleet.refuse("s3:GetBucketPolicy", "NoSuchBucket", 404)
    found = fleet.inventory()
    assert (found.buckets, found.gaps) == ((), ())


def test_a_key_that_was_deleted_since_it_was_listed_is_left_out(fleet: Fleet) -> None:
    fleet.refuse("kms:DescribeKey", "NotFoundException", 400)
    found = fleet.inventory()
    assert (found.aliases, found.gaps) == ((), ())


def test_a_pipeline_that_was_deleted_since_it_was_listed_is_left_out(fleet: Fleet) -> None:
    fleet.create_pipeline()
    fleet.refuse("codepipeline:GetPipeline", "PipelineNotFoundException", 400)
    found = fleet.inventory()
    assert (found.pipelines, found.gaps) == ((), ())


def test_a_bucket_with_more_versions_than_are_counted_stays_unknown(fleet: Fleet) -> None:
    for max_versions, complete in ((1, False), (2, True)):
        (bucket,) = fleet.inventory(max_versions=max_versions).buckets
        assert bucket.contents and bucket.contents.complete is complete


def test_a_deleted_stack_is_left_out_and_its_retained_bucket_is_not(fleet: Fleet) -> None:
    fleet.client("cloudformation").delete_stack(StackName=STACK)
    found = fleet.inventory()
    assert found.stacks == ()
    (bucket,) = found.buckets
    assert bucket.stack == ("", "") and STACK in bucket.origin


SHORTENED = "nightlybuildanddeploypip-nightlybuildanddeploypip-k3j9x8w2v7q1"


def put_tagged_bucket(fleet: Fleet, logical_id: str) -> None:
    """Create a bucket as CloudFormation names it when stack name and logical ID do not fit."""
    s3 = fleet.client("s3")
    s3.create_bucket(Bucket=SHORTENED, CreateBucketConfiguration={"LocationConstraint": REGION})
    tags = {"logical-id": logical_id, "stack-name": "NightlyBuildAndDeployPipelineStack"}
    # The emulator lets a user set tags that AWS reserves for CloudFormation.
    tag_set = [{"Key": f"aws:cloudformation:{name}", "Value": value} for name, value in tags.items()]
    s3.put_bucket_tagging(Bucket=SHORTENED, Tagging={"TagSet": tag_set})


@pytest.mark.parametrize(
    ("logical_id", "found"),
    [
        ("NightlyBuildAndDeployPipelineArtifactsBucket0A1B2C3D", True),  # pragma: allowlist secret
        ("StageCrossRegionCodePipelineReplicationBucketFC3227F2", True),
        ("NightlyUploads0A1B2C3D", False),
    ],
)
def test_a_bucket_with_a_shortened_name_is_found_by_its_tags(
    fleet: Fleet, logical_id: str, found: bool
) -> None:
    put_tagged_bucket(fleet, logical_id)
    buckets = {bucket.name: bucket for bucket in fleet.inventory().buckets}
    assert (SHORTENED in buckets) is found
    if found:
        assert "in stack NightlyBuildAndDeployPipelineStack" in buckets[SHORTENED].origin


def test_tags_that_cannot_be_read_are_a_gap(fleet: Fleet) -> None:
    fleet.refuse("resource-groups-tagging-api:GetResources")
    assert (facts.TAGS, REGION, "AccessDenied") in gaps(fleet)


def name_in_parameters(fleet: Fleet, value: str, account: str = "tools", name: str = "Reports") -> None:
    template = {
        "Parameters": {"Source": {"Type": "String"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    fleet.client("cloudformation", PIPELINE_REGION, account).create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "Source", "ParameterValue": value}],
    )


@pytest.mark.parametrize("value", ["{}", "arn:aws:s3:::{}/*", "s3://{}/App,other"])
@pytest.mark.parametrize("account", ["tools", "other"])
def test_a_bucket_that_a_stack_names_in_its_parameters_is_in_use(
    fleet: Fleet, value: str, account: str
) -> None:
    name_in_parameters(fleet, value.format(fleet.bucket), account)
    graph = assess_usage(fleet.inventory(), datetime.now(UTC), min_idle_days=0)
    (verdict,) = [each for each in graph.verdicts if each.kind is ResourceType.BUCKET]
    id = fleet.cloud.account(account).id
    assert verdict.state is UsageState.IN_USE
    assert verdict.reasons == (f"named in the parameters of stack Reports ({id}, {PIPELINE_REGION})",)
    assert states(fleet)[ResourceType.STACK] is UsageState.UNKNOWN


def test_a_longer_name_in_a_parameter_is_another_bucket(fleet: Fleet) -> None:
    name_in_parameters(fleet, f"{fleet.bucket}-copy")
    assert states(fleet)[ResourceType.BUCKET] is UsageState.ORPHANED


def test_the_object_lock_of_a_bucket_is_read(fleet: Fleet) -> None:
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}
    configuration: Any = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    fleet.client("s3").put_object_lock_configuration(
        Bucket=fleet.bucket, ObjectLockConfiguration=configuration
    )
    (bucket,) = fleet.inventory().buckets
    assert bucket.object_lock == "governance, 30 days"


def delete_stack_but_keep_the_key(fleet: Fleet) -> str:
    """As a stack does that retains its key: the alias is deleted, the key and its tags stay."""
    key = fleet.key_id()
    fleet.client("kms").delete_alias(AliasName=ALIAS_NAME)
    with request_scope(fleet.tools.id, REGION):
        del cloudformation._stacks[STACK]
    return key


def test_a_key_without_an_alias_is_found_by_its_tags(fleet: Fleet) -> None:
    key = delete_stack_but_keep_the_key(fleet)
    (found,) = fleet.inventory().aliases
    assert (found.name, found.key.id, found.has_alias) == (key, key, False)
    assert states(fleet)[ResourceType.KEY] is UsageState.ORPHANED
    plan = fleet.plan()
    assert [step.id for step in plan.steps if step.resource.kind.startswith("AWS::KMS")] == [
        f"schedule {key}"
    ]
    fleet.create_pipeline(bucket="elsewhere", key=key)
    assert states(fleet)[ResourceType.KEY] is UsageState.IN_USE


def test_a_key_without_an_alias_that_kms_will_delete_is_left_out(fleet: Fleet) -> None:
    key = delete_stack_but_keep_the_key(fleet)
    fleet.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert fleet.inventory().aliases == ()


def test_where_aliases_cannot_be_read_no_key_is_known_to_have_none(fleet: Fleet) -> None:
    fleet.refuse("kms:ListAliases", "AccessDeniedException", 400)
    assert fleet.inventory().aliases == ()


def test_the_accounts_that_may_assume_the_roles_of_a_stack_are_read(fleet: Fleet) -> None:
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{fleet.other.id}:root"},
        "Action": "sts:AssumeRole",
    }
    trust = {"Version": "2012-10-17", "Statement": [allow]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    name = f"PipeB-support-{fleet.tools.id}"
    fleet.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Role": role}})
    )
    (stack,) = [each for each in fleet.inventory().stacks if each.name == name]
    assert (stack.kind, set(stack.trusted)) == (StackKind.ROLES, {fleet.other.id})
    (physical,) = stack.physical_ids("AWS::IAM::Role")
    assert stack.has_role(f"arn:aws:iam::{fleet.tools.id}:role/{physical}")
    fleet.refuse("iam:GetRole")
    assert (facts.stack_subject(name), REGION, "AwsError") in gaps(fleet)


def exclude(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, account: str, region: str) -> None:
    exclusion = Exclusion(account, region, "denied by a policy")
    monkeypatch.setattr(fleet.cloud, "settings", replace(fleet.cloud.settings, excluded=(exclusion,)))


def test_an_excluded_region_is_not_read_and_verdicts_name_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.cloud.refuse = lambda call, account, region: (
        ("AccessDenied", 403) if region == PIPELINE_REGION and not call.startswith("s3:") else None
    )
    assert states(fleet)[ResourceType.BUCKET] is UsageState.UNKNOWN
    exclude(fleet, monkeypatch, "", PIPELINE_REGION)
    assert gaps(fleet) == set()
    graph = assess_usage(fleet.inventory(), datetime.now(UTC), min_idle_days=0)
    assert not graph.orphaned_monthly.exact
    note = f"{PIPELINE_REGION} is excluded: denied by a policy"
    assert {verdict.state for verdict in graph.verdicts} == {UsageState.ORPHANED}
    assert {verdict.reasons[-1] for verdict in graph.verdicts} == {note}
    assert {step.parameters["excluded"] for step in fleet.plan().steps} == {note}
    assert check(fleet.plan(), "empty").readiness is Readiness.READY


def test_nothing_of_an_excluded_account_is_read(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    exclude(fleet, monkeypatch, fleet.tools.id, "")
    found = fleet.inventory()
    assert (found.buckets, found.aliases, found.stacks) == ((), (), ())
    assert found.regions == {fleet.tools.id: (), fleet.other.id: (REGION, PIPELINE_REGION)}
