"""Verdicts: what each piece of evidence does to them."""

from datetime import timedelta
from typing import Any

import pytest

from ops.aws.s3.buckets import Contents
from ops.errors import AccessDenied
from ops.support_stacks import facts
from ops.support_stacks.facts import Gap
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.liveness import Graph, Kind, State, judge
from tests.ops.support_stacks.things import (
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


def judged(**more: Any) -> Graph:
    return judge(inventory(**more), NOW)


def states(graph: Graph) -> dict[Kind, State]:
    return {verdict.kind: verdict.state for verdict in graph.verdicts}


def reasons(graph: Graph, kind: Kind) -> str:
    return "; ".join(
        reason for verdict in graph.verdicts if verdict.kind is kind for reason in verdict.reasons
    )


ALL = (Kind.BUCKET, Kind.KEY, Kind.STACK)


def test_without_any_pipeline_everything_is_orphaned_and_costs() -> None:
    graph = judged()
    assert states(graph) == dict.fromkeys(ALL, State.ORPHANED)
    assert graph.orphaned_monthly == pytest.approx(2 * 0.023 + 1)
    assert {verdict.id for verdict in graph.of_stack(STACK[1])} == {NAME, ALIAS}


def test_a_pipeline_keeps_bucket_key_and_stack_and_two_share_them() -> None:
    assert states(judged(pipelines=(pipeline(),))) == dict.fromkeys(ALL, State.IN_USE)
    two = judged(pipelines=(pipeline(), pipeline("PipeB", account=OTHER)))
    assert states(two) == dict.fromkeys(ALL, State.SHARED)
    assert "PipeB (222222222222, us-east-1)" in reasons(two, Kind.STACK)


@pytest.mark.parametrize(
    "key",
    [ALIAS, KEY_ID, KEY_ARN, f"arn:aws:kms:{REGION}:{TOOLS}:{ALIAS}"],
    ids=["name", "id", "arn", "alias"],
)
def test_a_pipeline_that_names_only_the_key_keeps_it_and_its_stack(key: str) -> None:
    found = states(judged(pipelines=(pipeline(store="elsewhere", key=key),)))
    assert found[Kind.KEY] is found[Kind.STACK] is State.IN_USE


def test_the_same_alias_of_another_place_is_another_key() -> None:
    for place in (f"us-west-2:{TOOLS}", f"{REGION}:{OTHER}"):
        graph = judged(pipelines=(pipeline(store="elsewhere", key=f"arn:aws:kms:{place}:{ALIAS}"),))
        assert states(graph)[Kind.KEY] is State.ORPHANED


def gap(account: str, what: str, region: str = REGION) -> Gap:
    return Gap(account, region, what, AccessDenied("no"))


@pytest.mark.parametrize("what", [facts.PIPELINES, facts.REGIONS])
def test_an_unreadable_account_blocks_what_it_owns(what: str) -> None:
    graph = judged(gaps=(gap(TOOLS, what),))
    assert states(graph) == dict.fromkeys(ALL, State.UNKNOWN)
    assert "account tools may use it and could not be read" in reasons(graph, Kind.BUCKET)


def allows(principal: Any, action: str = "s3:*") -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}]}


def test_an_unreadable_account_blocks_what_it_may_write_to_only() -> None:
    gaps = (gap(OTHER, facts.PIPELINES),)
    assert states(judged(gaps=gaps))[Kind.BUCKET] is State.ORPHANED
    role = {"AWS": f"arn:aws:iam::{OTHER}:role/deploy"}
    readers = judged(gaps=gaps, buckets=(bucket(policy=allows(role, "s3:GetObject*")),))
    assert states(readers)[Kind.BUCKET] is State.ORPHANED
    writers = judged(gaps=gaps, buckets=(bucket(policy=allows(role)),))
    assert states(writers)[Kind.BUCKET] is states(writers)[Kind.STACK] is State.UNKNOWN


