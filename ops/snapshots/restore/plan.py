"""The newest sanitized snapshot as a database under a name that stays: beside the old one, then in its place.

    (copy under an own key) → NAME-next → (an instance in it) → password → NAME becomes NAME-old
    → NAME-next becomes NAME → NAME-old is deleted → (the copy is deleted)

Every step recognizes that it is done, by names and tags: after a crash the same plan goes on where it was.
The old database answers until the new one is available, and is deleted only when that has taken its name.
"""

from dataclasses import replace

from ops.aws.rds import changes as rds
from ops.aws.rds.changes import Found
from ops.errors import Conflict, ExecutionFailed
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, ReportProgress, Resource, Step
from ops.snapshots.pipeline.catalogue import DATABASES, SNAPSHOTS
from ops.snapshots.restore.model import BROKEN, SNAPSHOT_TAG, Restore, check_name

RESTORE = "restore"
_DESCRIBE = ("rds:DescribeDBInstances", "rds:DescribeDBClusters", "rds:DescribeEvents")


def plan_restore(restore: Restore) -> Plan:
    """Raises InputError for a name that RDS refuses, Conflict for one that somebody else's database has."""
    check_name(restore.name)
    current = restore.find(restore.name)
    if current and not restore.is_ours(current):
        raise Conflict(
            f"There is a database {restore.name} in {restore.place.account.name} that was not restored here.",
            hint="Choose another name: only what a restore has made is ever replaced.",
        )
    steps = [*_make(restore), *_swap(restore)]
    chained = [replace(step, needs=(steps[n - 1].id,) if n else ()) for n, step in enumerate(steps)]
    title = f"Restore {restore.source.id} as {restore.name} in {restore.place.account.name}"
    return Plan(title, tuple(chained), Operation.RESTORE_SNAPSHOT, confirm=restore.name if current else "")


def restores_of(plan: Plan, database: str) -> bool:
    """Whether the plan restores a sanitized snapshot of that database."""
    return any(step.id == RESTORE and step.evidence == _of(database) for step in plan.steps)


def _of(database: str) -> str:
    return f"a sanitized copy of {database}"


def _make(restore: Restore) -> list[Step]:
    """The new database, beside the old one."""
    steps = [_restore_step(restore)]
    if restore.must_copy:
        steps.insert(0, _copy_step(restore))
    if restore.is_cluster:
        steps.append(_instance_step(restore))
    return [*steps, _password_step(restore)]


def _swap(restore: Restore) -> list[Step]:
    steps = [_set_aside_step(restore), _take_name_step(restore), _delete_old_step(restore)]
    return [*steps, _delete_copy_step(restore)] if restore.must_copy else steps


def _done(reason: str) -> Check:
    return Check(Readiness.DONE, reason)


def _changed(reason: str) -> Check:
    return Check(Readiness.CHANGED, reason)


def _resource(restore: Restore, name: str, kinds: dict[str, str] = DATABASES) -> Resource:
    where = (restore.place.account.id, restore.place.region)
    return Resource(kinds[restore.source.kind], name, *where)


def _copy_step(restore: Restore) -> Step:
    def find() -> tuple[str, dict[str, str]] | None:
        return rds.find_snapshot(restore.cloud, restore.place, restore.source.kind, restore.token)

    def check() -> Check:
        if restore.taken or restore.holds(restore.find(restore.next)):
            return _done("the database has been restored from it already")
        found = find()
        if found and found[1].get(SNAPSHOT_TAG) != restore.source.arn:
            return _changed(f"{restore.token} is not a copy of this snapshot")
        return _done("it is there") if found and found[0] == "available" else READY

    def act(say: ReportProgress) -> None:
        if find() is None:
            place, key = restore.place, restore.key
            rds.copy_snapshot(restore.cloud, place, restore.source, restore.token, key, restore.tags)
        while (found := find()) is None or found[0] != "available":
            if found and found[0].startswith(BROKEN):
                raise ExecutionFailed(
                    f"The copy {restore.token} is {found[0]}.", hint="Delete it, then repeat."
                )
            say(f"{restore.token} is {found[0] if found else 'not there'}")
            restore.sleep(restore.look_s)

    return Step(
        id="copy",
        does=f"Copy {restore.source.id} under {restore.key}",
        resource=_resource(restore, restore.token, SNAPSHOTS),
        act=act,
        parameters={"snapshot": restore.source.arn, "copy": restore.token, "key": restore.key},
        check=check,
        evidence="a snapshot that is shared and encrypted cannot be restored directly",
        actions=("rds:CopyDBSnapshot", "rds:CopyDBClusterSnapshot", "kms:CreateGrant", "kms:DescribeKey"),
    )


