"""Real runs with disturbances: removed permissions, concurrent runs, and broken snapshots."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.aws.cloud import Cloud
from ops.aws.stepfunctions import executions as stepfunctions
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.runs import control as runs
from tests.end_to_end.workbench import PEOPLE, PEOPLE_POLICY, Workbench, eventually

SLOWER = "before = 'SELECT pg_sleep(4)'\n" + PEOPLE_POLICY


@pytest.fixture(scope="session")
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


@pytest.fixture
def database(workbench: Workbench) -> Iterator[str]:
    with workbench.people(PEOPLE) as name:
        yield name


class Role:
    """The role of the handler, of which an action can be denied temporarily."""

    def __init__(self, workbench: Workbench, pipeline: DeployedPipeline) -> None:
        place = workbench.production
        self._iam = workbench.cloud.client("iam", place.account.id)
        stacks = workbench.cloud.client("cloudformation", place.account.id, place.region)
        found = stacks.describe_stack_resource(StackName=pipeline.name, LogicalResourceId="HandlerRole")
        name = found["StackResourceDetail"]["PhysicalResourceId"]
        self._policy = {"RoleName": name, "PolicyName": "take-away"}

    def take_away(self, action: str) -> None:
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._iam.put_role_policy(**self._policy, PolicyDocument=document)

    def give_back(self) -> None:
        self._iam.delete_role_policy(**self._policy)


# Denied actions, and the state that must fail.
TAKEN = {
    "rds:RestoreDBInstanceFromDBSnapshot": "Restore temporary database",
    "rds:ModifyDBSnapshotAttribute": "Share",
    "rds:DeleteDBInstance": "Clean up",
}


@pytest.mark.thorough
def test_a_missing_permission_is_reported_and_the_next_run_succeeds(
    workbench: Workbench, database: str
) -> None:
    pipeline = workbench.deploy(workbench.pipeline(database, PEOPLE_POLICY))
    role = Role(workbench, pipeline)
    for action, state in TAKEN.items():
        role.take_away(action)
        execution = workbench.run(pipeline).execution
        role.give_back()
        failed = execution.failed_step
        assert execution.status == "FAILED" and failed
        assert (failed.name, action in failed.cause) == (state, True), failed.cause
        invoke(workbench, pipeline, {"action": "sweep", "run": {"stateMachineArn": pipeline.machine}})
        eventually(lambda: not workbench.left(pipeline))
        attributes = [item.shared_with for item in workbench.sanitized(pipeline)]
        assert all(shared == (workbench.qa.account.id,) for shared in attributes)
        if state != "Clean up":
            assert attributes == []  # unfinished snapshots are deleted
    assert workbench.run(pipeline).execution.status == "SUCCEEDED"
    assert workbench.left(pipeline) == []


def invoke(workbench: Workbench, pipeline: DeployedPipeline, event: dict[str, Any]) -> None:
    place = workbench.production
    stacks = workbench.cloud.client("cloudformation", place.account.id, place.region)
    found = stacks.describe_stack_resource(StackName=pipeline.name, LogicalResourceId="Handler")
    answer = workbench.cloud.client("lambda", place.account.id, place.region).invoke(
        FunctionName=found["StackResourceDetail"]["PhysicalResourceId"], Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.mark.thorough
def test_two_runs_at_once_do_not_disturb_each_other(workbench: Workbench, database: str) -> None:
    """A schedule and a user: the page rejects the second run, Step Functions does not."""
    pipeline = workbench.deploy(workbench.pipeline(database, SLOWER))
    place = workbench.production
    client = workbench.cloud.client("stepfunctions", place.account.id, place.region)
    names = ["first", "second", "third"]
    for name in names:
        stepfunctions.start_execution(client, pipeline.machine, name, {})
        time.sleep(1.1)  # the name format has a resolution of one second
    workbench.must(runs.plan_stop(workbench.cloud, pipeline, "second"))
    ended = {name: workbench.ended(pipeline, name).execution for name in names}
    assert {name: run.status for name, run in ended.items()} == {
        "first": "SUCCEEDED",
        "second": "ABORTED",
        "third": "SUCCEEDED",
    }, [run.cause for run in ended.values()]
    eventually(lambda: not workbench.left(pipeline))
    assert sorted(item.run for item in workbench.sanitized(pipeline)) == ["first", "third"]


@pytest.mark.thorough
def test_the_reason_of_a_failed_database_is_reported(workbench: Workbench, database: str) -> None:
    """The latest snapshot is corrupt: PostgreSQL does not start on the copy, and logs why."""
    workbench.rds(workbench.production).create_db_snapshot(
        DBSnapshotIdentifier=f"{database}-broken", DBInstanceIdentifier=database
    )

    def finished() -> bool:
        found = workbench.rds(workbench.production).describe_db_snapshots(
            DBSnapshotIdentifier=f"{database}-broken"
        )
        return bool(found["DBSnapshots"][0]["Status"] == "available")

    eventually(finished)
    folders = (workbench.data / "embedded/postgres").glob("*/PG_VERSION")
    max(folders, key=lambda path: path.parent.stat().st_ctime).write_text("7\n")
    pipeline = workbench.deploy(workbench.pipeline(database, PEOPLE_POLICY, use_latest_snapshot=True))
    execution = workbench.run(pipeline).execution
    failed = execution.failed_step
    assert execution.status == "FAILED" and failed
    assert failed.name == "Wait for database" and "is failed. It was put into failed state" in failed.cause
    assert "The data directory was initialized by PostgreSQL version 7" in failed.cause
    assert workbench.left(pipeline) == []
    workbench.rds(workbench.production).delete_db_snapshot(DBSnapshotIdentifier=f"{database}-broken")
