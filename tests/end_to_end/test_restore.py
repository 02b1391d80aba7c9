"""The restore of the newest sanitized snapshot in another account, on real servers with IAM."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ops.aws.cloud import Cloud
from ops.aws.network import list_security_groups
from ops.errors import Conflict, InputError, NotFound
from ops.plan import Status
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.restore.choice import RestoreRequest, restore_from_request
from ops.snapshots.restore.model import Restore
from ops.snapshots.restore.plan import plan_restore
from tests.end_to_end.workbench import PEOPLE, PEOPLE_POLICY, Workbench


@pytest.fixture(scope="session")
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


@pytest.fixture
def pipeline(workbench: Workbench) -> Iterator[DeployedPipeline]:
    with workbench.people(PEOPLE) as name:
        yield workbench.deploy(workbench.pipeline(name, PEOPLE_POLICY))


def asked(workbench: Workbench, pipeline: DeployedPipeline, **more: Any) -> Restore:
    return restore_from_request(workbench.cloud, pipeline, RestoreRequest("qa", **more), poll_s=0.1)


def connected(workbench: Workbench, restore: Restore) -> psycopg.Connection[Any]:
    """Connect as a user does: with the managed password."""
    found = restore.find(restore.name)
    assert found and found.secret
    secrets = workbench.cloud.client("secretsmanager", restore.place.account.id, restore.place.region)
    login = json.loads(secrets.get_secret_value(SecretId=found.secret)["SecretString"])
    return psycopg.connect(
        host=found.host, port=found.port, user=login["username"], password=login["password"], dbname="app"
    )


def emails(workbench: Workbench, restore: Restore) -> list[str]:
    with connected(workbench, restore) as connection:
        return [row[0] for row in connection.execute("SELECT email FROM people ORDER BY id")]


def names(workbench: Workbench, stem: str) -> list[str]:
    found = workbench.rds(workbench.qa).describe_db_instances()["DBInstances"]
    return sorted(i["DBInstanceIdentifier"] for i in found if i["DBInstanceIdentifier"].startswith(stem))


def test_a_newer_snapshot_replaces_an_older_one(workbench: Workbench, pipeline: DeployedPipeline) -> None:
    name = f"qa-{pipeline.database}"
    with pytest.raises(NotFound, match="shared with"):
        asked(workbench, pipeline, name=name)
    workbench.run(pipeline)
    group = list_security_groups(workbench.cloud, workbench.qa)[0].id
    first = asked(workbench, pipeline, name=name, tags={"team": "qa"}, security_groups=(group,))
    plan = plan_restore(first)
    assert plan.confirm == ""
    workbench.must(plan)
    assert len(emails(workbench, first)) == 50
    assert not any("real.test" in email for email in emails(workbench, first))
    described = workbench.available(workbench.qa, name)
    assert {"Key": "team", "Value": "qa"} in described["TagList"]
    assert [g["VpcSecurityGroupId"] for g in described["VpcSecurityGroups"]] == [group]
    assert {r.status for r in workbench.carry_out(plan_restore(first)).results} == {Status.ALREADY}

    with workbench.connect_inside(workbench.production, pipeline.database, "app") as connection:
        connection.execute("DELETE FROM people WHERE id > 10")
    workbench.run(pipeline)
    second = asked(workbench, pipeline, name=name)
    plan = plan_restore(second)
    assert plan.confirm == name  # it replaces one
    workbench.must(plan)
    assert len(emails(workbench, second)) == 10
    assert names(workbench, name) == [name]
    workbench.rds(workbench.qa).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


@pytest.mark.thorough
def test_an_encrypted_snapshot_is_copied_under_the_targets_key(workbench: Workbench) -> None:
    source, place = f"people-{uuid.uuid4().hex[:6]}", workbench.production
    workbench.make_cluster(source, PEOPLE)
    key = workbench.cloud.client("kms", place.account.id, place.region).create_key()["KeyMetadata"]["Arn"]
    pipeline = workbench.deploy(workbench.pipeline(source, PEOPLE_POLICY, kms_key=key))
    workbench.run(pipeline)
    restore = asked(workbench, pipeline, name=f"qa-{source}")
    plan = plan_restore(restore)
    assert [step.id for step in plan.steps][:3] == ["copy", "restore", "instance"]
    workbench.must(plan)
    rds = workbench.rds(workbench.qa)
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=restore.name)["DBClusters"]
    assert cluster["StorageEncrypted"] and cluster["KmsKeyId"].split(":")[4] == workbench.qa.account.id
    assert len(emails(workbench, restore)) == 50
    left = rds.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
    assert restore.token not in {snapshot["DBClusterSnapshotIdentifier"] for snapshot in left}
    rds.delete_db_instance(DBInstanceIdentifier=restore.token, SkipFinalSnapshot=True)
    workbench.delete_cluster(place, source)


@pytest.mark.thorough
def test_a_database_that_no_restore_created_is_never_replaced(
    workbench: Workbench, pipeline: DeployedPipeline
) -> None:
    workbench.run(pipeline)
    name = f"theirs-{uuid.uuid4().hex[:6]}"
    workbench.rds(workbench.qa).create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="master",
        MasterUserPassword="password-1",
    )
    with pytest.raises(Conflict, match="not created by a restore"):
        plan_restore(asked(workbench, pipeline, name=name))
    for bad in ("9x", "a--b", "x" * 60, "-a", "A B"):
        with pytest.raises(InputError, match="not a valid name"):
            plan_restore(asked(workbench, pipeline, name=bad))
    workbench.available(workbench.qa, name)
    workbench.rds(workbench.qa).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
