"""Snapshots of RDS: copies of a server's data, taken, copied, shared and restored elsewhere.

Those of instances and of clusters are alike but for their names, their errors' codes and the rules of keys.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, request_scope
from ministack.services import rds

from ops.embedded.rds.common import (
    COMPLETE,
    DATA,
    NOT_WHOLE,
    Answer,
    Record,
    Request,
    Storage,
    answer,
    arn,
    bad_identifier,
    error,
    fail,
    is_default_key,
    key_arn,
    new_data,
    parameter,
    set_tags,
    tags_of,
    values,
)

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
_SHARED = "_restore"  # of a record: the accounts that may restore it


@dataclass(frozen=True)
class Kind:
    """How RDS names the snapshots of instances, or of clusters. `status` is the database's member."""

    snap: str
    db: str
    kind: str
    status: str
    longest: int
    suffix: str  # of the errors' codes
    resolve: Callable[[str], Record | None]
    record: Callable[[str, Record], Record]
    xml: Callable[[Record], str]

    @property
    def id(self) -> str:
        return f"{self.snap}Identifier"

    @property
    def arn(self) -> str:
        return f"{self.snap}Arn"

    @property
    def database(self) -> str:
        return f"{self.db}Identifier"

    @property
    def records(self) -> Any:
        return rds._db_cluster_snapshots if self.suffix else rds._snapshots

    def not_found(self, name: str) -> Answer:
        return error(f"{self.snap}NotFound{self.suffix}", f"{self.snap} {escape(name)} not found.", 404)

    def invalid(self, message: str) -> Answer:
        return error(f"Invalid{self.snap}State{self.suffix}", message)


