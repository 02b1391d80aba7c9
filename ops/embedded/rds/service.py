"""RDS: an instance is a server on loopback with its own data, and its states take time.

Instances of other engines stay what the emulator makes of them: records on which nothing listens.
"""

from typing import Any

from ministack.core.responses import request_scope
from ministack.services import rds, tagging

from ops.embedded.context import Context
from ops.embedded.ports import HOST
from ops.embedded.rds import access as rds_access
from ops.embedded.rds import changes as rds_changes
from ops.embedded.rds import clusters as rds_clusters
from ops.embedded.rds import common as rds_common
from ops.embedded.rds import snapshots as rds_snapshots
from ops.embedded.rds.common import (
    COMPLETE,
    DATA,
    NOT_WHOLE,
    REAL_ENGINES,
    Answer,
    Record,
    Request,
    Storage,
    error,
    fail,
    key_arn,
    new_data,
    parameter,
    set_tags,
    tags_of,
    values,
    with_identifier,
)
from ops.embedded.rds.servers import Login
from ops.errors import EmbeddedError

SEAMS = (
    "ministack.services.rds._ACTION_MAP",
    "ministack.services.rds._instances",
    "ministack.services.rds._resolve_instance",
    "ministack.services.rds._rotate_instance_password",
    "ministack.services.rds._single_instance_response",
    "ministack.services.rds._start_rds_container_for_instance",
    "ministack.services.rds._subnet_groups",
    "ministack.services.tagging._COLLECTORS",
    "ministack.services.tagging._RESOURCE_TAG_COLLECTORS",
)

_MASTER = "_MasterUserPassword"


