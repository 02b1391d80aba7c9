"""Creates, restores, renames, and deletes RDS databases and snapshots. `kind` is `instance` or `cluster`.

Every function makes one call and does not wait: the caller polls `find_database` for the result.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place
from ops.aws.rds.databases import CLUSTER, Snapshot
from ops.errors import SlipwayError

# Names of databases and snapshots in RDS operations and parameters; the key is `kind == CLUSTER`.
_DB = {False: "DBInstance", True: "DBCluster"}
MINIMUM_GIB = 20  # of gp2 and gp3 storage: Amazon RDS User Guide, "DB instance storage"
_SNAP = {False: "DBSnapshot", True: "DBClusterSnapshot"}


@dataclass(frozen=True)
class DatabaseState:
    """The current state of a database. `secret` is the ARN of its managed password, once it is active."""

    status: str
    pending: bool
    secret: str
    tags: dict[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    host: str = ""
    port: int = 0

    @property
    def settled(self) -> bool:
        """Whether no change is pending. `available` alone is not enough: the status lags behind a change."""
        return self.status == "available" and not self.pending


@dataclass(frozen=True)
class RestoreSettings:
    """The settings of a restored database. Empty values mean the RDS default."""

    subnet_group: str = ""
    security_groups: tuple[str, ...] = ()
    instance_class: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def find_database(cloud: Cloud, place: Place, kind: str, name: str) -> DatabaseState | None:
    """Return the state of a database, or None."""
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
    return DatabaseState(
        status=item.get("DBInstanceStatus") or item["Status"],
        pending=bool(item.get("PendingModifiedValues")),
        secret=secret.get("SecretArn", "") if secret.get("SecretStatus") == "active" else "",
        tags=_tags(item),
        members=tuple(member["DBInstanceIdentifier"] for member in item.get("DBClusterMembers", [])),
        host=address[0],
        port=address[1],
    )


def recent_events(cloud: Cloud, place: Place, kind: str, name: str) -> str:
    """Return the newest RDS events of the last day: only they explain why a database failed."""
    source = f"db-{kind}"
    try:
        answer = _call(
            cloud,
            place,
            "DescribeEvents",
            f"Reading the events of {name}",
            SourceIdentifier=name,
            SourceType=source,
            Duration=24 * 60,
        )
    except SlipwayError:
        return ""  # the failure itself is reported anyway
    events = answer["Events"] if answer else []
    return " ".join(event["Message"] for event in events[-2:])


def find_snapshot(cloud: Cloud, place: Place, kind: str, name: str) -> tuple[str, dict[str, str]] | None:
    """Return the status and tags of a snapshot that the account owns, or None."""
    snap = _SNAP[kind == CLUSTER]
    answer = _call(cloud, place, f"Describe{snap}s", f"Reading {name}", **{f"{snap}Identifier": name})
    item = answer[f"{snap}s"][0] if answer else None
    return (item["Status"], _tags(item)) if item else None


def copy_snapshot(
    cloud: Cloud, place: Place, source: Snapshot, name: str, key: str, tags: Mapping[str, str]
) -> None:
    """Copy a snapshot of another account and encrypt the copy with a key of this account."""
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


def restore(
    cloud: Cloud, place: Place, source: Snapshot, snapshot: str, name: str, settings: RestoreSettings
) -> None:
    """Restore a database from a snapshot (ARN or identifier). A restored cluster has no instance."""
    request: dict[str, Any] = {
        "DBSubnetGroupName": settings.subnet_group,
        "VpcSecurityGroupIds": [*settings.security_groups],
        "Tags": _as_list(settings.tags),
    }
    if source.kind == CLUSTER:
        named = {"DBClusterIdentifier": name, "SnapshotIdentifier": snapshot, "Engine": source.engine}
        operation = "RestoreDBClusterFromSnapshot"
    else:
        named = {"DBInstanceIdentifier": name, "DBSnapshotIdentifier": snapshot}
        named["DBInstanceClass"] = settings.instance_class
        operation = "RestoreDBInstanceFromDBSnapshot"
        request["PubliclyAccessible"] = False
    given = {key: value for key, value in {**request, **named}.items() if value not in ("", [])}
    _call(cloud, place, operation, f"Restoring {name} from {source.id}", **given, DeletionProtection=False)


def create_instance(
    cloud: Cloud,
    place: Place,
    name: str,
    *,
    engine: str,
    database: str,
    secret: str,
    settings: RestoreSettings,
) -> None:
    """Create a small DB instance without backups, whose master user `master` has the password of a secret.

    `secret` is the ARN of a Secrets Manager secret whose JSON has the key `password`. The password is in no
    other place than the secret and the request. A name that exists already is left as it is.
    """
    secrets = cloud.client("secretsmanager", place.account.id, place.region)
    with translated(f"Reading the password of {name}"):
        password = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])["password"]
    if find_database(cloud, place, "instance", name):
        return
    _call(
        cloud,
        place,
        "CreateDBInstance",
        f"Creating {name}",
        DBInstanceIdentifier=name,
        Engine=engine,
        DBInstanceClass=settings.instance_class,
        AllocatedStorage=MINIMUM_GIB,
        DBName=database,
        MasterUsername="master",
        MasterUserPassword=password,
        VpcSecurityGroupIds=[*settings.security_groups],
        BackupRetentionPeriod=0,
        PubliclyAccessible=False,
        StorageEncrypted=False,  # the default key cannot share: the run would refuse the database
        Tags=_as_list(settings.tags),
    )


def add_instance(
    cloud: Cloud, place: Place, engine: str, cluster: str, name: str, settings: RestoreSettings
) -> None:
    """Create an instance in a cluster."""
    _call(
        cloud,
        place,
        "CreateDBInstance",
        f"Creating {name} in {cluster}",
        DBInstanceIdentifier=name,
        DBClusterIdentifier=cluster,
        Engine=engine,
        DBInstanceClass=settings.instance_class,
        PubliclyAccessible=False,
        Tags=_as_list(settings.tags),
    )


def manage_password(cloud: Cloud, place: Place, kind: str, name: str) -> None:
    """Set a master password that RDS manages in Secrets Manager. A restore cannot set it."""
    db = _DB[kind == CLUSTER]
    request = {f"{db}Identifier": name, "ManageMasterUserPassword": True, "ApplyImmediately": True}
    _call(cloud, place, f"Modify{db}", f"Setting the password of {name}", **request)


def rename(cloud: Cloud, place: Place, kind: str, name: str, new: str) -> None:
    """Rename a database. Its endpoint changes with the name."""
    db = _DB[kind == CLUSTER]
    request = {f"{db}Identifier": name, f"New{db}Identifier": new, "ApplyImmediately": True}
    _call(cloud, place, f"Modify{db}", f"Renaming {name} to {new}", **request)


def delete_database(cloud: Cloud, place: Place, kind: str, name: str) -> None:
    """Delete a database without a final snapshot. A cluster must have no instances. Idempotent."""
    db = _DB[kind == CLUSTER]
    request: dict[str, Any] = {f"{db}Identifier": name, "SkipFinalSnapshot": True}
    _call(cloud, place, f"Delete{db}", f"Deleting {name}", **request)


def delete_snapshot(cloud: Cloud, place: Place, kind: str, name: str) -> None:
    """Delete a snapshot. Idempotent."""
    snap = _SNAP[kind == CLUSTER]
    _call(cloud, place, f"Delete{snap}", f"Deleting {name}", **{f"{snap}Identifier": name})


def list_subnet_groups(cloud: Cloud, place: Place) -> list[tuple[str, str]]:
    """Return the name and VPC of every DB subnet group."""
    rds = cloud.client("rds", place.account.id, place.region)
    with translated(f"Listing the subnet groups of {place.account.name} in {place.region}"):
        pages = rds.get_paginator("describe_db_subnet_groups").paginate()
        return [
            (item["DBSubnetGroupName"], item.get("VpcId", ""))
            for page in pages
            for item in page["DBSubnetGroups"]
        ]


def _call(cloud: Cloud, place: Place, operation: str, doing: str, **request: Any) -> Any:
    """Return the response; None if a read or a deletion does not find the resource."""
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
