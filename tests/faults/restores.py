"""A restore that crashes before each of its calls, or before each nth, and is retried.

python -m tests.faults.restores KIND [N]   (instance, cluster, encrypted) prints what was wrong, as JSON
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from ministack.services import rds

from ops.audit import Actor, FileAudit
from ops.aws.cloud import Place
from ops.aws.rds.changes import RestoreSettings
from ops.aws.rds.databases import CLUSTER, INSTANCE, Snapshot
from ops.embedded.rds.common import DATA
from ops.plan import Outcome, Plan, execute
from ops.settings import Account
from ops.snapshots.restore.model import Restore
from ops.snapshots.restore.plan import plan_restore
from tests.faults.cloud import REGION, Call, Cloud, start

ACTOR = Actor("test", "test")
NAME = "shop"


class Crash(BaseException):
    """Simulates a crash of the process."""


class Workshop:
    """Production with two sanitized snapshots shared with QA, and their restore in QA."""

    def __init__(self, cloud: Cloud, kind: str, number: int) -> None:
        self.cloud = cloud
        self.kind = INSTANCE if kind == "instance" else CLUSTER
        self.encrypted = kind == "encrypted"
        self.production, self.qa = f"{100_000_000_000 + number}", f"{200_000_000_000 + number}"
        self.calls = 0
        cloud.account = self.production
        cloud.interfere = lambda call, make: None
        self._make_production()
        self.first, self.second = (self._snapshot(version) for version in ("v1", "v2"))
        cloud.account = self.qa

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        """Replace the method of `ops.aws.cloud.Cloud`."""
        return self.cloud.client(service)

    def _make_production(self) -> None:
        login: dict[str, Any] = {"MasterUsername": "master", "MasterUserPassword": "secret-1"}
        self.key = self.client("kms").create_key()["KeyMetadata"]["Arn"] if self.encrypted else ""
        login |= {"StorageEncrypted": True, "KmsKeyId": self.key} if self.encrypted else {}
        client = self.client("rds")
        if self.kind == CLUSTER:
            client.create_db_cluster(DBClusterIdentifier="prod", Engine="aurora-postgresql", **login)
        else:
            size = {"DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20}
            client.create_db_instance(DBInstanceIdentifier="prod", Engine="postgres", **size, **login)
        self.cloud.storage.pass_time()

    def _snapshot(self, version: str) -> Snapshot:
        client = self.client("rds")
        share = {"AttributeName": "restore", "ValuesToAdd": [self.qa]}
        if self.kind == CLUSTER:
            client.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=version, DBClusterIdentifier="prod")
            self.cloud.storage.pass_time()
            client.modify_db_cluster_snapshot_attribute(DBClusterSnapshotIdentifier=version, **share)
            word, engine = "cluster-snapshot", "aurora-postgresql"
        else:
            client.create_db_snapshot(DBSnapshotIdentifier=version, DBInstanceIdentifier="prod")
            self.cloud.storage.pass_time()
            client.modify_db_snapshot_attribute(DBSnapshotIdentifier=version, **share)
            word, engine = "snapshot", "postgres"
        with self.cloud.scope():
            records = rds._db_cluster_snapshots if self.kind == CLUSTER else rds._snapshots
            self.cloud.storage.paper.held[records[version][DATA]] = version
        arn = f"arn:aws:rds:{REGION}:{self.production}:{word}:{version}"
        facts = {"status": "available", "progress": 100, "size_gib": 20, "created": None}
        return Snapshot(version, arn, "prod", **facts, kms_key=self.key, kind=self.kind, engine=engine)  # type: ignore[arg-type]

    def plan(self, source: Snapshot) -> Plan:
        wanted = RestoreSettings(instance_class="db.t4g.medium", security_groups=("sg-1",))
        place = Place(Account("qa", self.qa, "", (REGION,)), REGION)

        def sleep(seconds: float) -> None:
            self.cloud.storage.pass_time()

        return plan_restore(Restore(self, place, source, NAME, wanted, sleep=sleep))  # type: ignore[arg-type]

    def carry_out(self, source: Snapshot) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            plan, audit = self.plan(source), FileAudit(Path(folder) / "audit")
            return execute(plan, actor=ACTOR, audit=audit, confirmed=plan.confirm)

    def crash_before(self, number: int) -> bool:
        """Restore the second snapshot and crash before a call. Return whether the call was reached."""
        self.calls = 0

        def count(call: Call, make: Any) -> None:
            self.calls += 1
            if self.calls == number:
                raise Crash

        self.cloud.interfere = count
        try:
            self.carry_out(self.second)
        except Crash:
            return True
        finally:
            self.cloud.interfere = lambda call, make: None
        return False

    def there(self) -> dict[str, str]:
        """Return the databases of QA and their contents."""
        with self.cloud.scope():
            records = rds._clusters if self.kind == CLUSTER else rds._instances
            held = self.cloud.storage.paper.held  # empty while it is being restored
            return {name: held.get(record[DATA], "") for name, record in records.items()}

    def left_over(self) -> list[str]:
        with self.cloud.scope():
            members = list(rds._instances) if self.kind == CLUSTER else []
            more = [name for name in members if rds._instances[name]["DBClusterIdentifier"] != NAME]
            return [*rds._snapshots, *rds._db_cluster_snapshots, *more]


def judge(workshop: Workshop, number: int) -> list[str]:
    """Return the violations after a crash before a call and a retry."""
    first = workshop.carry_out(workshop.first)
    assert first.ok, [result.reason for result in first.results]
    crashed = workshop.crash_before(number)
    wrong = []
    between = workshop.there()
    if not {"v1", "v2"} & {between.get(NAME), between.get(f"{NAME}-old")}:
        wrong.append(f"after the crash: {between}")
    again = workshop.carry_out(workshop.second)
    if not again.ok:
        wrong.append(f"again: {[(r.step.id, str(r.status), r.reason) for r in again.results]}")
    if workshop.there() != {NAME: "v2"} or workshop.left_over():
        wrong.append(f"at the end: {workshop.there()} {workshop.left_over()}")
    return [f"call {number}: {each}" for each in wrong] if crashed else ["END"]


def main() -> None:
    kind, step = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    cloud = start()
    wrong: list[str] = []
    number = 1 - step
    while wrong[-1:] != ["END"]:
        number += step
        wrong += judge(Workshop(cloud, kind, number), number)
    print(json.dumps({"calls": number - step, "wrong": wrong[:-1]}))


if __name__ == "__main__":
    main()
