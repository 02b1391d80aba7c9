"""Plans the restore of a sanitized snapshot to a database with a stable name.

    (copy the snapshot) → restore it as NAME-next → (create an instance in the cluster) → set a password
    → rename NAME to NAME-old → rename NAME-next to NAME → delete NAME-old → (delete the copy)

Every step recognizes by names and tags that it is done: after a crash, the same plan continues where it
stopped.
The old database is available until the new one is, and is deleted only after the new one has its name.
"""

from dataclasses import replace

from ops.aws.rds import changes as rds
from ops.aws.rds.changes import DatabaseState
from ops.errors import Conflict, ExecutionFailed
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, ReportProgress, Resource, Step
from ops.snapshots.pipeline.catalog import DATABASES, SNAPSHOTS
from ops.snapshots.restore.model import FAILED_STATUSES, SNAPSHOT_TAG, Restore, check_name

_DESCRIBE = ("rds:DescribeDBInstances", "rds:DescribeDBClusters", "rds:DescribeEvents")


def plan_restore(restore: Restore) -> Plan:
    """Plan the restore. Raises InputError for an invalid name, Conflict for the name of another database."""
    check_name(restore.name)
    current = restore.find(restore.name)
    if current and not restore.is_ours(current):
        raise Conflict(
            f"The database {restore.name} in {restore.place.account.name} was not created by a restore.",
            hint="Choose another name: a restore replaces only databases that a restore created.",
        )
    steps = [*_create_steps(restore), *_swap_steps(restore)]
    chained = [replace(step, needs=(steps[n - 1].id,) if n else ()) for n, step in enumerate(steps)]
    title = f"Restore {restore.source.id} as {restore.name} in {restore.place.account.name}"
    return Plan(title, tuple(chained), Operation.RESTORE_SNAPSHOT, confirm=restore.name if current else "")


def is_restore_of(plan: Plan, database: str) -> bool:
    """Return whether the plan restores a sanitized snapshot of a database."""
    return plan.operation is Operation.RESTORE_SNAPSHOT and any(
        step.parameters.get("production_database") == database for step in plan.steps
    )


def _create_steps(restore: Restore) -> list[Step[None]]:
    """Steps that create the new database next to the old one."""
    steps = [_restore_step(restore)]
    if restore.must_copy:
        steps.insert(0, _copy_step(restore))
    if restore.is_cluster:
        steps.append(_instance_step(restore))
    return [*steps, _password_step(restore)]


def _swap_steps(restore: Restore) -> list[Step[None]]:
    steps = [_set_aside_step(restore), _take_name_step(restore), _delete_old_step(restore)]
    return [*steps, _delete_copy_step(restore)] if restore.must_copy else steps


def _is_settled(database: DatabaseState | None) -> bool:
    return bool(database and database.settled)


def _already_done(reason: str) -> Check:
    return Check(Readiness.DONE, reason)


def _changed_since(reason: str) -> Check:
    return Check(Readiness.CHANGED, reason)


def _resource(restore: Restore, name: str, kinds: dict[str, str] = DATABASES) -> Resource:
    where = (restore.place.account.id, restore.place.region)
    return Resource(kinds[restore.source.kind], name, *where)


def _copy_step(restore: Restore) -> Step[None]:
    def find() -> tuple[str, dict[str, str]] | None:
        return rds.find_snapshot(restore.cloud, restore.place, restore.source.kind, restore.token)

    def check() -> Check:
        if restore.has_name or restore.holds(restore.find(restore.next)):
            return _already_done("the database is already restored from it")
        copy = find()
        if copy and copy[1].get(SNAPSHOT_TAG) != restore.source.arn:
            return _changed_since(f"{restore.token} is not a copy of this snapshot")
        return _already_done("the copy is available") if copy and copy[0] == "available" else READY

    def act(say: ReportProgress) -> None:
        if find() is None:
            place, key = restore.place, restore.key
            rds.copy_snapshot(restore.cloud, place, restore.source, restore.token, key, restore.tags)
        while (copy := find()) is None or copy[0] != "available":
            if copy and copy[0].startswith(FAILED_STATUSES):
                raise ExecutionFailed(
                    f"The copy {restore.token} is {copy[0]}.", hint="Delete it, then retry the restore."
                )
            say(f"{restore.token} is {copy[0] if copy else 'missing'}")
            restore.sleep(restore.poll_s)

    return Step(
        id="copy",
        does=f"Copy the snapshot {restore.source.id} with the key {restore.key}",
        resource=_resource(restore, restore.token, SNAPSHOTS),
        act=act,
        parameters={"snapshot": restore.source.arn, "copy": restore.token, "key": restore.key},
        check=check,
        evidence="a shared encrypted snapshot cannot be restored directly",
        actions=("rds:CopyDBSnapshot", "rds:CopyDBClusterSnapshot", "kms:CreateGrant", "kms:DescribeKey"),
    )


