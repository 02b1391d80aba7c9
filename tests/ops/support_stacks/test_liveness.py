"""The effect of each piece of evidence on a verdict."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ops.aws.cloudformation.resources import StackResource
from ops.aws.readings import Unread
from ops.aws.s3.buckets import BucketContents
from ops.errors import AccessDenied
from ops.support_stacks import facts
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.liveness import ResourceType, UsageGraph, UsageState, UsageVerdict, assess_usage
from tests.ops.support_stacks.samples import (
    ALIAS,
    CONTENTS,
    KEY_ARN,
    KEY_ID,
    NAME,
    NOW,
    OTHER,
    REGION,
    STACK,
    TOOLS,
    alias,
    bucket,
    inventory,
    pipeline,
    stack,
)


def assessed(**more: Any) -> UsageGraph:
    return assess_usage(inventory(**more), NOW)


def states(graph: UsageGraph) -> dict[ResourceType, UsageState]:
    return {verdict.kind: verdict.state for verdict in graph.verdicts}


def reasons(graph: UsageGraph, resource_type: ResourceType) -> str:
    return "; ".join(
        reason for verdict in graph.verdicts if verdict.kind is resource_type for reason in verdict.reasons
    )


ALL = (ResourceType.BUCKET, ResourceType.KEY, ResourceType.STACK)


def test_without_a_pipeline_everything_is_orphaned() -> None:
    graph = assessed()
    assert states(graph) == dict.fromkeys(ALL, UsageState.ORPHANED)
    assert graph.orphaned_monthly.value == pytest.approx(2 * 0.023 + 1)
    assert {verdict.id for verdict in graph.inside_stack(STACK[1])} == {NAME, ALIAS}


def test_a_pipeline_keeps_bucket_key_and_stack_and_two_share_them() -> None:
    assert states(assessed(pipelines=(pipeline(),))) == dict.fromkeys(ALL, UsageState.IN_USE)
    two = assessed(pipelines=(pipeline(), pipeline("PipeB", account=OTHER)))
    assert states(two) == dict.fromkeys(ALL, UsageState.SHARED)
    assert "PipeB (222222222222, us-east-1)" in reasons(two, ResourceType.STACK)


@pytest.mark.parametrize(
    "key",
    [ALIAS, KEY_ID, KEY_ARN, f"arn:aws:kms:{REGION}:{TOOLS}:{ALIAS}"],
    ids=["name", "id", "arn", "alias"],
)
def test_a_pipeline_that_names_only_the_key_keeps_it_and_its_stack(key: str) -> None:
    found = states(assessed(pipelines=(pipeline(store="elsewhere", key=key),)))
    assert found[ResourceType.KEY] is found[ResourceType.STACK] is UsageState.IN_USE


def test_the_same_alias_of_another_place_is_another_key() -> None:
    for place in (f"us-west-2:{TOOLS}", f"{REGION}:{OTHER}"):
        graph = assessed(pipelines=(pipeline(store="elsewhere", key=f"arn:aws:kms:{place}:{ALIAS}"),))
        assert states(graph)[ResourceType.KEY] is UsageState.ORPHANED


def gap(account: str, subject: str, region: str = REGION) -> Unread:
    return Unread(account, region, subject, AccessDenied("no"))


@pytest.mark.parametrize("subject", [facts.PIPELINES, facts.REGIONS])
def test_resources_of_an_unread_account_stay_unknown(subject: str) -> None:
    graph = assessed(gaps=(gap(TOOLS, subject),))
    assert states(graph) == dict.fromkeys(ALL, UsageState.UNKNOWN)
    assert "account tools has access and could not be read" in reasons(graph, ResourceType.BUCKET)


def allows(principal: Any, action: str = "s3:*") -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}]}


def test_an_unread_account_blocks_only_buckets_that_it_may_write_to() -> None:
    gaps = (gap(OTHER, facts.PIPELINES),)
    assert states(assessed(gaps=gaps))[ResourceType.BUCKET] is UsageState.ORPHANED
    role = {"AWS": f"arn:aws:iam::{OTHER}:role/deploy"}
    readers = assessed(gaps=gaps, buckets=(bucket(policy=allows(role, "s3:GetObject*")),))
    assert states(readers)[ResourceType.BUCKET] is UsageState.ORPHANED
    writers = assessed(gaps=gaps, buckets=(bucket(policy=allows(role)),))
    assert states(writers)[ResourceType.BUCKET] is states(writers)[ResourceType.STACK] is UsageState.UNKNOWN


@pytest.mark.parametrize(
    ("principal", "reason"),
    [("*", "allows everyone to use it"), ({"AWS": "444444444444"}, "is not configured in Slipway")],
)
def test_an_unknown_account_with_write_access_leaves_the_bucket_unknown(principal: Any, reason: str) -> None:
    graph = assessed(buckets=(bucket(policy=allows(principal)),))
    assert states(graph)[ResourceType.BUCKET] is UsageState.UNKNOWN
    assert reason in reasons(graph, ResourceType.BUCKET)


def test_an_unknown_account_that_may_encrypt_leaves_the_key_unknown() -> None:
    policy = allows({"AWS": "arn:aws:iam::444444444444:root"}, "kms:GenerateDataKey*")
    graph = assessed(aliases=(alias(policy=policy),))
    assert states(graph)[ResourceType.KEY] is states(graph)[ResourceType.STACK] is UsageState.UNKNOWN


@pytest.mark.parametrize("part", ["policy", "contents", "stack", "encryption"])
def test_missing_evidence_leaves_the_bucket_unknown(part: str) -> None:
    graph = assessed(buckets=(bucket(missing=(part,)),))
    assert states(graph)[ResourceType.BUCKET] is states(graph)[ResourceType.STACK] is UsageState.UNKNOWN


def test_a_bucket_too_full_to_count_stays_unknown() -> None:
    many = BucketContents(1_000_000, 0, 1, CONTENTS.last_written, 0, complete=False)
    graph = assessed(buckets=(bucket(contents=many),))
    assert states(graph)[ResourceType.BUCKET] is UsageState.UNKNOWN
    assert "more than 1,000,000 versions" in reasons(graph, ResourceType.BUCKET)


def test_recently_changed_resources_stay_unknown() -> None:
    recent = NOW - timedelta(days=29)
    written = BucketContents(1, 0, 1, recent, 0, complete=True)
    graph = assessed(buckets=(bucket(contents=written),))
    assert states(graph) == dict.fromkeys(ALL, UsageState.UNKNOWN)
    assert reasons(graph, ResourceType.BUCKET) == (
        f"written to on {recent:%Y-%m-%d}, although no pipeline uses it"
    )
    created = assessed(buckets=(bucket(created=recent),))
    assert "its pipeline may not be deployed yet" in reasons(created, ResourceType.BUCKET)
    assert states(assessed(stacks=(stack(changed=recent),)))[ResourceType.STACK] is UsageState.UNKNOWN
    older = assessed(buckets=(bucket(created=NOW - timedelta(days=31)),))
    assert states(older)[ResourceType.BUCKET] is UsageState.ORPHANED


@pytest.mark.parametrize("kind", [StackKind.ROLES, StackKind.LOOK_ALIKE, StackKind.ORDINARY])
def test_other_stacks_are_left_alone_with_their_resources(kind: StackKind) -> None:
    graph = assessed(stacks=(stack(kind=kind),))
    assert states(graph) == dict.fromkeys(ALL, UsageState.LEFT_ALONE)


def test_a_bucket_without_a_stack_is_orphaned_only_if_cdk_created_it() -> None:
    gone = assessed(stacks=(), aliases=(), buckets=(bucket(stack=("", "")),))
    assert states(gone)[ResourceType.BUCKET] is UsageState.ORPHANED
    assert f"its stack {STACK[0]} was deleted" in reasons(gone, ResourceType.BUCKET)
    other = assessed(stacks=(), aliases=(), buckets=(bucket(stack=("", ""), tags={}, origin=""),))
    assert states(other)[ResourceType.BUCKET] is UsageState.LEFT_ALONE
    unread = bucket(stack=("", ""), tags={}, origin="", missing=("tags",))
    graph = assessed(stacks=(), aliases=(), buckets=(unread,))
    assert states(graph)[ResourceType.BUCKET] is UsageState.UNKNOWN


def test_a_stack_without_its_bucket_is_in_use_while_a_pipeline_names_the_bucket() -> None:
    used = assessed(buckets=(), aliases=(), pipelines=(pipeline(),))
    assert states(used)[ResourceType.STACK] is UsageState.IN_USE
    assert states(assessed(buckets=(), aliases=()))[ResourceType.STACK] is UsageState.ORPHANED
    unread = assessed(buckets=(), aliases=(), gaps=(gap(TOOLS, facts.BUCKETS, region=""),))
    assert states(unread)[ResourceType.STACK] is UsageState.UNKNOWN


@pytest.mark.parametrize("subject", [facts.STACKS, facts.stack_subject(STACK[0])])
def test_resources_of_an_unread_stack_stay_unknown(subject: str) -> None:
    graph = assessed(stacks=(), gaps=(gap(TOOLS, subject),))
    assert states(graph) == dict.fromkeys((ResourceType.BUCKET, ResourceType.KEY), UsageState.UNKNOWN)
    assert f"part of stack {STACK[0]}, which could not be read" in reasons(graph, ResourceType.KEY)
    elsewhere = assessed(stacks=(), gaps=(gap(TOOLS, subject, region="us-east-1"),))
    assert set(states(elsewhere).values()) == {UsageState.LEFT_ALONE}


def test_unread_tags_leave_a_stack_unknown_whose_bucket_is_not_known_to_be_cdks() -> None:
    graph = assessed(buckets=(), aliases=(), gaps=(gap(TOOLS, facts.TAGS),))
    assert states(graph)[ResourceType.STACK] is UsageState.UNKNOWN
    assert f"the tags of bucket {NAME} could not be read" in reasons(graph, ResourceType.STACK)


def test_an_unreadable_key_inside_a_stack_leaves_the_stack_unknown() -> None:
    graph = assessed(aliases=(), gaps=(gap(TOOLS, facts.key_subject(ALIAS)),))
    assert states(graph)[ResourceType.STACK] is UsageState.UNKNOWN
    assert reasons(graph, ResourceType.STACK) == f"the key {ALIAS} could not be read"
    other = assessed(aliases=(), gaps=(gap(TOOLS, facts.key_subject("alias/other")),))
    assert states(other)[ResourceType.STACK] is UsageState.ORPHANED


def test_unread_aliases_leave_the_stack_unknown() -> None:
    graph = assessed(aliases=(), gaps=(gap(TOOLS, facts.ALIASES),))
    assert reasons(graph, ResourceType.STACK) == "the key aliases of its account could not be read"


def test_a_key_that_only_looks_like_cdks_is_left_alone() -> None:
    graph = assessed(stacks=(), buckets=(), aliases=(alias(stack=("", ""), origin=""),))
    assert states(graph) == {ResourceType.KEY: UsageState.LEFT_ALONE}


def test_a_new_key_stays_unknown_and_keeps_its_stack() -> None:
    new = alias()
    new = alias(key=replace(new.key, created=NOW - timedelta(days=29)))
    graph = assessed(aliases=(new,))
    assert states(graph)[ResourceType.KEY] is states(graph)[ResourceType.STACK] is UsageState.UNKNOWN
    assert "created on 2026-10-26: its pipeline may not be deployed yet" in reasons(graph, ResourceType.KEY)
    assert f"contains {ALIAS}, which is unknown" in reasons(graph, ResourceType.STACK)


def test_a_key_stays_unknown_while_a_bucket_that_it_encrypts_is_not_orphaned() -> None:
    graph = assessed(buckets=(bucket(missing=("contents",)),))
    assert reasons(graph, ResourceType.KEY) == f"it encrypts {NAME}, which is unknown"
    other = bucket(stack=("", ""), tags={}, origin="")
    graph = assessed(stacks=(), aliases=(alias(stack=("", "")),), buckets=(other,))
    assert reasons(graph, ResourceType.KEY) == f"it encrypts {NAME}, which is left alone"


def test_unread_buckets_leave_the_key_unknown() -> None:
    graph = assessed(buckets=(), gaps=(gap(TOOLS, facts.BUCKETS, region=""),))
    assert reasons(graph, ResourceType.KEY) == "the buckets of account tools could not be read"
    other = assessed(buckets=(), gaps=(gap(OTHER, facts.BUCKETS, region=""),))
    assert states(other)[ResourceType.KEY] is UsageState.ORPHANED


def test_unread_encryption_of_a_bucket_leaves_the_keys_of_its_region_unknown() -> None:
    unread = bucket(key="", missing=("encryption",))
    graph = assessed(buckets=(unread,))
    assert reasons(graph, ResourceType.KEY) == f"the encryption of bucket {NAME} could not be read"
    for elsewhere in (replace(unread, region="us-east-1"), replace(unread, account=OTHER)):
        away = assessed(stacks=(), aliases=(alias(stack=("", "")),), buckets=(elsewhere,))
        assert states(away)[ResourceType.KEY] is UsageState.ORPHANED


def test_a_resource_is_idle_from_the_last_day_of_the_limit_on() -> None:
    since = NOW - timedelta(days=30)
    written = BucketContents(1, 0, 1, since, 0, complete=True)
    key = replace(alias().key, created=since)
    graph = assessed(
        buckets=(bucket(created=since, contents=written),),
        aliases=(alias(key=key),),
        stacks=(stack(changed=since),),
    )
    assert states(graph) == dict.fromkeys(ALL, UsageState.ORPHANED)


@pytest.mark.parametrize("part", ["tags", "stack"])
def test_a_bucket_of_unknown_origin_stays_unknown(part: str) -> None:
    unread = bucket(stack=("", ""), tags={}, origin="", missing=(part,))
    graph = assessed(stacks=(), aliases=(), buckets=(unread,))
    assert reasons(graph, ResourceType.BUCKET) == (
        f"its {part} could not be read, so it is not known what created it"
    )


def test_a_key_scheduled_for_deletion_costs_nothing() -> None:
    pending = alias()
    pending = alias(key=replace(pending.key, state="PendingDeletion", deletion=NOW + timedelta(days=7)))
    graph = assessed(buckets=(), aliases=(pending,))
    assert graph.orphaned_monthly.value == 0
    assert "KMS deletes it on 2026-12-01" in reasons(graph, ResourceType.KEY)


ROLE = "pea-support-222222222222oyactionrole0123456789abcdef"
ROLES = (
    StackResource("DeployActionRole", "AWS::IAM::Role", ROLE),
    StackResource("DeployActionRoleDefaultPolicy", "AWS::IAM::Policy", "policy"),
    StackResource("CDKMetadata", "AWS::CDK::Metadata", "metadata"),
)


def role_stack(**more: Any) -> Any:
    facts = {
        "name": f"PipeA-support-{OTHER}",
        "account": OTHER,
        "resources": ROLES,
        "trusted": frozenset({TOOLS}),
    }
    return stack(kind=StackKind.ROLES, **{**facts, **more})


def assess_roles(stack: Any = None, **more: Any) -> UsageVerdict:
    (verdict,) = assessed(buckets=(), aliases=(), stacks=(stack or role_stack(),), **more).verdicts
    return verdict


def test_a_stack_of_roles_that_no_pipeline_assumes_is_orphaned() -> None:
    assert assess_roles().state is UsageState.ORPHANED
    elsewhere = pipeline(
        roles=frozenset({f"arn:aws:iam::{TOOLS}:role/{ROLE}", f"arn:aws:iam::{OTHER}:role/x"})
    )
    assert assess_roles(pipelines=(elsewhere,)).state is UsageState.ORPHANED


def test_a_stack_of_roles_that_a_pipeline_assumes_is_in_use() -> None:
    user = pipeline(roles=frozenset({f"arn:aws:iam::{OTHER}:role/path/{ROLE}"}))
    assert assess_roles(pipelines=(user,)).reasons == (f"used by pipeline PipeA ({TOOLS}, us-east-1)",)


def test_a_stack_of_roles_is_unknown_unless_all_that_may_assume_them_were_read() -> None:
    assert assess_roles(gaps=(gap(TOOLS, facts.PIPELINES),)).state is UsageState.UNKNOWN
    unknown = role_stack(trusted=frozenset({"333333333333"}))
    assert assess_roles(unknown).reasons == (
        "account 333333333333 has access and is not configured in Slipway",
    )
    assert assess_roles(role_stack(changed=NOW)).state is UsageState.UNKNOWN


def test_a_stack_of_roles_with_other_resources_is_left_alone() -> None:
    mixed = role_stack(resources=(*ROLES, StackResource("Table", "AWS::DynamoDB::Table", "table")))
    assert assess_roles(mixed).state is UsageState.LEFT_ALONE


def test_unread_stacks_of_an_account_with_access_leave_the_bucket_unknown() -> None:
    graph = assessed(gaps=(gap(TOOLS, facts.STACKS, "us-east-1"),))
    assert states(graph)[ResourceType.BUCKET] is UsageState.UNKNOWN
    assert "the stacks of account tools could not be read" in reasons(graph, ResourceType.BUCKET)
    graph = assessed(gaps=(gap(OTHER, facts.STACKS),))
    assert states(graph)[ResourceType.BUCKET] is UsageState.ORPHANED


def test_a_bucket_with_an_object_lock_says_so() -> None:
    graph = assessed(buckets=(bucket(object_lock="compliance, 30 days"),))
    assert "Object Lock (compliance, 30 days)" in graph.verdicts[0].reasons[-1]
