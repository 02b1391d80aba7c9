"""A restore of a sanitized snapshot to a database with a stable name."""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ops.aws.cloud import Cloud, Place
from ops.aws.rds import changes as rds
from ops.aws.rds.changes import DatabaseState, RestoreSettings
from ops.aws.rds.databases import CLUSTER, INSTANCE, Snapshot
from ops.errors import ExecutionFailed, InputError
from ops.plan import ReportProgress

RESTORED_TAG = "slipway:restored"  # the stable name
SNAPSHOT_TAG = "slipway:snapshot"  # the ARN of the restored snapshot
DEFAULT_KEY = "alias/aws/rds"  # AWS managed: a snapshot encrypted with it cannot be shared
# RDS allows 63 characters: Amazon RDS API Reference, RestoreDBInstanceFromDBSnapshot. The suffix is that of
# the database that replaces the one of the name.
LONGEST_NAME = 63 - len("-next-00000000")
POLL_S = 10.0
TIMEOUT_S = 12 * 3600.0
# Statuses that do not become `available`: Amazon RDS User Guide, "Viewing DB instance status".
FAILED_STATUSES = ("failed", "incompatible-", "storage-full", "inaccessible-encryption", "restore-error")


@dataclass(frozen=True)
class Restore:
    """What to restore, where, and as what. `key` encrypts the copy of a shared encrypted snapshot."""

    cloud: Cloud
    place: Place
    source: Snapshot
    name: str
    settings: RestoreSettings
    database: str = ""  # the production database that the snapshot was taken of
    key: str = DEFAULT_KEY
    poll_s: float = POLL_S
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @property
    def next(self) -> str:
        return f"{self.name}-next"

    @property
    def old(self) -> str:
        return f"{self.name}-old"

    @property
    def token(self) -> str:
        """A name derived from the snapshot, for its copy and for the instance in a cluster."""
        return f"{self.name}-{hashlib.sha256(self.source.arn.encode()).hexdigest()[:8]}"

    @property
    def tags(self) -> dict[str, str]:
        return {**self.settings.tags, RESTORED_TAG: self.name, SNAPSHOT_TAG: self.source.arn}

    @property
    def is_cluster(self) -> bool:
        return self.source.kind == CLUSTER

    @property
    def must_copy(self) -> bool:
        """A shared encrypted snapshot must be copied before it is restored.

        Amazon RDS User Guide, "Sharing a DB snapshot".
        """
        return bool(self.source.kms_key) and self.source.arn.split(":")[4] != self.place.account.id

    def find(self, name: str) -> DatabaseState | None:
        return rds.find_database(self.cloud, self.place, self.source.kind, name)

    def is_ours(self, database: DatabaseState) -> bool:
        """Return whether an earlier restore created the database under this name."""
        return database.tags.get(RESTORED_TAG) == self.name

    def holds(self, database: DatabaseState | None) -> bool:
        """Return whether the database was restored from this snapshot, under this name."""
        if not database or not self.is_ours(database):
            return False
        return database.tags.get(SNAPSHOT_TAG) == self.source.arn

    def wait(self, name: str, say: ReportProgress, condition: Callable[[DatabaseState | None], bool]) -> None:
        """Poll until the condition is met. Raises ExecutionFailed on a failed database or a timeout."""
        last_status = ""
        for _ in range(int(TIMEOUT_S / max(self.poll_s, 1))):
            database = self.find(name)
            if condition(database):
                return
            status = database.status if database else "missing"
            if status.startswith(FAILED_STATUSES):
                events = rds.recent_events(self.cloud, self.place, self.source.kind, name)
                raise ExecutionFailed(
                    f"{name} is {status}. {events}".strip(), hint="Delete it, then retry the restore."
                )
            if status != last_status:
                last_status = status
                say(f"{name} is {status}")
            self.sleep(self.poll_s)
        raise ExecutionFailed(
            f"{name} is still {last_status}.", hint="Retry: the restore continues where it stopped."
        )

    @property
    def has_name(self) -> bool:
        """Whether the database with the stable name holds this snapshot, available or not."""
        return self.holds(self.find(self.name))

    @property
    def in_place(self) -> bool:
        """Whether the database with the stable name holds this snapshot and is available."""
        database = self.find(self.name)
        return bool(database and self.holds(database) and database.settled)

    def delete(self, name: str, say: ReportProgress) -> None:
        """Delete a database of this restore and wait until it is gone; the instances of a cluster first."""
        database = self.find(name)
        for member in database.members if database else ():
            instance = rds.find_database(self.cloud, self.place, INSTANCE, member)
            if instance and instance.status != "deleting":
                rds.delete_database(self.cloud, self.place, INSTANCE, member)
        self.wait(name, say, lambda database: not database or not database.members)
        database = self.find(name)
        if database and database.status != "deleting":
            rds.delete_database(self.cloud, self.place, self.source.kind, name)
        self.wait(name, say, lambda database: database is None)


def check_name(name: str) -> None:
    """Raises InputError for a name that RDS rejects, or that is too long for the suffixed names."""
    if len(name) > LONGEST_NAME or not re.fullmatch(r"[a-z](-?[a-z0-9])*", name):
        raise InputError(
            f"{name!r} is not a valid name for a restored database.",
            field="name",
            hint="Start with a letter; use lowercase letters, digits, and single hyphens, at most "
            f"{LONGEST_NAME} characters.",
        )