def _restore_step(restore: Restore) -> Step[None]:
    name = restore.next

    def check() -> Check:
        if restore.has_name:
            return _already_done(f"{restore.name} is already restored from this snapshot")
        database = restore.find(name)
        if database and not restore.is_ours(database):
            return _changed_since(f"{name} was not created by a restore")
        if database and restore.holds(database) and database.settled:
            return _already_done(f"{name} is available")
        return READY

    def act(say: ReportProgress) -> None:
        database = restore.find(name)
        if database and not restore.holds(database):
            say(f"Deleting {name}: it is left over from an earlier restore")
            restore.delete(name, say)
            database = None
        if database is None:
            snapshot = restore.token if restore.must_copy else restore.source.arn
            settings = replace(restore.settings, tags=restore.tags)
            rds.restore(restore.cloud, restore.place, restore.source, snapshot, name, settings)
        restore.wait(name, say, lambda database: _is_settled(database) or restore.has_name)

    return Step(
        id="restore",
        does=f"Restore the snapshot as {name}",
        resource=_resource(restore, name),
        act=act,
        check=check,
        evidence=f"a sanitized copy of {restore.database}",
        parameters={
            "production_database": restore.database,
            "snapshot": restore.source.arn,
            "subnet_group": restore.settings.subnet_group,
            "security_groups": ",".join(restore.settings.security_groups),
            "instance_class": restore.settings.instance_class,
        },
        actions=(
            *_DESCRIBE,
            "rds:RestoreDBInstanceFromDBSnapshot",
            "rds:RestoreDBClusterFromSnapshot",
            "rds:AddTagsToResource",
        ),
    )


def _instance_step(restore: Restore) -> Step[None]:
    def find() -> DatabaseState | None:
        return rds.find_database(restore.cloud, restore.place, "instance", restore.token)

    def check() -> Check:
        return _already_done("the instance is available") if _is_settled(find()) else READY

    def act(say: ReportProgress) -> None:
        if find() is None:
            settings = replace(restore.settings, tags=restore.tags)
            engine, token = restore.source.engine, restore.token
            rds.add_instance(restore.cloud, restore.place, engine, restore.next, token, settings)
        alone = replace(restore, source=replace(restore.source, kind="instance"))
        alone.wait(restore.token, say, _is_settled)

    return Step(
        id="instance",
        does=f"Create the instance {restore.token} in the cluster",
        resource=Resource(
            DATABASES["instance"], restore.token, restore.place.account.id, restore.place.region
        ),
        act=act,
        parameters={
            "instance": restore.token,
            "cluster": restore.next,
            "instance_class": restore.settings.instance_class,
        },
        check=check,
        evidence="a restored cluster has no instance",
        actions=("rds:CreateDBInstance",),
    )


def _password_step(restore: Restore) -> Step[None]:
    def has_secret(database: DatabaseState | None) -> bool:
        return bool(database and database.settled and database.secret)

    def check() -> Check:
        if restore.has_name or has_secret(restore.find(restore.next)):
            return _already_done("the password is set")
        return READY

    def act(say: ReportProgress) -> None:
        rds.manage_password(restore.cloud, restore.place, restore.source.kind, restore.next)
        restore.wait(restore.next, say, has_secret)
        database = restore.find(restore.next)
        say(f"The password is in {database.secret if database else 'Secrets Manager'}")

    return Step(
        id="password",
        does="Set a master password that RDS manages in Secrets Manager",
        resource=_resource(restore, restore.next),
        act=act,
        parameters={"kept_in": "Secrets Manager"},
        check=check,
        evidence="the password of the snapshot is random and unknown",
        actions=(
            "rds:ModifyDBInstance",
            "rds:ModifyDBCluster",
            "secretsmanager:CreateSecret",
            "secretsmanager:TagResource",
            "kms:DescribeKey",
        ),
    )


