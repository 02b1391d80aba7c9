"""Clean-ups of support stacks with faults in their calls: a repetition finishes them, all invariants hold."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import botocore.endpoint
import botocore.retries.bucket
import pytest

from ops.audit import Actor
from ops.embedded.accounts import cloud as embedded_cloud
from ops.embedded.sample.pipelines import SampleStack, support_stack
from ops.plan import READY, Outcome, Plan, Running, execute
from ops.settings import Settings
from ops.support_stacks.cleanup import plan_clean_up
from ops.support_stacks.cleanup_steps import CleanUpOptions
from ops.support_stacks.deletion import Deletion
from ops.support_stacks.inventory import read_inventory
from ops.support_stacks.liveness import ResourceType, UsageGraph, UsageState, assess_usage
from tests.end_to_end import assemblies, sample_pipelines
from tests.faults.monitor.records import Call
from tests.faults.monitor.watch import Watch
from tests.faults.support_stacks.clean_ups import (
    Cell,
    Fault,
    FaultyCloud,
    Killed,
    RecordedAudit,
    cells,
    one_of_each,
)

LATER = timedelta(days=60)  # everything is new: assess it as of a later date
OWNER, TOOLS, PLACE = "222222222222", "111111111111", "eu-west-1"
CELLS = cells()
FAST = one_of_each(CELLS)


@dataclass
class World:
    """A cloud with used, shared, and orphaned support stacks, whose record is judged."""

    running: Any
    cloud: FaultyCloud
    folder: Path
    watch: Watch
    others: dict[str, UsageState] = field(default_factory=dict)  # of what no cell deletes

    def graph(self) -> UsageGraph:
        now = datetime.now(UTC)
        return assess_usage(read_inventory(self.cloud, now), now + LATER)

    def orphan(self) -> SampleStack:
        """Deploy a support stack that nobody uses, with an artifact and an incomplete upload."""
        stack = support_stack(f"Faulty{uuid4().hex[:6]}", OWNER, PLACE, artifacts=1)
        sample_pipelines.deploy(self.running, stack)
        self.client("s3").create_multipart_upload(Bucket=sample_pipelines.bucket_of(stack), Key="begun")
        return stack

    def client(self, service: str, account: str = OWNER) -> Any:
        return assemblies.client(self.running.endpoint, service, account, PLACE)

    def use(self, bucket: str) -> None:
        """Create a pipeline that uses the bucket."""
        store = {"type": "S3", "location": bucket}
        action = {
            "name": "Source",
            "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
            "configuration": {"S3Bucket": bucket, "S3ObjectKey": "source.zip"},
            "outputArtifacts": [{"name": "source"}],
        }
        pipeline = {
            "name": f"user-of-{bucket}"[:100],
            "roleArn": f"arn:aws:iam::{OWNER}:role/pipeline",
            "artifactStore": store,
            "stages": [{"name": "Source", "actions": [action]}, {"name": "Again", "actions": [action]}],
        }
        self.client("codepipeline").create_pipeline(pipeline=pipeline)

    def plan(self, stack: SampleStack, graph: UsageGraph) -> Plan | None:
        """Return the plan that deletes the stack and its bucket; None if nothing of them is left."""
        names = (sample_pipelines.bucket_of(stack), stack.name)
        chosen = [
            verdict.key
            for verdict in graph.with_state(UsageState.ORPHANED)
            if verdict.id in names and verdict.kind is not ResourceType.KEY
        ]
        return plan_clean_up(self.cloud, graph, chosen, CleanUpOptions()) if chosen else None

    def carry_out(self, plan: Plan, full: int = 0) -> Outcome:
        audit = RecordedAudit(self.folder / "audit.jsonl", self.folder / "record.jsonl", full)
        return execute(plan, actor=Actor.local("test"), audit=audit, confirmed=plan.confirm)

    def exists(self, stack: SampleStack) -> bool:
        buckets = self.client("s3").list_buckets()["Buckets"]
        return sample_pipelines.bucket_of(stack) in [bucket["Name"] for bucket in buckets]

    def creations(self) -> Iterator[Call]:
        """Yield the creation of every pipeline, which happened before the record begins."""
        for account, region in product((OWNER, TOOLS, "333333333333"), (PLACE, "us-east-1")):
            client = assemblies.client(self.running.endpoint, "codepipeline", account, region)
            for listed in client.list_pipelines()["pipelines"]:
                request = {"pipeline": client.get_pipeline(name=listed["name"])["pipeline"]}
                yield Call("codepipeline", "CreatePipeline", account, region, request=request, product=False)

    def violations(self) -> list[str]:
        return [str(violation) for violation in self.watch.look()]


@pytest.fixture(scope="module")
def world(data: Path, plant: Callable[..., Path]) -> Iterator[World]:
    folder = data / "clean-ups"
    folder.mkdir(mode=0o755)
    made = plant(folder / "embedded", sample_pipelines.pipelines)
    with sample_pipelines.serving(made, record=folder / "record.jsonl") as running:
        cloud = embedded_cloud(Settings(data=folder), running.endpoint)
        watch = Watch(folder / "record.jsonl", audited=True)
        world = World(running, FaultyCloud(cloud, (PLACE, "us-east-1")), folder, watch)
        for call in world.creations():
            watch.judge.take(call)
        world.others = {verdict.key: verdict.state for verdict in world.graph().verdicts}
        yield world


@pytest.fixture(autouse=True)
def immediate_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    immediate = SimpleNamespace(sleep=lambda seconds: None, time=time.time, monotonic=time.monotonic)
    monkeypatch.setattr(botocore.endpoint, "time", immediate)
    monkeypatch.setattr(botocore.retries.bucket, "time", immediate)


def judge(world: World, cell: Cell) -> None:
    """Carry out a clean-up with the fault, then repeat it without until nothing is left."""
    stack = world.orphan()
    bucket, number = sample_pipelines.bucket_of(stack), cell.operation.partition(".")[2]
    plan = world.plan(stack, world.graph())
    assert plan
    fault = Fault(cell, lambda: world.use(bucket))
    world.cloud.fault, fault.armed = fault, True
    try:
        outcome = world.carry_out(plan, int(number) if cell.fault == "full" else 0)
    except Killed:
        outcome = None
    finally:
        world.cloud.fault = None
    assert fault.struck or cell.fault == "full", "the fault has not struck"
    if outcome and not outcome.ok and outcome.error:
        assert outcome.error.hint and str(outcome.error)
    if cell.fault in ("lost", "page"):
        assert outcome and outcome.ok, outcome
    if cell.fault == "used":
        assert world.exists(stack), "a bucket that is used was deleted"
    else:
        while plan := world.plan(stack, graph := world.graph()):
            assert world.carry_out(plan).ok
        assert not world.exists(stack)
        assert {v.key: v.state for v in graph.verdicts if v.key in world.others} == world.others
    assert world.violations() == []


@pytest.mark.parametrize("cell", FAST, ids=str)
def test_a_fault_of_each_kind_is_survived(world: World, cell: Cell) -> None:
    judge(world, cell)


@pytest.mark.thorough
@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell not in FAST], ids=str)
def test_every_fault_is_survived(world: World, cell: Cell) -> None:
    judge(world, cell)


def test_the_monitor_reports_the_deletion_of_a_bucket_that_is_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the second check, the clean-up deletes a bucket that a pipeline has begun to use."""
    stack = world.orphan()
    plan = world.plan(stack, world.graph())
    assert plan
    world.use(sample_pipelines.bucket_of(stack))
    monkeypatch.setattr(Deletion, "check_bucket", lambda self, bucket: READY)
    world.carry_out(plan)
    found = world.violations()
    assert any(each.startswith("invariant 5: ") and "which a pipeline uses" in each for each in found), found


def test_the_monitor_reports_an_unaudited_call(world: World) -> None:
    stack = world.orphan()
    plan = world.plan(stack, world.graph())
    assert plan
    first = next(step for step in plan.steps if step.id.startswith("empty "))
    first.check()
    first.act(Running(lambda message: None, {}))
    found = world.violations()
    assert found and all(each.startswith("invariant 6: ") for each in found), found
    assert "s3:DeleteObject is in no step of the audit log" in found[0]
