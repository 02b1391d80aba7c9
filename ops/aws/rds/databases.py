"""Databases and snapshots of Amazon RDS, read only: what changes them runs in state machines."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient


INSTANCE, CLUSTER = "instance", "cluster"
# How RDS names an instance's snapshots, and a cluster's.
_SNAPSHOTS = {
    INSTANCE: ("DBSnapshot", "DBInstanceIdentifier"),
    CLUSTER: ("DBClusterSnapshot", "DBClusterIdentifier"),
}


@dataclass(frozen=True)
class Database:
    """A DB instance or cluster. `kms_key` is an ARN, empty when it is not encrypted.

    `cluster` names the cluster that an instance is in. A cluster's `size_gib` is 0: RDS does not tell it, and
    its `instance_class` is its writer's, empty without one.
    """

    id: str
    arn: str
    engine: str
    version: str
    status: str
    instance_class: str
    size_gib: int
    kms_key: str
    cluster: str
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    kind: str = INSTANCE
    user: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A manual snapshot of an instance or of a cluster, as `kind` says. `size_gib` is 0 where unknown."""

    id: str
    arn: str
    database: str
    status: str
    progress: int
    size_gib: int
    kms_key: str
    created: datetime | None
    tags: dict[str, str] = field(default_factory=dict)
    kind: str = INSTANCE
    engine: str = ""


@dataclass(frozen=True)
class OptionGroup:
    """An option group of RDS, with its options; `lasting` ones are persistent or permanent."""

    name: str
    options: tuple[str, ...]
    lasting: tuple[str, ...]


def list_databases(cloud: Cloud, place: Place) -> list[Database]:
    """Every DB instance and cluster of the place, by id."""
    rds = _client(cloud, place)
    with translated(f"Listing the databases of {place.account.name} in {place.region}"):
        pages = rds.get_paginator("describe_db_instances").paginate()
        instances = [_database(item) for page in pages for item in page["DBInstances"]]
        classes = {instance.id: instance.instance_class for instance in instances}
        more = rds.get_paginator("describe_db_clusters").paginate()
        clusters = [_cluster(item, classes) for page in more for item in page["DBClusters"]]
    return sorted([*instances, *clusters], key=lambda database: database.id)


def list_snapshots(cloud: Cloud, place: Place) -> list[Snapshot]:
    """Every manual snapshot of the place, newest first; those still being made come first of all."""
    rds = _client(cloud, place)
    with translated(f"Listing the snapshots of {place.account.name} in {place.region}"):
        of_instances = rds.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
        found = [_snapshot(item, INSTANCE) for page in of_instances for item in page["DBSnapshots"]]
        of_clusters = rds.get_paginator("describe_db_cluster_snapshots").paginate(SnapshotType="manual")
        found += [_snapshot(item, CLUSTER) for page in of_clusters for item in page["DBClusterSnapshots"]]
    return sorted(found, key=lambda item: (item.created is None, item.created), reverse=True)


def shared_with(cloud: Cloud, place: Place, snapshot: Snapshot) -> tuple[str, ...]:
    """Ids of the accounts that may restore the snapshot; `all` for a public one."""
    rds, name = _client(cloud, place), snapshot.id
    with translated(f"Reading who may restore {name}"):
        if snapshot.kind == CLUSTER:
            of_cluster = rds.describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier=name)
            result: Any = of_cluster["DBClusterSnapshotAttributesResult"]
        else:
            result = rds.describe_db_snapshot_attributes(DBSnapshotIdentifier=name)[
                "DBSnapshotAttributesResult"
            ]
    attributes = result.get(f"{_SNAPSHOTS[snapshot.kind][0]}Attributes", [])
    return tuple(
        value
        for attribute in attributes
        if attribute.get("AttributeName") == "restore"
        for value in attribute.get("AttributeValues", [])
    )


def option_groups(cloud: Cloud, place: Place, instance: str) -> tuple[OptionGroup, ...]:
    """The option groups of a DB instance that are not its engine's default."""
    rds = _client(cloud, place)
    with translated(f"Reading the option groups of {instance}"):
        (found,) = rds.describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"]
        names = [group["OptionGroupName"] for group in found.get("OptionGroupMemberships", [])]
        groups = [
            rds.describe_option_groups(OptionGroupName=name)["OptionGroupsList"][0]
            for name in names
            if not name.startswith("default:")
        ]
    return tuple(map(_option_group, groups))


def _option_group(item: Any) -> OptionGroup:
    options = item.get("Options", [])
    return OptionGroup(
        name=item["OptionGroupName"],
        options=tuple(option["OptionName"] for option in options),
        lasting=tuple(
            option["OptionName"] for option in options if option.get("Persistent") or option.get("Permanent")
        ),
    )


def _client(cloud: Cloud, place: Place) -> "RDSClient":
    client: RDSClient = cloud.client("rds", place.account.id, place.region)
    return client


def _tags(item: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("TagList", [])}


def _database(item: Any) -> Database:
    return Database(
        id=item["DBInstanceIdentifier"],
        arn=item["DBInstanceArn"],
        engine=item["Engine"],
        version=item.get("EngineVersion", ""),
        status=item["DBInstanceStatus"],
        instance_class=item["DBInstanceClass"],
        size_gib=item.get("AllocatedStorage", 0),
        kms_key=item.get("KmsKeyId", "") if item.get("StorageEncrypted") else "",
        cluster=item.get("DBClusterIdentifier", ""),
        name=item.get("DBName", ""),
        tags=_tags(item),
        user=item.get("MasterUsername", ""),
    )


def _cluster(item: Any, classes: dict[str, str]) -> Database:
    members = item.get("DBClusterMembers", [])
    writer = next((m["DBInstanceIdentifier"] for m in members if m.get("IsClusterWriter")), "")
    return Database(
        id=item["DBClusterIdentifier"],
        arn=item["DBClusterArn"],
        engine=item["Engine"],
        version=item.get("EngineVersion", ""),
        status=item["Status"],
        instance_class=classes.get(writer, ""),
        size_gib=0,
        kms_key=item.get("KmsKeyId", "") if item.get("StorageEncrypted") else "",
        cluster="",
        name=item.get("DatabaseName", ""),
        tags=_tags(item),
        kind=CLUSTER,
        user=item.get("MasterUsername", ""),
    )


def _snapshot(item: Any, kind: str) -> Snapshot:
    snap, database = _SNAPSHOTS[kind]
    return Snapshot(
        id=item[f"{snap}Identifier"],
        arn=item[f"{snap}Arn"],
        database=item[database],
        status=item["Status"],
        progress=item.get("PercentProgress", 0),
        size_gib=item.get("AllocatedStorage", 0) if kind == INSTANCE else 0,
        kms_key=item.get("KmsKeyId", "") if item.get("Encrypted", item.get("StorageEncrypted")) else "",
        created=item.get("SnapshotCreateTime"),
        tags=_tags(item),
        kind=kind,
        engine=item["Engine"],
    )
