"""AWS throttles: the inventory is complete or says what is unknown, a clean-up goes on or can be resumed."""

import random
from collections.abc import Iterator
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
from ops.support_stacks.cleanup_steps import Wishes
from ops.support_stacks.inventory import read_inventory
from ops.support_stacks.liveness import Graph, Kind, State, judge
from tests.end_to_end import sample_pipelines
from tests.end_to_end.throttling import StumblingCloud, ThrottledCloud, never

LATER = timedelta(days=60)  # what the tests make is made just now
REGIONS = ("eu-west-1", "us-east-1")
OWNER, PLACE = "222222222222", "eu-west-1"
READS = (
    "account.ListRegions",
    "cloudformation.DescribeStackResources",
    "cloudformation.DescribeStacks",
    "cloudformation.ListStackResources",
    "cloudformation.ListStacks",
    "codepipeline.GetPipeline",
    "codepipeline.ListPipelines",
    "kms.DescribeKey",
    "kms.GetKeyPolicy",
    "kms.ListAliases",
    "kms.ListResourceTags",
    "s3.GetBucketEncryption",
    "s3.GetBucketPolicy",
    "s3.GetBucketTagging",
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


def read(cloud: Cloud) -> Graph:
    now = datetime.now(UTC)
    return judge(read_inventory(cloud, now), now + LATER)


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[RunningCloud]:
    with sample_pipelines.serving(data / "throttled") as found:
        yield found


@pytest.fixture(scope="module")
def cloud(running: RunningCloud, data: Path) -> Cloud:
    return embedded_cloud(Settings(data=data), running.endpoint)


@pytest.fixture(scope="module")
def throttled(cloud: Cloud) -> ThrottledCloud:
    return ThrottledCloud(cloud, REGIONS)


@pytest.fixture(scope="module")
def calm(throttled: ThrottledCloud) -> Graph:
    """The sample pipelines as they are read when nothing is throttled."""
    throttled.begin(never)
    return read(throttled)


def check(found: Graph, whole: Graph) -> None:
    """Nothing is orphaned that is not; what no longer is says that it is unknown, and a gap says why."""
    for verdict in found.verdicts:
        wanted = whole.by_key[verdict.key].state
        if wanted is State.ORPHANED:
            assert verdict.state in (State.ORPHANED, State.UNKNOWN), verdict
        else:
            assert verdict.state is not State.ORPHANED, verdict
    if {v.key: v.state for v in found.verdicts} != {v.key: v.state for v in whole.verdicts}:
        assert found.inventory.gaps
    assert all(isinstance(gap.error, Throttled) for gap in found.inventory.gaps)


def test_the_list_of_calls_is_that_of_an_inventory(calm: Graph, throttled: ThrottledCloud) -> None:
    throttled.begin(never)
    read(throttled)
    assert tuple(sorted(throttled.calls)) == READS
    assert {v.kind for v in calm.of(State.ORPHANED)} == set(Kind)
    assert calm.of(State.SHARED, State.IN_USE)


@pytest.mark.parametrize("operation", READS)
def test_an_operation_that_is_always_throttled_blocks_conclusions(
    calm: Graph, throttled: ThrottledCloud, operation: str
) -> None:
    throttled.begin(lambda name, _before: name == operation)
    found = read(throttled)
    check(found, calm)
    assert throttled.throttled[operation] and found.inventory.gaps
    assert len(found.of(State.ORPHANED)) < len(calm.of(State.ORPHANED))
    if operation.startswith(("codepipeline", "account")):
        blind = {gap.account for gap in found.inventory.gaps}
        assert not [verdict for verdict in found.of(State.ORPHANED) if verdict.account in blind]


@pytest.mark.parametrize("seed", range(5))
def test_calls_throttled_at_random_never_make_an_orphan(
    calm: Graph, throttled: ThrottledCloud, seed: int
) -> None:
    chance = random.Random(seed)
    throttled.begin(lambda _name, _before: chance.random() < 0.1)
    found = read(throttled)
    assert found.inventory.gaps
    check(found, calm)


def test_every_call_throttled_once_is_borne_by_the_retries(
    calm: Graph, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _s: None))
    stumbling = StumblingCloud(cloud, REGIONS)
    found = read(stumbling)
    assert set(stumbling.throttled) == {name for name in READS if name != "account.ListRegions"}
    assert not found.inventory.gaps
    assert [(v.key, v.state) for v in found.verdicts] == [(v.key, v.state) for v in calm.verdicts]


@pytest.fixture
def dead(running: RunningCloud, cloud: Cloud) -> str:
    """The key of a verdict: a support stack that nobody needs, with a version and an upload in its bucket."""
    made = support_stack("Throttled", OWNER, PLACE, artifacts=1)
    sample_pipelines.deploy(running, made)
    bucket = sample_pipelines.bucket_of(made)
    cloud.client("s3", OWNER, PLACE).create_multipart_upload(Bucket=bucket, Key="begun")
    return f"{Kind.BUCKET} {OWNER} {PLACE} {bucket}"


def carry_out(plan: Plan, folder: Path) -> Outcome:
    audit = FileAudit(folder / "audit.jsonl")
    return execute(plan, actor=Actor.local("test"), audit=audit, confirmed=plan.confirm)


def test_a_clean_up_that_is_throttled_is_finished_by_running_it_again(
    calm: Graph, throttled: ThrottledCloud, dead: str, tmp_path: Path
) -> None:
    """Each call of a clean-up is throttled once, beyond all retries: every run gets one call further."""
    met: set[str] = set()

    def throttles(name: str, _before: int) -> bool:
        if not acting or name not in CHANGES or name in met:
            return False
        met.add(name)
        return True

    acting = False
    throttled.begin(throttles)
    stopped = 0
    while dead in (graph := read(throttled)).by_key:
        plan = plan_clean_up(throttled, graph, [dead], Wishes())
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
    assert met == set(CHANGES)
    assert stopped > 1
    assert [(v.key, v.state) for v in graph.verdicts] == [(v.key, v.state) for v in calm.verdicts]
