"""RDS on the embedded cloud: real servers, real copies, sharing between accounts, and delayed states."""

from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
import pymysql
import pytest

from ops.embedded.rds import mariadb
from tests.ops.embedded.overlay import allow, client, eventually, role, unique

PASSWORD = "correct-horse-1"
QA = "222222222222"


class Rds:
    """Instances and snapshots of one account, which are deleted at the end."""

    def __init__(self, embedded: Any, account: str) -> None:
        self.client = client(embedded, "rds", account=account)
        self.made: list[str] = []

    def create(self, **more: Any) -> str:
        name = unique("db")
        self.client.create_db_instance(
            **{
                "DBInstanceIdentifier": name,
                "Engine": "postgres",
                "DBInstanceClass": "db.t4g.micro",
                "AllocatedStorage": 20,
                "DBName": "app",
                "MasterUsername": "master",
                "MasterUserPassword": PASSWORD,
                **more,
            }
        )
        self.made.append(name)
        return name

    def describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found

    def available(self, name: str) -> dict[str, Any]:
        def poll() -> dict[str, Any] | None:
            found = self.describe(name)
            return found if found["DBInstanceStatus"] == "available" else None

        return eventually(poll)

    def snapshot(self, database: str, **more: Any) -> str:
        name = unique("snap")
        self.client.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=database, **more)
        return self.finished(name)

    def finished(self, name: str) -> str:
        def poll() -> bool:
            found = self.client.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
            return bool(found["Status"] == "available")

        eventually(poll)
        return name

    def restore(self, snapshot: str, **more: Any) -> str:
        name = unique("restored")
        self.client.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **more
        )
        self.made.append(name)
        return name

    def sql(self, name: str, query: str, password: str = PASSWORD) -> list[Any]:
        endpoint = self.describe(name)["Endpoint"]
        with psycopg.connect(
            host=endpoint["Address"], port=endpoint["Port"], user="master", password=password, dbname="app"
        ) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def error(self, action: str, **arguments: Any) -> str:
        with pytest.raises(self.client.exceptions.ClientError) as caught:
            getattr(self.client, action)(**arguments)
        return str(caught.value.response["Error"]["Code"])


@pytest.fixture
def rds(embedded: Any) -> Iterator[Rds]:
    yield from _account(embedded, "111111111111")


@pytest.fixture
def qa(embedded: Any) -> Iterator[Rds]:
    yield from _account(embedded, QA)


def _account(embedded: Any, account: str) -> Iterator[Rds]:
    made = Rds(embedded, account)
    yield made
    for name in made.made:
        try:
            made.client.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        except made.client.exceptions.ClientError:
            pass  # already deleted by the test


def test_an_instance_is_a_server(rds: Rds) -> None:
    name = rds.create(Tags=[{"Key": "team", "Value": "a"}])
    assert rds.describe(name)["DBInstanceStatus"] == "creating"
    assert rds.available(name)["TagList"] == [{"Key": "team", "Value": "a"}]
    assert rds.sql(name, "SELECT current_database(), current_user") == [("app", "master")]


def test_a_snapshot_has_the_rows_of_its_time(rds: Rds) -> None:
    name = rds.create()
    rds.available(name)
    rds.sql(name, "CREATE TABLE t AS SELECT 'before' AS word")
    snapshot = rds.snapshot(name)
    rds.sql(name, "UPDATE t SET word = 'after'")
    restored = rds.restore(snapshot)
    rds.available(restored)
    assert rds.sql(restored, "SELECT word FROM t") == [("before",)]
    assert rds.sql(name, "SELECT word FROM t") == [("after",)]


