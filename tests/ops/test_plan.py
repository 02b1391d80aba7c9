"""Plans: order, checks, confirmation, stopping, and the audit of each step."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from ops.audit import Actor, FileAudit, Record
from ops.errors import AuditUnavailable, Conflict, NotAllowed, PlanRefused
from ops.operations import Operation
from ops.own_log import JsonLines
from ops.plan import (
    READY,
    AuditedCall,
    Check,
    Outcome,
    Plan,
    Progress,
    Readiness,
    ReportProgress,
    Resource,
    Running,
    Status,
    Step,
    execute,
    nest,
    perform,
)
from ops.roles import Role

ACTOR = Actor("me", "test")
OPERATION = Operation.DELETE_STACK
WHERE = Resource("AWS::SQS::Queue", "q", "111111111111", "eu-west-1")


class Trail:
    """Creates steps that record that they ran."""

    def __init__(self) -> None:
        self.acted: list[str] = []

    def step(self, id_: str, *, error: BaseException | None = None, **more: Any) -> Step[None]:
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


def run(audit: FileAudit, *steps: Step[object], **more: Any) -> Outcome:
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


@pytest.mark.parametrize("role", Role)
def test_a_plan_needs_the_role_of_its_operation(trail: Trail, audit: FileAudit, role: Role) -> None:
    plan = Plan("A plan", (trail.step("a"),), OPERATION)
    actor = Actor("me", "test", role)
    if role.includes(OPERATION.role):
        assert execute(plan, actor=actor, audit=audit).ok
    else:
        with pytest.raises(
            NotAllowed, match=f"A plan: requires the role {OPERATION.role}; me has the role {role}"
        ):
            execute(plan, actor=actor, audit=audit)
        assert trail.acted == [] and audit.read(1) == []


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


def counting(id_: str, number: int, **more: Any) -> Step[int]:
    return Step(id_, f"Count to {number}", WHERE, lambda run: number, {}, **more)


def test_the_value_of_a_step_is_for_later_steps_and_for_the_caller(audit: FileAudit) -> None:
    three = counting("three", 3)
    sentence: Step[str] = Step(
        "sentence", "Say it", WHERE, lambda run: f"there are {run.value(three) + 1}", {}, needs=("three",)
    )
    outcome = run(audit, three, sentence)
    number: int = outcome.value(three)  # the types are checked by mypy
    text: str = outcome.value(sentence)
    assert (number, text) == (3, "there are 4")
    assert outcome.values({"a": three, "b": counting("other", 5)}) == {"a": 3}


def test_the_value_of_a_step_that_had_nothing_to_do_is_an_error(audit: FileAudit) -> None:
    done = counting("three", 3, check=checked(Readiness.DONE))
    needs_it: Step[int] = Step("next", "Use it", WHERE, lambda run: run.value(done), {}, needs=("three",))
    outcome = run(audit, done, needs_it)
    assert statuses(outcome) == [Status.ALREADY, Status.FAILED]
    assert "had nothing to do" in str(outcome.error)
    with pytest.raises(KeyError):
        outcome.value(done)


def nested(trail: Trail) -> tuple[Plan, Step[int]]:
    """Return a plan with two nested plans, the second after the first, and a step of the first."""
    three = counting("b", 3, needs=("a",))
    first = Plan("First part", (trail.step("a"), three), OPERATION)
    second = Plan("Second part", (trail.step("a"), trail.step("b", needs=("a",))), OPERATION)
    one = nest(first, "1")
    return Plan("Both", (*one, *nest(second, "2", needs=tuple(step.id for step in one))), OPERATION), three


def test_nested_steps_are_previewed_audited_and_reported_one_by_one(trail: Trail, audit: FileAudit) -> None:
    plan, three = nested(trail)
    ids = ["1: a", "1: b", "2: a", "2: b"]
    assert [step.id for step in plan.steps] == ids
    assert [[step.part for step in part] for part in plan.parts] == [["First part"] * 2, ["Second part"] * 2]
    seen: list[Progress] = []
    outcome = execute(plan, actor=ACTOR, audit=audit, report=seen.append)
    assert outcome.ok and outcome.value(three) == 3
    assert [p.step for p in seen if p.status is Status.DONE] == ids
    records = list(reversed(audit.read(20)))
    assert [(r.step, r.result) for r in records] == [(id, at) for id in ids for at in ("started", "done")]
    assert {r.plan for r in records} == {f"Both [{plan.fingerprint}]"}


def test_a_stop_takes_effect_between_the_steps_of_a_nested_plan(trail: Trail, audit: FileAudit) -> None:
    plan, _ = nested(trail)
    outcome = execute(plan, actor=ACTOR, audit=audit, stopped=lambda: trail.acted == ["a"])
    assert statuses(outcome) == [Status.DONE] + [Status.NOT_RUN] * 3


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_nested_plan_runs_after_the_whole_plan_that_it_needs(
    at_once: int, trail: Trail, audit: FileAudit
) -> None:
    failing = Plan("First part", (trail.step("a"), trail.step("b", error=Conflict("Busy."))), OPERATION)
    one = nest(failing, "1")
    second = nest(Plan("Second part", (trail.step("c"),), OPERATION), "2", tuple(step.id for step in one))
    third = nest(Plan("Third part", (trail.step("d"),), OPERATION), "3")
    plan = Plan("All", (*one, *second, *third), OPERATION, at_once=at_once)
    outcome = execute(plan, actor=ACTOR, audit=audit)
    assert statuses(outcome) == [Status.DONE, Status.FAILED, Status.NOT_RUN, Status.DONE]
    assert "c" not in trail.acted and "d" in trail.acted


def test_what_a_step_shows_in_detail_and_deletes_is_part_of_the_fingerprint(trail: Trail) -> None:
    plain = Plan("A plan", (trail.step("a"),), OPERATION)
    detailed = Plan("A plan", (trail.step("a", details=("Add Data",)),), OPERATION)
    destructive = Plan("A plan", (trail.step("a", destructive=True),), OPERATION)
    assert len({plain.fingerprint, detailed.fingerprint, destructive.fingerprint}) == 3
    assert destructive.destructive and not plain.destructive


def test_a_call_is_audited_and_returns_its_value(audit: FileAudit) -> None:
    value: int = perform(AuditedCall(counting("three", 3), OPERATION), actor=ACTOR, audit=audit)
    assert value == 3
    done, started = audit.read(9)
    assert (started.result, done.result) == ("started", "done")
    assert (done.plan, done.does) == (OPERATION.does, "Count to 3")


def test_a_failed_call_is_audited_and_raises_its_error(trail: Trail, audit: FileAudit) -> None:
    with pytest.raises(Conflict, match="Busy"):
        perform(AuditedCall(trail.step("a", error=Conflict("Busy.")), OPERATION), actor=ACTOR, audit=audit)
    assert audit.read(1)[0].result == "failed"


@pytest.mark.parametrize("readiness", [Readiness.DONE, Readiness.CHANGED])
def test_a_call_that_is_not_made_returns_no_value(readiness: Readiness, audit: FileAudit) -> None:
    call = AuditedCall(counting("three", 3, check=checked(readiness, "somebody was faster")), OPERATION)
    with pytest.raises(Conflict, match="somebody was faster"):
        perform(call, actor=ACTOR, audit=audit)


def test_a_call_needs_the_role_and_the_audit_log(trail: Trail, audit: FileAudit) -> None:
    call = AuditedCall(trail.step("a"), OPERATION)
    with pytest.raises(NotAllowed):
        perform(call, actor=Actor("ada", "test", Role.OPERATOR), audit=audit)
    with pytest.raises(AuditUnavailable):
        perform(call, actor=ACTOR, audit=Broken())
    assert trail.acted == [] and audit.read(9) == []


def test_a_running_step_reports_progress() -> None:
    said: list[str] = []
    Running(said.append, {})("halfway")
    assert said == ["halfway"]


def test_each_step_is_logged_without_its_parameters(
    trail: Trail, audit: FileAudit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="ops")
    secret = {"MasterUserPassword": "hunter2-of-a-customer", "Query": "hunter2-of-a-customer"}
    run(audit, trail.step("a", parameters=secret), trail.step("b", error=Conflict("hunter2-of-a-customer")))
    logged = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert [(record["level"], record["message"], record["step"]) for record in logged] == [
        ("INFO", "Step started", "a"),
        ("INFO", "Step done", "a"),
        ("INFO", "Step started", "b"),
        ("INFO", "Step failed", "b"),
    ]
    assert (logged[0]["kind"], logged[0]["id"], logged[0]["account"], logged[0]["region"]) == (
        "AWS::SQS::Queue",
        "q",
        "111111111111",
        "eu-west-1",
    )
    assert all(record["plan"].startswith("A plan [") for record in logged)
    assert "hunter2" not in str(logged)


def test_a_result_that_cannot_be_audited_is_logged(trail: Trail, caplog: pytest.LogCaptureFixture) -> None:
    class Full(Broken):
        """An audit log whose disk is full after the first record."""

        def write(self, record: Record) -> None:
            if record.result != "started":
                super().write(record)

    outcome = execute(Plan("A plan", (trail.step("a"),), OPERATION), actor=ACTOR, audit=Full())
    assert statuses(outcome) == [Status.DONE]
    (record,) = caplog.records
    assert (record.levelname, record.exc_info and record.exc_info[0]) == ("ERROR", AuditUnavailable)
