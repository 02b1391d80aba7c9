"""DB instances and DB clusters behind one interface.

Their API calls differ in names (CreateDBSnapshot, CreateDBClusterSnapshot) and in a few rules.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from ops.functions.snapshots.common import (
    KMS_KEY,
    SOURCE,
    Record,
    ResourceFailed,
    Tags,
    create_once,
    error_code,
    is_ours,
    rds,
    tags_of,
    temporary_tags,
)


@dataclass(frozen=True)
class DatabaseDescription:
    """A DB instance or cluster. `key` is empty if it is not encrypted; `raw` is the API response."""

    id: str
    engine: str
    status: str
    key: str
    host: str
    port: str
    pending: tuple[str, ...]
    tags: dict[str, str]
    raw: Record = field(repr=False)


@dataclass(frozen=True)
class SnapshotDescription:
    """A snapshot of a DB instance or cluster."""

    id: str
    arn: str
    status: str
    progress: int
    key: str
    created: Any
    tags: dict[str, str]


class DatabaseKind:
    """The interface of instances and clusters.

    `db` and `snap` are their names in RDS operations and parameters, `db_event` and `snap_event` in events;
    `longest` is the maximum length of a snapshot identifier.
    """

    db: str
    snap: str
    db_event: str
    snap_event: str
    longest: int

    def database(self, name: str) -> DatabaseDescription | None:
        response = _describe(f"Describe{self.db}s", **{f"{self.db}Identifier": name})
        return self.read(response[f"{self.db}s"][0]) if response else None

    def databases(self) -> Iterator[DatabaseDescription]:
        for page in rds.get_paginator(xform_name(f"Describe{self.db}s")).paginate():
            yield from map(self.read, page[f"{self.db}s"])

    def read(self, raw: Record) -> DatabaseDescription:
        raise NotImplementedError

    def snapshot(self, name: str) -> SnapshotDescription | None:
        response = _describe(f"Describe{self.snap}s", **{f"{self.snap}Identifier": name})
        return self._read_snapshot(response[f"{self.snap}s"][0]) if response else None

    def snapshots(self, **criteria: str) -> Iterator[SnapshotDescription]:
        """Yield the snapshots `of` a database, including automated ones; otherwise all manual ones."""
        filters = {f"{self.db}Identifier": criteria["of"]} if criteria else {"SnapshotType": "manual"}
        for page in rds.get_paginator(xform_name(f"Describe{self.snap}s")).paginate(**filters):
            yield from map(self._read_snapshot, page[f"{self.snap}s"])

    def _read_snapshot(self, raw: Record) -> SnapshotDescription:
        return SnapshotDescription(
            id=raw[f"{self.snap}Identifier"],
            arn=raw[f"{self.snap}Arn"],
            status=raw["Status"],
            progress=raw.get("PercentProgress", 0),
            key=raw.get("KmsKeyId", "") if raw.get("Encrypted", raw.get("StorageEncrypted")) else "",
            created=raw.get("SnapshotCreateTime"),
            tags=tags_of(raw),
        )

    def create_snapshot(self, run: Record, name: str, database: str, tags: Tags) -> None:
        names = {f"{self.snap}Identifier": name, f"{self.db}Identifier": database}
        self._once(run, name, lambda: call_rds(f"Create{self.snap}", **names, Tags=tags))

    def copy_snapshot(self, run: Record, source: SnapshotDescription, name: str) -> None:
        request = {f"Source{self.snap}Identifier": source.arn, f"Target{self.snap}Identifier": name}
        more = {"KmsKeyId": KMS_KEY, "Tags": temporary_tags(run)}
        self._once(run, name, lambda: call_rds(f"Copy{self.snap}", **request, **more))

    def _once(self, run: Record, name: str, create: Callable[[], object]) -> None:
        def find() -> dict[str, str] | None:
            snapshot = self.snapshot(name)
            return snapshot.tags if snapshot else None

        create_once(create, find, run)

    def must_copy(self, resource: DatabaseDescription | SnapshotDescription) -> bool:
        """Return whether the snapshot must be copied with the pipeline's key before the restore."""
        raise NotImplementedError

    def share(self, name: str, accounts: tuple[str, ...]) -> None:
        request = {f"{self.snap}Identifier": name, "AttributeName": "restore", "ValuesToAdd": [*accounts]}
        call_rds(f"Modify{self.snap}Attribute", **request)

    def delete_snapshot(self, name: str) -> None:
        _delete_if_present(lambda: call_rds(f"Delete{self.snap}", **{f"{self.snap}Identifier": name}))

    def restore(self, run: Record, snapshot: SnapshotDescription) -> None:
        raise NotImplementedError

    def parts(self, name: str) -> tuple[tuple["DatabaseKind", str], ...]:
        """Return the parts of a temporary database. All must be available."""
        raise NotImplementedError

    def set_password(self, name: str, password: str) -> None:
        raise NotImplementedError

    def delete_database(self, database: DatabaseDescription) -> None:
        raise NotImplementedError


