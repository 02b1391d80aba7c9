"""RDS instances: each is a server on loopback with its own data, and its status changes take time.

Instances with other engines remain the emulator's records, without a server.
"""

from typing import Any

from ministack.core.responses import request_scope
from ministack.services import rds, tagging

from ops.embedded.context import OverlayContext
from ops.embedded.ports import HOST
from ops.embedded.rds import access as rds_access
from ops.embedded.rds import changes as rds_changes
from ops.embedded.rds import clusters as rds_clusters
from ops.embedded.rds import common as rds_common
from ops.embedded.rds import snapshots as rds_snapshots
from ops.embedded.rds.common import (
    COMPLETE,
    DATA,
    INCOMPLETE,
    LISTENS_ON,
    REAL_ENGINES,
    DatabaseStorage,
    Record,
    Request,
    Response,
    error,
    key_arn,
    mark_failed,
    new_data,
    parameter,
    set_listening_port,
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
# Parameters of ModifyDBInstance that change nothing, or whose change has a status of its own.
_NOT_MODIFYING = frozenset(
    (
        *("Action", "ApplyImmediately", "DBInstanceIdentifier", "ManageMasterUserPassword", "Version"),
        *("MasterUserPassword", "MasterUserSecretKmsKeyId", "RotateMasterUserPassword"),
    )
)


class RdsInstances:
    """The actions on instances, on top of the emulator's records."""

    def __init__(
        self,
        storage: DatabaseStorage,
        snapshots: rds_snapshots.RdsSnapshots,
        clusters: rds_clusters.RdsClusters,
    ) -> None:
        self._storage = storage
        self._snapshots = snapshots
        self._clusters = clusters
        self._emulated = dict(rds._ACTION_MAP)

    def create(self, request: Request) -> Response:
        if cluster := self._clusters.find(request):
            return self._clusters.add_instance(cluster, request)
        if rejection := self._storage.check_engine(parameter(request, "Engine")):
            return rejection
        response: Response = self._emulated["CreateDBInstance"](request)
        if response[0] != 200:
            return response
        instance = rds._instances[parameter(request, "DBInstanceIdentifier")]
        set_listening_port(instance, request)
        if instance["StorageEncrypted"]:
            instance["KmsKeyId"] = key_arn(instance["KmsKeyId"])
        password = instance.pop(_MASTER, "")
        if instance["Engine"] not in REAL_ENGINES or instance["DBClusterIdentifier"]:
            return response
        user, database = instance["MasterUsername"], instance["DBName"]
        servers = self._storage.servers_of(instance)
        version = servers.version_of(instance["Engine"], parameter(request, "EngineVersion"))
        instance.update({"EngineVersion": version, DATA: new_data()})
        create = servers.create
        self._start_later(instance, lambda: create(instance[DATA], user, password, database))
        return _describe("CreateDBInstance", instance)

    def restore(self, request: Request) -> Response:
        snapshot_id = parameter(request, "DBSnapshotIdentifier")
        snapshot = self._snapshots.find(snapshot_id)
        if snapshot is None:
            return error("DBSnapshotNotFound", f"DBSnapshot {snapshot_id} not found.", 404)
        if snapshot["Status"] != "available":
            return error("InvalidDBSnapshotState", f"The snapshot {snapshot_id} is {snapshot['Status']}.")
        if snapshot["KmsKeyId"] and self._snapshots.is_foreign(snapshot):
            return error(
                "KMSKeyNotAccessibleFault",
                "Copy the shared encrypted snapshot with a KMS key of your account, then restore the copy.",
            )
        group = parameter(request, "DBSubnetGroupName")
        if group and group not in rds._subnet_groups:
            return error("DBSubnetGroupNotFoundFault", f"DBSubnetGroup {group} not found.", 404)
        with self._snapshots.visible(snapshot_id, snapshot):
            response: Response = self._emulated["RestoreDBInstanceFromDBSnapshot"](request)
        if response[0] != 200:
            return response
        instance = rds._instances[parameter(request, "DBInstanceIdentifier")]
        self._complete_record(instance, request, snapshot)
        if DATA in snapshot:
            instance[DATA] = new_data()
            self._start_later(instance, lambda: self._start_copy(snapshot, instance[DATA]))
        return _describe("RestoreDBInstanceFromDBSnapshot", instance)

    def _complete_record(self, instance: Record, request: Request, snapshot: Record) -> None:
        """Set the values of the request and the snapshot that the emulator drops."""
        groups = values(request, "VpcSecurityGroupIds")
        instance["VpcSecurityGroups"] = [{"VpcSecurityGroupId": id_, "Status": "active"} for id_ in groups]
        if group := parameter(request, "DBSubnetGroupName"):
            instance["DBSubnetGroup"] = rds._subnet_groups[group]
        if parameters := parameter(request, "DBParameterGroupName"):
            applied = {"DBParameterGroupName": parameters, "ParameterApplyStatus": "in-sync"}
            instance["DBParameterGroups"] = [applied]
        set_listening_port(instance, request, snapshot)
        instance["KmsKeyId"] = snapshot.get("KmsKeyId", "")
        instance["DeletionProtection"] = parameter(request, "DeletionProtection") == "true"
        set_tags(instance, instance["DBInstanceArn"], tags_of(request))

    def _start_copy(self, snapshot: Record, target: str) -> int:
        servers = self._storage.servers_of(snapshot)
        servers.copy(snapshot[DATA], target)
        return servers.start(target)

    def _start_later(self, instance: Record, start: Any) -> None:
        instance["DBInstanceStatus"] = "creating"
        instance["Endpoint"].update(Address="", Port=0)

        def finish() -> None:
            port = start()
            if rds._instances.get(instance["DBInstanceIdentifier"]) is not instance:
                self._storage.servers_of(instance).delete(instance[DATA])  # deleted in the meantime
                return
            self._mark_available(instance, port)

        self._storage.run_later(finish, instance)

    def _mark_available(self, instance: Record, port: int) -> None:
        instance["Endpoint"].update(Address=HOST, Port=port)
        instance[COMPLETE] = True
        instance["DBInstanceStatus"] = "available"

    def modify(self, request: Request) -> Response:
        instance = rds._resolve_instance(parameter(request, "DBInstanceIdentifier"))
        if instance and instance["DBInstanceStatus"] != "available":
            return _invalid_state(instance)
        if instance and (rejection := rds_changes.check_rename(rds._instances, request, "DBInstance")):
            return rejection
        password = rds_changes.managed_password(instance, request) if instance else ""
        if isinstance(password, tuple):
            return password
        response: Response = self._emulated["ModifyDBInstance"](request)
        if instance:
            instance.pop(_MASTER, None)  # keeps the password out of the saved state
            if password:
                self.set_password(instance, "", password)
            if new := parameter(request, "NewDBInstanceIdentifier"):
                self._rename(instance, new)
            elif response[0] == 200 and set(request) - _NOT_MODIFYING:
                if port := parameter(request, "DBPortNumber"):
                    instance[LISTENS_ON] = int(port)
                self._modify_later(instance)
                return _describe("ModifyDBInstance", instance)
        return response

    def _modify_later(self, instance: Record) -> None:
        """Show the status `modifying` for the delay; a change of the password has a status of its own.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
        """
        instance["DBInstanceStatus"] = "modifying"

        def apply() -> None:
            if instance["DBInstanceStatus"] == "modifying":
                instance["DBInstanceStatus"] = "available"

        self._storage.run_later(apply, instance)

    def _rename(self, instance: Record, new: str) -> None:
        instance["DBInstanceStatus"] = "renaming"

        def apply() -> None:
            rds_changes.rename(rds._instances, instance, "DBInstance", new)
            instance["DBInstanceStatus"] = "available"

        self._storage.run_later(apply, instance)

    def set_password(self, instance: Record, _old: str, new: str) -> None:
        """Change the password after the delay; until then, it is pending, as on AWS."""
        pending = instance["PendingModifiedValues"] = {"MasterUserPassword": "****"}

        def apply() -> None:
            instance["DBInstanceStatus"] = "resetting-master-credentials"
            if DATA in instance:
                port = instance["Endpoint"]["Port"]
                self._storage.servers_of(instance).set_password(port, instance["MasterUsername"], new)
            pending.clear()
            rds_changes.secret_is_active(instance)
            instance["DBInstanceStatus"] = "available"

        self._storage.run_later(apply, instance)

    def delete(self, request: Request) -> Response:
        instance = rds._resolve_instance(parameter(request, "DBInstanceIdentifier"))
        cluster = self._clusters.find(instance) if instance else None
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
        self._storage.run_later(lambda: self._delete_record(instance))
        return _describe("DeleteDBInstance", instance)

    def _delete_member(self, instance: Record, cluster: Record) -> Response:
        if instance["DBInstanceStatus"] == "deleting":
            return _invalid_state(instance)
        self._clusters.remove_instance(instance, cluster)
        return _describe("DeleteDBInstance", instance)

    def _delete_record(self, instance: Record) -> None:
        self._snapshots.delete_automated(instance["DBInstanceIdentifier"])
        self._storage.servers_of(instance).delete(instance[DATA])
        rds_changes.forget_secret(instance)
        rds._tags.pop(instance["DBInstanceArn"], None)
        rds._instances.pop(instance["DBInstanceIdentifier"], None)

    def resume(self) -> None:
        """Start the servers of the saved records; mark incomplete instances failed."""
        for (account, region, _), instance in list(rds._instances._data.items()):
            if DATA not in instance:
                continue
            with request_scope(account, region):
                if instance["DBInstanceStatus"] == "deleting":
                    self._delete_record(instance)
                elif not instance.get(COMPLETE):
                    mark_failed(instance, INCOMPLETE)
                else:
                    self._resume(instance)

    def _resume(self, instance: Record) -> None:
        """Start one server; if it cannot start, the others still do."""
        try:
            port = self._storage.servers_of(instance).start(instance[DATA], int(instance["Endpoint"]["Port"]))
        except EmbeddedError as error:
            mark_failed(instance, error)
            return
        instance["PendingModifiedValues"] = {}
        self._mark_available(instance, port)

    def data(self) -> set[str]:
        """Return the folders that the records use."""
        return {record[DATA] for record in rds._instances._data.values() if DATA in record}


class Databases:
    """RDS as the rest of the embedded cloud uses it."""

    def __init__(self, context: OverlayContext) -> None:
        self.storage = DatabaseStorage(context)
        self.snapshots = rds_snapshots.RdsSnapshots(self.storage, rds_snapshots.INSTANCES)
        self.cluster_snapshots = rds_snapshots.RdsSnapshots(self.storage, rds_snapshots.CLUSTERS)
        self.clusters = rds_clusters.RdsClusters(self.storage, self.cluster_snapshots)
        self.instances = RdsInstances(self.storage, self.snapshots, self.clusters)

    def resume(self) -> None:
        self.instances.resume()
        self.clusters.resume()
        self.snapshots.resume()
        self.cluster_snapshots.resume()
        self._sweep()

    def stop_all(self) -> None:
        for name in self.instances.data() | self.clusters.data():
            for servers in self.storage.all_servers:
                servers.stop(name)

    def load(self, instance_id: str, password: str, sql: Any) -> None:
        """Load SQL into an instance of the current account and region as its master user, and back it up."""
        instance = rds._instances[instance_id]
        port = int(instance["Endpoint"]["Port"])
        login = Login(port, instance["MasterUsername"], password, instance["DBName"])
        self.storage.servers_of(instance).load(login, sql)
        self.snapshots.back_up(instance)

    def _sweep(self) -> None:
        """Delete data that no record uses: operations that were interrupted when the cloud was killed."""
        all_actions = (self.instances, self.clusters, self.snapshots, self.cluster_snapshots)
        used = {name for actions in all_actions for name in actions.data()}
        for servers in self.storage.all_servers:
            for folder in servers.root.iterdir():
                if folder.is_dir() and folder.name not in used and not folder.name.startswith("template-"):
                    servers.delete(folder.name)


def install(context: OverlayContext) -> Databases:
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
    # At a restart, the emulator marks every instance available; ours are available once their servers run.
    rds._start_rds_container_for_instance = lambda id_, record: (
        None if DATA in record or databases.clusters.find(record) else start(id_, record)
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


def _describe(action: str, instance: Record) -> Response:
    response: Response = rds._single_instance_response(f"{action}Response", f"{action}Result", instance)
    return response


def _invalid_state(instance: Record) -> Response:
    name, status = instance["DBInstanceIdentifier"], instance["DBInstanceStatus"]
    return error("InvalidDBInstanceState", f"Instance {name} is not in available state: it is {status}.")
