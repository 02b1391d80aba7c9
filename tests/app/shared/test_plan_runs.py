"""Plans in the background: joined on the second click, stopped between steps."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.shared.plans.runs import PlanRun, PlanRuns
from ops.audit import Actor, FileAudit
from ops.errors import Conflict
from ops.operations import Operation
from ops.plan import Plan, ReportProgress, Resource, Status, Step

RESOURCE = Resource("AWS::Test::Thing", "thing", "111111111111", "eu-west-1")
ACTOR = Actor("tester", "page")


@pytest.fixture
def audit(tmp_path: Path) -> FileAudit:
    return FileAudit(tmp_path / "audit.jsonl")


def plan(*acts: Callable[[ReportProgress], None]) -> Plan:
    steps = [Step(f"s{n}", f"Do {n}", RESOURCE, act, {}) for n, act in enumerate(acts)]
    return Plan("A test", tuple(steps), Operation.DELETE_STACK)


def ended(work: PlanRun) -> PlanRun:
    for thread in threading.enumerate():
        if thread.name == work.plan.title:
            thread.join(10)
    assert not work.running
    return work


def test_the_second_click_joins_the_first(audit: FileAudit) -> None:
    let_go, calls = threading.Event(), []

    def act(say: ReportProgress) -> None:
        calls.append(1)
        let_go.wait(10)

    works = PlanRuns()
    first = works.start(plan(act), actor=ACTOR, audit=audit)
    assert works.start(plan(act), actor=ACTOR, audit=audit) is first
    let_go.set()
    ended(first)
    assert calls == [1]
    assert works.start(plan(act), actor=ACTOR, audit=audit) is not first


def test_progress_and_error_are_kept(audit: FileAudit) -> None:
    def talk(say: ReportProgress) -> None:
        say("one")
        say("two")

    def fail(say: ReportProgress) -> None:
        raise Conflict("It is busy.", hint="Wait.")

    works = PlanRuns()
    work = ended(works.start(plan(talk, fail), actor=ACTOR, audit=audit))
    assert works.get(work.id) is work
    assert work.messages("s0") == ["one", "two"]
    assert (work.status("s0"), work.status("s1")) == (Status.DONE, Status.FAILED)
    assert work.outcome is not None
    assert str(work.outcome.error) == "It is busy."


def test_stop_takes_effect_before_the_next_step(audit: FileAudit) -> None:
    holder: dict[str, PlanRun] = {}
    started = threading.Event()
    seen: list[bool] = []

    def first(say: ReportProgress) -> None:
        started.wait(10)
        holder["work"].stop()
        seen.append(holder["work"].stopping)

    work = PlanRuns().start(plan(first, lambda say: None), actor=ACTOR, audit=audit)
    holder["work"] = work
    started.set()
    ended(work)
    assert work.outcome is not None
    assert [r.status for r in work.outcome.results] == [Status.DONE, Status.NOT_RUN]
    assert (seen, work.stopping) == ([True], False)


def test_old_ones_are_forgotten(audit: FileAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlanRuns, "KEPT", 2)
    works = PlanRuns()
    ids = []
    for number in range(4):
        work = works.start(Plan(f"Plan {number}", (), Operation.DELETE_STACK), actor=ACTOR, audit=audit)
        ids.append(ended(work).id)
    assert [work.id for work in works.recent()] == ids[:1:-1]
    assert works.get(ids[0]) is None


def test_a_failure_that_nobody_looks_at_is_logged(audit: FileAudit, caplog: pytest.LogCaptureFixture) -> None:
    def fail(say: ReportProgress) -> None:
        raise Conflict("The stack of hunter2 is busy.", hint="Wait.")

    ended(PlanRuns().start(plan(fail), actor=ACTOR, audit=audit))
    (record,) = caplog.records
    assert (record.levelname, record.exc_info and record.exc_info[0]) == ("ERROR", Conflict)
    assert len(vars(record)["id"]) == 8


def test_the_end_of_a_run_is_followed_once_by_whichever_page_sees_it(audit: FileAudit) -> None:
    let_go, seen = threading.Event(), []

    def act(say: ReportProgress) -> None:
        let_go.wait(10)

    work = PlanRuns().start(plan(act), actor=ACTOR, audit=audit)
    work.follow(lambda: seen.append("running"))
    let_go.set()
    ended(work)
    work.follow(lambda: seen.append("first"))
    work.follow(lambda: seen.append("second"))
    assert seen == ["first"]