class InstanceKind(DatabaseKind):
    db, snap, longest = "DBInstance", "DBSnapshot", 255
    db_event, snap_event = "db-instance", "db-snapshot"

    def read(self, raw: Record) -> DatabaseDescription:
        endpoint = raw.get("Endpoint", {})
        return DatabaseDescription(
            id=raw["DBInstanceIdentifier"],
            engine=raw["Engine"],
            status=raw["DBInstanceStatus"],
            key=raw.get("KmsKeyId", "") if raw.get("StorageEncrypted") else "",
            host=endpoint.get("Address", ""),
            port=str(endpoint.get("Port", "")),
            pending=tuple(raw.get("PendingModifiedValues", {})),
            tags=tags_of(raw),
            raw=raw,
        )

    def must_copy(self, resource: DatabaseDescription | SnapshotDescription) -> bool:
        return bool(KMS_KEY) and resource.key != KMS_KEY

    def restore(self, run: Record, snapshot: SnapshotDescription) -> None:
        request = {
            "DBInstanceIdentifier": run["temporary"],
            "DBSnapshotIdentifier": snapshot.id,
            "DBInstanceClass": run["instance_class"],
            "DBSubnetGroupName": os.environ["SUBNET_GROUP"],
            "VpcSecurityGroupIds": [os.environ["SECURITY_GROUP"]],
            "Port": int(os.environ["DATABASE_PORT"]),
            "MultiAZ": False,
            "DeletionProtection": False,
            "CopyTagsToSnapshot": False,
        }
        source = self.database(SOURCE)
        group = _parameter_group(source.raw) if source else {}
        create_instance("RestoreDBInstanceFromDBSnapshot", run, {**request, **group})

    def create(self, run: Record, name: str, *, key: str, password: str) -> None:
        """Create an empty instance like the source, encrypted like its copy: with `key`, if it has one."""
        source = self.database(SOURCE)
        if not source:
            raise ResourceFailed(f"The database {SOURCE} no longer exists.")
        request = {
            "DBInstanceIdentifier": name,
            "DBInstanceClass": run["instance_class"],
            "DBSubnetGroupName": os.environ["SUBNET_GROUP"],
            "VpcSecurityGroupIds": [os.environ["SECURITY_GROUP"]],
            "Engine": source.engine,
            "EngineVersion": source.raw["EngineVersion"],
            "MasterUsername": run["user"],
            "MasterUserPassword": password,
            "BackupRetentionPeriod": 0,
            "MultiAZ": False,
            "DeletionProtection": False,
            "CopyTagsToSnapshot": False,
            **_storage(source.raw),
            **({"StorageEncrypted": True, "KmsKeyId": key} if key else {}),
            **_parameter_group(source.raw),
        }
        create_instance("CreateDBInstance", run, request)

    def parts(self, name: str) -> tuple[tuple[DatabaseKind, str], ...]:
        return ((self, name),)

    def set_password(self, name: str, password: str) -> None:
        call_rds(
            "ModifyDBInstance",
            DBInstanceIdentifier=name,
            MasterUserPassword=password,
            BackupRetentionPeriod=0,
            ApplyImmediately=True,
        )

    def delete_database(self, database: DatabaseDescription) -> None:
        # The backups of an instance in a cluster belong to the cluster.
        backups = {} if database.raw.get("DBClusterIdentifier") else {"DeleteAutomatedBackups": True}
        request = {"DBInstanceIdentifier": database.id, "SkipFinalSnapshot": True, **backups}
        _delete_if_present(lambda: call_rds("DeleteDBInstance", **request))


