"""A sanitized snapshot that becomes a database under a name that stays: its parts, how to look at them."""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ops.aws.cloud import Cloud, Place
from ops.aws.rds import changes as rds
from ops.aws.rds.changes import Found, Wanted
from ops.aws.rds.databases import CLUSTER, INSTANCE, Snapshot
from ops.errors import ExecutionFailed, InputError
from ops.plan import ReportProgress

RESTORED_TAG = "slipway:restored"  # the name that the database is for
SNAPSHOT_TAG = "slipway:snapshot"  # the ARN of the snapshot that it holds
DEFAULT_KEY = "alias/aws/rds"  # the account's own: what lies under it goes no further
LONGEST_NAME = 63 - len("-next-00000000")
LOOK_S = 10.0
PATIENCE_S = 12 * 3600.0
BROKEN = ("failed", "incompatible-", "storage-full", "inaccessible-encryption", "restore-error")


@dataclass(frozen=True)
class Restore:
    """What is restored where, under which name; `key` encrypts the copy of a shared encrypted snapshot."""

    cloud: Cloud
    place: Place
    source: Snapshot
    name: str
    wanted: Wanted
    database: str = ""  # production's, whose sanitized copy it is
    key: str = DEFAULT_KEY
    look_s: float = LOOK_S
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @property
    def next(self) -> str:
        return f"{self.name}-next"

    @property
    def old(self) -> str:
        return f"{self.name}-old"

    @property
    def token(self) -> str:
        """Names that are this snapshot's own: of the copy, and of the instance in a cluster."""
        return f"{self.name}-{hashlib.sha256(self.source.arn.encode()).hexdigest()[:8]}"

    @property
    def tags(self) -> dict[str, str]:
        return {**self.wanted.tags, RESTORED_TAG: self.name, SNAPSHOT_TAG: self.source.arn}

    @property
    def is_cluster(self) -> bool:
        return self.source.kind == CLUSTER

    @property
    def must_copy(self) -> bool:
        """Another account's encrypted snapshot cannot be restored directly: RDS User Guide, "Sharing"."""
        return bool(self.source.kms_key) and self.source.arn.split(":")[4] != self.place.account.id

    def find(self, name: str) -> Found | None:
        return rds.find_database(self.cloud, self.place, self.source.kind, name)

    def is_ours(self, found: Found) -> bool:
        return found.tags.get(RESTORED_TAG) == self.name

    def holds(self, found: Found | None) -> bool:
        """Whether the database is ours and was made from this snapshot."""
        return bool(found and self.is_ours(found) and found.tags.get(SNAPSHOT_TAG) == self.source.arn)

    def wait(self, name: str, say: ReportProgress, enough: Callable[[Found | None], bool]) -> None:
        """Looks until it is enough. Raises ExecutionFailed when it cannot become so."""
        said = ""
        for _ in range(int(PATIENCE_S / max(self.look_s, 1))):
            found = self.find(name)
            if enough(found):
                return
            status = found.status if found else "not there"
            if status.startswith(BROKEN):
                why = rds.why_failed(self.cloud, self.place, self.source.kind, name)
                raise ExecutionFailed(
                    f"{name} is {status}. {why}".strip(), hint="Delete it, then start the plan again."
                )
            if status != said:
                said = status
                say(f"{name} is {status}")
            self.sleep(self.look_s)
        raise ExecutionFailed(f"{name} is still {said}.", hint="Start the plan again: it goes on from here.")

    @property
    def taken(self) -> bool:
        """Whether the name is this snapshot's already, settled or not."""
        return self.holds(self.find(self.name))

    @property
    def in_place(self) -> bool:
        found = self.find(self.name)
        return bool(found and self.holds(found) and found.settled)

    def delete(self, name: str, say: ReportProgress) -> None:
        """Deletes a database of ours and waits until it is gone; a cluster's instances first."""
        found = self.find(name)
        for member in found.members if found else ():
            there = rds.find_database(self.cloud, self.place, INSTANCE, member)
            if there and there.status != "deleting":
                rds.delete_database(self.cloud, self.place, INSTANCE, member)
        self.wait(name, say, lambda found: not found or not found.members)
        found = self.find(name)
        if found and found.status != "deleting":
            rds.delete_database(self.cloud, self.place, self.source.kind, name)
        self.wait(name, say, lambda found: found is None)


def check_name(name: str) -> None:
    """Raises InputError for what RDS would refuse, or what leaves no room for the names beside it."""
    if len(name) > LONGEST_NAME or not re.fullmatch(r"[a-z](-?[a-z0-9])*", name):
        raise InputError(
            f"{name!r} is not a name for a restored database.",
            field="name",
            hint=f"A letter first, then small letters, digits and single hyphens, {LONGEST_NAME} at most.",
        )
