"""Databases and snapshots of Amazon RDS, read only: what changes them runs in state machines."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient


@dataclass(frozen=True)
class Database:
    """A DB instance. `kms_key` is an ARN, empty when it is not encrypted."""

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


@dataclass(frozen=True)
class Snapshot:
    """A manual DB snapshot."""

    id: str
    arn: str
    database: str
    status: str
    progress: int
    size_gib: int
    kms_key: str
    created: datetime | None
    tags: dict[str, str] = field(default_factory=dict)


def list_databases(cloud: Cloud, place: Place) -> list[Database]:
    """Every DB instance of the place, by id."""
    rds = _client(cloud, place)
    with translated(f"Listing the databases of {place.account.name} in {place.region}"):
        pages = rds.get_paginator("describe_db_instances").paginate()
        found = [_database(item) for page in pages for item in page["DBInstances"]]
    return sorted(found, key=lambda database: database.id)


def list_snapshots(cloud: Cloud, place: Place) -> list[Snapshot]:
    """Every manual snapshot of the place, newest first; those still being made come first of all."""
    rds = _client(cloud, place)
    with translated(f"Listing the snapshots of {place.account.name} in {place.region}"):
        pages = rds.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
        found = [_snapshot(item) for page in pages for item in page["DBSnapshots"]]
    return sorted(found, key=lambda item: (item.created is None, item.created), reverse=True)


def shared_with(cloud: Cloud, place: Place, snapshot: str) -> tuple[str, ...]:
    """Ids of the accounts that may restore the snapshot; `all` for a public one."""
    with translated(f"Reading who may restore {snapshot}"):
        answer = _client(cloud, place).describe_db_snapshot_attributes(DBSnapshotIdentifier=snapshot)
    attributes = answer["DBSnapshotAttributesResult"].get("DBSnapshotAttributes", [])
    return tuple(
        value
        for attribute in attributes
        if attribute.get("AttributeName") == "restore"
        for value in attribute.get("AttributeValues", [])
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
    )


def _snapshot(item: Any) -> Snapshot:
    return Snapshot(
        id=item["DBSnapshotIdentifier"],
        arn=item["DBSnapshotArn"],
        database=item["DBInstanceIdentifier"],
        status=item["Status"],
        progress=item.get("PercentProgress", 0),
        size_gib=item.get("AllocatedStorage", 0),
        kms_key=item.get("KmsKeyId", "") if item.get("Encrypted") else "",
        created=item.get("SnapshotCreateTime"),
        tags=_tags(item),
    )
