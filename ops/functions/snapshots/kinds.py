"""The two kinds of database that RDS copies, instances and clusters, as the states see both: alike.

Their calls differ in names (CreateDBSnapshot, CreateDBClusterSnapshot) and in a few rules, which stand here.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from ops.functions.snapshots.ground import (
    KMS_KEY,
    SOURCE,
    Record,
    ResourceFailed,
    Tags,
    code_of,
    is_ours,
    once,
    rds,
    tags_of,
    temporary_tags,
)


@dataclass(frozen=True)
class Database:
    """An instance or a cluster. `key` is empty when it is not encrypted; `raw` is what RDS says."""

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
class Snapshot:
    id: str
    arn: str
    status: str
    progress: int
    key: str
    created: Any
    tags: dict[str, str]


class Kind:
    """`db` and `snap` as RDS names them in operations and parameters, and in events; `longest` name of a
    snapshot.
    """

    db: str
    snap: str
    db_event: str
    snap_event: str
    longest: int

    def database(self, name: str) -> Database | None:
        found = _found(f"Describe{self.db}s", **{f"{self.db}Identifier": name})
        return self.read(found[f"{self.db}s"][0]) if found else None

    def databases(self) -> Iterator[Database]:
        for page in rds.get_paginator(xform_name(f"Describe{self.db}s")).paginate():
            yield from map(self.read, page[f"{self.db}s"])

    def read(self, raw: Record) -> Database:
        raise NotImplementedError

    def snapshot(self, name: str) -> Snapshot | None:
        found = _found(f"Describe{self.snap}s", **{f"{self.snap}Identifier": name})
        return self._read_snapshot(found[f"{self.snap}s"][0]) if found else None

    def snapshots(self, **criteria: str) -> Iterator[Snapshot]:
        """Those of a database (`of`), automated ones among them; else every manual one."""
        wanted = {f"{self.db}Identifier": criteria["of"]} if criteria else {"SnapshotType": "manual"}
        for page in rds.get_paginator(xform_name(f"Describe{self.snap}s")).paginate(**wanted):
            yield from map(self._read_snapshot, page[f"{self.snap}s"])

    def _read_snapshot(self, raw: Record) -> Snapshot:
        return Snapshot(
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
        self._once(run, name, lambda: call(f"Create{self.snap}", **names, Tags=tags))

    def copy_snapshot(self, run: Record, source: Snapshot, name: str) -> None:
        request = {f"Source{self.snap}Identifier": source.arn, f"Target{self.snap}Identifier": name}
        more = {"KmsKeyId": KMS_KEY, "Tags": temporary_tags(run)}
        self._once(run, name, lambda: call(f"Copy{self.snap}", **request, **more))

    def _once(self, run: Record, name: str, create: Callable[[], object]) -> None:
        def find() -> dict[str, str] | None:
            found = self.snapshot(name)
            return found.tags if found else None

        once(create, find, run)

    def must_copy(self, thing: Database | Snapshot) -> bool:
        """Whether a copy under the pipeline's key is needed before the restore."""
        raise NotImplementedError

    def share(self, name: str, accounts: tuple[str, ...]) -> None:
        request = {f"{self.snap}Identifier": name, "AttributeName": "restore", "ValuesToAdd": [*accounts]}
        call(f"Modify{self.snap}Attribute", **request)

    def delete_snapshot(self, name: str) -> None:
        _gone(lambda: call(f"Delete{self.snap}", **{f"{self.snap}Identifier": name}))

    def restore(self, run: Record, snapshot: Snapshot) -> None:
        raise NotImplementedError

    def parts(self, name: str) -> tuple[tuple["Kind", str], ...]:
        """What a temporary database is made of: all of it must be available."""
        raise NotImplementedError

    def set_password(self, name: str, password: str) -> None:
        raise NotImplementedError

    def delete_database(self, database: Database) -> None:
        raise NotImplementedError