@pytest.mark.skipif(mariadb.find_server() is None, reason="mariadbd is not installed")
@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_instances_of_mariadb_and_mysql_are_servers_too(rds: Rds, engine: str) -> None:
    name = rds.create(Engine=engine)
    rds.available(name)
    login = {"user": "master", "password": PASSWORD, "database": "app"}

    def rows(database: str, query: str) -> Any:
        endpoint = rds.describe(database)["Endpoint"]
        address = {"host": endpoint["Address"], "port": endpoint["Port"]}
        with (
            pymysql.connect(**address, **login, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query)
            return cursor.fetchall()

    rows(name, "CREATE TABLE t AS SELECT 'before' AS word")
    snapshot = rds.snapshot(name)
    rows(name, "UPDATE t SET word = 'after'")
    restored = rds.restore(snapshot)
    found = rds.available(restored)
    assert rows(restored, "SELECT word FROM t") == (("before",),)
    assert rows(name, "SELECT word FROM t") == (("after",),)
    assert found["Engine"] == engine and found["EngineVersion"][0].isdigit()


def test_a_new_password_is_pending_and_then_applied_to_the_copy_only(rds: Rds) -> None:
    name = rds.create()
    rds.available(name)
    copy = rds.restore(rds.snapshot(name))
    rds.available(copy)
    rds.client.modify_db_instance(
        DBInstanceIdentifier=copy, MasterUserPassword="another-horse-2", ApplyImmediately=True
    )
    assert rds.describe(copy)["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    eventually(lambda: not rds.describe(copy)["PendingModifiedValues"])
    assert rds.sql(copy, "SELECT 1", "another-horse-2") == [(1,)]
    with pytest.raises(psycopg.OperationalError):
        rds.sql(copy, "SELECT 1")
    assert rds.sql(name, "SELECT 1") == [(1,)]


def test_only_accounts_with_access_can_restore_a_shared_snapshot(rds: Rds, qa: Rds) -> None:
    name = rds.create()
    rds.available(name)
    rds.sql(name, "CREATE TABLE t AS SELECT 42 AS n")
    snapshot = rds.snapshot(name)
    arn = rds.client.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"][0]["DBSnapshotArn"]
    request = {"DBInstanceIdentifier": unique("qa"), "DBSnapshotIdentifier": arn}
    assert qa.error("restore_db_instance_from_db_snapshot", **request) == "DBSnapshotNotFound"
    rds.client.modify_db_snapshot_attribute(
        DBSnapshotIdentifier=snapshot, AttributeName="restore", ValuesToAdd=[QA]
    )
    shared = qa.client.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]
    assert arn in [item["DBSnapshotArn"] for item in shared]
    restored = qa.restore(arn)
    qa.available(restored)
    assert qa.sql(restored, "SELECT n FROM t") == [(42,)]


def test_sharing_is_rejected_for_the_default_key_and_invalid_accounts(rds: Rds) -> None:
    name = rds.create(StorageEncrypted=True)
    key = rds.available(name)["KmsKeyId"]
    snapshot = rds.snapshot(name)
    share = {"DBSnapshotIdentifier": snapshot, "AttributeName": "restore"}
    assert key.startswith("arn:aws:kms:")
    assert rds.error("modify_db_snapshot_attribute", **share, ValuesToAdd=[QA]) == "InvalidParameterValue"
    assert rds.error("modify_db_snapshot_attribute", **share, ValuesToAdd=["12"]) == "InvalidParameterValue"


def test_a_copy_with_another_key_can_be_shared(rds: Rds, embedded: Any) -> None:
    name = rds.create(StorageEncrypted=True)
    rds.available(name)
    key = client(embedded, "kms").create_key()["KeyMetadata"]["Arn"]
    copy = unique("copy")
    rds.client.copy_db_snapshot(
        SourceDBSnapshotIdentifier=rds.snapshot(name), TargetDBSnapshotIdentifier=copy, KmsKeyId=key
    )
    rds.finished(copy)
    assert rds.client.describe_db_snapshots(DBSnapshotIdentifier=copy)["DBSnapshots"][0]["KmsKeyId"] == key
    shared = rds.client.modify_db_snapshot_attribute(
        DBSnapshotIdentifier=copy, AttributeName="restore", ValuesToAdd=[QA]
    )
    assert shared["DBSnapshotAttributesResult"]["DBSnapshotAttributes"][0]["AttributeValues"] == [QA]


def test_the_default_key_is_aws_managed(rds: Rds, embedded: Any) -> None:
    name = rds.create(StorageEncrypted=True)
    key = rds.describe(name)["KmsKeyId"]
    assert client(embedded, "kms").describe_key(KeyId=key)["KeyMetadata"]["KeyManager"] == "AWS"


def test_deletion_takes_time_and_stops_the_server(rds: Rds) -> None:
    name = rds.create()
    endpoint = rds.available(name)["Endpoint"]
    rds.client.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    assert rds.describe(name)["DBInstanceStatus"] == "deleting"
    assert rds.error("delete_db_instance", DBInstanceIdentifier=name, SkipFinalSnapshot=True) == (
        "InvalidDBInstanceState"
    )

    def gone() -> bool:
        found = rds.client.describe_db_instances()["DBInstances"]
        return name not in [item["DBInstanceIdentifier"] for item in found]

    eventually(gone)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=endpoint["Address"], port=endpoint["Port"], user="master", password=PASSWORD)


