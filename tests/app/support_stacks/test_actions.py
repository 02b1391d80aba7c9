"""When the page Support stacks reads the inventory anew by itself: a clean-up has ended since."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from app.shared.plan_runs import PlanRun, PlanRuns
from app.support_stacks.actions import is_outdated
from app.support_stacks.scan import Scan
from ops.audit import Actor, FileAudit
from ops.operations import Operation
from ops.plan import Plan, ReportProgress, Resource, Step
from ops.support_stacks.facts import Inventory

NOTHING = Inventory(datetime.now(UTC), {}, {}, (), (), (), (), ())


def started(works: PlanRuns, folder: Path, title: str, go: threading.Event) -> PlanRun:
    def act(say: ReportProgress) -> None:
        go.wait()

    step = Step("one", "Deletes it", Resource("AWS::S3::Bucket", "b", "111111111111", "eu-west-1"), act, {})
    return works.start(
        Plan(title, (step,), Operation.CLEAN_UP_SUPPORT),
        actor=Actor.local("t"),
        audit=FileAudit(folder / "audit.jsonl"),
    )


def read() -> Scan:
    scan = Scan()
    scan.start(lambda _now, _report: NOTHING)
    scan.wait(10)
    return scan


def ended(work: PlanRun) -> None:
    while work.running:
        threading.Event().wait(0.01)


def test_a_clean_up_that_has_ended_outdates_what_was_read_before_it(tmp_path: Path) -> None:
    works, go = PlanRuns(), threading.Event()
    bench: Any = SimpleNamespace(plan_runs=works)
    assert not is_outdated(bench, read())
    before = read()
    work = started(works, tmp_path, "Clean up PipeA", go)
    assert not is_outdated(bench, before)
    go.set()
    ended(work)
    assert is_outdated(bench, before)
    assert not is_outdated(bench, read())


def test_other_plans_do_not(tmp_path: Path) -> None:
    works, go = PlanRuns(), threading.Event()
    before = read()
    go.set()
    ended(started(works, tmp_path, "Set up shared replication", go))
    bench: Any = SimpleNamespace(plan_runs=works)
    assert not is_outdated(bench, before)