class Instances:
    """The actions on instances, over the emulator's records."""

    def __init__(
        self, storage: Storage, snapshots: rds_snapshots.Snapshots, clusters: rds_clusters.Clusters
    ) -> None:
        self._storage = storage
        self._snapshots = snapshots
        self._clusters = clusters
        self._emulated = dict(rds._ACTION_MAP)

    def create(self, request: Request) -> Answer:
        if cluster := self._clusters.of(request):
            return self._clusters.add_instance(cluster, request)
        if refused := self._storage.refusal(parameter(request, "Engine")):
            return refused
        made: Answer = self._emulated["CreateDBInstance"](request)
        if made[0] != 200:
            return made
        instance = rds._instances[parameter(request, "DBInstanceIdentifier")]
        if instance["StorageEncrypted"]:
            instance["KmsKeyId"] = key_arn(instance["KmsKeyId"])
        password = instance.pop(_MASTER, "")
        if instance["Engine"] not in REAL_ENGINES or instance["DBClusterIdentifier"]:
            return made
        user, database = instance["MasterUsername"], instance["DBName"]
        servers = self._storage.of(instance)
        version = servers.version_of(instance["Engine"], parameter(request, "EngineVersion"))
        instance.update({"EngineVersion": version, DATA: new_data()})
        create = servers.create
        self._bring_up(instance, lambda: create(instance[DATA], user, password, database))
        return _described("CreateDBInstance", instance)

    def restore(self, request: Request) -> Answer:
        wanted = parameter(request, "DBSnapshotIdentifier")
        snapshot = self._snapshots.find(wanted)
        if snapshot is None:
            return error("DBSnapshotNotFound", f"DBSnapshot {wanted} not found.", 404)
        if snapshot["Status"] != "available":
            return error("InvalidDBSnapshotState", f"The snapshot {wanted} is {snapshot['Status']}.")
        if snapshot["KmsKeyId"] and self._snapshots.is_foreign(snapshot):
            return error("KMSKeyNotAccessibleFault", "Copy a shared encrypted snapshot under a key of yours.")
        group = parameter(request, "DBSubnetGroupName")
        if group and group not in rds._subnet_groups:
            return error("DBSubnetGroupNotFoundFault", f"DBSubnetGroup {group} not found.", 404)
        with self._snapshots.visible(wanted, snapshot):
            made: Answer = self._emulated["RestoreDBInstanceFromDBSnapshot"](request)
        if made[0] != 200:
            return made
        instance = rds._instances[parameter(request, "DBInstanceIdentifier")]
        self._complete_record(instance, request, snapshot)
        if DATA in snapshot:
            instance[DATA] = new_data()
            self._bring_up(instance, lambda: self._start_copy(snapshot, instance[DATA]))
        return _described("RestoreDBInstanceFromDBSnapshot", instance)

    def _complete_record(self, instance: Record, request: Request, snapshot: Record) -> None:
        """What the emulator drops of the request and of the snapshot."""
        groups = values(request, "VpcSecurityGroupIds")
        instance["VpcSecurityGroups"] = [{"VpcSecurityGroupId": id_, "Status": "active"} for id_ in groups]
        if group := parameter(request, "DBSubnetGroupName"):
            instance["DBSubnetGroup"] = rds._subnet_groups[group]
        if parameters := parameter(request, "DBParameterGroupName"):
            applied = {"DBParameterGroupName": parameters, "ParameterApplyStatus": "in-sync"}
            instance["DBParameterGroups"] = [applied]
        instance["KmsKeyId"] = snapshot.get("KmsKeyId", "")
        instance["DeletionProtection"] = parameter(request, "DeletionProtection") == "true"
        set_tags(instance, instance["DBInstanceArn"], tags_of(request))

    def _start_copy(self, snapshot: Record, target: str) -> int:
        servers = self._storage.of(snapshot)
        servers.copy(snapshot[DATA], target)
        return servers.start(target)

    def _bring_up(self, instance: Record, start: Any) -> None:
        instance["DBInstanceStatus"] = "creating"
        instance["Endpoint"].update(Address="", Port=0)

        def up() -> None:
            port = start()
            if rds._instances.get(instance["DBInstanceIdentifier"]) is not instance:
                self._storage.of(instance).delete(instance[DATA])  # deleted meanwhile
                return
            self._available(instance, port)

        self._storage.later(up, instance)

    def _available(self, instance: Record, port: int) -> None:
        instance["Endpoint"].update(Address=HOST, Port=port)
        instance[COMPLETE] = True
        instance["DBInstanceStatus"] = "available"

    def modify(self, request: Request) -> Answer:
        instance = rds._resolve_instance(parameter(request, "DBInstanceIdentifier"))
        if instance and instance["DBInstanceStatus"] != "available":
            return _invalid_state(instance)
        if instance and (refused := rds_changes.check_rename(rds._instances, request, "DBInstance")):
            return refused
        password = rds_changes.managed_password(instance, request) if instance else ""
        if isinstance(password, tuple):
            return password
        made: Answer = self._emulated["ModifyDBInstance"](request)
        if instance:
            instance.pop(_MASTER, None)  # no password in the saved state
            if password:
                self.set_password(instance, "", password)
            if new := parameter(request, "NewDBInstanceIdentifier"):
                self._rename(instance, new)
        return made

    def _rename(self, instance: Record, new: str) -> None:
        instance["DBInstanceStatus"] = "renaming"

        def apply() -> None:
            rds_changes.rename(rds._instances, instance, "DBInstance", new)
            instance["DBInstanceStatus"] = "available"

        self._storage.later(apply, instance)

    def set_password(self, instance: Record, _old: str, new: str) -> None:
        """The status lags behind the change, as on AWS: pending first, then applied."""
        pending = instance["PendingModifiedValues"] = {"MasterUserPassword": "****"}

        def apply() -> None:
            instance["DBInstanceStatus"] = "resetting-master-credentials"
            if DATA in instance:
                port = instance["Endpoint"]["Port"]
                self._storage.of(instance).set_password(port, instance["MasterUsername"], new)
            pending.clear()
            rds_changes.secret_is_active(instance)
            instance["DBInstanceStatus"] = "available"

        self._storage.later(apply, instance)

    def delete(self, request: Request) -> Answer:
        instance = rds._resolve_instance(parameter(request, "DBInstanceIdentifier"))
        cluster = self._clusters.of(instance) if instance else None
        if instance and cluster:
            return self._delete_member(instance, cluster)
        if instance is None or DATA not in instance:
            return self._emulated["DeleteDBInstance"](request)  # type: ignore[no-any-return]
        if instance["DeletionProtection"]:
            return error(
                "InvalidParameterCombination",
                "Cannot delete protected DB Instance, please disable deletion protection and try again.",
            )
        if instance["DBInstanceStatus"] == "deleting":
            return _invalid_state(instance)
        final = parameter(request, "FinalDBSnapshotIdentifier")
        if parameter(request, "SkipFinalSnapshot") != "true":
            if not final:
                return error("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required.")
            self._snapshots.take(instance, final, [])
        instance["DBInstanceStatus"] = "deleting"
        self._storage.later(lambda: self._forget(instance))
        return _described("DeleteDBInstance", instance)

    def _delete_member(self, instance: Record, cluster: Record) -> Answer:
        if instance["DBInstanceStatus"] == "deleting":
            return _invalid_state(instance)
        self._clusters.remove_instance(instance, cluster)
        return _described("DeleteDBInstance", instance)

    def _forget(self, instance: Record) -> None:
        self._snapshots.delete_automated(instance["DBInstanceIdentifier"])
        self._storage.of(instance).delete(instance[DATA])
        rds_changes.forget_secret(instance)
        rds._tags.pop(instance["DBInstanceArn"], None)
        rds._instances.pop(instance["DBInstanceIdentifier"], None)

    def resume(self) -> None:
        """Starts the servers of the saved records again; what was not whole at the end has failed."""
        for (account, region, _), instance in list(rds._instances._data.items()):
            if DATA not in instance:
                continue
            with request_scope(account, region):
                if instance["DBInstanceStatus"] == "deleting":
                    self._forget(instance)
                elif not instance.get(COMPLETE):
                    fail(instance, NOT_WHOLE)
                else:
                    self._resume(instance)

    def _resume(self, instance: Record) -> None:
        """A server that does not start leaves the others be."""
        try:
            port = self._storage.of(instance).start(instance[DATA], int(instance["Endpoint"]["Port"]))
        except EmbeddedError as error:
            fail(instance, error)
            return
        instance["PendingModifiedValues"] = {}
        self._available(instance, port)

    def data(self) -> set[str]:
        """The folders that the records name."""
        return {record[DATA] for record in rds._instances._data.values() if DATA in record}


