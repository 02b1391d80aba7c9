"""Aurora on the embedded cloud: clusters have data, instances have servers; snapshots follow AWS's rules."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.ops.embedded.overlay import client, eventually, unique

PASSWORD = "correct-horse-1"
QA = "222222222222"
ENGINE = "aurora-postgresql"


class Aurora:
    """Clusters of one account, which are deleted at the end."""

    def __init__(self, embedded: Any, account: str) -> None:
        self.client = client(embedded, "rds", account=account)
        self.made: list[str] = []

    def create(self, **more: Any) -> str:
        """Create a cluster with one instance."""
        name = unique("aurora")
        request = {"DBClusterIdentifier": name, "Engine": ENGINE, "DatabaseName": "app"}
        login = {"MasterUsername": "master", "MasterUserPassword": PASSWORD}
        self.client.create_db_cluster(**request, **login, **more)
        self.made.append(name)
        self.cluster(name)
        self.add_instance(name)
        return name

    def cluster(self, name: str) -> dict[str, Any]:
        """Return the cluster once it is available."""

        def poll() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][
                0
            ]
            ready = found["Status"] == "available" and not found.get("PendingModifiedValues")
            return found if ready else None

        return eventually(poll)

    def add_instance(self, cluster: str) -> str:
        name = f"{cluster}-1"
        self.client.create_db_instance(
            DBInstanceIdentifier=name,
            DBClusterIdentifier=cluster,
            Engine=ENGINE,
            DBInstanceClass="db.t4g.medium",
        )

        def poll() -> bool:
            found = self.client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
            return bool(found["DBInstanceStatus"] == "available")

        eventually(poll)
        return name

    def snapshot(self, cluster: str, **more: Any) -> dict[str, Any]:
        name = unique("snap")
        self.client.create_db_cluster_snapshot(
            DBClusterSnapshotIdentifier=name, DBClusterIdentifier=cluster, **more
        )
        return self.finished(name)

    def copy(self, source: str, **more: Any) -> dict[str, Any]:
        name = unique("copy")
        self.client.copy_db_cluster_snapshot(
            SourceDBClusterSnapshotIdentifier=source, TargetDBClusterSnapshotIdentifier=name, **more
        )
        return self.finished(name)

    def finished(self, name: str) -> dict[str, Any]:
        def poll() -> dict[str, Any] | None:
            response = self.client.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
            found: dict[str, Any] = response["DBClusterSnapshots"][0]
            return found if found["Status"] == "available" else None

        return eventually(poll)

    def restore(self, snapshot: str, **more: Any) -> str:
        name = unique("restored")
        self.client.restore_db_cluster_from_snapshot(
            DBClusterIdentifier=name, SnapshotIdentifier=snapshot, Engine=ENGINE, **more
        )
        self.made.append(name)
        self.cluster(name)
        return name

    def sql(self, name: str, query: str, password: str = PASSWORD) -> list[Any]:
        found = self.cluster(name)
        with psycopg.connect(
            host=found["Endpoint"], port=found["Port"], user="master", password=password, dbname="app"
        ) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def error(self, action: str, **arguments: Any) -> str:
        with pytest.raises(self.client.exceptions.ClientError) as caught:
            getattr(self.client, action)(**arguments)
        return str(caught.value.response["Error"]["Code"])

    def delete(self, name: str) -> None:
        for member in self.cluster(name)["DBClusterMembers"]:
            id_ = member["DBInstanceIdentifier"]
            self.client.delete_db_instance(DBInstanceIdentifier=id_, SkipFinalSnapshot=True)
        eventually(lambda: not self.cluster(name)["DBClusterMembers"])
        self.client.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)


@pytest.fixture
def aurora(embedded: Any) -> Iterator[Aurora]:
    made = Aurora(embedded, "111111111111")
    yield made
    for name in made.made:
        made.delete(name)


@pytest.fixture
def qa(embedded: Any) -> Iterator[Aurora]:
    made = Aurora(embedded, QA)
    yield made
    for name in made.made:
        made.delete(name)


def test_a_restored_cluster_has_its_rows_and_answers_once_it_has_an_instance(
    aurora: Aurora, qa: Aurora
) -> None:
    name = aurora.create()
    aurora.sql(name, "CREATE TABLE t AS SELECT 7 AS n")
    snapshot = aurora.snapshot(name)
    aurora.sql(name, "UPDATE t SET n = 8")
    aurora.client.modify_db_cluster_snapshot_attribute(
        DBClusterSnapshotIdentifier=snapshot["DBClusterSnapshotIdentifier"],
        AttributeName="restore",
        ValuesToAdd=[QA],
    )
    restored = qa.restore(snapshot["DBClusterSnapshotArn"])
    assert qa.cluster(restored)["DBClusterMembers"] == []
    qa.add_instance(restored)
    qa.client.modify_db_cluster(
        DBClusterIdentifier=restored, MasterUserPassword="qas-own-password", ApplyImmediately=True
    )
    assert qa.sql(restored, "SELECT n FROM t", "qas-own-password") == [(7,)]
    assert aurora.sql(name, "SELECT n FROM t") == [(8,)]


def test_a_password_is_pending_before_it_changes(aurora: Aurora) -> None:
    name = aurora.create()
    response = aurora.client.modify_db_cluster(
        DBClusterIdentifier=name, MasterUserPassword="another-1", ApplyImmediately=True
    )
    assert "another-1" not in str(response)
    found = aurora.client.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    assert found["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    assert aurora.sql(name, "SELECT 1", "another-1") == [(1,)]


def test_a_cluster_is_deleted_after_its_instances(aurora: Aurora) -> None:
    name = aurora.create()
    request = {"DBClusterIdentifier": name, "SkipFinalSnapshot": True}
    assert aurora.error("delete_db_cluster", **request) == "InvalidDBClusterStateFault"
    address = aurora.cluster(name)
    aurora.delete(name)
    aurora.made.remove(name)
    eventually(
        lambda: (
            name
            not in [
                cluster["DBClusterIdentifier"]
                for cluster in aurora.client.describe_db_clusters()["DBClusters"]
            ]
        )
    )
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=address["Endpoint"], port=address["Port"], user="master", password=PASSWORD)


def test_kms_keys_follow_awss_rules(aurora: Aurora, qa: Aurora, embedded: Any) -> None:
    key, other = (
        client(embedded, "kms", account=account).create_key()["KeyMetadata"]["Arn"]
        for account in ("111111111111", QA)
    )
    plain = aurora.snapshot(aurora.create())["DBClusterSnapshotArn"]
    copy = {"SourceDBClusterSnapshotIdentifier": plain, "TargetDBClusterSnapshotIdentifier": unique("c")}
    assert aurora.error("copy_db_cluster_snapshot", **copy, KmsKeyId=key) == "InvalidParameterCombination"
    encrypted = aurora.restore(plain, KmsKeyId=key)
    assert aurora.cluster(encrypted)["KmsKeyId"] == key
    taken = aurora.snapshot(encrypted)
    assert (taken["StorageEncrypted"], taken["KmsKeyId"]) == (True, key)
    aurora.client.modify_db_cluster_snapshot_attribute(
        DBClusterSnapshotIdentifier=taken["DBClusterSnapshotIdentifier"],
        AttributeName="restore",
        ValuesToAdd=[QA],
    )
    shared = taken["DBClusterSnapshotArn"]
    direct = {"DBClusterIdentifier": unique("r"), "SnapshotIdentifier": shared, "Engine": ENGINE}
    assert qa.error("restore_db_cluster_from_snapshot", **direct) == "KMSKeyNotAccessibleFault"
    copied = qa.copy(shared, KmsKeyId=other)
    assert qa.cluster(qa.restore(copied["DBClusterSnapshotIdentifier"]))["KmsKeyId"] == other


def test_a_snapshot_with_the_default_key_cannot_be_shared(aurora: Aurora) -> None:
    taken = aurora.snapshot(aurora.create(StorageEncrypted=True))
    share = {"AttributeName": "restore", "ValuesToAdd": [QA]}
    name = taken["DBClusterSnapshotIdentifier"]
    assert (
        aurora.error("modify_db_cluster_snapshot_attribute", DBClusterSnapshotIdentifier=name, **share)
        == "InvalidParameterValue"
    )


def test_tags_are_shown_and_searchable(aurora: Aurora, embedded: Any) -> None:
    value = unique("run")
    tags = [{"Key": "slipway:run", "Value": value}]
    taken = aurora.snapshot(aurora.create(Tags=tags), Tags=tags)
    arn = taken["DBClusterSnapshotArn"]
    found = client(embedded, "resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "slipway:run", "Values": [value]}]
    )["ResourceTagMappingList"]
    assert len(found) == 2
    aurora.client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "a", "Value": "1"}])
    aurora.client.remove_tags_from_resource(ResourceName=arn, TagKeys=["slipway:run"])
    assert aurora.finished(taken["DBClusterSnapshotIdentifier"])["TagList"] == [{"Key": "a", "Value": "1"}]
