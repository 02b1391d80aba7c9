"""Aurora: a cluster is data, and the server on it runs as long as the cluster has an instance.

Clusters of other engines stay what the emulator makes of them: records on which nothing listens.
"""

from typing import Any

from ministack.core.responses import request_scope
from ministack.services import rds

from ops.embedded.ports import HOST
from ops.embedded.rds import changes as rds_changes
from ops.embedded.rds.common import (
    COMPLETE,
    DATA,
    NOT_WHOLE,
    PORT,
    Answer,
    Record,
    Request,
    Storage,
    answer,
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
from ops.embedded.rds.snapshots import Snapshots
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


class Clusters:
    """The actions on clusters and on the instances in them, over the emulator's records."""

    def __init__(self, storage: Storage, snapshots: Snapshots) -> None:
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

    def create(self, request: Request) -> Answer:
        if refused := self._storage.refusal(parameter(request, "Engine")):
            return refused
        made: Answer = self._emulated["CreateDBCluster"](request)
        if made[0] != 200:
            return made
        cluster = rds._clusters[parameter(request, "DBClusterIdentifier")]
        password = cluster.pop(_MASTER, "")
        if cluster["StorageEncrypted"]:
            cluster["KmsKeyId"] = key_arn(cluster["KmsKeyId"])
        if cluster["Engine"] not in REAL_ENGINES:
            return made
        cluster[DATA] = new_data()
        user, database = cluster["MasterUsername"], cluster["DatabaseName"] or ""

        def begin() -> None:
            self._storage.of(cluster).create(cluster[DATA], user, password, database)
            self._storage.of(cluster).stop(cluster[DATA])

        self._bring_up(cluster, begin)
        return _described("CreateDBCluster", cluster)

    def restore(self, request: Request) -> Answer:
        wanted = parameter(request, "SnapshotIdentifier")
        snapshot = self._snapshots.find(wanted)
        if refused := self._check_restore(request, wanted, snapshot):
            return refused
        assert snapshot
        key = parameter(request, "KmsKeyId") or snapshot["KmsKeyId"]
        made: Answer = self._emulated["CreateDBCluster"](
            {
                **request,
                "EngineVersion": snapshot["EngineVersion"],
                "MasterUsername": snapshot["MasterUsername"],
                "DatabaseName": snapshot.get("DatabaseName") or "",
                "StorageEncrypted": "true" if key else "false",
                "KmsKeyId": key_arn(key) if key else "",
            }
        )
        if made[0] != 200:
            return made
        cluster = rds._clusters[parameter(request, "DBClusterIdentifier")]
        cluster.pop(_MASTER, None)
        groups = values(request, "VpcSecurityGroupIds")
        cluster["VpcSecurityGroups"] = [{"VpcSecurityGroupId": id_, "Status": "active"} for id_ in groups]
        set_tags(cluster, cluster["DBClusterArn"], tags_of(request))
        if DATA in snapshot:
            cluster[DATA] = new_data()
            copy = self._storage.of(cluster).copy
            self._bring_up(cluster, lambda: copy(snapshot[DATA], cluster[DATA]))
        return _described("RestoreDBClusterFromSnapshot", cluster)

    def _check_restore(self, request: Request, wanted: str, snapshot: Record | None) -> Answer | None:
        if snapshot is None:
            return error("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {wanted} not found.", 404)
        if snapshot["Status"] != "available":
            return error("InvalidDBClusterSnapshotStateFault", f"{wanted} is {snapshot['Status']}.")
        if parameter(request, "Engine") != snapshot["Engine"]:
            return error("InvalidParameterCombination", f"{wanted} holds {snapshot['Engine']}.")
        group = parameter(request, "DBSubnetGroupName")
        if group and group not in rds._subnet_groups:
            return error("DBSubnetGroupNotFoundFault", f"DBSubnetGroup {group} not found.", 404)
        if snapshot["KmsKeyId"] and self._snapshots.is_foreign(snapshot):
            return error("KMSKeyNotAccessibleFault", "Copy a shared encrypted snapshot under a key of yours.")
        return None

    def _bring_up(self, cluster: Record, prepare: Any) -> None:
        cluster["Status"] = "creating"

        def up() -> None:
            prepare()
            if rds._clusters.get(cluster["DBClusterIdentifier"]) is not cluster:
                self._storage.of(cluster).delete(cluster[DATA])  # deleted meanwhile
                return
            cluster[COMPLETE] = True
            cluster["Status"] = "available"

        self._storage.later(up, cluster)

    def of(self, instance_or_request: Record) -> Record | None:
        """The cluster with real data that an instance, or a request for one, names."""
        name = parameter(instance_or_request, "DBClusterIdentifier")
        cluster: Record | None = rds._resolve_cluster(name) if name else None
        return cluster if cluster and DATA in cluster else None

    def add_instance(self, cluster: Record, request: Request) -> Answer:
        """The first instance starts the server; others share it, as readers do not exist here."""
        name = cluster["DBClusterIdentifier"]
        if cluster["Status"] != "available":
            return error("InvalidDBClusterStateFault", f"The cluster {name} is {cluster['Status']}.")
        made: Answer = self._emulated["CreateDBInstance"](request)
        if made[0] != 200:
            return made
        instance = rds._instances[parameter(request, "DBInstanceIdentifier")]
        instance.pop(_MASTER, None)
        set_tags(instance, instance["DBInstanceArn"], tags_of(request))
        instance["DBInstanceStatus"] = "creating"
        cluster["Status"] = "available"  # the emulator lets it wait for the instance

        def up() -> None:
            if instance["DBInstanceStatus"] == "creating":
                self._serve(cluster)
                self._join(instance, cluster)

        self._storage.later(up, instance)
        return made

    def _serve(self, cluster: Record) -> None:
        if not cluster.get(PORT):
            cluster[PORT] = self._storage.of(cluster).start(cluster[DATA])
        self._publish(cluster)

    def _publish(self, cluster: Record) -> None:
        cluster["_shared_endpoint"] = {"Address": HOST, "Port": cluster[PORT], "HostedZoneId": "local"}
        rds._sync_cluster_endpoints(cluster)

    def _join(self, instance: Record, cluster: Record) -> None:
        instance["Endpoint"].update(Address=HOST, Port=cluster[PORT])
        instance["DBInstanceStatus"] = "available"

    def remove_instance(self, instance: Record, cluster: Record) -> None:
        """Its record goes after the delay; the last one's server stops, and the data stay."""
        instance["DBInstanceStatus"] = "deleting"

        def gone() -> None:
            self._emulated["DeleteDBInstance"](
                {"DBInstanceIdentifier": instance["DBInstanceIdentifier"], "SkipFinalSnapshot": "true"}
            )
            if not cluster["DBClusterMembers"]:
                self._storage.of(cluster).stop(cluster[DATA])
                cluster[PORT] = 0

        self._storage.later(gone)

    def modify(self, request: Request) -> Answer:
        cluster = rds._resolve_cluster(parameter(request, "DBClusterIdentifier"))
        if cluster is None or DATA not in cluster:
            return self._emulated["ModifyDBCluster"](request)  # type: ignore[no-any-return]
        if cluster["Status"] != "available":
            name, status = cluster["DBClusterIdentifier"], cluster["Status"]
            return error("InvalidDBClusterStateFault", f"The cluster {name} is {status}.")
        if refused := rds_changes.check_rename(rds._clusters, request, "DBCluster"):
            return refused
        managed = rds_changes.managed_password(cluster, request)
        if isinstance(managed, tuple):
            return managed
        made: Answer = self._emulated["ModifyDBCluster"](request)
        cluster.pop(_MASTER, None)
        if made[0] == 200 and (password := managed or parameter(request, "MasterUserPassword")):
            self._set_password(cluster, password)
        if made[0] == 200 and (new := parameter(request, "NewDBClusterIdentifier")):
            self._rename(cluster, new)
        return made

    def _rename(self, cluster: Record, new: str) -> None:
        cluster["Status"] = "renaming"

        def apply() -> None:
            rds_changes.rename(rds._clusters, cluster, "DBCluster", new)
            cluster["Status"] = "available"

        self._storage.later(apply, cluster)

    def _set_password(self, cluster: Record, password: str) -> None:
        """The status lags behind the change, as on AWS: pending first, then applied."""
        cluster[_PENDING] = {"MasterUserPassword": "****"}

        def apply() -> None:
            cluster["Status"] = "resetting-master-credentials"
            self._storage.of(cluster).set_password(cluster[PORT], cluster["MasterUsername"], password)
            cluster[_PENDING] = {}
            rds_changes.secret_is_active(cluster)
            cluster["Status"] = "available"

        self._storage.later(apply, cluster)

    def delete(self, request: Request) -> Answer:
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
        self._storage.later(lambda: self._forget(cluster))
        return _described("DeleteDBCluster", cluster)

    def _forget(self, cluster: Record) -> None:
        self._snapshots.delete_automated(cluster["DBClusterIdentifier"])
        self._storage.of(cluster).delete(cluster[DATA])
        rds_changes.forget_secret(cluster)
        rds._tags.pop(cluster["DBClusterArn"], None)
        rds._clusters.pop(cluster["DBClusterIdentifier"], None)

    def load(self, cluster_id: str, password: str, sql: Any) -> None:
        """Fills a cluster of the account and region in scope, as its master user, and backs it up."""
        cluster = rds._clusters[cluster_id]
        login = Login(cluster[PORT], cluster["MasterUsername"], password, cluster["DatabaseName"])
        self._storage.of(cluster).load(login, sql)
        self._snapshots.back_up(cluster)

    def resume(self) -> None:
        """Starts the servers of clusters that have instances; what was not whole at the end has failed."""
        for (account, region, _), cluster in list(rds._clusters._data.items()):
            if DATA in cluster:
                with request_scope(account, region):
                    self._resume(cluster)

    def _resume(self, cluster: Record) -> None:
        cluster[_PENDING] = {}
        members = [rds._instances.get(m["DBInstanceIdentifier"]) for m in cluster["DBClusterMembers"]]
        for instance in filter(None, members):
            if instance["DBInstanceStatus"] == "deleting":
                self.remove_instance(instance, cluster)
        if cluster["Status"] == "deleting":
            self._forget(cluster)
        elif not cluster.get(COMPLETE):
            fail(cluster, NOT_WHOLE)
        elif any(members):
            try:
                cluster[PORT] = self._storage.of(cluster).start(cluster[DATA], int(cluster.get(PORT) or 0))
            except EmbeddedError as error:
                fail(cluster, error)
                return
            cluster["Status"] = "available"
            self._publish(cluster)
            for instance in filter(None, members):
                if instance["DBInstanceStatus"] != "deleting":
                    self._join(instance, cluster)

    def data(self) -> set[str]:
        """The folders that the records name."""
        return {record[DATA] for record in rds._clusters._data.values() if DATA in record}


def _pending_xml(cluster: Record) -> str:
    pending = "".join(f"<{name}>{value}</{name}>" for name, value in cluster.get(_PENDING, {}).items())
    return f"<PendingModifiedValues>{pending}</PendingModifiedValues>" if pending else ""


def _described(action: str, cluster: Record) -> Answer:
    return answer(action, f"<DBCluster>{rds._cluster_xml(cluster)}</DBCluster>")
