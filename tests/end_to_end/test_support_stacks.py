"""Support stacks of real CDK apps on the embedded cloud: usage, and cleanup with failures in between."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops import embedded as emulator
from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud
from ops.embedded.accounts import ROLE, endpoint
from ops.errors import InputError
from ops.plan import Outcome, Plan, Progress, Status, execute
from ops.settings import Account, Settings
from ops.support_stacks.cleanup import plan_clean_up
from ops.support_stacks.cleanup_steps import CleanUpOptions
from ops.support_stacks.inventory import read_inventory
from ops.support_stacks.liveness import ResourceType, UsageGraph, UsageState, UsageVerdict, assess_usage
from tests.end_to_end import assemblies
from tests.end_to_end.assemblies import CdkStack

TOOLS, TARGET, SECOND = "111111111111", "222222222222", "333333333333"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "codepipeline.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
LATER = timedelta(days=60)  # everything is new: assess it as of a later date
CASES = ("plain", "keys", "cross", "named", "stage", "reuse", "second", "ordinary")


@dataclass(frozen=True)
class World:
    """The embedded cloud with every app deployed."""

    url: str
    cloud: Cloud
    stacks: dict[str, CdkStack]
    folder: Path

    def client(self, service: str, account: str = TOOLS, region: str = "eu-west-1") -> Any:
        return assemblies.client(self.url, service, account, region)

    def graph(self) -> UsageGraph:
        now = datetime.now(UTC)
        return assess_usage(read_inventory(self.cloud, now), now + LATER)

    def run(self, plan: Plan, report: Callable[[Progress], None] = lambda p: None, **more: Any) -> Outcome:
        audit = FileAudit(self.folder / "audit.jsonl")
        return execute(
            plan, actor=Actor.local("test"), audit=audit, confirmed=plan.confirm, report=report, **more
        )

    def undeploy(self, name: str) -> None:
        assemblies.undeploy(self.url, self.stacks[name])


@pytest.fixture(scope="module")
def world(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    out = assemblies.synthesize(tmp_path_factory.mktemp("cdk"))
    stacks = [stack for case in CASES for stack in assemblies.stacks(out / case)]
    running = emulator.start(data / "support", sample=False, owner=True)
    accounts = tuple(
        Account(name, id, f"arn:aws:iam::{id}:role/{ROLE}")
        for name, id in (("tools", TOOLS), ("target", TARGET), ("second", SECOND))
    )
    for account in accounts:
        assemblies.make_role(running.endpoint, account.id)
    for stack in stacks:
        assemblies.deploy(running.endpoint, stack)
    settings = Settings(data=data, accounts=accounts, home_region="us-east-1")
    cloud = Cloud(settings, endpoint(running.endpoint))
    world = World(running.endpoint, cloud, {stack.name: stack for stack in stacks}, data)
    _leave_behind(world)
    yield world
    emulator.stop(data / "support")


def _leave_behind(world: World) -> None:
    """Delete some pipelines, one with its support stack, and add resources that are not CDK's."""
    for name in ("PipeK", "Tools-PipeS", "Tools-PipeS-support-eu-west-1", "PipeA", "PipeO"):
        world.undeploy(name)
    for bucket in (PLAYED, MINE):
        world.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
    queue = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    assemblies.deploy(world.url, CdkStack("Shop-support-eu-west-1", TOOLS, "eu-west-1", queue))
    assemblies.deploy(world.url, CdkStack("PipeX-support-222222222222", TARGET, "us-east-1", queue))


MINE = "mineeplicationbucket0123456789abcdef0123"
PLAYED = "not-a-pipeline"
ORPHANED_STACKS = {"PipeK-support-us-west-2", "PipeK-support-eu-west-1", "PipeA-support-us-west-2"}
RETAINED = ("pipek-pipepipeline", "tools-pipes-", "pipea-pipepipeline", "pipeo-pipeline")


def states(graph: UsageGraph, kind: ResourceType) -> dict[str, UsageState]:
    return {verdict.id: verdict.state for verdict in graph.verdicts if verdict.kind is kind}


def bucket_of(graph: UsageGraph, stack: str) -> UsageVerdict:
    (owner,) = [v for v in graph.verdicts if v.kind is ResourceType.STACK and v.id == stack]
    (bucket,) = [v for v in graph.inside_stack(owner.stack) if v.kind is ResourceType.BUCKET]
    return bucket