class ClusterKind(DatabaseKind):
    """Aurora clusters. An instance in the cluster accepts the connections, and is deleted before it."""

    db, snap, longest = "DBCluster", "DBClusterSnapshot", 63
    db_event, snap_event = "db-cluster", "db-cluster-snapshot"

    def read(self, raw: Record) -> DatabaseDescription:
        return DatabaseDescription(
            id=raw["DBClusterIdentifier"],
            engine=raw["Engine"],
            status=raw["Status"],
            key=raw.get("KmsKeyId", "") if raw.get("StorageEncrypted") else "",
            host=raw.get("Endpoint", ""),
            port=str(raw.get("Port", "")),
            pending=tuple(raw.get("PendingModifiedValues", {})),
            tags=tags_of(raw),
            raw=raw,
        )

    def must_copy(self, resource: DatabaseDescription | SnapshotDescription) -> bool:
        """An unencrypted cluster snapshot cannot be copied with a key: the restore sets the key.

        RDS API Reference, CopyDBClusterSnapshot, KmsKeyId.
        """
        return bool(KMS_KEY) and bool(resource.key) and resource.key != KMS_KEY

    def restore(self, run: Record, snapshot: SnapshotDescription) -> None:
        source = self.database(SOURCE)
        if not source:
            raise ResourceFailed(f"The cluster {SOURCE} no longer exists.")
        request: Record = {
            "DBClusterIdentifier": run["temporary"],
            "SnapshotIdentifier": snapshot.arn,
            "Engine": source.engine,
            "DBSubnetGroupName": os.environ["SUBNET_GROUP"],
            "VpcSecurityGroupIds": [os.environ["SECURITY_GROUP"]],
            "Port": int(os.environ["DATABASE_PORT"]),
            "DBClusterParameterGroupName": source.raw["DBClusterParameterGroup"],
            "DeletionProtection": False,
            "CopyTagsToSnapshot": False,
            "Tags": temporary_tags(run),
        }
        if KMS_KEY:
            request["KmsKeyId"] = KMS_KEY
        if run["instance_class"] == "db.serverless":
            limits = source.raw.get("ServerlessV2ScalingConfiguration", {})
            capacity = {key: limits[key] for key in ("MinCapacity", "MaxCapacity") if key in limits}
            request["ServerlessV2ScalingConfiguration"] = capacity
        create_once(
            lambda: call_rds("RestoreDBClusterFromSnapshot", **request),
            lambda: _tags(self.database(run["temporary"])),
            run,
        )

    def add_instance(self, run: Record) -> None:
        source = self.database(SOURCE)
        writer = writer_of(source.raw) if source else None
        request = {
            "DBInstanceIdentifier": self.instance_of(run["temporary"]),
            "DBClusterIdentifier": run["temporary"],
            "Engine": source.engine if source else "",
            "DBInstanceClass": run["instance_class"],
        }
        group = _parameter_group(writer.raw) if writer else {}
        create_instance("CreateDBInstance", run, {**request, **group})

    def instance_of(self, cluster: str) -> str:
        return f"{cluster}-1"

    def parts(self, name: str) -> tuple[tuple[DatabaseKind, str], ...]:
        return ((self, name), (INSTANCES, self.instance_of(name)))

    def set_password(self, name: str, password: str) -> None:
        """Set the password, and the minimum backup retention of a cluster: one day."""
        call_rds(
            "ModifyDBCluster",
            DBClusterIdentifier=name,
            MasterUserPassword=password,
            BackupRetentionPeriod=1,
            ApplyImmediately=True,
        )

    def delete_database(self, database: DatabaseDescription) -> None:
        if not database.raw.get("DBClusterMembers"):
            request = {"DBClusterIdentifier": database.id, "SkipFinalSnapshot": True}
            _delete_if_present(lambda: call_rds("DeleteDBCluster", **request, DeleteAutomatedBackups=True))


INSTANCES, CLUSTERS = InstanceKind(), ClusterKind()
KINDS: dict[str, DatabaseKind] = {"instance": INSTANCES, "cluster": CLUSTERS}


def create_instance(operation: str, run: Record, request: Record) -> None:
    """Create a temporary instance. `request` has the parameters of its kind."""
    common = {
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": False,
        "Tags": temporary_tags(run),
    }
    create_once(
        lambda: call_rds(operation, **common, **request),
        lambda: _tags(INSTANCES.database(request["DBInstanceIdentifier"])),
        run,
    )


def writer_of(cluster: Record) -> DatabaseDescription | None:
    """Return the writer instance of a cluster, or None."""
    for member in cluster.get("DBClusterMembers", []):
        if member["IsClusterWriter"]:
            return INSTANCES.database(member["DBInstanceIdentifier"])
    return None


def own_snapshots(kind: DatabaseKind, *, run: str = "") -> Iterator[SnapshotDescription]:
    """Yield the manual snapshots of this pipeline; with `run`, only those of that run."""
    for item in kind.snapshots():
        if is_ours(item.tags, run or item.tags.get("slipway:run", "")):
            yield item


def call_rds(operation: str, **request: Any) -> Any:
    """Call an RDS operation by its API name."""
    return getattr(rds, xform_name(operation))(**request)


def _describe(operation: str, **request: Any) -> Any:
    """Call an RDS operation. Return None if the resource does not exist."""
    try:
        return call_rds(operation, **request)
    except ClientError as error:
        if "NotFound" in error_code(error):
            return None
        raise


def _delete_if_present(delete: Callable[[], object]) -> None:
    """Delete a resource. One that is gone or busy is not an error: the next poll handles it."""
    try:
        delete()
    except ClientError as error:
        if not re.search(
            r"NotFound|^InvalidDB(Instance|Cluster|ClusterSnapshot|Snapshot)State", error_code(error)
        ):
            raise


def _tags(database: DatabaseDescription | None) -> dict[str, str] | None:
    return database.tags if database else None


def _storage(instance: Record) -> dict[str, Any]:
    """Return the storage of an instance, for CreateDBInstance.

    gp3 volumes below 400 GiB have fixed performance, which the request must not name: Amazon RDS User Guide,
    "gp3 storage".
    """
    names = ["AllocatedStorage", "StorageType"]
    is_provisioned = str(instance.get("StorageType", "")).startswith("io")
    if is_provisioned or instance.get("AllocatedStorage", 0) >= 400:
        names += ["Iops", "StorageThroughput"]
    return {name: instance[name] for name in names if instance.get(name)}


def _parameter_group(instance: Record) -> dict[str, str]:
    groups = instance.get("DBParameterGroups", [])
    return {"DBParameterGroupName": groups[0]["DBParameterGroupName"]} if groups else {}
