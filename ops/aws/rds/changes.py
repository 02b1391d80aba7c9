"""RDS databases made, renamed and deleted: instances and clusters by the same verbs, told apart by `kind`.

Each call is made once; whoever calls looks for its effect with `find_database`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place
from ops.aws.rds.databases import CLUSTER, Snapshot
from ops.errors import SlipwayError

# How RDS names the databases and snapshots of a kind in its operations and parameters.
_DB = {False: "DBInstance", True: "DBCluster"}
_SNAP = {False: "DBSnapshot", True: "DBClusterSnapshot"}


@dataclass(frozen=True)
class Found:
    """A database as it stands. `secret` is the ARN of the password that RDS manages, once it is active."""

    status: str
    pending: bool
    secret: str
    tags: dict[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    host: str = ""
    port: int = 0

    @property
    def settled(self) -> bool:
        """`available` alone does not tell: the status lags behind a change."""
        return self.status == "available" and not self.pending


@dataclass(frozen=True)
class Wanted:
    """What a database is restored with; empty values leave the choice to RDS."""

    subnet_group: str = ""
    security_groups: tuple[str, ...] = ()
    instance_class: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def find_database(cloud: Cloud, place: Place, kind: str, name: str) -> Found | None:
    """The database of that name, or None."""
    db = _DB[kind == CLUSTER]
    answer = _call(cloud, place, f"Describe{db}s", f"Reading {name}", **{f"{db}Identifier": name})
    if answer is None:
        return None
    item = answer[f"{db}s"][0]
    secret = item.get("MasterUserSecret", {})
    endpoint = item.get("Endpoint") or {}
    address = (
        (str(endpoint), int(item.get("Port", 0)))
        if kind == CLUSTER
        else (endpoint.get("Address", ""), int(endpoint.get("Port", 0)))
    )
    return Found(
        status=item.get("DBInstanceStatus") or item["Status"],
        pending=bool(item.get("PendingModifiedValues")),
        secret=secret.get("SecretArn", "") if secret.get("SecretStatus") == "active" else "",
        tags=_tags(item),
        members=tuple(member["DBInstanceIdentifier"] for member in item.get("DBClusterMembers", [])),
        host=address[0],
        port=address[1],
    )


def why_failed(cloud: Cloud, place: Place, kind: str, name: str) -> str:
    """What RDS's newest events of a day say of the database: why it has failed stands nowhere else."""
    source = f"db-{kind}"
    try:
        answer = _call(
            cloud,
            place,
            "DescribeEvents",
            f"Reading what happened to {name}",
            SourceIdentifier=name,
            SourceType=source,
            Duration=24 * 60,
        )
    except SlipwayError:
        return ""  # the failure itself is what must be told
    events = answer["Events"] if answer else []
    return " ".join(event["Message"] for event in events[-2:])


def find_snapshot(cloud: Cloud, place: Place, kind: str, name: str) -> tuple[str, dict[str, str]] | None:
    """Status and tags of the account's own snapshot of that name, or None."""
    snap = _SNAP[kind == CLUSTER]
    answer = _call(cloud, place, f"Describe{snap}s", f"Reading {name}", **{f"{snap}Identifier": name})
    item = answer[f"{snap}s"][0] if answer else None
    return (item["Status"], _tags(item)) if item else None


def copy_snapshot(
    cloud: Cloud, place: Place, source: Snapshot, name: str, key: str, tags: Mapping[str, str]
) -> None:
    """A copy of another account's snapshot under a key of this one."""
    snap = _SNAP[source.kind == CLUSTER]
    _call(
        cloud,
        place,
        f"Copy{snap}",
        f"Copying {source.id}",
        **{f"Source{snap}Identifier": source.arn, f"Target{snap}Identifier": name},
        KmsKeyId=key,
        Tags=_as_list(tags),
    )


