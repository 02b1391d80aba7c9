"""Renaming a database, and passwords that RDS manages, for instances and clusters."""

import json
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.ops.embedded.overlay import client, eventually, unique

LOGIN = {"MasterUsername": "master", "MasterUserPassword": "correct-horse-1"}


@dataclass(frozen=True)
class Kind:
    """The names of one kind of database in RDS's API, and its settings."""

    db: str
    status: str
    taken: str
    more: dict[str, Any]


KINDS = {
    "instance": Kind(
        "db_instance",
        "DBInstanceStatus",
        "DBInstanceAlreadyExists",
        {"Engine": "postgres", "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20, "DBName": "app"},
    ),
    "cluster": Kind(
        "db_cluster",
        "Status",
        "DBClusterAlreadyExistsFault",
        {"Engine": "aurora-postgresql", "DatabaseName": "app"},
    ),
}


class Databases:
    """The API calls for one kind of database."""

    def __init__(self, embedded: Any, kind: Kind) -> None:
        self.rds, self.kind = client(embedded, "rds"), kind
        self.secrets = client(embedded, "secretsmanager")
        self.id = "DBInstanceIdentifier" if kind.db == "db_instance" else "DBClusterIdentifier"

    def call(self, verb: str, name: str, **more: Any) -> Any:
        return getattr(self.rds, f"{verb}_{self.kind.db}")(**{self.id: name}, **more)

    def create(self) -> str:
        name = unique("renamed")
        self.call("create", name, **LOGIN, **self.kind.more, Tags=[{"Key": "team", "Value": "qa"}])
        self.settled(name)
        if self.kind.db == "db_cluster":
            member = {"DBInstanceIdentifier": f"{name}-1", "DBClusterIdentifier": name}
            self.rds.create_db_instance(**member, Engine="aurora-postgresql", DBInstanceClass="db.t4g.medium")
            eventually(lambda: self._member_status(f"{name}-1") == "available")
        return name

    def _member_status(self, name: str) -> str:
        found = self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return str(found["DBInstanceStatus"])

    def find(self, name: str) -> dict[str, Any] | None:
        found = getattr(self.rds, f"describe_{self.kind.db}s")()
        (items,) = (value for key, value in found.items() if key.startswith("DB"))
        return next((item for item in items if item[self.id] == name), None)

    def settled(self, name: str) -> dict[str, Any]:
        def poll() -> dict[str, Any] | None:
            found = self.find(name)
            ready = (
                found and found[self.kind.status] == "available" and not found.get("PendingModifiedValues")
            )
            return found if ready else None

        return eventually(poll)

    def delete(self, name: str) -> None:
        for member in (self.find(name) or {}).get("DBClusterMembers", []):
            id_ = member["DBInstanceIdentifier"]
            self.rds.delete_db_instance(DBInstanceIdentifier=id_, SkipFinalSnapshot=True)
        eventually(lambda: not (self.find(name) or {}).get("DBClusterMembers"))
        self.call("delete", name, SkipFinalSnapshot=True)
        eventually(lambda: self.find(name) is None)


@pytest.fixture(params=KINDS)
def databases(request: pytest.FixtureRequest, embedded: Any) -> Databases:
    return Databases(embedded, KINDS[request.param])


def test_a_renamed_database_keeps_its_data_and_tags(databases: Databases) -> None:
    name, new = databases.create(), unique("new")
    other = f"New{databases.id}"
    databases.call("modify", name, **{other: new}, ApplyImmediately=True)
    renaming = databases.find(name)  # None if the rename is already complete
    assert renaming is None or renaming[databases.kind.status] == "renaming"
    found = databases.settled(new)
    assert databases.find(name) is None
    assert found["TagList"] == [{"Key": "team", "Value": "qa"}]
    assert next(v for k, v in found.items() if k in ("DBInstanceArn", "DBClusterArn")).endswith(f":{new}")
    databases.delete(new)


def test_a_cluster_can_be_renamed_next_to_a_restored_instance(embedded: Any) -> None:
    """A restored instance's record has no cluster."""
    instances, clusters = (Databases(embedded, kind) for kind in KINDS.values())
    one, copy, snapshot = instances.create(), unique("restored"), unique("snapshot")
    names = {"DBSnapshotIdentifier": snapshot}
    instances.rds.create_db_snapshot(**names, DBInstanceIdentifier=one)
    eventually(
        lambda: instances.rds.describe_db_snapshots(**names)["DBSnapshots"][0]["Status"] == "available"
    )
    instances.rds.restore_db_instance_from_db_snapshot(**names, DBInstanceIdentifier=copy)
    name, new = clusters.create(), unique("new")
    clusters.call("modify", name, NewDBClusterIdentifier=new, ApplyImmediately=True)
    clusters.settled(new)
    clusters.delete(new)
    instances.settled(copy)
    for left in (one, copy):
        instances.delete(left)
    instances.rds.delete_db_snapshot(**names)


def test_a_name_in_use_is_rejected(databases: Databases) -> None:
    first, second = databases.create(), databases.create()
    with pytest.raises(databases.rds.exceptions.ClientError) as caught:
        databases.call("modify", first, **{f"New{databases.id}": second}, ApplyImmediately=True)
    assert caught.value.response["Error"]["Code"] == databases.kind.taken
    databases.delete(first)
    databases.delete(second)


def test_a_managed_password_works_once_its_secret_is_active_and_is_deleted_with_the_database(
    databases: Databases,
) -> None:
    name = databases.create()
    both = {"ManageMasterUserPassword": True, "MasterUserPassword": "another-1"}
    with pytest.raises(databases.rds.exceptions.ClientError) as caught:
        databases.call("modify", name, **both)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterCombination"
    databases.call("modify", name, ManageMasterUserPassword=True, ApplyImmediately=True)
    assert (databases.find(name) or {})["MasterUserSecret"]["SecretStatus"] == "creating"
    found = databases.settled(name)
    assert found["MasterUserSecret"]["SecretStatus"] == "active"
    arn = found["MasterUserSecret"]["SecretArn"]
    login = json.loads(databases.secrets.get_secret_value(SecretId=arn)["SecretString"])
    endpoint = found["Endpoint"] if isinstance(found["Endpoint"], dict) else {"Address": found["Endpoint"]}
    address = {"host": endpoint["Address"], "port": endpoint.get("Port") or found["Port"], "dbname": "app"}
    psycopg.connect(**address, user=login["username"], password=login["password"]).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**address, user="master", password=LOGIN["MasterUserPassword"])
    databases.delete(name)
    with pytest.raises(databases.secrets.exceptions.ResourceNotFoundException):
        databases.secrets.get_secret_value(SecretId=arn)