def _restore_step(restore: Restore) -> Step:
    name = restore.next

    def check() -> Check:
        if restore.taken:
            return _done(f"{restore.name} holds this snapshot already")
        found = restore.find(name)
        if found and not restore.is_ours(found):
            return _changed(f"{name} was not restored here")
        return _done("it is there") if found and restore.holds(found) and found.settled else READY

    def act(say: ReportProgress) -> None:
        found = restore.find(name)
        if found and not restore.holds(found):
            say(f"{name} is left of an earlier restore: it is deleted first")
            restore.delete(name, say)
            found = None
        if found is None:
            snapshot = restore.token if restore.must_copy else restore.source.arn
            wanted = replace(restore.wanted, tags=restore.tags)
            rds.restore(restore.cloud, restore.place, restore.source, snapshot, name, wanted)
        restore.wait(name, say, lambda found: bool(found and found.settled) or restore.taken)

    return Step(
        id=RESTORE,
        does=f"Restore it as {name}",
        resource=_resource(restore, name),
        act=act,
        check=check,
        evidence=_of(restore.database),
        parameters={
            "snapshot": restore.source.arn,
            "subnet_group": restore.wanted.subnet_group,
            "security_groups": ",".join(restore.wanted.security_groups),
            "instance_class": restore.wanted.instance_class,
        },
        actions=(
            *_DESCRIBE,
            "rds:RestoreDBInstanceFromDBSnapshot",
            "rds:RestoreDBClusterFromSnapshot",
            "rds:AddTagsToResource",
        ),
    )


def _instance_step(restore: Restore) -> Step:
    def find() -> Found | None:
        return rds.find_database(restore.cloud, restore.place, "instance", restore.token)

    def check() -> Check:
        found = find()
        return _done("it is there") if found and found.settled else READY

    def act(say: ReportProgress) -> None:
        if find() is None:
            wanted = replace(restore.wanted, tags=restore.tags)
            engine, token = restore.source.engine, restore.token
            rds.add_instance(restore.cloud, restore.place, engine, restore.next, token, wanted)
        alone = replace(restore, source=replace(restore.source, kind="instance"))
        alone.wait(restore.token, say, lambda found: bool(found and found.settled))

    return Step(
        id="instance",
        does=f"Create the instance {restore.token} in it",
        resource=Resource(
            DATABASES["instance"], restore.token, restore.place.account.id, restore.place.region
        ),
        act=act,
        parameters={
            "instance": restore.token,
            "cluster": restore.next,
            "instance_class": restore.wanted.instance_class,
        },
        check=check,
        evidence="a restored cluster has none",
        actions=("rds:CreateDBInstance",),
    )


def _password_step(restore: Restore) -> Step:
    def has_secret(found: Found | None) -> bool:
        return bool(found and found.settled and found.secret)

    def check() -> Check:
        if restore.taken or has_secret(restore.find(restore.next)):
            return _done("it has one")
        return READY

    def act(say: ReportProgress) -> None:
        rds.manage_password(restore.cloud, restore.place, restore.source.kind, restore.next)
        restore.wait(restore.next, say, has_secret)
        found = restore.find(restore.next)
        say(f"The password is in {found.secret if found else 'Secrets Manager'}")

    return Step(
        id="password",
        does="Let RDS make a password and keep it in Secrets Manager",
        resource=_resource(restore, restore.next),
        act=act,
        parameters={"kept_in": "Secrets Manager"},
        check=check,
        evidence="the snapshot's own is known to nobody here",
        actions=(
            "rds:ModifyDBInstance",
            "rds:ModifyDBCluster",
            "secretsmanager:CreateSecret",
            "secretsmanager:TagResource",
            "kms:DescribeKey",
        ),
    )


