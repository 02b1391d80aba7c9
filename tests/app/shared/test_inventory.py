"""The page Support stacks refreshes its inventory after a cleanup."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from app.shared.inventory import InventoryScan, is_outdated
from app.shared.plans.runs import PlanRun, PlanRuns
from app.shared.scans import Scan
from ops.audit import Actor, FileAudit
from ops.operations import Operation
from ops.plan import Plan, ReportProgress, Resource, Step
from ops.support_stacks.facts import Inventory

NOTHING = Inventory(datetime.now(UTC), {}, {}, (), (), (), (), ())


def started(works: PlanRuns, folder: Path, operation: Operation, go: threading.Event) -> PlanRun:
    def act(say: ReportProgress) -> None:
        go.wait()

    step = Step("one", "Deletes it", Resource("AWS::S3::Bucket", "b", "111111111111", "eu-west-1"), act, {})
    return works.start(
        Plan("A plan", (step,), operation),
        actor=Actor.local("t"),
        audit=FileAudit(folder / "audit.jsonl"),
    )


def read() -> InventoryScan:
    scan: InventoryScan = Scan()
    scan.start(lambda _now, _note: NOTHING)
    scan.wait(10)
    return scan


def wait_for(work: PlanRun) -> None:
    while work.running:
        threading.Event().wait(0.01)


def test_an_inventory_is_outdated_after_a_cleanup(tmp_path: Path) -> None:
    works, go = PlanRuns(), threading.Event()
    bench: Any = SimpleNamespace(plan_runs=works)
    assert not is_outdated(bench, read())
    before = read()
    work = started(works, tmp_path, Operation.CLEAN_UP_SUPPORT, go)
    assert not is_outdated(bench, before)
    go.set()
    wait_for(work)
    assert is_outdated(bench, before)
    assert not is_outdated(bench, read())


def test_an_inventory_is_not_outdated_after_other_plans(tmp_path: Path) -> None:
    works, go = PlanRuns(), threading.Event()
    before = read()
    go.set()
    wait_for(started(works, tmp_path, Operation.SHARE_REPLICATION, go))
    bench: Any = SimpleNamespace(plan_runs=works)
    assert not is_outdated(bench, before)
