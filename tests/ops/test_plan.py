"""Plans: order, checks, confirmation, stopping, and the audit of each step."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from ops.audit import Actor, FileAudit, Record
from ops.errors import AuditUnavailable, Conflict, PlanRefused
from ops.operations import Operation
from ops.plan import (
    READY,
    Check,
    Outcome,
    Plan,
    Progress,
    Readiness,
    ReportProgress,
    Resource,
    Status,
    Step,
    execute,
)
from ops.roles import Role

ACTOR = Actor("me", "test")
OPERATION = Operation.DELETE_STACK
WHERE = Resource("AWS::SQS::Queue", "q", "111111111111", "eu-west-1")


class Trail:
    """Creates steps that record that they ran."""

    def __init__(self) -> None:
        self.acted: list[str] = []

    def step(self, id_: str, *, error: BaseException | None = None, **more: Any) -> Step:
        def act(say: ReportProgress) -> None:
            self.acted.append(id_)
            say(f"{id_} acts")
            if error:
                raise error

        return Step(id_, f"Do {id_}", WHERE, act, **{"parameters": {}, **more})


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.fixture
def audit(tmp_path: Path) -> FileAudit:
    return FileAudit(tmp_path / "audit.jsonl")


def run(audit: FileAudit, *steps: Step, **more: Any) -> Outcome:
    return execute(Plan("A plan", steps, OPERATION), actor=ACTOR, audit=audit, **more)


def statuses(outcome: Outcome) -> list[Status]:
    return [result.status for result in outcome.results]


def checked(readiness: Readiness, reason: str = "") -> Callable[[], Check]:
    return lambda: Check(readiness, reason)


def test_steps_run_in_order_and_tell_what_they_do(trail: Trail, audit: FileAudit) -> None:
    seen: list[Progress] = []
    outcome = run(audit, trail.step("a"), trail.step("b"), report=seen.append)
    assert outcome.ok and outcome.error is None
    assert trail.acted == ["a", "b"]
    assert [(p.step, p.status, p.message) for p in seen][:3] == [
        ("a", Status.RUNNING, ""),
        ("a", Status.RUNNING, "a acts"),
        ("a", Status.DONE, ""),
    ]


def test_what_is_done_already_does_not_act(trail: Trail, audit: FileAudit) -> None:
    done = trail.step("a", check=checked(Readiness.DONE, "it is there"))
    outcome = run(audit, done, trail.step("b", needs=("a",)))
    assert statuses(outcome) == [Status.ALREADY, Status.DONE]
    assert trail.acted == ["b"]


def test_what_has_changed_is_skipped_with_all_that_needs_it(trail: Trail, audit: FileAudit) -> None:
    changed = trail.step("a", check=checked(Readiness.CHANGED, "somebody uses it now"))
    outcome = run(audit, changed, trail.step("b", needs=("a",)), trail.step("c"))
    assert statuses(outcome) == [Status.SKIPPED, Status.NOT_RUN, Status.DONE]
    assert trail.acted == ["c"]
    assert not outcome.ok


def test_a_failure_keeps_only_its_dependants_from_running(trail: Trail, audit: FileAudit) -> None:
    failing = trail.step("a", error=Conflict("Busy.", hint="Wait."))
    outcome = run(audit, failing, trail.step("b", needs=("a",)), trail.step("c"))
    assert statuses(outcome) == [Status.FAILED, Status.NOT_RUN, Status.DONE]
    assert isinstance(outcome.error, Conflict)
    assert "needs “a”" in outcome.results[1].reason


def test_what_needs_not_wait_runs_at_once(trail: Trail, audit: FileAudit) -> None:
    """Two steps that wait for each other finish only if both are running."""
    meet = Barrier(2, timeout=30)

    def act(say: ReportProgress) -> None:
        meet.wait()

    both = [Step(id, f"Do {id}", WHERE, act, {}) for id in "ab"]
    steps = (*both, trail.step("c", needs=("a", "b")))
    outcome = execute(Plan("A plan", steps, OPERATION, at_once=2), actor=ACTOR, audit=audit)
    assert outcome.ok
    assert [result.step.id for result in outcome.results] == ["a", "b", "c"]


def test_at_once_too_a_failure_keeps_only_its_dependants_from_running(trail: Trail, audit: FileAudit) -> None:
    failing = trail.step("a", error=Conflict("Busy."))
    steps = (failing, trail.step("b", needs=("a",)), trail.step("c"), trail.step("d", needs=("b",)))
    outcome = execute(Plan("A plan", steps, OPERATION, at_once=4), actor=ACTOR, audit=audit)
    assert statuses(outcome) == [Status.FAILED, Status.NOT_RUN, Status.DONE, Status.NOT_RUN]


def test_at_once_too_a_defect_is_raised(trail: Trail, audit: FileAudit) -> None:
    steps = (trail.step("a", error=ZeroDivisionError("no")), trail.step("b"))
    with pytest.raises(ZeroDivisionError):
        execute(Plan("A plan", steps, OPERATION, at_once=2), actor=ACTOR, audit=audit)


def test_the_check_is_made_just_before_the_step_acts(trail: Trail, audit: FileAudit) -> None:
    def after_a() -> Check:
        return READY if trail.acted == ["a"] else Check(Readiness.CHANGED)

    assert run(audit, trail.step("a"), trail.step("b", check=after_a)).ok


def test_stopping_takes_effect_before_the_next_step(trail: Trail, audit: FileAudit) -> None:
    outcome = run(audit, trail.step("a"), trail.step("b"), stopped=lambda: bool(trail.acted))
    assert statuses(outcome) == [Status.DONE, Status.NOT_RUN]


def test_a_typed_confirmation_is_asked_for(trail: Trail, audit: FileAudit) -> None:
    plan = Plan("Delete it", (trail.step("a", destructive=True),), OPERATION, confirm="it")
    for typed in ("", "IT", "it "):
        with pytest.raises(PlanRefused) as caught:
            execute(plan, actor=ACTOR, audit=audit, confirmed=typed)
        assert "'it'" in caught.value.hint
    assert trail.acted == []
    assert audit.read(10) == []
    assert execute(plan, actor=ACTOR, audit=audit, confirmed="it").ok


def test_each_change_is_attributed(trail: Trail, audit: FileAudit) -> None:
    run(audit, trail.step("a"), trail.step("b", error=Conflict("Busy.")))
    newest_first = audit.read(10)
    assert [(r.step, r.result) for r in newest_first] == [
        ("b", "failed"),
        ("b", "started"),
        ("a", "done"),
        ("a", "started"),
    ]
    record = newest_first[0]
    assert (record.actor, record.via, record.resource) == ("me", "test", "AWS::SQS::Queue q")
    assert (record.account, record.region, record.reason) == ("111111111111", "eu-west-1", "Busy.")


class Broken:
    """An audit log whose disk is full."""

    def write(self, record: Record) -> None:
        raise AuditUnavailable("The audit cannot be written.", hint="Make room.")

    def read(self, limit: int) -> list[Record]:
        return []


def test_what_cannot_be_audited_does_not_happen(trail: Trail) -> None:
    outcome = execute(Plan("A plan", (trail.step("a"),), OPERATION), actor=ACTOR, audit=Broken())
    assert statuses(outcome) == [Status.FAILED]
    assert trail.acted == []


def test_a_defect_is_audited_and_raised(trail: Trail, audit: FileAudit) -> None:
    with pytest.raises(ZeroDivisionError):
        run(audit, trail.step("a", error=ZeroDivisionError("no")))
    assert audit.read(1)[0].result == "failed"


def test_the_fingerprint_changes_with_what_is_shown(trail: Trail) -> None:
    first = Plan("A plan", (trail.step("a", evidence="unused"),), OPERATION)
    assert first.fingerprint == Plan("A plan", (trail.step("a", evidence="unused"),), OPERATION).fingerprint
    assert first.fingerprint != Plan("A plan", (trail.step("a", evidence="used"),), OPERATION).fingerprint
    other = trail.step("a", evidence="unused", parameters={"Size": "3"})
    assert first.fingerprint != Plan("A plan", (other,), OPERATION).fingerprint
    assert first.fingerprint != Plan("Another plan", first.steps, OPERATION).fingerprint
    elsewhere = replace(first.steps[0], resource=replace(WHERE, region="us-east-1"))
    assert first.fingerprint != Plan("A plan", (elsewhere,), OPERATION).fingerprint
    chained, unchained = (
        Plan("A plan", (trail.step("a"), trail.step("b", needs=needs)), OPERATION) for needs in (("a",), ())
    )
    assert chained.fingerprint != unchained.fingerprint


def test_the_permissions_are_those_of_all_steps(trail: Trail) -> None:
    steps = (trail.step("a", actions=("s3:B", "s3:A")), trail.step("b", actions=("s3:A",)))
    assert Plan("A plan", steps, OPERATION).actions == ("s3:A", "s3:B")


def test_the_audit_says_from_where_in_which_role_on_what_evidence_and_how_long(
    trail: Trail, audit: FileAudit
) -> None:
    parameters = {"Size": "3" * 2000, "DbPassword": "hunter2", "SecretArn": "arn:aws:secretsmanager:x"}
    step = trail.step("a", evidence="size = 3", parameters=parameters)
    execute(
        Plan("A plan", (step,), OPERATION),
        actor=Actor("ada", "page", Role.ADMINISTRATOR, "192.0.2.1"),
        audit=audit,
    )
    done, started = audit.read(9)
    assert (done.role, done.origin, done.evidence) == ("administrator", "192.0.2.1", "size = 3")
    kept = {"Size": "3" * 1000, "DbPassword": "redacted", "SecretArn": "arn:aws:secretsmanager:x"}
    assert started.parameters == done.parameters == kept
    assert started.duration_s is None
    assert done.duration_s is not None and done.duration_s >= 0