def test_a_snapshot_that_cannot_be_copied_is_failed_and_can_be_deleted(rds: Rds) -> None:
    database, name = rds.create(), unique("snap")
    port = rds.available(database)["Endpoint"]["Port"]
    (server,) = {
        psutil.Process(each.pid)
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port
    }
    server.kill()
    server.wait(30)
    rds.client.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=database)
    (snapshot,) = rds.client.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
    assert snapshot["Status"] == "failed"
    rds.client.delete_db_snapshot(DBSnapshotIdentifier=name)


def test_states_and_names_are_checked(rds: Rds) -> None:
    name = rds.create()
    snapshot = {"DBSnapshotIdentifier": unique("s"), "DBInstanceIdentifier": name}
    assert rds.error("create_db_snapshot", **snapshot) == "InvalidDBInstanceState"
    rds.available(name)
    assert rds.error("create_db_snapshot", **{**snapshot, "DBSnapshotIdentifier": "9-x"}) == (
        "InvalidParameterValue"
    )
    wanted = {"DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20, "Engine": "postgres"}
    markup = {"DBInstanceIdentifier": "<b>x</b>"}, {"DBInstanceIdentifier": unique("x"), "Engine": "<b>"}
    for bad in markup:
        assert rds.error("create_db_instance", **wanted | bad) == "InvalidParameterValue"
    taken = rds.snapshot(name)
    assert rds.error("create_db_snapshot", **{**snapshot, "DBSnapshotIdentifier": taken}) == (
        "DBSnapshotAlreadyExists"
    )
    assert rds.error("delete_db_snapshot", DBSnapshotIdentifier="unknown") == "DBSnapshotNotFound"
    assert rds.error("describe_db_instances", DBInstanceIdentifier="unknown") == "DBInstanceNotFound"


def test_the_tagging_api_finds_tagged_databases_and_snapshots(rds: Rds, embedded: Any) -> None:
    value = unique("run")
    tags = [{"Key": "slipway:run", "Value": value}]
    name = rds.create(Tags=tags)
    rds.available(name)
    snapshot = rds.snapshot(name, Tags=tags)
    found = client(embedded, "resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "slipway:run", "Values": [value]}]
    )["ResourceTagMappingList"]
    names = {item["ResourceARN"].rsplit(":", 1)[-1] for item in found}
    assert names == {name, snapshot}


def test_a_role_can_be_restricted_to_snapshots_with_a_tag(rds: Rds, embedded: Any) -> None:
    name = rds.create()
    rds.available(name)
    own, other = (rds.snapshot(name, Tags=[{"Key": "owner", "Value": who}]) for who in ("us", "them"))
    condition = {"StringEquals": {"aws:ResourceTag/owner": "us"}}
    arn = role(
        embedded,
        "lambda.amazonaws.com",
        allow("rds:DeleteDBSnapshot", "arn:aws:rds:*:*:snapshot:*", Condition=condition),
    )
    assert _delete_with_role(embedded, arn, other) == "AccessDenied"
    assert _delete_with_role(embedded, arn, own) == "deleted"


def _delete_with_role(embedded: Any, role_arn: str, snapshot: str) -> str:
    from tests.ops.embedded.services.test_functions import Functions

    source = """
        import boto3
        from botocore.exceptions import ClientError

        def handler(event, context):
            try:
                return boto3.client("rds").delete_db_snapshot(
                    DBSnapshotIdentifier=event)["DBSnapshot"]["Status"]
            except ClientError as error:
                return error.response["Error"]["Code"]
    """
    return str(Functions(embedded).result(source, snapshot, role_arn=role_arn))
