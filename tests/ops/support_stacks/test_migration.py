"""The migration of a pipeline to the shared buckets: a step is done only when the inventory shows it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ops.aws.codepipeline import ArtifactStore, Pipeline
from ops.errors import NotFound
from ops.support_stacks.liveness import UsageGraph, assess_usage
from ops.support_stacks.migration import Guide, candidates, find_pipeline, guide
from ops.support_stacks.replication import SharedBucket, bucket_name
from tests.ops.support_stacks.samples import (
    CONTENTS,
    LONG_AGO,
    NAME,
    NOW,
    OTHER,
    REGION,
    STACK,
    TOOLS,
    bucket,
    inventory,
    pipeline,
    stack,
)

LONG_NAME = "A-pipeline-with-a-long-name"
SHARED = (SharedBucket(TOOLS, REGION, bucket_name(TOOLS, REGION), "arn:key", (), 30),)
WRITTEN = replace(CONTENTS, folders=frozenset({LONG_NAME[:20]}))


def at(store: str, name: str = LONG_NAME, account: str = TOOLS) -> Pipeline:
    return Pipeline(name, account, REGION, (ArtifactStore(REGION, store, ""),), LONG_AGO)


def graph(*pipelines: Pipeline, **more: Any) -> UsageGraph:
    return assess_usage(inventory(pipelines=pipelines, **more), NOW)


def done(migration: Guide) -> list[bool]:
    return [step.done for step in migration.steps]


def test_no_step_is_done_for_a_pipeline_that_uses_a_support_stack() -> None:
    migration = guide(graph(at(NAME)), at(NAME), ())
    assert done(migration) == [False] * 5
    assert migration.missing == (REGION,)
    assert [verdict.id for verdict in migration.old] == [NAME]
    assert migration.steps[0].command.endswith(f"replication deploy --account tools --regions {REGION}")
    assert migration.steps[4].command == f"slipway support-stacks plan {STACK[0]}"


def test_only_the_setup_is_done_before_the_pipeline_is_deployed() -> None:
    assert done(guide(graph(at(NAME)), at(NAME), SHARED)) == [True, False, False, False, False]
    elsewhere = (replace(SHARED[0], account=OTHER),)
    assert not done(guide(graph(at(NAME)), at(NAME), elsewhere))[0]


def moved(**more: Any) -> tuple[Pipeline, Guide]:
    one = at(bucket_name(TOOLS, REGION))
    return one, guide(graph(one, **more), one, SHARED)


def test_old_buckets_are_waited_for_and_then_cleaned_up() -> None:
    recent = replace(WRITTEN, last_written=NOW - timedelta(days=3))
    one, migration = moved(buckets=(bucket(contents=recent),))
    assert done(migration) == [True, True, True, False, False]
    assert "is unknown: written to on 2026-11-21" in migration.steps[3].text
    one, migration = moved(buckets=(bucket(contents=WRITTEN),))
    assert done(migration) == [True, True, True, True, False]
    assert candidates(graph(one, buckets=(bucket(contents=WRITTEN),))) == [one]
    one, migration = moved(buckets=(), stacks=(), aliases=())
    assert migration.done
    assert candidates(graph(one, buckets=(), stacks=(), aliases=())) == [one]


def test_orphans_of_other_pipelines_do_not_matter() -> None:
    _, migration = moved(buckets=(bucket(contents=replace(CONTENTS, folders=frozenset({"Another"}))),))
    assert migration.done


def test_a_bucket_that_another_pipeline_still_uses_is_waited_for() -> None:
    one, other = at(bucket_name(TOOLS, REGION)), pipeline("PipeB")
    migration = guide(graph(one, other, buckets=(bucket(contents=WRITTEN),)), one, SHARED)
    assert done(migration) == [True, True, True, False, False]
    assert f"{NAME} is in use: used by pipeline PipeB" in migration.steps[3].text


def test_a_retained_bucket_counts_though_its_stack_is_gone() -> None:
    _, migration = moved(stacks=(), aliases=(), buckets=(bucket(stack=("", ""), contents=WRITTEN),))
    assert [verdict.id for verdict in migration.left] == [NAME]
    assert migration.steps[4].command == f"slipway support-stacks plan {NAME}"


def test_a_pipeline_without_support_stacks_is_no_candidate() -> None:
    assert candidates(graph(at("its-own-bucket"), stacks=(stack(),))) == []


def test_a_pipeline_is_found_by_name_or_arn() -> None:
    one, other = at(NAME, "Same"), at("its-own-bucket", "Same", OTHER)
    found = graph(one, other)
    assert find_pipeline(found, other.arn) == other
    with pytest.raises(NotFound, match="2 pipelines are named Same"):
        find_pipeline(found, "Same")
    with pytest.raises(NotFound, match="Pipeline nope does not exist"):
        find_pipeline(found, "nope")