INSTANCES = Kind(
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
CLUSTERS = Kind(
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


class Snapshots:
    """The actions on snapshots of a kind, over the emulator's records."""

    def __init__(self, storage: Storage, kind: Kind) -> None:
        self._storage = storage
        self._kind = kind

    def actions(self) -> dict[str, Any]:
        snap = self._kind.snap
        return {
            f"Create{snap}": self.create,
            f"Copy{snap}": self.copy,
            f"Delete{snap}": self.delete,
            f"Describe{snap}s": self.describe,
            f"Describe{snap}Attributes": self.attributes,
            f"Modify{snap}Attribute": self.share,
        }

    def find(self, name_or_arn: str) -> Record | None:
        """An own snapshot by name or ARN, or another account's by ARN where it is shared with this one."""
        own: Record | None = self._kind.records.get(name_or_arn.rpartition(f":{self._kind.kind}:")[2])
        if not name_or_arn.startswith("arn:"):
            return self._kind.records.get(name_or_arn)  # type: ignore[no-any-return]
        if own and own[self._kind.arn] == name_or_arn:
            return own
        return next((s for s in self._shared_with_us() if s[self._kind.arn] == name_or_arn), None)

    def is_foreign(self, snapshot: Record) -> bool:
        """Whether it is another account's, shared with this one."""
        return str(snapshot[self._kind.arn]).split(":")[4] != str(get_account_id())

    def _shared_with_us(self) -> Iterator[Record]:
        here = arn(self._kind.kind, "").split(":")[3]
        for (account, region, _), snapshot in list(self._kind.records._data.items()):
            ours = {get_account_id(), "all"} & set(snapshot.get(_SHARED, ()))
            if account != get_account_id() and region == here and ours:
                yield snapshot

    @contextmanager
    def visible(self, name: str, snapshot: Record) -> Iterator[None]:
        """Lets the emulator find a snapshot under the name that the request uses, for that call."""
        if name in self._kind.records:
            yield
            return
        self._kind.records[name] = snapshot
        try:
            yield
        finally:
            del self._kind.records[name]

    def create(self, request: Request) -> Answer:
        kind = self._kind
        name, wanted = parameter(request, kind.id), parameter(request, kind.database)
        if refused := self._check_name(name):
            return refused
        database = kind.resolve(wanted)
        if database is None:
            return error(f"{kind.db}NotFound{kind.suffix}", f"{kind.db} {escape(wanted)} not found.", 404)
        if database[kind.status] != "available":
            return error(
                f"Invalid{kind.db}State{kind.suffix}",
                f"Cannot snapshot {wanted}: it is {database[kind.status]}.",
            )
        return self._described(f"Create{kind.snap}", self.take(database, name, tags_of(request)))

    def take(self, database: Record, name: str, tags: list[dict[str, str]]) -> Record:
        """A snapshot in the making; its data is copied at once, so that it holds what there is now."""
        snapshot = self._kind.record(name, database)
        if isinstance(database["DBSubnetGroup"], dict):  # of a cluster it is the name
            snapshot["VpcId"] = database["DBSubnetGroup"].get("VpcId", "")
        snapshot["DatabaseName"] = database.get("DatabaseName")  # RDS keeps a cluster's, unseen
        set_tags(snapshot, snapshot[self._kind.arn], tags)
        if DATA in database:
            snapshot[DATA] = new_data()
            self._storage.back_up(database, snapshot[DATA])
            self._finish(snapshot)
        return snapshot

    def back_up(self, database: Record) -> None:
        """The automated snapshot of today."""
        name = f"rds:{database[self._kind.database]}-{datetime.now(UTC):%Y-%m-%d-%H-%M}"
        snapshot = self.take(database, name, [])
        snapshot["SnapshotType"] = "automated"

    def _finish(self, snapshot: Record) -> None:
        """The data is whole; the status says so after the delay."""
        snapshot[COMPLETE] = True
        snapshot.update(Status="creating", PercentProgress=0)
        self._storage.later(lambda: _available(snapshot), snapshot)

    def copy(self, request: Request) -> Answer:
        kind = self._kind
        wanted, name = parameter(request, f"Source{kind.id}"), parameter(request, f"Target{kind.id}")
        source = self.find(wanted)
        if source is None:
            return kind.not_found(wanted)
        if refused := self._check_name(name) or self._check_copy(source, parameter(request, "KmsKeyId")):
            return refused
        asked = parameter(request, "KmsKeyId")
        key = key_arn(asked) if asked else source["KmsKeyId"]
        copy = {each: value for each, value in source.items() if each not in (_SHARED, DATA, COMPLETE)}
        copy.update({kind.id: name, kind.arn: arn(kind.kind, name), f"Source{kind.arn}": source[kind.arn]})
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
            copy[DATA] = new_data()
            self._storage.of(source).copy(source[DATA], copy[DATA])
            self._finish(copy)
        return self._described(f"Copy{kind.snap}", copy)

    def _check_copy(self, source: Record, key: str) -> Answer | None:
        """RDS API Reference, CopyDBSnapshot and CopyDBClusterSnapshot, KmsKeyId."""
        if source["Status"] != "available":
            return self._kind.invalid(f"The snapshot to copy is {source['Status']}.")
        if self._kind is CLUSTERS and key and not source["KmsKeyId"]:
            return error(
                "InvalidParameterCombination",
                "An unencrypted DB cluster snapshot is copied without KmsKeyId.",
            )
        if source["KmsKeyId"] and not key and self.is_foreign(source):
            return error(
                "InvalidParameterCombination", "A shared encrypted snapshot needs a KmsKeyId of yours."
            )
        return None

    def delete(self, request: Request) -> Answer:
        name = parameter(request, self._kind.id)
        snapshot = self._kind.records.get(name)
        if snapshot is None:
            return self._kind.not_found(name)
        if snapshot["SnapshotType"] != "manual":
            return self._kind.invalid("Only manual snapshots may be deleted.")
        if snapshot["Status"] == "creating":
            return self._kind.invalid(f"The snapshot {name} is being created.")
        self._forget(snapshot)
        snapshot["Status"] = "deleted"
        return self._described(f"Delete{self._kind.snap}", snapshot)

    def delete_automated(self, database: str) -> None:
        for snapshot in list(self._kind.records.values()):
            if snapshot["SnapshotType"] == "automated" and snapshot[self._kind.database] == database:
                self._forget(snapshot)

    def _forget(self, snapshot: Record) -> None:
        self._kind.records.pop(snapshot[self._kind.id], None)
        rds._tags.pop(snapshot[self._kind.arn], None)
        if DATA in snapshot:
            self._storage.of(snapshot).delete(snapshot[DATA])

    def describe(self, request: Request) -> Answer:
        kind = self._kind
        name, database = parameter(request, kind.id), parameter(request, kind.database)
        wanted = parameter(request, "SnapshotType")
        if name:
            snapshot = self.find(name)
            return self._listed([snapshot]) if snapshot else kind.not_found(name)
        found = [] if wanted in ("shared", "public") else list(kind.records.values())
        if wanted == "shared" or parameter(request, "IncludeShared") == "true":
            found += self._shared_with_us()
        if wanted in ("manual", "automated"):
            found = [s for s in found if s["SnapshotType"] == wanted]
        if database:
            found = [s for s in found if s[kind.database] == database.rpartition(":")[2]]
        return self._listed(found)

    def attributes(self, request: Request) -> Answer:
        name = parameter(request, self._kind.id)
        snapshot = self._kind.records.get(name)
        if snapshot is None:
            return self._kind.not_found(name)
        return self._attributes(f"Describe{self._kind.snap}Attributes", snapshot)

    def share(self, request: Request) -> Answer:
        name = parameter(request, self._kind.id)
        snapshot = self._kind.records.get(name)
        if snapshot is None:
            return self._kind.not_found(name)
        added = values(request, "ValuesToAdd")
        removed = set(values(request, "ValuesToRemove"))
        shared = [account for account in snapshot.get(_SHARED, []) if account not in removed]
        shared += [account for account in dict.fromkeys(added) if account not in shared]
        if refused := self._check_share(snapshot, added, shared):
            return refused
        snapshot[_SHARED] = shared
        return self._attributes(f"Modify{self._kind.snap}Attribute", snapshot)

    def resume(self) -> None:
        """After a restart: what was being made is done where its data is whole, and failed where not."""
        for (account, region, _), snapshot in list(self._kind.records._data.items()):
            if DATA in snapshot and snapshot["Status"] == "creating":
                with request_scope(account, region):
                    _available(snapshot) if snapshot.get(COMPLETE) else fail(snapshot, NOT_WHOLE)

    def data(self) -> set[str]:
        """The folders that the records name."""
        return {record[DATA] for record in self._kind.records._data.values() if DATA in record}

    def _check_name(self, name: str) -> Answer | None:
        if refused := bad_identifier(self._kind.id, name, self._kind.longest):
            return refused
        if name in self._kind.records:
            code = f"{self._kind.snap}AlreadyExists{self._kind.suffix}"
            return error(code, f"Cannot create the snapshot: {name} already exists.")
        return None

    def _check_share(self, snapshot: Record, added: list[str], shared: list[str]) -> Answer | None:
        name = snapshot[self._kind.id]
        if bad := [account for account in added if not re.fullmatch(r"\d{12}|all", account)]:
            return error("InvalidParameterValue", f"Invalid account id: {escape(bad[0])}")
        if snapshot["SnapshotType"] != "manual" or snapshot["Status"] != "available":
            return self._kind.invalid(f"Only an available manual snapshot can be shared, not {name}.")
        if added and is_default_key(snapshot.get("KmsKeyId", "")):
            return error(
                "InvalidParameterValue", f"Cannot share {name}: it is encrypted with the default RDS key."
            )
        if len(shared) > MAXIMUM_SHARES:
            return error(
                "SharedSnapshotQuotaExceeded", f"{name} cannot be shared with more than 20 accounts."
            )
        return None

    def _described(self, action: str, snapshot: Record) -> Answer:
        return answer(action, f"<{self._kind.snap}>{self._kind.xml(snapshot)}</{self._kind.snap}>")

    def _listed(self, snapshots: list[Record]) -> Answer:
        snap = self._kind.snap
        members = "".join(f"<{snap}>{self._kind.xml(each)}</{snap}>" for each in snapshots)
        return answer(f"Describe{snap}s", f"<{snap}s>{members}</{snap}s>")

    def _attributes(self, action: str, snapshot: Record) -> Answer:
        snap = self._kind.snap
        accounts = "".join(f"<AttributeValue>{each}</AttributeValue>" for each in snapshot.get(_SHARED, []))
        attribute = f"<AttributeName>restore</AttributeName><AttributeValues>{accounts}</AttributeValues>"
        return answer(
            action,
            f"<{snap}AttributesResult><{snap}Identifier>{snapshot[self._kind.id]}</{snap}Identifier>"
            f"<{snap}Attributes><{snap}Attribute>{attribute}</{snap}Attribute></{snap}Attributes>"
            f"</{snap}AttributesResult>",
        )


def keep_tags_current() -> None:
    """Tags put on a cluster snapshot, or taken off it, are seen in its description as well."""
    sync = rds._sync_tag_list_to_resource

    def synchronized(arn: str) -> None:
        sync(arn)
        for snapshot in rds._db_cluster_snapshots.values():
            if snapshot["DBClusterSnapshotArn"] == arn:
                snapshot["TagList"] = list(rds._tags.get(arn, []))

    rds._sync_tag_list_to_resource = synchronized


def _available(snapshot: Record) -> None:
    snapshot.update(Status="available", PercentProgress=100, SnapshotCreateTime=_now())


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