@pytest.mark.parametrize(
    ("principal", "words"), [("*", "lets anyone use it"), ({"AWS": "444444444444"}, "is not configured here")]
)
def test_a_stranger_who_may_write_leaves_it_unknown(principal: Any, words: str) -> None:
    graph = judged(buckets=(bucket(policy=allows(principal)),))
    assert states(graph)[Kind.BUCKET] is State.UNKNOWN
    assert words in reasons(graph, Kind.BUCKET)


def test_a_stranger_who_may_encrypt_leaves_the_key_unknown() -> None:
    policy = allows({"AWS": "arn:aws:iam::444444444444:root"}, "kms:GenerateDataKey*")
    graph = judged(aliases=(alias(policy=policy),))
    assert states(graph)[Kind.KEY] is states(graph)[Kind.STACK] is State.UNKNOWN


@pytest.mark.parametrize("what", ["policy", "contents", "stack", "encryption"])
def test_evidence_that_is_missing_leaves_it_unknown(what: str) -> None:
    graph = judged(buckets=(bucket(missing=(what,)),))
    assert states(graph)[Kind.BUCKET] is states(graph)[Kind.STACK] is State.UNKNOWN


def test_a_bucket_too_full_to_count_stays_unknown() -> None:
    many = Contents(1_000_000, 0, 1, CONTENTS.last_written, 0, complete=False)
    graph = judged(buckets=(bucket(contents=many),))
    assert states(graph)[Kind.BUCKET] is State.UNKNOWN
    assert "more than 1,000,000 versions" in reasons(graph, Kind.BUCKET)


def test_what_was_written_or_made_lately_stays_unknown() -> None:
    lately = NOW - timedelta(days=29)
    written = Contents(1, 0, 1, lately, 0, complete=True)
    assert "written to on" in reasons(judged(buckets=(bucket(contents=written),)), Kind.BUCKET)
    assert "may be about to be deployed" in reasons(judged(buckets=(bucket(created=lately),)), Kind.BUCKET)
    assert states(judged(stacks=(stack(changed=lately),)))[Kind.STACK] is State.UNKNOWN
    assert states(judged(buckets=(bucket(created=NOW - timedelta(days=31)),)))[Kind.BUCKET] is State.ORPHANED


@pytest.mark.parametrize("kind", [StackKind.ROLES, StackKind.LOOK_ALIKE, StackKind.ORDINARY])
def test_what_is_not_a_support_stack_is_left_alone_with_what_is_in_it(kind: StackKind) -> None:
    graph = judged(stacks=(stack(kind=kind),))
    assert states(graph) == dict.fromkeys(ALL, State.LEFT_ALONE)


def test_a_bucket_whose_stack_is_gone_is_orphaned_only_where_cdk_is_proven() -> None:
    gone = judged(stacks=(), aliases=(), buckets=(bucket(stack=("", "")),))
    assert states(gone)[Kind.BUCKET] is State.ORPHANED
    assert f"its stack {STACK[0]} is gone" in reasons(gone, Kind.BUCKET)
    nobody = bucket(stack=("", ""), tags={}, origin="")
    assert states(judged(stacks=(), aliases=(), buckets=(nobody,)))[Kind.BUCKET] is State.LEFT_ALONE
    unread = bucket(stack=("", ""), tags={}, origin="", missing=("tags",))
    assert states(judged(stacks=(), aliases=(), buckets=(unread,)))[Kind.BUCKET] is State.UNKNOWN


def test_a_stack_whose_bucket_was_deleted_by_hand_is_kept_while_a_pipeline_names_it() -> None:
    assert states(judged(buckets=(), aliases=(), pipelines=(pipeline(),)))[Kind.STACK] is State.IN_USE
    assert states(judged(buckets=(), aliases=()))[Kind.STACK] is State.ORPHANED
    blind = judged(buckets=(), aliases=(), gaps=(gap(TOOLS, facts.BUCKETS, region=""),))
    assert states(blind)[Kind.STACK] is State.UNKNOWN