def _set_aside_step(restore: Restore) -> Step:
    name, old = restore.name, restore.old

    def check() -> Check:
        current, following = restore.find(name), restore.find(restore.next)
        if current is None or restore.holds(current):
            return _done("nothing else has the name")
        if not restore.is_ours(current):
            return _changed(f"{name} was not restored here")
        ready = following and restore.holds(following) and following.settled and following.secret
        return READY if ready else _changed(f"{restore.next} is not ready")

    def act(say: ReportProgress) -> None:
        current = restore.find(name)
        if current and current.status != "renaming":  # else an earlier try has renamed it, or does so now
            _make_room(restore, say)
            rds.rename(restore.cloud, restore.place, restore.source.kind, name, old)
        restore.wait(old, say, lambda found: bool(found and found.settled))
        restore.wait(name, say, lambda found: found is None)

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


def _make_room(restore: Restore, say: ReportProgress) -> None:
    """An old one that an earlier restore could not delete goes first."""
    left = restore.find(restore.old)
    if left and not restore.is_ours(left):
        raise Conflict(f"{restore.old} exists and was not restored here.", hint="Rename or delete it.")
    if left:
        restore.delete(restore.old, say)


def _take_name_step(restore: Restore) -> Step:
    name = restore.name

    def check() -> Check:
        if restore.in_place:
            return _done("it has the name")
        current = restore.find(name)
        return READY if current is None or restore.holds(current) else _changed(f"{name} is there again")

    def act(say: ReportProgress) -> None:
        following = restore.find(restore.next)
        if restore.find(name) is None and following and following.status != "renaming":
            rds.rename(restore.cloud, restore.place, restore.source.kind, restore.next, name)
        restore.wait(name, say, lambda found: bool(found and found.settled))
        found = restore.find(name)
        say(f"{name} answers at {found.host}:{found.port}" if found else name)

    return Step(
        id="take-name",
        does=f"Rename {restore.next} to {name}",
        resource=_resource(restore, restore.next),
        act=act,
        parameters={"from": restore.next, "to": name},
        check=check,
        evidence="the name is free",
        actions=("rds:ModifyDBInstance", "rds:ModifyDBCluster"),
    )


def _delete_old_step(restore: Restore) -> Step:
    old = restore.old

    def check() -> Check:
        found = restore.find(old)
        if found is None:
            return _done("there is none")
        if not restore.is_ours(found):
            return _changed(f"{old} was not restored here")
        return READY if restore.in_place else _changed(f"{restore.name} is not in place")

    return Step(
        id="delete-old",
        does=f"Delete {old}, if there is one",
        resource=_resource(restore, old),
        act=lambda say: restore.delete(old, say),
        parameters={"database": old, "final_snapshot": "none"},
        check=check,
        evidence=f"{restore.name} is the new one",
        actions=("rds:DeleteDBInstance", "rds:DeleteDBCluster"),
        destructive=True,
    )


def _delete_copy_step(restore: Restore) -> Step:
    kind, token = restore.source.kind, restore.token

    def check() -> Check:
        if rds.find_snapshot(restore.cloud, restore.place, kind, token) is None:
            return _done("it is gone")
        return READY if restore.in_place else _changed(f"{restore.name} is not in place")

    return Step(
        id="delete-copy",
        does=f"Delete the copy {token}",
        resource=_resource(restore, token, SNAPSHOTS),
        act=lambda say: rds.delete_snapshot(restore.cloud, restore.place, kind, token),
        parameters={"snapshot": token},
        check=check,
        actions=("rds:DeleteDBSnapshot", "rds:DeleteDBClusterSnapshot"),
        destructive=True,
    )