def _set_aside_step(restore: Restore) -> Step[None]:
    name, old = restore.name, restore.old

    def check() -> Check:
        current, following = restore.find(name), restore.find(restore.next)
        if current is None or restore.holds(current):
            return _already_done("no other database has the name")
        if not restore.is_ours(current):
            return _changed_since(f"{name} was not created by a restore")
        ready = following and restore.holds(following) and following.settled and following.secret
        return READY if ready else _changed_since(f"{restore.next} is not ready")

    def act(say: ReportProgress) -> None:
        current = restore.find(name)
        if current and current.status != "renaming":  # otherwise an earlier attempt renames it
            _delete_leftover(restore, say)
            rds.rename(restore.cloud, restore.place, restore.source.kind, name, old)
        restore.wait(old, say, _is_settled)
        restore.wait(name, say, lambda database: database is None)

    return Step(
        id="set-aside",
        does=f"Rename {name} to {old}",
        resource=_resource(restore, name),
        act=act,
        parameters={"from": name, "to": old},
        check=check,
        evidence=f"{restore.next} is available",
        actions=("rds:ModifyDBInstance", "rds:ModifyDBCluster"),
    )


def _delete_leftover(restore: Restore, say: ReportProgress) -> None:
    """Delete an old database that an earlier restore could not delete."""
    leftover = restore.find(restore.old)
    if leftover and not restore.is_ours(leftover):
        raise Conflict(
            f"The database {restore.old} was not created by a restore.", hint="Rename it or delete it."
        )
    if leftover:
        restore.delete(restore.old, say)


def _take_name_step(restore: Restore) -> Step[None]:
    name = restore.name

    def check() -> Check:
        if restore.in_place:
            return _already_done("the rename is complete")
        current = restore.find(name)
        return READY if current is None or restore.holds(current) else _changed_since(f"{name} exists again")

    def act(say: ReportProgress) -> None:
        following = restore.find(restore.next)
        if restore.find(name) is None and following and following.status != "renaming":
            rds.rename(restore.cloud, restore.place, restore.source.kind, restore.next, name)
        restore.wait(name, say, _is_settled)
        database = restore.find(name)
        say(f"{name} is available at {database.host}:{database.port}" if database else name)

    return Step(
        id="take-name",
        does=f"Rename {restore.next} to {name}",
        resource=_resource(restore, restore.next),
        act=act,
        parameters={"from": restore.next, "to": name},
        check=check,
        evidence="the name is available",
        actions=("rds:ModifyDBInstance", "rds:ModifyDBCluster"),
    )


def _delete_old_step(restore: Restore) -> Step[None]:
    old = restore.old

    def check() -> Check:
        database = restore.find(old)
        if database is None:
            return _already_done(f"{old} does not exist")
        if not restore.is_ours(database):
            return _changed_since(f"{old} was not created by a restore")
        return READY if restore.in_place else _changed_since(f"{restore.name} is not available")

    return Step(
        id="delete-old",
        does=f"Delete {old}, if it exists",
        resource=_resource(restore, old),
        act=lambda say: restore.delete(old, say),
        parameters={"database": old, "final_snapshot": "none"},
        check=check,
        evidence=f"{restore.name} is the new database",
        actions=("rds:DeleteDBInstance", "rds:DeleteDBCluster"),
        destructive=True,
    )


def _delete_copy_step(restore: Restore) -> Step[None]:
    kind, token = restore.source.kind, restore.token

    def check() -> Check:
        if rds.find_snapshot(restore.cloud, restore.place, kind, token) is None:
            return _already_done("the copy is deleted")
        return READY if restore.in_place else _changed_since(f"{restore.name} is not available")

    return Step(
        id="delete-copy",
        does=f"Delete the snapshot copy {token}",
        resource=_resource(restore, token, SNAPSHOTS),
        act=lambda say: rds.delete_snapshot(restore.cloud, restore.place, kind, token),
        parameters={"snapshot": token},
        check=check,
        actions=("rds:DeleteDBSnapshot", "rds:DeleteDBClusterSnapshot"),
        destructive=True,
    )