def test_exactly_the_unused_resources_are_orphaned(world: World) -> None:
    graph = world.graph()
    assert not graph.inventory.gaps
    stacks = states(graph, ResourceType.STACK)
    assert {name for name, state in stacks.items() if state is UsageState.ORPHANED} == ORPHANED_STACKS
    assert {name for name, state in stacks.items() if state is UsageState.LEFT_ALONE} == {
        "Ordinary",
        "Shop-support-eu-west-1",
        "PipeX-support-222222222222",
    }
    assert {name for name, state in stacks.items() if state is UsageState.IN_USE} == {
        "PipeP-support-us-west-2",
        "PipeP-support-eu-west-1",
        "PipeX-support-eu-west-1",
        "PipeQ-support-eu-west-1",
        "My-Very-Long-Custom-Pipeline-Name-support-eu-west-1",
        "PipeA-support-eu-west-1",  # of PipeB only, since PipeA was deleted
        "PipeB-support-ap-southeast-2",
    }
    buckets = states(graph, ResourceType.BUCKET)
    inside = {bucket_of(graph, stack).id for stack in ORPHANED_STACKS}
    retained = {name for name in buckets if name.startswith(RETAINED)}
    assert len(retained) == 5
    assert {name for name, state in buckets.items() if state is UsageState.ORPHANED} == inside | retained
    assert buckets[MINE] is UsageState.LEFT_ALONE
    assert PLAYED not in buckets
    (ordinary,) = [name for name in buckets if name.startswith("ordinary")]
    assert buckets[ordinary] is UsageState.LEFT_ALONE
    keys = [v for v in graph.verdicts if v.kind is ResourceType.KEY and v.state is UsageState.ORPHANED]
    assert {key.stack.split("/")[1] for key in keys} == ORPHANED_STACKS


def test_new_resources_are_not_orphaned(world: World) -> None:
    now = datetime.now(UTC)
    graph = assess_usage(read_inventory(world.cloud, now), now)
    assert not graph.with_state(UsageState.ORPHANED)
    assert all(
        "created on" in verdict.reasons[0]
        for verdict in graph.with_state(UsageState.UNKNOWN)
        if verdict.kind is ResourceType.KEY
    )


def test_resources_of_an_unread_account_are_not_orphaned(world: World) -> None:
    assemblies.make_role(world.url, TOOLS, deny=("codepipeline:GetPipeline",))
    try:
        graph = world.graph()
    finally:
        assemblies.make_role(world.url, TOOLS)
    assert graph.inventory.gaps
    assert not graph.with_state(UsageState.ORPHANED)
    assert (
        states(graph, ResourceType.STACK)["PipeQ-support-eu-west-1"] is UsageState.IN_USE
    )  # of another account
    doubts = " ".join(reason for v in graph.with_state(UsageState.UNKNOWN) for reason in v.reasons)
    assert "account tools has access and could not be read" in doubts


def create_principals(world: World, policy: dict[str, Any]) -> None:
    """Create the roles that the policy names: Amazon S3 refuses a policy with a role that does not exist."""
    for account, name in re.findall(r"iam::([0-9]{12}):role/([^\"]+)", json.dumps(policy)):
        with suppress(ClientError):  # it exists
            world.client("iam", account=account).create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)


def test_a_bucket_that_an_unknown_account_may_write_to_stays_unknown(world: World) -> None:
    name = bucket_of(world.graph(), "PipeA-support-us-west-2").id
    s3 = world.client("s3", region="us-west-2")
    before = s3.get_bucket_policy(Bucket=name)["Policy"]
    policy = json.loads(before)
    create_principals(world, policy)
    statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444444444444:root"}, "Action": "s3:*"}
    policy["Statement"].append({**statement, "Resource": f"arn:aws:s3:::{name}/*"})
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    try:
        verdict = bucket_of(world.graph(), "PipeA-support-us-west-2")
    finally:
        s3.put_bucket_policy(Bucket=name, Policy=before)
    assert verdict.state is UsageState.UNKNOWN
    assert verdict.reasons == ("account 444444444444 has access and is not configured in Slipway",)


def plan_for(world: World, stack: str, **options: Any) -> tuple[UsageGraph, Plan]:
    graph = world.graph()
    return graph, plan_clean_up(world.cloud, graph, [bucket_of(graph, stack).key], CleanUpOptions(**options))


def test_a_resource_in_use_cannot_be_deleted(world: World) -> None:
    with pytest.raises(InputError, match="is in use"):
        plan_for(world, "PipeP-support-eu-west-1")
    graph = world.graph()
    with pytest.raises(InputError, match="the limit is 2"):
        plan_clean_up(world.cloud, graph, (), CleanUpOptions(max_deletions=2))


