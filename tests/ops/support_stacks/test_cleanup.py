"""The plan of a cleanup: what it accepts, its limits, its order, and what is gone afterwards."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.audit import Actor, FileAudit
from ops.aws.cloudformation.resources import StackResource
from ops.aws.s3.buckets import bucket_exists
from ops.errors import InputError, NotFound
from ops.plan import Outcome, Plan, Status, execute
from ops.support_stacks.cleanup import MIN_FOR_SHARE, plan_clean_up
from ops.support_stacks.cleanup_steps import MAX_DELETIONS, CleanUpOptions
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.liveness import UsageGraph, assess_usage
from tests.ops.support_stacks.fleet import STACK, Fleet, fleet
from tests.ops.support_stacks.samples import (
    ALIAS,
    KEY_ID,
    NAME,
    NOW,
    REGION,
    TOOLS,
    alias,
    bucket,
    inventory,
    pipeline,
    stack,
)
from tests.ops.support_stacks.samples import STACK as SAMPLE

__all__ = ["fleet"]
BUCKET_KEY = f"AWS::S3::Bucket {TOOLS} {REGION} {NAME}"
ALONE = {"stack": ("", "")}


def graph(**more: Any) -> UsageGraph:
    return assess_usage(inventory(**more), NOW)


def planned(fleet: Fleet, graph: UsageGraph, *selected: str, **options: Any) -> Plan:
    return plan_clean_up(fleet.cloud, graph, selected, CleanUpOptions(**options))


def refusal(fleet: Fleet, graph: UsageGraph, *selected: str, **options: Any) -> str:
    with pytest.raises(InputError) as refused:
        planned(fleet, graph, *selected, **options)
    return str(refused.value)


def test_a_stack_is_deleted_after_its_bucket_is_emptied_and_before_bucket_and_key(fleet: Fleet) -> None:
    plan = planned(fleet, graph())
    ids = [step.id for step in plan.steps]
    emptied, deleted = f"empty {NAME}", f"delete {SAMPLE[1]}"
    assert ids == [emptied, deleted, f"delete {NAME}", f"schedule {KEY_ID}", f"delete {ALIAS}"]
    assert [step.needs for step in plan.steps] == [
        (),
        (emptied,),
        (deleted,),
        (deleted,),
        (deleted, f"schedule {KEY_ID}"),
    ]
    assert all(step.destructive for step in plan.steps)
    assert (plan.title, plan.confirm) == (f"Clean up {SAMPLE[0]}", SAMPLE[0])


def test_an_archive_comes_before_the_bucket_is_emptied(fleet: Fleet) -> None:
    archive = fleet.create_bucket("archive")
    plan = planned(fleet, graph(), archive=archive)
    assert [step.id for step in plan.steps][:2] == [f"archive {NAME}", f"empty {NAME}"]
    assert plan.steps[1].needs == (f"archive {NAME}",)
    assert not plan.steps[0].destructive


def test_several_groups_are_confirmed_by_their_number(fleet: Fleet) -> None:
    two = graph(stacks=(), aliases=(), buckets=(bucket(**ALONE), bucket(name=f"{NAME}2", **ALONE)))
    plan = planned(fleet, two)
    assert (plan.confirm, len(plan.steps)) == ("2 resources", 4)
    assert planned(fleet, graph(pipelines=(pipeline(),))).confirm == ""


def test_without_a_selection_a_stack_that_cannot_be_deleted_is_left_out(fleet: Fleet) -> None:
    protected = graph(stacks=(stack(protected=True),))
    assert planned(fleet, protected).steps == ()
    ids = [step.id for step in planned(fleet, protected, unprotect=True).steps]
    assert ids[1:3] == [f"unprotect {SAMPLE[1]}", f"delete {SAMPLE[1]}"]
    recent = graph(stacks=(stack(changed=NOW),))
    assert planned(fleet, recent).steps == ()


def test_only_orphaned_resources_of_the_inventory_can_be_selected(fleet: Fleet) -> None:
    with pytest.raises(NotFound, match="not in the inventory"):
        planned(fleet, graph(), "AWS::S3::Bucket of another inventory")
    used = graph(pipelines=(pipeline(),))
    assert refusal(fleet, used, BUCKET_KEY).startswith(
        f"Cannot delete {NAME}: it is in use (used by pipeline"
    )
    unknown = graph(buckets=(bucket(missing=("policy",)),))
    assert "it is unknown (its policy could not be read)" in refusal(fleet, unknown, BUCKET_KEY)


def test_a_stack_is_deleted_only_if_all_of_it_is_orphaned(fleet: Fleet) -> None:
    recent = graph(stacks=(stack(changed=NOW),))
    assert refusal(fleet, recent, BUCKET_KEY).startswith(
        f"Cannot delete {SAMPLE[0]}: it is unknown (changed on"
    )


def test_a_protected_stack_is_deleted_only_on_request(fleet: Fleet) -> None:
    protected = graph(stacks=(stack(protected=True),))
    assert "termination protection is enabled" in refusal(fleet, protected, BUCKET_KEY)
    assert planned(fleet, protected, BUCKET_KEY, unprotect=True).steps


QUEUE = StackResource("Alerts", "AWS::SQS::Queue", "alerts")


def extended() -> UsageGraph:
    sample = stack()
    return graph(stacks=(replace(sample, kind=StackKind.EXTENDED, resources=(*sample.resources, QUEUE)),))


def test_a_stack_to_which_somebody_added_resources_is_deleted_only_on_request(fleet: Fleet) -> None:
    found = extended()
    assert "it also contains Alerts (AWS::SQS::Queue), which CDK did not create" in refusal(
        fleet, found, BUCKET_KEY
    )
    assert planned(fleet, found).steps == ()  # everything orphaned: not what nobody has looked at
    steps = planned(fleet, found, BUCKET_KEY, with_additions=True).steps
    (deletion,) = [step for step in steps if step.id == f"delete {SAMPLE[1]}"]
    assert deletion.details == ("Deletes Alerts (AWS::SQS::Queue) too",)
    assert "besides CDK's bucket and key: Alerts (AWS::SQS::Queue)" in deletion.evidence


def test_a_stack_of_roles_is_not_deleted(fleet: Fleet) -> None:
    roles = (StackResource("Role", "AWS::IAM::Role", "role"),)
    both = graph(
        stacks=(stack(), stack(id="other", name="A-support-2", kind=StackKind.ROLES, resources=roles))
    )
    assert "delete other" not in [step.id for step in planned(fleet, both).steps]
    key = next(verdict.key for verdict in both.verdicts if verdict.id == "A-support-2")
    assert "contains IAM roles" in refusal(fleet, both, key)


def many(orphaned: int, used: int = 0) -> UsageGraph:
    buckets = [bucket(name=f"{NAME}{number}", **ALONE) for number in range(orphaned + used)]
    users = tuple(pipeline(f"Pipe{number}", store=f"{NAME}{number}") for number in range(used))
    return graph(stacks=(), aliases=(), buckets=tuple(buckets), pipelines=users)


def test_a_plan_deletes_a_limited_number_of_resources(fleet: Fleet) -> None:
    few = many(3)
    assert "would delete 3 resources; the limit is 2" in refusal(fleet, few, max_deletions=2)
    assert len(planned(fleet, few, max_deletions=3).steps) == 6


def test_if_most_resources_look_orphaned_an_account_is_probably_missing(fleet: Fleet) -> None:
    assert f"9 of {MIN_FOR_SHARE} resources appear to be orphaned" in refusal(fleet, many(9, used=1))
    assert len(planned(fleet, many(8, used=2)).steps) == 16
    assert len(planned(fleet, many(MIN_FOR_SHARE - 1)).steps) == 18  # too few for a share
    assert len(planned(fleet, many(9, used=1), max_deletions=MAX_DELETIONS + 1).steps) == 18


def test_resources_that_are_left_alone_do_not_count_for_the_share(fleet: Fleet) -> None:
    other = [bucket(name=f"other{number}", tags={}, origin="", **ALONE) for number in range(20)]
    orphaned = [bucket(name=f"{NAME}{number}", **ALONE) for number in range(10)]
    mixed = graph(stacks=(), aliases=(), buckets=(*other, *orphaned))
    assert "10 of 10 resources appear to be orphaned" in refusal(fleet, mixed)


def test_the_archive_must_exist_and_stay(fleet: Fleet) -> None:
    assert "the plan deletes this bucket" in refusal(fleet, graph(), archive=NAME)
    assert "the bucket does not exist" in refusal(fleet, graph(), archive="missing-archive")


def run(plan: Plan, tmp_path: Path) -> Outcome:
    audit = FileAudit(tmp_path / "audit.jsonl")
    return execute(plan, actor=Actor.local("test"), audit=audit, confirmed=plan.confirm)


def test_a_cleanup_deletes_the_stack_its_bucket_and_its_key(fleet: Fleet, tmp_path: Path) -> None:
    archive, key = fleet.create_bucket("archive"), fleet.key_id()
    outcome = run(fleet.plan(CleanUpOptions(archive=archive)), tmp_path)
    assert outcome.ok, outcome.error
    assert not bucket_exists(fleet.client("s3"), fleet.bucket)
    assert fleet.key_state(key) == "PendingDeletion"
    left = fleet.inventory()
    assert (left.stacks, left.buckets, left.aliases) == ((), (), ())
    body = fleet.client("s3").get_object(Bucket=archive, Key=f"{fleet.bucket}/manifest.jsonl")["Body"]
    (row,) = map(json.loads, body.read().splitlines())
    assert (row["key"], row["bytes"]) == ("App/Artifact_S/1", 8) and row["sha256"]
    assert [version.key for version in fleet.versions(archive) if "manifest" not in version.key] == [
        row["archived"]
    ]


def test_a_cleanup_continues_where_it_was_interrupted(fleet: Fleet, tmp_path: Path) -> None:
    plan = fleet.plan()
    fleet.refuse("cloudformation:DeleteStack")
    first = run(plan, tmp_path)
    assert [result.status for result in first.results] == [
        Status.DONE,
        Status.FAILED,
        Status.NOT_RUN,
        Status.NOT_RUN,
        Status.NOT_RUN,
    ]
    fleet.refuse("")
    again = run(plan, tmp_path)
    assert again.ok, again.error
    assert again.results[0].status is Status.ALREADY
    assert fleet.inventory().stacks == ()


def test_a_retained_bucket_of_a_deleted_stack_is_deleted_alone(fleet: Fleet, tmp_path: Path) -> None:
    fleet.client("cloudformation").delete_stack(StackName=STACK)
    plan = fleet.plan()
    assert [step.id for step in plan.steps] == [f"empty {fleet.bucket}", f"delete {fleet.bucket}"]
    assert run(plan, tmp_path).ok
    assert not bucket_exists(fleet.client("s3"), fleet.bucket)


def test_a_key_alone_names_its_group(fleet: Fleet) -> None:
    alone = graph(stacks=(), buckets=(), aliases=(alias(**ALONE),))
    plan = planned(fleet, alone)
    assert plan.confirm == ALIAS
    assert plan.steps[0].parameters == {"key": KEY_ID, "waiting_days": "30"}
    old = planned(fleet, replace(alone), waiting_days=7)
    assert old.steps[0].parameters["waiting_days"] == "7"
