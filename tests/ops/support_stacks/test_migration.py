"""The way of a pipeline to the shared buckets: each step is done when the inventory shows it, not before."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ops.aws.codepipeline import Pipeline, Store
from ops.errors import NotFound
from ops.support_stacks.liveness import Graph, judge
from ops.support_stacks.migration import Guide, candidates, find_pipeline, guide
from ops.support_stacks.replication import Shared, bucket_name
from tests.ops.support_stacks.things import (
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
SHARED = (Shared(TOOLS, REGION, bucket_name(TOOLS, REGION), "arn:key", (), 30),)
WRITTEN = replace(CONTENTS, folders=frozenset({LONG_NAME[:20]}))


def at(store: str, name: str = LONG_NAME, account: str = TOOLS) -> Pipeline:
    return Pipeline(name, account, REGION, (Store(REGION, store, ""),), LONG_AGO)


def graph(*pipelines: Pipeline, **more: Any) -> Graph:
    return judge(inventory(pipelines=pipelines, **more), NOW)


def done(found: Guide) -> list[bool]:
    return [step.done for step in found.steps]


def test_a_pipeline_that_uses_a_support_stack_has_it_all_before_it() -> None:
    found = guide(graph(at(NAME)), at(NAME), ())
    assert done(found) == [False] * 5
    assert found.missing == (REGION,)
    assert [verdict.id for verdict in found.old] == [NAME]
    assert found.steps[0].command.endswith(f"replication deploy --account tools --regions {REGION}")
    assert found.steps[4].command == f"python -m ops support-stacks plan {STACK[0]}"


def test_only_what_is_set_up_is_done_before_it_is_deployed() -> None:
    assert done(guide(graph(at(NAME)), at(NAME), SHARED)) == [True, False, False, False, False]
    elsewhere = (replace(SHARED[0], account=OTHER),)
    assert not done(guide(graph(at(NAME)), at(NAME), elsewhere))[0]


def moved(**more: Any) -> tuple[Pipeline, Guide]:
    one = at(bucket_name(TOOLS, REGION))
    return one, guide(graph(one, **more), one, SHARED)


def test_what_it_has_left_is_waited_for_then_cleaned_up() -> None:
    lately = replace(WRITTEN, last_written=NOW - timedelta(days=3))
    one, found = moved(buckets=(bucket(contents=lately),))
    assert done(found) == [True, True, True, False, False]
    assert "is unknown: written to on 2026-11-21" in found.steps[3].text
    one, found = moved(buckets=(bucket(contents=WRITTEN),))
    assert done(found) == [True, True, True, True, False]
    assert candidates(graph(one, buckets=(bucket(contents=WRITTEN),))) == [one]
    one, found = moved(buckets=(), stacks=(), aliases=())
    assert found.done
    assert candidates(graph(one, buckets=(), stacks=(), aliases=())) == [one]


def test_orphans_of_other_pipelines_do_not_matter() -> None:
    _, found = moved(buckets=(bucket(contents=replace(CONTENTS, folders=frozenset({"Another"}))),))
    assert found.done


def test_a_bucket_that_another_pipeline_uses_still_is_waited_for() -> None:
    one, other = at(bucket_name(TOOLS, REGION)), pipeline("PipeB")
    found = guide(graph(one, other, buckets=(bucket(contents=WRITTEN),)), one, SHARED)
    assert done(found) == [True, True, True, False, False]
    assert f"{NAME} is in use: PipeB" in found.steps[3].text


def test_a_retained_bucket_counts_though_its_stack_is_gone() -> None:
    _, found = moved(stacks=(), aliases=(), buckets=(bucket(stack=("", ""), contents=WRITTEN),))
    assert [verdict.id for verdict in found.left] == [NAME]
    assert found.steps[4].command == f"python -m ops support-stacks plan {NAME}"


def test_a_pipeline_without_support_stacks_is_no_candidate() -> None:
    assert candidates(graph(at("its-own-bucket"), stacks=(stack(),))) == []


def test_a_pipeline_is_found_by_name_or_arn() -> None:
    one, other = at(NAME, "Same"), at("its-own-bucket", "Same", OTHER)
    found = graph(one, other)
    assert find_pipeline(found, other.arn) == other
    with pytest.raises(NotFound, match="2 pipelines Same"):
        find_pipeline(found, "Same")
    with pytest.raises(NotFound, match="no pipeline nope"):
        find_pipeline(found, "nope")
