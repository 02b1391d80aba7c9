"""Aurora: a cluster is data, and its server runs as long as the cluster has an instance.

Clusters with other engines remain the emulator's records, without a server.
"""

from typing import Any

from ministack.core.responses import request_scope
from ministack.services import rds

from ops.embedded.ports import HOST
from ops.embedded.rds import changes as rds_changes
from ops.embedded.rds.common import (
    COMPLETE,
    DATA,
    INCOMPLETE,
    PORT,
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
    xml_response,
)
from ops.embedded.rds.servers import Login
from ops.embedded.rds.snapshots import RdsSnapshots
from ops.errors import EmbeddedError

SEAMS = (
    "ministack.services.rds._cluster_xml",
    "ministack.services.rds._clusters",
    "ministack.services.rds._resolve_cluster",
    "ministack.services.rds._sync_cluster_endpoints",
)

REAL_ENGINES = ("aurora-mysql", "aurora-postgresql")
_MASTER = "_MasterUserPassword"
_PENDING = "_pending"


class RdsClusters:
    """The actions on clusters and on the instances in them, on top of the emulator's records."""

    def __init__(self, storage: DatabaseStorage, snapshots: RdsSnapshots) -> None:
        self._storage = storage
        self._snapshots = snapshots
        self._emulated = dict(rds._ACTION_MAP)
        xml = rds._cluster_xml
        rds._cluster_xml = lambda cluster: xml(cluster) + _pending_xml(cluster)

    def actions(self) -> dict[str, Any]:
        return {
            "CreateDBCluster": with_identifier(self.create, "DBClusterIdentifier"),
            "RestoreDBClusterFromSnapshot": with_identifier(self.restore, "DBClusterIdentifier"),
            "ModifyDBCluster": self.modify,
            "DeleteDBCluster": self.delete,
        }

    def create(self, request: Request) -> Response:
        if rejection := self._storage.check_engine(parameter(request, "Engine")):
            return rejection
        response: Response = self._emulated["CreateDBCluster"](request)
        if response[0] != 200:
            return response
        cluster = rds._clusters[parameter(request, "DBClusterIdentifier")]
        password = cluster.pop(_MASTER, "")
        set_listening_port(cluster, request)
        if cluster["StorageEncrypted"]:
            cluster["KmsKeyId"] = key_arn(cluster["KmsKeyId"])
        if cluster["Engine"] not in REAL_ENGINES:
            return response
        cluster[DATA] = new_data()
        user, database = cluster["MasterUsername"], cluster["DatabaseName"] or ""

        def create_server() -> None:
            self._storage.servers_of(cluster).create(cluster[DATA], user, password, database)
            self._storage.servers_of(cluster).stop(cluster[DATA])

        self._create_later(cluster, create_server)
        return _describe("CreateDBCluster", cluster)

    def restore(self, request: Request) -> Response:
        snapshot_id = parameter(request, "SnapshotIdentifier")
        snapshot = self._snapshots.find(snapshot_id)
        if rejection := self._check_restore(request, snapshot_id, snapshot):
            return rejection
        assert snapshot
        key = parameter(request, "KmsKeyId") or snapshot["KmsKeyId"]
        response: Response = self._emulated["CreateDBCluster"](
            {
                **request,
                "MasterUsername": snapshot["MasterUsername"],
                "DatabaseName": snapshot.get("DatabaseName") or "",
                "StorageEncrypted": "true" if key else "false",
                "KmsKeyId": key_arn(key) if key else "",
            }
        )
        if response[0] != 200:
            return response
        cluster = rds._clusters[parameter(request, "DBClusterIdentifier")]
        cluster.pop(_MASTER, None)
        groups = values(request, "VpcSecurityGroupIds")
        cluster["VpcSecurityGroups"] = [{"VpcSecurityGroupId": id_, "Status": "active"} for id_ in groups]
        set_tags(cluster, cluster["DBClusterArn"], tags_of(request))
        set_listening_port(cluster, request, snapshot)
        if DATA in snapshot:
            cluster[DATA] = new_data()
            copy = self._storage.servers_of(cluster).copy
            self._create_later(cluster, lambda: copy(snapshot[DATA], cluster[DATA]))
        return _describe("RestoreDBClusterFromSnapshot", cluster)

    def _check_restore(self, request: Request, snapshot_id: str, snapshot: Record | None) -> Response | None:
        if snapshot is None:
            return error("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {snapshot_id} not found.", 404)
        if snapshot["Status"] != "available":
            return error("InvalidDBClusterSnapshotStateFault", f"{snapshot_id} is {snapshot['Status']}.")
        if parameter(request, "Engine") != snapshot["Engine"]:
            return error(
                "InvalidParameterCombination",
                f"The engine of the snapshot {snapshot_id} is {snapshot['Engine']}.",
            )
        group = parameter(request, "DBSubnetGroupName")
        if group and group not in rds._subnet_groups:
            return error("DBSubnetGroupNotFoundFault", f"DBSubnetGroup {group} not found.", 404)
        if snapshot["KmsKeyId"] and self._snapshots.is_foreign(snapshot):
            return error(
                "KMSKeyNotAccessibleFault",
                "Copy the shared encrypted snapshot with a KMS key of your account, then restore the copy.",
            )
        return None

    def _create_later(self, cluster: Record, prepare: Any) -> None:
        cluster["Status"] = "creating"

        def create() -> None:
            prepare()
            if rds._clusters.get(cluster["DBClusterIdentifier"]) is not cluster:
                self._storage.servers_of(cluster).delete(cluster[DATA])  # deleted in the meantime
                return
            cluster[COMPLETE] = True
            cluster["Status"] = "available"

        self._storage.run_later(create, cluster)

    def find(self, instance_or_request: Record) -> Record | None:
        """Return the cluster with real data that an instance or a request names, if there is one."""
        name = parameter(instance_or_request, "DBClusterIdentifier")
        cluster: Record | None = rds._resolve_cluster(name) if name else None
        return cluster if cluster and DATA in cluster else None

    def add_instance(self, cluster: Record, request: Request) -> Response:
        """Add an instance. The first starts the server, which the others share: readers are not emulated."""
        name = cluster["DBClusterIdentifier"]
        if cluster["Status"] != "available":
            return error("InvalidDBClusterStateFault", f"The cluster {name} is {cluster['Status']}.")
        response: Response = self._emulated["CreateDBInstance"](request)
        if response[0] != 200:
            return response
        instance = rds._instances[parameter(request, "DBInstanceIdentifier")]
        instance.pop(_MASTER, None)
        set_tags(instance, instance["DBInstanceArn"], tags_of(request))
        instance["DBInstanceStatus"] = "creating"
        cluster["Status"] = "available"  # the emulator makes it wait for the instance

        def start() -> None:
            if instance["DBInstanceStatus"] == "creating":
                self._serve(cluster)
                self._mark_available(instance, cluster)

        self._storage.run_later(start, instance)
        return response

    def _serve(self, cluster: Record) -> None:
        if not cluster.get(PORT):
            cluster[PORT] = self._storage.servers_of(cluster).start(cluster[DATA])
        self._publish(cluster)

    def _publish(self, cluster: Record) -> None:
        cluster["_shared_endpoint"] = {"Address": HOST, "Port": cluster[PORT], "HostedZoneId": "local"}
        rds._sync_cluster_endpoints(cluster)

    def _mark_available(self, instance: Record, cluster: Record) -> None:
        instance["Endpoint"].update(Address=HOST, Port=cluster[PORT])
        instance["DBInstanceStatus"] = "available"

    def remove_instance(self, instance: Record, cluster: Record) -> None:
        """Delete the record after the delay; stop the server with the last instance, and keep the data."""
        instance["DBInstanceStatus"] = "deleting"

        def remove() -> None:
            self._emulated["DeleteDBInstance"](
                {"DBInstanceIdentifier": instance["DBInstanceIdentifier"], "SkipFinalSnapshot": "true"}
            )
            if not cluster["DBClusterMembers"]:
                self._storage.servers_of(cluster).stop(cluster[DATA])
                cluster[PORT] = 0

        self._storage.run_later(remove)

    def modify(self, request: Request) -> Response:
        cluster = rds._resolve_cluster(parameter(request, "DBClusterIdentifier"))
        if cluster is None or DATA not in cluster:
            return self._emulated["ModifyDBCluster"](request)  # type: ignore[no-any-return]
        if cluster["Status"] != "available":
            name, status = cluster["DBClusterIdentifier"], cluster["Status"]
            return error("InvalidDBClusterStateFault", f"The cluster {name} is {status}.")
        if rejection := rds_changes.check_rename(rds._clusters, request, "DBCluster"):
            return rejection
        managed = rds_changes.managed_password(cluster, request)
        if isinstance(managed, tuple):
            return managed
        response: Response = self._emulated["ModifyDBCluster"](request)
        cluster.pop(_MASTER, None)
        if response[0] == 200 and (password := managed or parameter(request, "MasterUserPassword")):
            self._set_password(cluster, password)
        if response[0] == 200 and (new := parameter(request, "NewDBClusterIdentifier")):
            self._rename(cluster, new)
        return response

    def _rename(self, cluster: Record, new: str) -> None:
        cluster["Status"] = "renaming"

        def apply() -> None:
            rds_changes.rename(rds._clusters, cluster, "DBCluster", new)
            cluster["Status"] = "available"

        self._storage.run_later(apply, cluster)

    def _set_password(self, cluster: Record, password: str) -> None:
        """Change the password after the delay; until then, it is pending, as on AWS."""
        cluster[_PENDING] = {"MasterUserPassword": "****"}

        def apply() -> None:
            cluster["Status"] = "resetting-master-credentials"
            self._storage.servers_of(cluster).set_password(cluster[PORT], cluster["MasterUsername"], password)
            cluster[_PENDING] = {}
            rds_changes.secret_is_active(cluster)
            cluster["Status"] = "available"

        self._storage.run_later(apply, cluster)

    def delete(self, request: Request) -> Response:
        cluster = rds._resolve_cluster(parameter(request, "DBClusterIdentifier"))
        if cluster is None or DATA not in cluster or cluster["DeletionProtection"]:
            return self._emulated["DeleteDBCluster"](request)  # type: ignore[no-any-return]
        name = cluster["DBClusterIdentifier"]
        if cluster["DBClusterMembers"]:
            return error("InvalidDBClusterStateFault", f"The cluster {name} still has instances.")
        if cluster["Status"] == "deleting":
            return error("InvalidDBClusterStateFault", f"The cluster {name} is being deleted.")
        if parameter(request, "SkipFinalSnapshot") != "true":
            final = parameter(request, "FinalDBSnapshotIdentifier")
            if not final:
                return error("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required.")
            self._snapshots.take(cluster, final, [])
        cluster["Status"] = "deleting"
        self._storage.run_later(lambda: self._delete_record(cluster))
        return _describe("DeleteDBCluster", cluster)

    def _delete_record(self, cluster: Record) -> None:
        self._snapshots.delete_automated(cluster["DBClusterIdentifier"])
        self._storage.servers_of(cluster).delete(cluster[DATA])
        rds_changes.forget_secret(cluster)
        rds._tags.pop(cluster["DBClusterArn"], None)
        rds._clusters.pop(cluster["DBClusterIdentifier"], None)

    def load(self, cluster_id: str, password: str, sql: Any) -> None:
        """Load SQL into a cluster of the current account and region as its master user, and back it up."""
        cluster = rds._clusters[cluster_id]
        login = Login(cluster[PORT], cluster["MasterUsername"], password, cluster["DatabaseName"])
        self._storage.servers_of(cluster).load(login, sql)
        self._snapshots.back_up(cluster)

    def resume(self) -> None:
        """Start the servers of clusters that have instances; mark incomplete clusters failed."""
        for (account, region, _), cluster in list(rds._clusters._data.items()):
            if DATA in cluster:
                with request_scope(account, region):
                    self._resume(cluster)

    def _resume(self, cluster: Record) -> None:
        cluster[_PENDING] = {}
        members = [
            rds._instances.get(member["DBInstanceIdentifier"]) for member in cluster["DBClusterMembers"]
        ]
        for instance in filter(None, members):
            if instance["DBInstanceStatus"] == "deleting":
                self.remove_instance(instance, cluster)
        if cluster["Status"] == "deleting":
            self._delete_record(cluster)
        elif not cluster.get(COMPLETE):
            mark_failed(cluster, INCOMPLETE)
        elif any(members):
            try:
                cluster[PORT] = self._storage.servers_of(cluster).start(
                    cluster[DATA], int(cluster.get(PORT) or 0)
                )
            except EmbeddedError as error:
                mark_failed(cluster, error)
                return
            cluster["Status"] = "available"
            self._publish(cluster)
            for instance in filter(None, members):
                if instance["DBInstanceStatus"] != "deleting":
                    self._mark_available(instance, cluster)

    def data(self) -> set[str]:
        """Return the folders that the records use."""
        return {record[DATA] for record in rds._clusters._data.values() if DATA in record}


def _pending_xml(cluster: Record) -> str:
    pending = "".join(f"<{name}>{value}</{name}>" for name, value in cluster.get(_PENDING, {}).items())
    return f"<PendingModifiedValues>{pending}</PendingModifiedValues>" if pending else ""


def _describe(action: str, cluster: Record) -> Response:
    return xml_response(action, f"<DBCluster>{rds._cluster_xml(cluster)}</DBCluster>")
