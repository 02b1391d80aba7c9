"""Snapshots of RDS: copies of a server's data, taken, copied, shared and restored elsewhere."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, request_scope
from ministack.services import rds

from ops.embedded.rds_common import (
    COMPLETE,
    DATA,
    Answer,
    Record,
    Request,
    Storage,
    answer,
    arn,
    error,
    is_default_key,
    key_arn,
    new_data,
    parameter,
    set_tags,
    tags_of,
    values,
)

SEAMS = (
    "ministack.services.rds._create_snapshot_internal",
    "ministack.services.rds._snapshot_xml",
    "ministack.services.rds._snapshots",
)

MAXIMUM_SHARES = 20  # Amazon RDS User Guide, "Sharing a DB snapshot"
_SHARED = "_restore"  # of a record: the accounts that may restore it


class Snapshots:
    """The actions on snapshots, over the emulator's records."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def actions(self) -> dict[str, Any]:
        return {
            "CreateDBSnapshot": self.create,
            "CopyDBSnapshot": self.copy,
            "DeleteDBSnapshot": self.delete,
            "DescribeDBSnapshots": self.describe,
            "DescribeDBSnapshotAttributes": self.attributes,
            "ModifyDBSnapshotAttribute": self.share,
        }

    def find(self, name_or_arn: str) -> Record | None:
        """An own snapshot by name or ARN, or another account's by ARN where it is shared with this one."""
        own: Record | None = rds._snapshots.get(name_or_arn.rpartition(":snapshot:")[2])
        if not name_or_arn.startswith("arn:"):
            return rds._snapshots.get(name_or_arn)  # type: ignore[no-any-return]
        if own and own["DBSnapshotArn"] == name_or_arn:
            return own
        return next((s for s in self._shared_with_us() if s["DBSnapshotArn"] == name_or_arn), None)

    def _shared_with_us(self) -> Iterator[Record]:
        here = arn("snapshot", "").split(":")[3]
        for (account, region, _), snapshot in list(rds._snapshots._data.items()):
            ours = {get_account_id(), "all"} & set(snapshot.get(_SHARED, ()))
            if account != get_account_id() and region == here and ours:
                yield snapshot

    @contextmanager
    def visible(self, name: str, snapshot: Record) -> Iterator[None]:
        """Lets the emulator find a snapshot under the name that the request uses, for that call."""
        if name in rds._snapshots:
            yield
            return
        rds._snapshots[name] = snapshot
        try:
            yield
        finally:
            del rds._snapshots[name]

    def create(self, request: Request) -> Answer:
        name, database = (
            parameter(request, "DBSnapshotIdentifier"),
            parameter(request, "DBInstanceIdentifier"),
        )
        if refused := _check_name(name):
            return refused
        instance = rds._resolve_instance(database)
        if instance is None:
            return error("DBInstanceNotFound", f"DBInstance {database} not found.", 404)
        if instance["DBInstanceStatus"] != "available":
            status = instance["DBInstanceStatus"]
            return error("InvalidDBInstanceState", f"Cannot snapshot {database}: it is {status}.")
        return _described("CreateDBSnapshot", self.take(instance, name, tags_of(request)))

    def take(self, instance: Record, name: str, tags: list[dict[str, str]]) -> Record:
        """A snapshot in the making; its data is copied at once, so that it holds what there is now."""
        snapshot: Record = rds._create_snapshot_internal(name, instance)
        snapshot["VpcId"] = instance["DBSubnetGroup"].get("VpcId", "")
        set_tags(snapshot, snapshot["DBSnapshotArn"], tags)
        if DATA in instance:
            snapshot[DATA] = new_data()
            self._storage.postgres.back_up(int(instance["Endpoint"]["Port"]), snapshot[DATA])
            self._finish(snapshot)
        return snapshot

    def back_up(self, instance: Record) -> None:
        """The automated snapshot of today."""
        name = f"rds:{instance['DBInstanceIdentifier']}-{datetime.now(UTC):%Y-%m-%d-%H-%M}"
        snapshot = self.take(instance, name, [])
        snapshot["SnapshotType"] = "automated"

    def _finish(self, snapshot: Record) -> None:
        """The data is whole; the status says so after the delay."""
        snapshot[COMPLETE] = True
        snapshot.update(Status="creating", PercentProgress=0)
        self._storage.later(lambda: _available(snapshot), lambda: snapshot.update(Status="failed"))

    def copy(self, request: Request) -> Answer:
        wanted, name = (
            parameter(request, "SourceDBSnapshotIdentifier"),
            parameter(request, "TargetDBSnapshotIdentifier"),
        )
        source = self.find(wanted)
        if source is None:
            return error("DBSnapshotNotFound", f"DBSnapshot {wanted} not found.", 404)
        if refused := _check_name(name):
            return refused
        copy = {key: value for key, value in source.items() if key not in (_SHARED, DATA, COMPLETE)}
        key = (
            key_arn(parameter(request, "KmsKeyId")) if parameter(request, "KmsKeyId") else source["KmsKeyId"]
        )
        copy.update(
            DBSnapshotIdentifier=name,
            DBSnapshotArn=arn("snapshot", name),
            SnapshotType="manual",
            SnapshotCreateTime=_now(),
            SourceDBSnapshotIdentifier=source["DBSnapshotArn"],
            KmsKeyId=key,
            Encrypted=bool(key),
            StorageEncrypted=bool(key),
        )
        kept = source["TagList"] if parameter(request, "CopyTags") == "true" else []
        set_tags(copy, copy["DBSnapshotArn"], tags_of(request) or kept)
        rds._snapshots[name] = copy
        if DATA in source:
            copy[DATA] = new_data()
            self._storage.postgres.copy(source[DATA], copy[DATA])
            self._finish(copy)
        return _described("CopyDBSnapshot", copy)

    def delete(self, request: Request) -> Answer:
        name = parameter(request, "DBSnapshotIdentifier")
        snapshot = rds._snapshots.get(name)
        if snapshot is None:
            return error("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        if snapshot["SnapshotType"] != "manual":
            return error("InvalidDBSnapshotState", "Only manual snapshots may be deleted.")
        if snapshot["Status"] == "creating":
            return error("InvalidDBSnapshotState", f"The snapshot {name} is being created.")
        self._forget(snapshot)
        snapshot["Status"] = "deleted"
        return _described("DeleteDBSnapshot", snapshot)

    def delete_automated(self, database: str) -> None:
        for snapshot in list(rds._snapshots.values()):
            if snapshot["SnapshotType"] == "automated" and snapshot["DBInstanceIdentifier"] == database:
                self._forget(snapshot)

    def _forget(self, snapshot: Record) -> None:
        rds._snapshots.pop(snapshot["DBSnapshotIdentifier"], None)
        rds._tags.pop(snapshot["DBSnapshotArn"], None)
        if DATA in snapshot:
            self._storage.postgres.delete(snapshot[DATA])

    def describe(self, request: Request) -> Answer:
        name, database = (
            parameter(request, "DBSnapshotIdentifier"),
            parameter(request, "DBInstanceIdentifier"),
        )
        kind = parameter(request, "SnapshotType")
        if name:
            snapshot = self.find(name)
            if snapshot is None:
                return error("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
            return _listed([snapshot])
        found = [] if kind in ("shared", "public") else list(rds._snapshots.values())
        if kind == "shared" or parameter(request, "IncludeShared") == "true":
            found += self._shared_with_us()
        if kind in ("manual", "automated"):
            found = [s for s in found if s["SnapshotType"] == kind]
        if database:
            found = [s for s in found if s["DBInstanceIdentifier"] == database.rpartition(":")[2]]
        return _listed(found)

    def attributes(self, request: Request) -> Answer:
        name = parameter(request, "DBSnapshotIdentifier")
        snapshot = rds._snapshots.get(name)
        if snapshot is None:
            return error("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        return _attributes("DescribeDBSnapshotAttributes", snapshot)

    def share(self, request: Request) -> Answer:
        name = parameter(request, "DBSnapshotIdentifier")
        snapshot = rds._snapshots.get(name)
        if snapshot is None:
            return error("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        added = values(request, "ValuesToAdd")
        removed = set(values(request, "ValuesToRemove"))
        shared = [account for account in snapshot.get(_SHARED, []) if account not in removed]
        shared += [account for account in dict.fromkeys(added) if account not in shared]
        if refused := _check_share(snapshot, added, shared):
            return refused
        snapshot[_SHARED] = shared
        return _attributes("ModifyDBSnapshotAttribute", snapshot)

    def resume(self) -> None:
        """After a restart: what was being made is done where its data is whole, and failed where not."""
        for (account, region, _), snapshot in list(rds._snapshots._data.items()):
            if DATA in snapshot and snapshot["Status"] == "creating":
                with request_scope(account, region):
                    _available(snapshot) if snapshot.get(COMPLETE) else snapshot.update(Status="failed")

    def data(self) -> set[str]:
        """The folders that the records name."""
        return {record[DATA] for record in rds._snapshots._data.values() if DATA in record}


def _check_name(name: str) -> Answer | None:
    if not re.fullmatch(r"(?i)[a-z](-?[a-z0-9])*", name) or len(name) > 255:
        return error(
            "InvalidParameterValue",
            f"The parameter DBSnapshotIdentifier is not a valid identifier: {escape(name)!r}. Identifiers "
            "must begin with a letter; contain only ASCII letters, digits, and hyphens; and must not end "
            "with a hyphen or contain two consecutive hyphens.",
        )
    if name in rds._snapshots:
        return error("DBSnapshotAlreadyExists", f"Cannot create the snapshot: {name} already exists.")
    return None


def _check_share(snapshot: Record, added: list[str], shared: list[str]) -> Answer | None:
    name = snapshot["DBSnapshotIdentifier"]
    if bad := [account for account in added if not re.fullmatch(r"\d{12}|all", account)]:
        return error("InvalidParameterValue", f"Invalid account id: {escape(bad[0])}")
    if snapshot["SnapshotType"] != "manual" or snapshot["Status"] != "available":
        return error(
            "InvalidDBSnapshotState", f"Only an available manual snapshot can be shared, not {name}."
        )
    if added and is_default_key(snapshot.get("KmsKeyId", "")):
        return error(
            "InvalidParameterValue", f"Cannot share {name}: it is encrypted with the default RDS key."
        )
    if len(shared) > MAXIMUM_SHARES:
        return error("SharedSnapshotQuotaExceeded", f"{name} cannot be shared with more than 20 accounts.")
    return None


def _available(snapshot: Record) -> None:
    snapshot.update(Status="available", PercentProgress=100, SnapshotCreateTime=_now())


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _described(action: str, snapshot: Record) -> Answer:
    return answer(action, f"<DBSnapshot>{rds._snapshot_xml(snapshot)}</DBSnapshot>")


def _listed(snapshots: list[Record]) -> Answer:
    members = "".join(f"<DBSnapshot>{rds._snapshot_xml(s)}</DBSnapshot>" for s in snapshots)
    return answer("DescribeDBSnapshots", f"<DBSnapshots>{members}</DBSnapshots>")


def _attributes(action: str, snapshot: Record) -> Answer:
    accounts = "".join(f"<AttributeValue>{account}</AttributeValue>" for account in snapshot.get(_SHARED, []))
    attribute = f"<AttributeName>restore</AttributeName><AttributeValues>{accounts}</AttributeValues>"
    return answer(
        action,
        "<DBSnapshotAttributesResult>"
        f"<DBSnapshotIdentifier>{snapshot['DBSnapshotIdentifier']}</DBSnapshotIdentifier>"
        f"<DBSnapshotAttributes><DBSnapshotAttribute>{attribute}</DBSnapshotAttribute></DBSnapshotAttributes>"
        "</DBSnapshotAttributesResult>",
    )
