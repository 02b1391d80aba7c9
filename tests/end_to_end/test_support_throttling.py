"""Throttling by AWS: the inventory is complete or names its gaps, and a cleanup retries or can be resumed."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import botocore.endpoint
import pytest

from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud
from ops.embedded.accounts import cloud as embedded_cloud
from ops.embedded.lifecycle import RunningCloud
from ops.embedded.sample.pipelines import support_stack
from ops.errors import Throttled
from ops.plan import Outcome, Plan, Status, execute
from ops.settings import Settings
from ops.support_stacks.cleanup import plan_clean_up
from ops.support_stacks.cleanup_steps import CleanUpOptions
from ops.support_stacks.inventory import read_inventory
from ops.support_stacks.liveness import ResourceType, UsageGraph, UsageState, assess_usage
from tests.end_to_end import sample_pipelines
from tests.end_to_end.throttling import ThrottledCloud, ThrottledOnceCloud, never

LATER = timedelta(days=60)  # everything is new: assess it as of a later date
REGIONS = ("eu-west-1", "us-east-1")
OWNER, PLACE = "222222222222", "eu-west-1"
READS = (
    "account.ListRegions",
    "cloudformation.DescribeStackResources",
    "cloudformation.DescribeStacks",
    "cloudformation.ListStackResources",
    "codepipeline.GetPipeline",
    "codepipeline.ListPipelines",
    "kms.DescribeKey",
    "kms.GetKeyPolicy",
    "kms.ListAliases",
    "kms.ListResourceTags",
    "resourcegroupstaggingapi.GetResources",
    "s3.GetBucketEncryption",
    "s3.GetBucketPolicy",
    "s3.GetBucketTagging",
    "s3.GetObjectLockConfiguration",
    "s3.ListBuckets",
    "s3.ListMultipartUploads",
    "s3.ListObjectVersions",
)
CHANGES = (
    "cloudformation.DeleteStack",
    "cloudformation.DescribeStackEvents",
    "kms.DescribeKey",
    "s3.AbortMultipartUpload",
    "s3.DeleteBucket",
    "s3.DeleteObjects",
    "s3.HeadBucket",
    "s3.ListObjectVersions",
    "codepipeline.ListPipelines",
)


def read(cloud: Cloud) -> UsageGraph:
    now = datetime.now(UTC)
    return assess_usage(read_inventory(cloud, now), now + LATER)


@pytest.fixture(scope="module")
def running(data: Path, plant: Callable[..., Path]) -> Iterator[RunningCloud]:
    with sample_pipelines.serving(plant(data / "throttled", sample_pipelines.pipelines)) as cloud_:
        yield cloud_


@pytest.fixture(scope="module")
def cloud(running: RunningCloud, data: Path) -> Cloud:
    return embedded_cloud(Settings(data=data), running.endpoint)


@pytest.fixture(scope="module")
def throttled(cloud: Cloud) -> ThrottledCloud:
    return ThrottledCloud(cloud, REGIONS)


@pytest.fixture(scope="module")
def unthrottled(throttled: ThrottledCloud) -> UsageGraph:
    """The sample pipelines, read without throttling."""
    throttled.begin(never)
    return read(throttled)


def check(graph: UsageGraph, complete: UsageGraph) -> None:
    """Check that an orphan is at most unknown, that no other resource is orphaned, and that gaps say why."""
    for verdict in graph.verdicts:
        expected = complete.by_key[verdict.key].state
        if expected is UsageState.ORPHANED:
            assert verdict.state in (UsageState.ORPHANED, UsageState.UNKNOWN), verdict
        else:
            assert verdict.state is not UsageState.ORPHANED, verdict
    if {v.key: v.state for v in graph.verdicts} != {v.key: v.state for v in complete.verdicts}:
        assert graph.inventory.gaps
    assert all(isinstance(gap.error, Throttled) for gap in graph.inventory.gaps)


def test_an_inventory_makes_exactly_the_listed_calls(
    unthrottled: UsageGraph, throttled: ThrottledCloud
) -> None:
    throttled.begin(never)
    read(throttled)
    assert tuple(sorted(throttled.calls)) == READS
    assert {v.kind for v in unthrottled.with_state(UsageState.ORPHANED)} == set(ResourceType)
    assert unthrottled.with_state(UsageState.SHARED, UsageState.IN_USE)


@pytest.mark.parametrize("operation", READS)
def test_an_operation_that_is_always_throttled_leaves_resources_unknown(
    unthrottled: UsageGraph, throttled: ThrottledCloud, operation: str
) -> None:
    throttled.begin(lambda name, _before: name == operation)
    graph = read(throttled)
    check(graph, unthrottled)
    assert throttled.throttled[operation] and graph.inventory.gaps
    if not operation.startswith("resourcegroups"):  # the sample's buckets are found by their names too
        assert len(graph.with_state(UsageState.ORPHANED)) < len(unthrottled.with_state(UsageState.ORPHANED))
    if operation.startswith(("codepipeline", "account")):
        unread = {gap.account for gap in graph.inventory.gaps}
        assert not [verdict for verdict in graph.with_state(UsageState.ORPHANED) if verdict.account in unread]


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, 5))])
def test_random_throttling_never_creates_an_orphan(
    unthrottled: UsageGraph, throttled: ThrottledCloud, seed: int
) -> None:
    chance = random.Random(seed)
    throttled.begin(lambda _name, _before: chance.random() < 0.1)
    graph = read(throttled)
    assert graph.inventory.gaps
    check(graph, unthrottled)


def test_retries_compensate_one_throttled_call_per_operation(
    unthrottled: UsageGraph, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _s: None))
    retried = ThrottledOnceCloud(cloud, REGIONS)
    graph = read(retried)
    assert set(retried.throttled) == {name for name in READS if name != "account.ListRegions"}
    assert not graph.inventory.gaps
    assert [(v.key, v.state) for v in graph.verdicts] == [(v.key, v.state) for v in unthrottled.verdicts]


@pytest.fixture
def orphan(running: RunningCloud, cloud: Cloud) -> str:
    """Return the key of an orphaned bucket that contains a version and an incomplete upload."""
    stack = support_stack("Throttled", OWNER, PLACE, artifacts=1)
    sample_pipelines.deploy(running, stack)
    bucket = sample_pipelines.bucket_of(stack)
    cloud.client("s3", OWNER, PLACE).create_multipart_upload(Bucket=bucket, Key="begun")
    return f"{ResourceType.BUCKET} {OWNER} {PLACE} {bucket}"


def carry_out(plan: Plan, folder: Path) -> Outcome:
    audit = FileAudit(folder / "audit.jsonl")
    return execute(plan, actor=Actor.local("test"), audit=audit, confirmed=plan.confirm)


def test_a_throttled_cleanup_completes_when_it_runs_again(
    unthrottled: UsageGraph, throttled: ThrottledCloud, orphan: str, tmp_path: Path
) -> None:
    """Each call of a cleanup fails once in spite of all retries: every run gets one call further."""
    failed: set[str] = set()

    def throttles(name: str, _before: int) -> bool:
        if not acting or name not in CHANGES or name in failed:
            return False
        failed.add(name)
        return True

    acting = False
    throttled.begin(throttles)
    stopped = 0
    while orphan in (graph := read(throttled)).by_key:
        plan = plan_clean_up(throttled, graph, [orphan], CleanUpOptions())
        acting = True
        outcome = carry_out(plan, tmp_path)
        acting = False
        if not outcome.ok:
            stopped += 1
            assert isinstance(outcome.error, Throttled)
            assert {r.status for r in outcome.results} <= {
                Status.DONE, Status.ALREADY, Status.FAILED, Status.NOT_RUN,
            }  # fmt: skip
        assert stopped <= len(CHANGES)
    assert failed == set(CHANGES)
    assert stopped > 1
    assert [(v.key, v.state) for v in graph.verdicts] == [(v.key, v.state) for v in unthrottled.verdicts]
