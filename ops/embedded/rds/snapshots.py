"""RDS snapshots: copies of a server's data that are created, copied, shared, and restored.

Snapshots of instances and of clusters differ only in names, error codes, and key rules.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, request_scope
from ministack.services import rds

from ops.embedded.rds.common import (
    COMPLETE,
    DATA,
    INCOMPLETE,
    LISTENS_ON,
    DatabaseStorage,
    Record,
    Request,
    Response,
    arn,
    bad_identifier,
    error,
    is_default_key,
    key_arn,
    mark_failed,
    new_data,
    parameter,
    set_tags,
    tags_of,
    values,
    xml_response,
)
from ops.errors import EmbeddedError

SEAMS = (
    "ministack.services.rds._cluster_snapshot_xml",
    "ministack.services.rds._create_cluster_snapshot_internal",
    "ministack.services.rds._create_snapshot_internal",
    "ministack.services.rds._db_cluster_snapshots",
    "ministack.services.rds._resolve_cluster",
    "ministack.services.rds._snapshot_xml",
    "ministack.services.rds._snapshots",
    "ministack.services.rds._sync_tag_list_to_resource",
)

MAXIMUM_SHARES = 20  # Amazon RDS User Guide, "Sharing a DB snapshot"
_SHARED = "_restore"  # record key: the accounts that may restore the snapshot


@dataclass(frozen=True)
class RdsSnapshotKind:
    """RDS's names for the snapshots of instances, or of clusters.

    `status_key` is the status of the database, and `error_suffix` the end of each error code.
    """

    snapshot: str
    database: str
    arn_type: str
    status_key: str
    name_length: int
    error_suffix: str  # of error codes
    resolve: Callable[[str], Record | None]
    create_record: Callable[[str, Record], Record]
    xml: Callable[[Record], str]

    @property
    def id(self) -> str:
        return f"{self.snapshot}Identifier"

    @property
    def arn(self) -> str:
        return f"{self.snapshot}Arn"

    @property
    def database_id(self) -> str:
        return f"{self.database}Identifier"

    @property
    def records(self) -> Any:
        return rds._db_cluster_snapshots if self.error_suffix else rds._snapshots

    def not_found(self, name: str) -> Response:
        return error(
            f"{self.snapshot}NotFound{self.error_suffix}", f"{self.snapshot} {escape(name)} not found.", 404
        )

    def invalid(self, message: str) -> Response:
        return error(f"Invalid{self.snapshot}State{self.error_suffix}", message)


INSTANCES = RdsSnapshotKind(
    "DBSnapshot",
    "DBInstance",
    "snapshot",
    "DBInstanceStatus",
    255,
    "",
    lambda name: rds._resolve_instance(name),
    lambda name, instance: rds._create_snapshot_internal(name, instance),
    lambda snapshot: rds._snapshot_xml(snapshot),
)
CLUSTERS = RdsSnapshotKind(
    "DBClusterSnapshot",
    "DBCluster",
    "cluster-snapshot",
    "Status",
    63,
    "Fault",
    lambda name: rds._resolve_cluster(name),
    lambda name, cluster: rds._create_cluster_snapshot_internal(name, cluster),
    lambda snapshot: rds._cluster_snapshot_xml(snapshot),
)


class RdsSnapshots:
    """The actions on one kind of snapshots, on top of the emulator's records."""

    def __init__(self, storage: DatabaseStorage, kind: RdsSnapshotKind) -> None:
        self._storage = storage
        self._kind = kind

    def actions(self) -> dict[str, Any]:
        snap = self._kind.snapshot
        return {
            f"Create{snap}": self.create,
            f"Copy{snap}": self.copy,
            f"Delete{snap}": self.delete,
            f"Describe{snap}s": self.describe,
            f"Describe{snap}Attributes": self.attributes,
            f"Modify{snap}Attribute": self.share,
        }

    def find(self, name_or_arn: str) -> Record | None:
        """Return an own snapshot by name or ARN, or one that another account shares by ARN."""
        own_snapshot: Record | None = self._kind.records.get(
            name_or_arn.rpartition(f":{self._kind.arn_type}:")[2]
        )
        if not name_or_arn.startswith("arn:"):
            return self._kind.records.get(name_or_arn)  # type: ignore[no-any-return]
        if own_snapshot and own_snapshot[self._kind.arn] == name_or_arn:
            return own_snapshot
        return next(
            (snapshot for snapshot in self._shared_with_account() if snapshot[self._kind.arn] == name_or_arn),
            None,
        )

    def is_foreign(self, snapshot: Record) -> bool:
        """Return whether the snapshot belongs to another account, which shares it with this one."""
        return str(snapshot[self._kind.arn]).split(":")[4] != str(get_account_id())

    def _shared_with_account(self) -> Iterator[Record]:
        own_region = arn(self._kind.arn_type, "").split(":")[3]
        for (account, region, _), snapshot in list(self._kind.records._data.items()):
            grants = {get_account_id(), "all"} & set(snapshot.get(_SHARED, ()))
            if account != get_account_id() and region == own_region and grants:
                yield snapshot

    @contextmanager
    def visible(self, name: str, snapshot: Record) -> Iterator[None]:
        """Make the snapshot visible to the emulator under the requested name, for one call."""
        if name in self._kind.records:
            yield
            return
        self._kind.records[name] = snapshot
        try:
            yield
        finally:
            del self._kind.records[name]

    def create(self, request: Request) -> Response:
        kind = self._kind
        name, database_id = parameter(request, kind.id), parameter(request, kind.database_id)
        if rejection := self._check_name(name):
            return rejection
        database = kind.resolve(database_id)
        if database is None:
            return error(
                f"{kind.database}NotFound{kind.error_suffix}",
                f"{kind.database} {escape(database_id)} not found.",
                404,
            )
        if database[kind.status_key] != "available":
            return error(
                f"Invalid{kind.database}State{kind.error_suffix}",
                f"Cannot snapshot {database_id}: it is {database[kind.status_key]}.",
            )
        return self._describe(f"Create{kind.snapshot}", self.take(database, name, tags_of(request)))

    def take(self, database: Record, name: str, tags: list[dict[str, str]]) -> Record:
        """Start a snapshot; its data is copied immediately, so that it contains the current state."""
        snapshot = self._kind.create_record(name, database)
        if isinstance(database["DBSubnetGroup"], dict):  # clusters have only the name
            snapshot["VpcId"] = database["DBSubnetGroup"].get("VpcId", "")
        snapshot["DatabaseName"] = database.get("DatabaseName")  # RDS keeps a cluster's but does not show it
        snapshot[LISTENS_ON] = database.get(LISTENS_ON)
        set_tags(snapshot, snapshot[self._kind.arn], tags)
        if DATA in database:
            self._fill(snapshot, partial(self._storage.back_up, database))
        return snapshot

    def back_up(self, database: Record) -> None:
        """Create today's automated snapshot."""
        name = f"rds:{database[self._kind.database_id]}-{datetime.now(UTC):%Y-%m-%d-%H-%M}"
        snapshot = self.take(database, name, [])
        snapshot["SnapshotType"] = "automated"

    def _fill(self, snapshot: Record, write: Callable[[str], None]) -> None:
        """Write the data of the snapshot. It is available after the delay, or failed as on AWS."""
        snapshot.update(Status="creating", PercentProgress=0)  # also while its data is copied
        snapshot[DATA] = new_data()
        try:
            write(snapshot[DATA])
        except (EmbeddedError, OSError) as error:
            mark_failed(snapshot, error)
            return
        snapshot[COMPLETE] = True
        self._storage.run_later(lambda: _mark_available(snapshot), snapshot)

    def copy(self, request: Request) -> Response:
        kind = self._kind
        source_id, name = parameter(request, f"Source{kind.id}"), parameter(request, f"Target{kind.id}")
        source = self.find(source_id)
        if source is None:
            return kind.not_found(source_id)
        if rejection := self._check_name(name) or self._check_copy(source, parameter(request, "KmsKeyId")):
            return rejection
        key_id = parameter(request, "KmsKeyId")
        key = key_arn(key_id) if key_id else source["KmsKeyId"]
        copy = {member: value for member, value in source.items() if member not in (_SHARED, DATA, COMPLETE)}
        copy.update(
            {kind.id: name, kind.arn: arn(kind.arn_type, name), f"Source{kind.arn}": source[kind.arn]}
        )
        copy.update(
            SnapshotType="manual",
            SnapshotCreateTime=_now(),
            KmsKeyId=key,
            Encrypted=bool(key),
            StorageEncrypted=bool(key),
        )
        kept = source["TagList"] if parameter(request, "CopyTags") == "true" else []
        set_tags(copy, copy[kind.arn], tags_of(request) or kept)
        kind.records[name] = copy
        if DATA in source:
            self._fill(copy, partial(self._storage.servers_of(source).copy, source[DATA]))
        return self._describe(f"Copy{kind.snapshot}", copy)

    def _check_copy(self, source: Record, key: str) -> Response | None:
        """Check the key rules of CopyDBSnapshot and CopyDBClusterSnapshot: RDS API Reference, KmsKeyId."""
        if source["Status"] != "available":
            return self._kind.invalid(f"Cannot copy the snapshot: it is {source['Status']}.")
        if self._kind is CLUSTERS and key and not source["KmsKeyId"]:
            return error(
                "InvalidParameterCombination",
                "KmsKeyId cannot be specified for an unencrypted DB cluster snapshot.",
            )
        if source["KmsKeyId"] and not key and self.is_foreign(source):
            return error(
                "InvalidParameterCombination",
                "Specify a KmsKeyId of your account to copy a shared encrypted snapshot.",
            )
        return None

    def delete(self, request: Request) -> Response:
        name = parameter(request, self._kind.id)
        snapshot = self._kind.records.get(name)
        if snapshot is None:
            return self._kind.not_found(name)
        if snapshot["SnapshotType"] != "manual":
            return self._kind.invalid("Only manual snapshots can be deleted.")
        if snapshot["Status"] == "creating":
            return self._kind.invalid(f"The snapshot {name} is being created.")
        self._delete_record(snapshot)
        snapshot["Status"] = "deleted"
        return self._describe(f"Delete{self._kind.snapshot}", snapshot)

    def delete_automated(self, database: str) -> None:
        for snapshot in list(self._kind.records.values()):
            if snapshot["SnapshotType"] == "automated" and snapshot[self._kind.database_id] == database:
                self._delete_record(snapshot)

    def _delete_record(self, snapshot: Record) -> None:
        self._kind.records.pop(snapshot[self._kind.id], None)
        rds._tags.pop(snapshot[self._kind.arn], None)
        if DATA in snapshot:
            self._storage.servers_of(snapshot).delete(snapshot[DATA])

    def describe(self, request: Request) -> Response:
        kind = self._kind
        name, database = parameter(request, kind.id), parameter(request, kind.database_id)
        snapshot_type = parameter(request, "SnapshotType")
        if name:
            snapshot = self.find(name)
            return self._list_response([snapshot]) if snapshot else kind.not_found(name)
        snapshots = [] if snapshot_type in ("shared", "public") else list(kind.records.values())
        if snapshot_type == "shared" or parameter(request, "IncludeShared") == "true":
            snapshots += self._shared_with_account()
        if snapshot_type in ("manual", "automated"):
            snapshots = [snapshot for snapshot in snapshots if snapshot["SnapshotType"] == snapshot_type]
        if database:
            snapshots = [
                snapshot
                for snapshot in snapshots
                if snapshot[kind.database_id] == database.rpartition(":")[2]
            ]
        return self._list_response(snapshots)

    def attributes(self, request: Request) -> Response:
        name = parameter(request, self._kind.id)
        snapshot = self._kind.records.get(name)
        if snapshot is None:
            return self._kind.not_found(name)
        return self._attributes_response(f"Describe{self._kind.snapshot}Attributes", snapshot)

    def share(self, request: Request) -> Response:
        name = parameter(request, self._kind.id)
        snapshot = self._kind.records.get(name)
        if snapshot is None:
            return self._kind.not_found(name)
        added = values(request, "ValuesToAdd")
        removed = set(values(request, "ValuesToRemove"))
        shared = [account for account in snapshot.get(_SHARED, []) if account not in removed]
        shared += [account for account in dict.fromkeys(added) if account not in shared]
        if rejection := self._check_share(snapshot, added, shared):
            return rejection
        snapshot[_SHARED] = shared
        return self._attributes_response(f"Modify{self._kind.snapshot}Attribute", snapshot)

    def resume(self) -> None:
        """Complete interrupted snapshots whose data is complete, and mark the others failed."""
        for (account, region, _), snapshot in list(self._kind.records._data.items()):
            if DATA in snapshot and snapshot["Status"] == "creating":
                with request_scope(account, region):
                    _mark_available(snapshot) if snapshot.get(COMPLETE) else mark_failed(snapshot, INCOMPLETE)

    def data(self) -> set[str]:
        """Return the folders that the records use."""
        return {record[DATA] for record in self._kind.records._data.values() if DATA in record}

    def _check_name(self, name: str) -> Response | None:
        if rejection := bad_identifier(self._kind.id, name, self._kind.name_length):
            return rejection
        if name in self._kind.records:
            code = f"{self._kind.snapshot}AlreadyExists{self._kind.error_suffix}"
            return error(code, f"Cannot create the snapshot: {name} already exists.")
        return None

    def _check_share(self, snapshot: Record, added: list[str], shared: list[str]) -> Response | None:
        name = snapshot[self._kind.id]
        if invalid := [account for account in added if not re.fullmatch(r"\d{12}|all", account)]:
            return error("InvalidParameterValue", f"Invalid account id: {escape(invalid[0])}")
        if snapshot["SnapshotType"] != "manual" or snapshot["Status"] != "available":
            return self._kind.invalid(f"Cannot share {name}: only available manual snapshots can be shared.")
        if added and is_default_key(snapshot.get("KmsKeyId", "")):
            return error(
                "InvalidParameterValue", f"Cannot share {name}: it is encrypted with the default RDS key."
            )
        if len(shared) > MAXIMUM_SHARES:
            return error(
                "SharedSnapshotQuotaExceeded", f"{name} cannot be shared with more than 20 accounts."
            )
        return None

    def _describe(self, action: str, snapshot: Record) -> Response:
        return xml_response(
            action, f"<{self._kind.snapshot}>{self._kind.xml(snapshot)}</{self._kind.snapshot}>"
        )

    def _list_response(self, snapshots: list[Record]) -> Response:
        snap = self._kind.snapshot
        members = "".join(f"<{snap}>{self._kind.xml(snapshot)}</{snap}>" for snapshot in snapshots)
        return xml_response(f"Describe{snap}s", f"<{snap}s>{members}</{snap}s>")

    def _attributes_response(self, action: str, snapshot: Record) -> Response:
        snap = self._kind.snapshot
        accounts = "".join(
            f"<AttributeValue>{account}</AttributeValue>" for account in snapshot.get(_SHARED, [])
        )
        attribute = f"<AttributeName>restore</AttributeName><AttributeValues>{accounts}</AttributeValues>"
        return xml_response(
            action,
            f"<{snap}AttributesResult><{snap}Identifier>{snapshot[self._kind.id]}</{snap}Identifier>"
            f"<{snap}Attributes><{snap}Attribute>{attribute}</{snap}Attribute></{snap}Attributes>"
            f"</{snap}AttributesResult>",
        )


def keep_tags_current() -> None:
    """Show tag changes of a cluster snapshot in its description too."""
    sync = rds._sync_tag_list_to_resource

    def synchronized(arn: str) -> None:
        sync(arn)
        for snapshot in rds._db_cluster_snapshots.values():
            if snapshot["DBClusterSnapshotArn"] == arn:
                snapshot["TagList"] = list(rds._tags.get(arn, []))

    rds._sync_tag_list_to_resource = synchronized


def _mark_available(snapshot: Record) -> None:
    snapshot.update(Status="available", PercentProgress=100, SnapshotCreateTime=_now())


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