def test_a_pipeline_created_after_the_plan_stops_the_cleanup(world: World) -> None:
    graph, plan = plan_for(world, "PipeK-support-us-west-2")
    bucket = bucket_of(graph, "PipeK-support-us-west-2").id
    s3 = world.client("s3", region="us-west-2")
    pipelines = world.client("codepipeline", region="ap-northeast-3")
    stage = {"name": "Source", "actions": []}
    pipelines.create_pipeline(
        pipeline={
            "name": "late",
            "roleArn": f"arn:aws:iam::{TOOLS}:role/late",
            "artifactStore": {"type": "S3", "location": bucket},
            "stages": [stage],
        }
    )
    try:
        outcome = world.run(plan)
    finally:
        pipelines.delete_pipeline(name="late")
    assert not outcome.ok
    assert {result.status for result in outcome.results} <= {Status.SKIPPED, Status.NOT_RUN}
    assert "pipeline late" in outcome.results[0].reason
    s3.head_bucket(Bucket=bucket)
    assert states(world.graph(), ResourceType.STACK)["PipeK-support-us-west-2"] is UsageState.ORPHANED


def test_an_object_written_meanwhile_stops_the_clean_up(world: World) -> None:
    graph, plan = plan_for(world, "PipeK-support-us-west-2")
    bucket = bucket_of(graph, "PipeK-support-us-west-2").id
    s3 = world.client("s3", region="us-west-2")
    s3.put_object(Bucket=bucket, Key="new", Body=b"new")
    outcome = world.run(plan)
    assert outcome.results[0].status is Status.SKIPPED
    assert "new was written after the plan was made" in outcome.results[0].reason
    assert {result.status for result in outcome.results[1:]} == {Status.NOT_RUN}
    assert s3.get_object(Bucket=bucket, Key="new")["Body"].read() == b"new"
    s3.delete_object(Bucket=bucket, Key="new")


def test_a_second_run_completes_a_cleanup_that_crashed(world: World) -> None:
    """It crashes twice: after the bucket is emptied, and after the stack is deleted."""
    before = bucket_of(world.graph(), "PipeK-support-eu-west-1").id
    world.client("s3").put_object(Bucket=before, Key="artifact", Body=b"x")
    graph, plan = plan_for(world, "PipeK-support-eu-west-1")
    bucket = bucket_of(graph, "PipeK-support-eu-west-1").id
    (key,) = [a.key.id for a in graph.inventory.aliases if a.stack[0] == "PipeK-support-eu-west-1"]
    for crashes_after in ("empty", "delete arn:"):

        def crash(progress: Progress, after: str = crashes_after) -> None:
            if progress.step.startswith(after) and progress.status is Status.DONE:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            world.run(plan, crash)
        graph = world.graph()
        plan = plan_clean_up(world.cloud, graph, [f"{ResourceType.BUCKET} {TOOLS} eu-west-1 {bucket}"])
    assert (
        graph.by_key[f"{ResourceType.BUCKET} {TOOLS} eu-west-1 {bucket}"].reasons[-1].startswith("its stack")
    )
    assert world.run(plan).ok
    assert bucket not in states(world.graph(), ResourceType.BUCKET)
    described = world.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"
    assert described["DeletionDate"] > datetime.now(UTC) + timedelta(days=29)


def test_protection_archive_versions_markers_and_uploads(world: World) -> None:
    stack = world.stacks["PipeA-support-us-west-2"]
    stacks = world.client("cloudformation", region="us-west-2")
    s3 = world.client("s3", region="us-west-2")
    bucket = bucket_of(world.graph(), stack.name).id
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="artifact", Body=body)
    s3.delete_object(Bucket=bucket, Key="artifact")
    s3.create_multipart_upload(Bucket=bucket, Key="unfinished")
    s3.create_bucket(Bucket="the-archive", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    stacks.update_termination_protection(StackName=stack.name, EnableTerminationProtection=True)

    with pytest.raises(InputError, match="termination protection is enabled"):
        plan_for(world, stack.name)
    _, plan = plan_for(world, stack.name, archive="the-archive", unprotect=True)
    assert "2 versions, 1 delete marker, 6 B, 1 incomplete upload" in plan.steps[0].does
    outcome = world.run(plan)
    assert outcome.ok, outcome.error
    manifest = s3.get_object(Bucket="the-archive", Key=f"{bucket}/manifest.jsonl")["Body"].read().decode()
    rows = [json.loads(line) for line in manifest.splitlines()]
    bodies = {s3.get_object(Bucket="the-archive", Key=row["archived"])["Body"].read() for row in rows}
    assert bodies == {b"one", b"two"}
    assert all(row["sha256"] for row in rows)
    assert stack.name not in states(world.graph(), ResourceType.STACK)


def test_all_other_orphans_are_deleted_by_one_plan(world: World) -> None:
    graph = world.graph()
    kept = {v.key for v in graph.verdicts if v.state is not UsageState.ORPHANED}
    plan = plan_clean_up(world.cloud, graph)
    outcome = world.run(plan)
    assert outcome.ok, outcome.error
    after = world.graph()
    assert not after.with_state(UsageState.ORPHANED)
    assert {v.key for v in after.verdicts} == kept
