"""Stacks shaped like those of other tools, adopted: before, during, and after, nothing is lost."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.aws.cloud import Cloud, Endpoint, Place
from ops.aws.cloudformation import adoption as adoptions
from ops.aws.cloudformation.adoption import Adoption
from ops.aws.cloudformation.stacks import Stack, read_stack
from ops.cli import main
from ops.embedded.lifecycle import RunningCloud
from ops.errors import Conflict
from ops.logs import adoption as logs
from ops.logs.datasets import Dataset
from ops.logs.export.ledger.exported import counter
from ops.logs.lake.layout import Location, Scope
from ops.plan import Plan
from ops.settings import Account, Settings
from ops.snapshots import adoption as snapshots
from ops.snapshots.pipeline import catalog
from ops.snapshots.runs import control as runs
from tests.end_to_end import adopted_stacks
from tests.end_to_end.conftest import STACK as ROLES_STACK
from tests.end_to_end.workbench import PEOPLE, Workbench, eventually

HERE = Account("adopter", "777777777777", "", ("eu-central-1",))
PLACE = Place(HERE, "eu-central-1")
GROUP = "/adopted/app"
NONE = timedelta(0)


@pytest.fixture
def adopter(embedded: RunningCloud, settings: Settings) -> Cloud:
    mine = Settings(
        data=settings.data / "adoption",
        accounts=(HERE,),
        regions=("eu-central-1",),
        home_region="eu-central-1",
    )
    return Cloud(mine, Endpoint(embedded.endpoint, HERE.id, "embedded"))


def deploy(cloud: Cloud, place: Place, name: str, template: str, **parameters: str) -> Stack:
    client = cloud.client("cloudformation", place.account.id, place.region)
    client.create_stack(
        StackName=name,
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    stack = read_stack(cloud, place.account.id, place.region, name)
    assert stack
    return stack


def put(cloud: Cloud, *messages: str) -> None:
    now = int(time.time() * 1000)
    cloud.client("logs", HERE.id, PLACE.region).put_log_events(
        logGroupName=GROUP,
        logStreamName="one",
        logEvents=[{"timestamp": now, "message": message} for message in messages],
    )


def exported(cloud: Cloud, location: Location) -> int:
    now = datetime.now(UTC)
    scope = Scope(now - timedelta(hours=1), now + timedelta(hours=1))
    return sum(count.events for _, count in counter(Dataset(cloud, location).duckdb)(scope).counts)


@pytest.mark.thorough
def test_a_log_export_is_adopted_with_its_bucket(adopter: Cloud, carry_out: Callable[[Plan], None]) -> None:
    cloud, client = adopter, adopter.client("logs", HERE.id, PLACE.region)
    client.create_log_group(logGroupName=GROUP)
    client.create_log_stream(logGroupName=GROUP, logStreamName="one")
    old = deploy(cloud, PLACE, "cloudwatch2s3", adopted_stacks.central(), LogGroupNamePrefix="/adopted/")
    put(cloud, "before")
    assert logs.is_adoptable(old)
    adoption = logs.read_adoption(cloud, PLACE, old)
    bucket = old.outputs["Bucket"].rpartition(":")[2]
    older, newer = (Location(bucket, prefix, HERE.id, PLACE.region) for prefix in ("logs/", "logs/slipway/"))
    eventually(lambda: exported(cloud, older) == 1)

    # During: both have every event that is put now. The adopted stack is not deleted in the first day.
    started = datetime.now(UTC)
    carry_out(adoptions.plan_start(cloud, adoption))
    new = adoptions.require_new_stack(cloud, adoption)
    eventually(lambda: len(_filters(client)) == 2)
    put(cloud, "during", "both")
    eventually(lambda: (exported(cloud, older), exported(cloud, newer)) == (3, 2))
    scope = Scope(started, datetime.now(UTC) + timedelta(minutes=1))
    comparison = logs.compare(cloud, adoption, new, scope)
    assert comparison.equal and [dict(row) for row in comparison.rows] == [
        {"log_group": GROUP, "before": 2, "after": 2, "missing": 0}
    ]
    with pytest.raises(Conflict, match="hours only"):
        adoptions.plan_finish(cloud, adoption, comparison, datetime.now(UTC))

    # After: the bucket is kept with all objects, and new events are in the new export.
    carry_out(adoptions.plan_finish(cloud, adoption, comparison, datetime.now(UTC), NONE))
    assert read_stack(cloud, HERE.id, PLACE.region, old.name) is None
    assert _filters(client) == [new.outputs["LogDestination"]]
    put(cloud, "after")
    eventually(lambda: exported(cloud, newer) == 3)
    assert exported(cloud, older) == 3
    assert logs.older_address(cloud, adoption) == f"adopter=s3://{bucket}/logs/"


def _filters(client: Any) -> list[str]:
    return [
        item["destinationArn"]
        for item in client.describe_subscription_filters(logGroupName=GROUP)["subscriptionFilters"]
    ]


@pytest.mark.thorough
def test_a_snapshot_pipeline_is_adopted_with_its_sql(
    workbench_of_user: Workbench, carry_out: Callable[[Plan], None]
) -> None:
    workbench, place = workbench_of_user, workbench_of_user.production
    # Slipway's roles cannot delete the stacks of other tools, so an administrator adopts them.
    cloud, qa = workbench.administrator or workbench.cloud, workbench.qa.account.id
    with workbench.people(PEOPLE) as database:
        subnets = workbench.pipeline(database, "").subnets
        old = deploy(
            cloud, place, f"sanitized-{database}", adopted_stacks.snapshots_stack(), Db=database,
            SanitizeSQL="DELETE FROM people WHERE id = 1", ShareAccounts=qa, SubnetIds=",".join(subnets),
            NewSnapshot="Take new snapshot",
        )  # fmt: skip
        adoption = adopt_pipeline(cloud, place, old)
        settings = adoption.spec.parameters
        assert settings["Schedule"] == "rate(7 days)" and settings["ShareWith"] == qa
        assert settings["SnapshotNameFormat"] == "{database}-sanitized-{date}-{time}"
        carry_out(adoptions.plan_start(cloud, adoption))

        def unfinished(reason: str) -> None:
            new = adoptions.require_new_stack(cloud, adoption)
            comparison = snapshots.compare(cloud, adoption, new)
            with pytest.raises(Conflict, match=reason):
                adoptions.plan_finish(cloud, adoption, comparison, datetime.now(UTC), NONE)

        pipeline = catalog.find_pipeline(cloud, place, database)
        assert run(workbench, pipeline) == "FAILED"  # the policy has no tables: nothing is shared
        unfinished("has no sanitized snapshot yet")
        policy = (
            f'{catalog.read_policy(cloud, pipeline)}\n[tables.people]\nid = "keep"\nemail = "fake email"\n'
        )
        carry_out(adoptions.plan_start(cloud, adopt_pipeline(cloud, place, old, policy)))
        assert run(workbench, catalog.find_pipeline(cloud, place, database)) == "SUCCEEDED"
        new = adoptions.require_new_stack(cloud, adoption)
        comparison = snapshots.compare(cloud, adoption, new)
        carry_out(adoptions.plan_finish(cloud, adoption, comparison, datetime.now(UTC), NONE))
        assert read_stack(cloud, place.account.id, place.region, old.name) is None
        assert catalog.find_pipeline(cloud, place, database).name == new.name
        carry_out(adoptions.plan_undo(cloud, adoption))


def adopt_pipeline(cloud: Cloud, place: Place, old: Stack, policy: str = "") -> Adoption:
    return snapshots.read_adoption(cloud, place, old, datetime.now(UTC), policy, poll_seconds=1)


def run(workbench: Workbench, pipeline: catalog.DeployedPipeline) -> str:
    name = workbench.perform(runs.refresh_call(workbench.cloud, pipeline, datetime.now(UTC)))
    return eventually(
        lambda: (
            status
            if (status := runs.read_run(workbench.cloud, pipeline, name).execution.status) != "RUNNING"
            else ""
        )
    )


def test_the_construct_of_a_cdk_app_is_read_and_undone(
    workbench_of_user: Workbench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workbench, place = workbench_of_user, workbench_of_user.production
    cloud, qa = workbench.administrator or workbench.cloud, workbench.qa.account.id
    monkeypatch.setenv("SLIPWAY_DATA", str(workbench.data))

    def adopt(*arguments: str, expected: int = 0) -> str:
        assert main(["adopt", old.name, *arguments]) == expected
        output = capsys.readouterr()
        return output.err if expected else output.out

    with workbench.people(PEOPLE) as database:
        subnets = list(workbench.pipeline(database, "").subnets)
        topic = {"AppTopic": {"Type": "AWS::SNS::Topic"}}
        template = adopted_stacks.construct_stack(database, subnets, qa, more=topic)
        old = deploy(cloud, place, f"cdk-{database}", template)
        adoption = adopt_pipeline(cloud, place, old)
        settings = adoption.spec.parameters
        assert settings["SnapshotNameFormat"] == "qa-{date}-{time}" and settings["KeepSnapshots"] == "5"
        assert settings["DatabaseName"] == "app" and settings["UseLatestSnapshot"] == "true"
        assert settings["Schedule"] == "rate(3 days)" and settings["AssignPublicIp"] == "DISABLED"
        scripts = [upload.body.decode() for upload in adoption.uploads]
        assert any("DELETE FROM people WHERE id = 1" in script for script in scripts)
        assert "AppTopic" in adoption.shared  # the stack of the app is never deleted

        shown = json.loads(adopt("--json"))
        assert (shown["tool"], shown["state"]) == (snapshots.CONSTRUCT_TOOL, "Not started")
        assert {
            "setting": "Schedule",
            "before": "rate(3 days)",
            "after": "rate(3 days)",
            "note": None,
        } in shown["kept"]
        assert f"Deploy snapshots-{database} beside" in adopt("start", "--dry-run")
        assert adoptions.find_new_stack(cloud, place, old) is None
        adopt("start")
        assert "has no sanitized snapshot yet" in adopt("compare")
        assert "hours only" in adopt("finish", expected=1)
        assert "is kept: The new pipeline has no" in adopt("finish", "--hours", "0", expected=1)
        adopt("undo", "--confirm", f"snapshots-{database}")
        assert adoptions.find_new_stack(cloud, place, old) is None
        assert read_stack(cloud, place.account.id, place.region, old.name)
    assert "belongs to no tool" in unknown(capsys)


def unknown(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is printed for a stack of another kind."""
    assert main(["adopt", ROLES_STACK]) == 1
    return capsys.readouterr().err