class Instances(Kind):
    db, snap, longest = "DBInstance", "DBSnapshot", 255
    db_event, snap_event = "db-instance", "db-snapshot"

    def read(self, raw: Record) -> Database:
        endpoint = raw.get("Endpoint", {})
        return Database(
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

    def must_copy(self, thing: Database | Snapshot) -> bool:
        return bool(KMS_KEY) and thing.key != KMS_KEY

    def restore(self, run: Record, snapshot: Snapshot) -> None:
        request = {
            "DBInstanceIdentifier": run["temporary"],
            "DBSnapshotIdentifier": snapshot.id,
            "DBInstanceClass": run["instance_class"],
            "DBSubnetGroupName": os.environ["SUBNET_GROUP"],
            "VpcSecurityGroupIds": [os.environ["SECURITY_GROUP"]],
            "MultiAZ": False,
            "DeletionProtection": False,
            "CopyTagsToSnapshot": False,
        }
        source = self.database(SOURCE)
        group = _parameter_group(source.raw) if source else {}
        create_instance("RestoreDBInstanceFromDBSnapshot", run, {**request, **group})

    def parts(self, name: str) -> tuple[tuple[Kind, str], ...]:
        return ((self, name),)

    def set_password(self, name: str, password: str) -> None:
        call(
            "ModifyDBInstance",
            DBInstanceIdentifier=name,
            MasterUserPassword=password,
            BackupRetentionPeriod=0,
            ApplyImmediately=True,
        )

    def delete_database(self, database: Database) -> None:
        # A member's backups are its cluster's.
        backups = {} if database.raw.get("DBClusterIdentifier") else {"DeleteAutomatedBackups": True}
        request = {"DBInstanceIdentifier": database.id, "SkipFinalSnapshot": True, **backups}
        _gone(lambda: call("DeleteDBInstance", **request))


class Clusters(Kind):
    """Aurora: a cluster is storage; an instance in it computes, and is deleted before it."""

    db, snap, longest = "DBCluster", "DBClusterSnapshot", 63
    db_event, snap_event = "db-cluster", "db-cluster-snapshot"

    def read(self, raw: Record) -> Database:
        return Database(
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

    def must_copy(self, thing: Database | Snapshot) -> bool:
        """An unencrypted cluster snapshot cannot be copied under a key: it is given at the restore.

        RDS API Reference, CopyDBClusterSnapshot, KmsKeyId.
        """
        return bool(KMS_KEY) and bool(thing.key) and thing.key != KMS_KEY

    def restore(self, run: Record, snapshot: Snapshot) -> None:
        source = self.database(SOURCE)
        if not source:
            raise ResourceFailed(f"The cluster {SOURCE} is gone.")
        request: Record = {
            "DBClusterIdentifier": run["temporary"],
            "SnapshotIdentifier": snapshot.arn,
            "Engine": source.engine,
            "DBSubnetGroupName": os.environ["SUBNET_GROUP"],
            "VpcSecurityGroupIds": [os.environ["SECURITY_GROUP"]],
            "DBClusterParameterGroupName": source.raw["DBClusterParameterGroup"],
            "DeletionProtection": False,
            "CopyTagsToSnapshot": False,
            "Tags": temporary_tags(run),
        }
        if KMS_KEY:
            request["KmsKeyId"] = KMS_KEY
        if run["instance_class"] == "db.serverless":
            limits = source.raw.get("ServerlessV2ScalingConfiguration", {})
            wanted = {key: limits[key] for key in ("MinCapacity", "MaxCapacity") if key in limits}
            request["ServerlessV2ScalingConfiguration"] = wanted
        once(
            lambda: call("RestoreDBClusterFromSnapshot", **request),
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

    def parts(self, name: str) -> tuple[tuple[Kind, str], ...]:
        return ((self, name), (INSTANCES, self.instance_of(name)))

    def set_password(self, name: str, password: str) -> None:
        """A cluster keeps backups of a day at least: they are deleted with it."""
        call(
            "ModifyDBCluster",
            DBClusterIdentifier=name,
            MasterUserPassword=password,
            BackupRetentionPeriod=1,
            ApplyImmediately=True,
        )

    def delete_database(self, database: Database) -> None:
        if not database.raw.get("DBClusterMembers"):
            request = {"DBClusterIdentifier": database.id, "SkipFinalSnapshot": True}
            _gone(lambda: call("DeleteDBCluster", **request, DeleteAutomatedBackups=True))


INSTANCES, CLUSTERS = Instances(), Clusters()
KINDS: dict[str, Kind] = {"instance": INSTANCES, "cluster": CLUSTERS}


def create_instance(operation: str, run: Record, request: Record) -> None:
    """What every temporary instance has; `request` is what its kind adds."""
    common = {
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": False,
        "Tags": temporary_tags(run),
    }
    once(
        lambda: call(operation, **common, **request),
        lambda: _tags(INSTANCES.database(request["DBInstanceIdentifier"])),
        run,
    )


def writer_of(cluster: Record) -> Database | None:
    """The instance of a cluster that takes writes, if it has one."""
    for member in cluster.get("DBClusterMembers", []):
        if member["IsClusterWriter"]:
            return INSTANCES.database(member["DBInstanceIdentifier"])
    return None


def own_snapshots(kind: Kind, *, run: str = "") -> Iterator[Snapshot]:
    """Every manual snapshot that this pipeline, or a run of it, made."""
    for item in kind.snapshots():
        if is_ours(item.tags, run or item.tags.get("slipway:run", "")):
            yield item


def call(operation: str, **request: Any) -> Any:
    """An operation of RDS by its own name."""
    return getattr(rds, xform_name(operation))(**request)


def _found(operation: str, **request: Any) -> Any:
    """The answer; None when there is no such thing."""
    try:
        return call(operation, **request)
    except ClientError as error:
        if "NotFound" in code_of(error):
            return None
        raise


def _gone(delete: Callable[[], object]) -> None:
    """A thing that is gone, or busy for now, is no error: the next look tells."""
    try:
        delete()
    except ClientError as error:
        if not re.search(
            r"NotFound|^InvalidDB(Instance|Cluster|ClusterSnapshot|Snapshot)State", code_of(error)
        ):
            raise


def _tags(found: Database | None) -> dict[str, str] | None:
    return found.tags if found else None


def _parameter_group(instance: Record) -> dict[str, str]:
    groups = instance.get("DBParameterGroups", [])
    return {"DBParameterGroupName": groups[0]["DBParameterGroupName"]} if groups else {}