def restore(cloud: Cloud, place: Place, source: Snapshot, snapshot: str, name: str, wanted: Wanted) -> None:
    """A database from a snapshot (its ARN or own name). A cluster has no instance yet."""
    request: dict[str, Any] = {
        "DBSubnetGroupName": wanted.subnet_group,
        "VpcSecurityGroupIds": [*wanted.security_groups],
        "Tags": _as_list(wanted.tags),
    }
    if source.kind == CLUSTER:
        named = {"DBClusterIdentifier": name, "SnapshotIdentifier": snapshot, "Engine": source.engine}
        operation = "RestoreDBClusterFromSnapshot"
    else:
        named = {"DBInstanceIdentifier": name, "DBSnapshotIdentifier": snapshot}
        named["DBInstanceClass"] = wanted.instance_class
        operation = "RestoreDBInstanceFromDBSnapshot"
        request["PubliclyAccessible"] = False
    given = {key: value for key, value in {**request, **named}.items() if value not in ("", [])}
    _call(cloud, place, operation, f"Restoring {name} from {source.id}", **given, DeletionProtection=False)


def add_instance(cloud: Cloud, place: Place, engine: str, cluster: str, name: str, wanted: Wanted) -> None:
    """An instance in a cluster."""
    _call(
        cloud,
        place,
        "CreateDBInstance",
        f"Creating {name} in {cluster}",
        DBInstanceIdentifier=name,
        DBClusterIdentifier=cluster,
        Engine=engine,
        DBInstanceClass=wanted.instance_class,
        PubliclyAccessible=False,
        Tags=_as_list(wanted.tags),
    )


def manage_password(cloud: Cloud, place: Place, kind: str, name: str) -> None:
    """Lets RDS make a password and keep it in Secrets Manager. Not possible in the restore itself."""
    db = _DB[kind == CLUSTER]
    request = {f"{db}Identifier": name, "ManageMasterUserPassword": True, "ApplyImmediately": True}
    _call(cloud, place, f"Modify{db}", f"Setting the password of {name}", **request)


def rename(cloud: Cloud, place: Place, kind: str, name: str, new: str) -> None:
    """Its address changes with the name."""
    db = _DB[kind == CLUSTER]
    request = {f"{db}Identifier": name, f"New{db}Identifier": new, "ApplyImmediately": True}
    _call(cloud, place, f"Modify{db}", f"Renaming {name} to {new}", **request)


def delete_database(cloud: Cloud, place: Place, kind: str, name: str) -> None:
    """Without a final snapshot. A cluster's instances go first; no error when it is gone."""
    db = _DB[kind == CLUSTER]
    request: dict[str, Any] = {f"{db}Identifier": name, "SkipFinalSnapshot": True}
    _call(cloud, place, f"Delete{db}", f"Deleting {name}", **request)


def delete_snapshot(cloud: Cloud, place: Place, kind: str, name: str) -> None:
    """No error when it is gone."""
    snap = _SNAP[kind == CLUSTER]
    _call(cloud, place, f"Delete{snap}", f"Deleting {name}", **{f"{snap}Identifier": name})


def list_subnet_groups(cloud: Cloud, place: Place) -> list[tuple[str, str]]:
    """Name and VPC of every DB subnet group."""
    rds = cloud.client("rds", place.account.id, place.region)
    with translated(f"Listing the subnet groups of {place.account.name} in {place.region}"):
        pages = rds.get_paginator("describe_db_subnet_groups").paginate()
        return [
            (item["DBSubnetGroupName"], item.get("VpcId", ""))
            for page in pages
            for item in page["DBSubnetGroups"]
        ]


def _call(cloud: Cloud, place: Place, operation: str, doing: str, **request: Any) -> Any:
    """The answer; None where a read or a deletion finds nothing."""
    client = cloud.client("rds", place.account.id, place.region)
    with translated(doing):
        try:
            return getattr(client, xform_name(operation))(**request)
        except ClientError as error:
            if operation.startswith(("Describe", "Delete")) and "NotFound" in code(error):
                return None
            raise


def _tags(item: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("TagList", [])}


def _as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