class Databases:
    """What the rest of the embedded cloud asks of RDS."""

    def __init__(self, context: Context) -> None:
        self.storage = Storage(context)
        self.snapshots = rds_snapshots.Snapshots(self.storage, rds_snapshots.INSTANCES)
        self.cluster_snapshots = rds_snapshots.Snapshots(self.storage, rds_snapshots.CLUSTERS)
        self.clusters = rds_clusters.Clusters(self.storage, self.cluster_snapshots)
        self.instances = Instances(self.storage, self.snapshots, self.clusters)

    def resume(self) -> None:
        self.instances.resume()
        self.clusters.resume()
        self.snapshots.resume()
        self.cluster_snapshots.resume()
        self._sweep()

    def stop_all(self) -> None:
        for name in self.instances.data() | self.clusters.data():
            for servers in self.storage.all:
                servers.stop(name)

    def load(self, instance_id: str, password: str, sql: Any) -> None:
        """Fills an instance of the account and region in scope, as its master user, and backs it up."""
        instance = rds._instances[instance_id]
        port = int(instance["Endpoint"]["Port"])
        login = Login(port, instance["MasterUsername"], password, instance["DBName"])
        self.storage.of(instance).load(login, sql)
        self.snapshots.back_up(instance)

    def _sweep(self) -> None:
        """Deletes data that no record names: what was being made or deleted when the cloud was killed."""
        records = (self.instances, self.clusters, self.snapshots, self.cluster_snapshots)
        named = {name for each in records for name in each.data()}
        for servers in self.storage.all:
            for folder in servers.root.iterdir():
                if folder.is_dir() and folder.name not in named and not folder.name.startswith("template-"):
                    servers.delete(folder.name)


def install(context: Context) -> Databases:
    rds_common.install(context)
    rds_access.install(context)
    databases = Databases(context)
    instances = databases.instances
    rds._ACTION_MAP.update(
        CreateDBInstance=with_identifier(instances.create, "DBInstanceIdentifier"),
        RestoreDBInstanceFromDBSnapshot=with_identifier(instances.restore, "DBInstanceIdentifier"),
        ModifyDBInstance=instances.modify,
        DeleteDBInstance=instances.delete,
        **databases.clusters.actions(),
        **databases.snapshots.actions(),
        **databases.cluster_snapshots.actions(),
    )
    rds_snapshots.keep_tags_current()
    rds_changes.show_secrets()
    rds._rotate_instance_password = instances.set_password
    start = rds._start_rds_container_for_instance
    # At a restart the emulator calls every instance available; ours are when their servers run.
    rds._start_rds_container_for_instance = lambda id_, record: (
        None if DATA in record or databases.clusters.of(record) else start(id_, record)
    )
    tagging._COLLECTORS["rds"] = tagging._RESOURCE_TAG_COLLECTORS["rds"] = _collect_tags
    return databases


def _collect_tags() -> Any:
    for records, arn in (
        (rds._instances, "DBInstanceArn"),
        (rds._clusters, "DBClusterArn"),
        (rds._snapshots, "DBSnapshotArn"),
        (rds._db_cluster_snapshots, "DBClusterSnapshotArn"),
    ):
        for record in list(records.values()):
            yield record[arn], record.get("TagList", [])


def _described(action: str, instance: Record) -> Answer:
    made: Answer = rds._single_instance_response(f"{action}Response", f"{action}Result", instance)
    return made


def _invalid_state(instance: Record) -> Answer:
    name, status = instance["DBInstanceIdentifier"], instance["DBInstanceStatus"]
    return error("InvalidDBInstanceState", f"Instance {name} is not in available state: it is {status}.")
