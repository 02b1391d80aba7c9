"""Aurora clusters in the same state machine: copied, sanitized, shared, and deleted in order."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ops.aws.cloud import Cloud
from ops.embedded.rds import mariadb
from ops.errors import InputError
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.preflight import PreflightVerdict, preflight
from ops.snapshots.pipeline.setup import prepare_pipeline
from ops.snapshots.restore.choice import RestoreRequest, restore_from_request
from ops.snapshots.restore.plan import plan_restore
from ops.snapshots.runs import control as runs
from tests.end_to_end.workbench import PASSWORD, PEOPLE, PEOPLE_POLICY, Workbench, eventually, statuses

SLOW = "before = 'SELECT pg_sleep(60)'" + PEOPLE_POLICY


@pytest.fixture(scope="session")
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


@pytest.fixture
def cluster(workbench: Workbench) -> Iterator[str]:
    name = f"aurora-{uuid.uuid4().hex[:6]}"
    workbench.make_cluster(name, PEOPLE)
    yield name
    workbench.delete_cluster(workbench.production, name)


def test_a_cluster_is_sanitized_and_shared_and_leaves_nothing(workbench: Workbench, cluster: str) -> None:
    pipeline = workbench.deploy(workbench.pipeline(cluster, PEOPLE_POLICY))
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert statuses(watched.execution)["Create instance in cluster"] == "succeeded"
    assert statuses(watched.execution)["Copy with own key"] == "skipped"
    assert workbench.left(pipeline) == []
    (made,) = workbench.sanitized(pipeline)
    assert (made.snapshot.kind, made.snapshot.database[:12]) == ("cluster", "slipway-tmp-")
    assert made.shared_with == (workbench.qa.account.id,)

    restored, rds = f"qa-{uuid.uuid4().hex[:6]}", workbench.rds(workbench.qa)
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier=restored, SnapshotIdentifier=made.snapshot.arn, Engine="aurora-postgresql"
    )
    workbench.available_cluster(workbench.qa, restored)
    workbench.add_instance(workbench.qa, restored)
    rds.modify_db_cluster(
        DBClusterIdentifier=restored, MasterUserPassword="qas-own-password", ApplyImmediately=True
    )
    with workbench.connect_cluster(workbench.qa, restored, "qas-own-password") as connection:
        rows = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE email LIKE '%real.test') FROM people"
        )
        assert rows.fetchone() == (50, 0)
    workbench.delete_cluster(workbench.qa, restored)


MYSQL_POLICY = 'version = 1\nengine = "mysql"\n[tables."app.people"]\nid = "keep"\nemail = "fake email"\n'


@pytest.mark.thorough
@pytest.mark.skipif(mariadb.find_server() is None, reason="mariadbd is not installed")
def test_an_aurora_mysql_cluster_is_sanitized_and_restored_in_qa(workbench: Workbench) -> None:
    name, place = f"aurora-{uuid.uuid4().hex[:6]}", workbench.production
    workbench.make_cluster(name, Engine="aurora-mysql")
    found = workbench.available_cluster(place, name)
    with connected(found, "master", PASSWORD) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE people (id int PRIMARY KEY, email varchar(80))")
        rows = [(n, f"person{n}@real.test") for n in range(50)]
        cursor.executemany("INSERT INTO people VALUES (%s, %s)", rows)
    pipeline = workbench.deploy(workbench.pipeline(name, MYSQL_POLICY))
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert workbench.left(pipeline) == []
    restore = restore_from_request(workbench.cloud, pipeline, RestoreRequest("qa", f"qa-{name}"), poll_s=0.1)
    workbench.must(plan_restore(restore))
    restored = restore.find(restore.name)
    assert restored
    secrets = workbench.cloud.client("secretsmanager", restore.place.account.id, restore.place.region)
    login = json.loads(secrets.get_secret_value(SecretId=restored.secret)["SecretString"])
    address = {"Endpoint": restored.host, "Port": restored.port}
    with connected(address, login["username"], login["password"]) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT COUNT(*), SUM(email LIKE '%real.test') FROM people")
        assert cursor.fetchall() == ((50, 0),)
    workbench.rds(workbench.qa).delete_db_instance(DBInstanceIdentifier=restore.token, SkipFinalSnapshot=True)
    workbench.delete_cluster(place, name)


@contextmanager
def connected(cluster: Mapping[str, Any], user: str, password: str) -> Iterator[Any]:
    address = {"host": cluster["Endpoint"], "port": cluster["Port"], "database": "app"}
    connection = pymysql.connect(**address, user=user, password=password, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.thorough
def test_an_unencrypted_cluster_gets_the_key_at_its_restore(workbench: Workbench, cluster: str) -> None:
    place = workbench.production
    key = workbench.cloud.client("kms", place.account.id, place.region).create_key()["KeyMetadata"]["Arn"]
    pipeline = workbench.deploy(workbench.pipeline(cluster, PEOPLE_POLICY, kms_key=key))
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert statuses(watched.execution)["Copy with own key"] == "skipped"
    (made,) = workbench.sanitized(pipeline)
    assert made.snapshot.kms_key == key


@pytest.mark.thorough
def test_a_cluster_under_the_default_key_is_copied_under_the_given_one(workbench: Workbench) -> None:
    name, place = f"aurora-{uuid.uuid4().hex[:6]}", workbench.production
    workbench.make_cluster(name, PEOPLE, StorageEncrypted=True)
    key = workbench.cloud.client("kms", place.account.id, place.region).create_key()["KeyMetadata"]["Arn"]
    wanted = workbench.pipeline(name, PEOPLE_POLICY, use_latest_snapshot=True)
    with pytest.raises(InputError, match="default key"):
        prepare_pipeline(workbench.cloud, place, wanted, datetime.now(UTC))
    rds = workbench.rds(place)
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=f"{name}-nightly", DBClusterIdentifier=name)
    pipeline = workbench.deploy(
        workbench.pipeline(name, PEOPLE_POLICY, use_latest_snapshot=True, kms_key=key, share_with=())
    )
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert statuses(watched.execution)["Find latest snapshot"] == "succeeded"
    assert statuses(watched.execution)["Copy with own key"] == "succeeded"
    (made,) = workbench.sanitized(pipeline)
    assert (made.snapshot.kms_key, made.shared_with) == (key, ())
    assert workbench.left(pipeline) == []
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=f"{name}-nightly")
    workbench.delete_cluster(place, name)


@pytest.mark.thorough
def test_a_stopped_run_leaves_neither_instance_nor_cluster(workbench: Workbench, cluster: str) -> None:
    pipeline = workbench.deploy(workbench.pipeline(cluster, SLOW))
    name = workbench.refresh(pipeline)
    eventually(lambda: statuses(workbench.watch(pipeline, name).execution)["Sanitize"] == "running")
    kinds = {
        item.kind
        for item in catalog.list_temporary(workbench.cloud, workbench.production)
        if item.pipeline == pipeline.name
    }
    assert kinds == {"AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::RDS::DBClusterSnapshot"}
    workbench.must(runs.plan_stop(workbench.cloud, pipeline, name))
    eventually(lambda: not workbench.left(pipeline))
    assert workbench.sanitized(pipeline) == []


REFUSED = {"docdb": "runs docdb", "neptune": "runs neptune", "postgres": "Multi-AZ DB cluster of postgres"}


@pytest.mark.parametrize("engine", REFUSED)
def test_other_clusters_are_refused_by_name(workbench: Workbench, engine: str) -> None:
    name, place = f"other-{uuid.uuid4().hex[:6]}", workbench.production
    rds = workbench.rds(place)
    rds.create_db_cluster(
        DBClusterIdentifier=name, Engine=engine, MasterUsername="master", MasterUserPassword="password-1"
    )
    wanted = workbench.pipeline(name, PEOPLE_POLICY)
    with pytest.raises(InputError, match=REFUSED[engine]):
        prepare_pipeline(workbench.cloud, place, wanted, datetime.now(UTC))
    found = preflight(workbench.cloud, place, wanted, datetime.now(UTC))[0]
    assert found.verdict is PreflightVerdict.WILL_FAIL and REFUSED[engine] in found.reason
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)


def test_an_instance_of_a_cluster_is_refused(workbench: Workbench, cluster: str) -> None:
    wanted = workbench.pipeline(f"{cluster}-one", PEOPLE_POLICY)
    with pytest.raises(InputError, match=f"instance of the cluster {cluster}"):
        prepare_pipeline(workbench.cloud, workbench.production, wanted, datetime.now(UTC))
