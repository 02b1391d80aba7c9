"""Reads databases and snapshots of Amazon RDS. `changes` and the state machines change them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient


INSTANCE, CLUSTER = "instance", "cluster"
# Names of snapshots and databases in the RDS API.
_SNAPSHOTS = {
    INSTANCE: ("DBSnapshot", "DBInstanceIdentifier"),
    CLUSTER: ("DBClusterSnapshot", "DBClusterIdentifier"),
}


@dataclass(frozen=True)
class Database:
    """A DB instance or cluster. `kms_key` is an ARN, empty if it is not encrypted.

    `cluster` is the cluster of an instance. The `size_gib` of a cluster is 0, because RDS does not report it;
    its `instance_class` is that of the writer, empty without one.
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
    """A manual snapshot of an instance or a cluster (`kind`). `size_gib` is 0 if unknown."""

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
    """An RDS option group. `lasting` options are persistent or permanent."""

    name: str
    options: tuple[str, ...]
    lasting: tuple[str, ...]


def list_databases(cloud: Cloud, place: Place) -> list[Database]:
    """Return every DB instance and cluster of an account and region, by identifier."""
    rds = _client(cloud, place)
    with translated(f"Listing the databases of {place.account.name} in {place.region}"):
        pages = rds.get_paginator("describe_db_instances").paginate()
        instances = [_database(item) for page in pages for item in page["DBInstances"]]
        classes = {instance.id: instance.instance_class for instance in instances}
        more = rds.get_paginator("describe_db_clusters").paginate()
        clusters = [_cluster(item, classes) for page in more for item in page["DBClusters"]]
    return sorted([*instances, *clusters], key=lambda database: database.id)


def list_snapshots(cloud: Cloud, place: Place) -> list[Snapshot]:
    """Return every manual snapshot of an account and region: those in creation first, then the newest."""
    rds = _client(cloud, place)
    with translated(f"Listing the snapshots of {place.account.name} in {place.region}"):
        of_instances = rds.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
        snapshots = [_snapshot(item, INSTANCE) for page in of_instances for item in page["DBSnapshots"]]
        of_clusters = rds.get_paginator("describe_db_cluster_snapshots").paginate(SnapshotType="manual")
        snapshots += [_snapshot(item, CLUSTER) for page in of_clusters for item in page["DBClusterSnapshots"]]
    return sorted(snapshots, key=lambda item: (item.created is None, item.created), reverse=True)


def shared_with(cloud: Cloud, place: Place, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the IDs of the accounts that a snapshot is shared with; `all` for a public one."""
    rds, name = _client(cloud, place), snapshot.id
    with translated(f"Reading the sharing of {name}"):
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
    """Return the option groups of a DB instance, without the default ones."""
    rds = _client(cloud, place)
    with translated(f"Reading the option groups of {instance}"):
        (item,) = rds.describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"]
        names = [group["OptionGroupName"] for group in item.get("OptionGroupMemberships", [])]
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
