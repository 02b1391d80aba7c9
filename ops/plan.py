"""Plan, preview, execute: the one shape of everything that changes something in AWS.

A plan is computed from what was read, without side effects; the preview, the confirmation, the audit
and the execution all read the same object.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

from ops.audit import Actor, AuditLog, Record, redacted, timestamp
from ops.errors import AuditUnavailable, NotAllowed, PlanRefused, SlipwayError
from ops.operations import Operation
from ops.roles import Role


@dataclass(frozen=True)
class Resource:
    """What a step acts on. `kind` as CloudFormation names it, e.g. `AWS::RDS::DBInstance`."""

    kind: str
    id: str
    account: str
    region: str


class Readiness(StrEnum):
    READY = "ready"
    DONE = "done"  # by an earlier run of the same plan: nothing is left to do
    CHANGED = "changed"  # no longer what the plan was made for: must not act


@dataclass(frozen=True)
class Check:
    """How things stand just before a step acts."""

    readiness: Readiness
    reason: str = ""


READY = Check(Readiness.READY)
Say = Callable[[str], None]


def always_ready() -> Check:
    """For a step whose act is itself idempotent."""
    return READY


@dataclass(frozen=True)
class Step:
    """One change: in words, on what, why, with which IAM actions, checked how, done how.

    `act` gets a function to tell its progress and must be safe to run twice. A step runs only after those
    that it `needs` are done. `parameters` are what is asked for besides the resource; the audit keeps them,
    without secrets.
    """

    id: str
    does: str
    resource: Resource
    act: Callable[[Say], None] = field(repr=False)
    parameters: Mapping[str, str]
    evidence: str = ""
    actions: tuple[str, ...] = ()
    check: Callable[[], Check] = field(default=always_ready, repr=False)
    needs: tuple[str, ...] = ()
    destructive: bool = False


@dataclass(frozen=True)
class Plan:
    """Steps in order. `confirm` is what must be typed before execution; empty when a click is enough.

    `operation` says who may execute it. So many steps run `at_once`, each after those that it needs, which
    stand before it.
    """

    title: str
    steps: tuple[Step, ...]
    operation: Operation
    confirm: str = ""
    at_once: int = 1

    @property
    def role(self) -> Role:
        """The least that may execute it."""
        return self.operation.role

    @cached_property
    def fingerprint(self) -> str:
        """Changes with every word of the preview: what is executed is what was confirmed."""
        words = [
            [s.id, s.does, repr(s.resource), s.evidence, *s.needs, sorted(s.parameters.items())]
            for s in self.steps
        ]
        return hashlib.sha256(json.dumps([self.title, words]).encode()).hexdigest()[:16]

    @property
    def actions(self) -> tuple[str, ...]:
        """IAM actions that executing needs, sorted."""
        return tuple(sorted({action for step in self.steps for action in step.actions}))


class Status(StrEnum):
    RUNNING = "running"
    DONE = "done"
    ALREADY = "already done"
    SKIPPED = "skipped"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Progress:
    """Something happened in a step."""

    step: str
    status: Status
    message: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class StepResult:
    step: Step
    status: Status
    reason: str = ""
    error: SlipwayError | None = None


@dataclass(frozen=True)
class Outcome:
    plan: Plan
    results: tuple[StepResult, ...]

    @property
    def ok(self) -> bool:
        return all(result.status in (Status.DONE, Status.ALREADY) for result in self.results)

    @property
    def error(self) -> SlipwayError | None:
        """The first error, if any."""
        return next((result.error for result in self.results if result.error), None)


def execute(
    plan: Plan,
    *,
    actor: Actor,
    audit: AuditLog,
    confirmed: str = "",
    report: Callable[[Progress], None] = lambda progress: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Runs the steps in the plan's order, each checked just before it acts, and audited before and after.

    A step that fails or has changed keeps only those from running that need it. `stopped` is asked between
    steps. Raises NotAllowed when the actor's role is too low, PlanRefused when the typed confirmation is not
    the plan's.
    """
    check_role(plan, actor)
    if plan.confirm and confirmed != plan.confirm:
        raise PlanRefused(
            f"{plan.title}: not confirmed, nothing was changed.",
            hint=f"Type {plan.confirm!r} to confirm.",
        )
    finished: set[str] = set()

    def run(step: Step) -> StepResult:
        result = _run(plan, step, finished, actor, audit, report, stopped)
        if result.status in (Status.DONE, Status.ALREADY):
            finished.add(step.id)
        report(Progress(step.id, result.status, result.reason))
        return result

    results = map(run, plan.steps) if plan.at_once == 1 else _at_once(plan, run)
    return Outcome(plan, tuple(results))


def _at_once(plan: Plan, run: Callable[[Step], StepResult]) -> list[StepResult]:
    """A step begins in its turn and waits for what it needs: that began before it, so none waits for ever."""
    under_way: dict[str, Future[StepResult]] = {}

    def after(needed: list[Future[StepResult]], step: Step) -> StepResult:
        wait(needed)
        return run(step)

    with ThreadPoolExecutor(plan.at_once) as pool:
        for step in plan.steps:
            needed = [under_way[need] for need in step.needs if need in under_way]
            under_way[step.id] = pool.submit(after, needed, step)
        try:
            return [future.result() for future in under_way.values()]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def check_role(plan: Plan, actor: Actor) -> None:
    """Raises NotAllowed when the actor may not execute the plan."""
    if not actor.role.includes(plan.role):
        raise NotAllowed(
            f"{plan.title}: this needs the role {plan.role}; {actor.name} is {actor.role}. "
            "Nothing was changed.",
            hint=f"Ask somebody who is {plan.role} to do it, or to give you the role.",
        )


def _run(
    plan: Plan,
    step: Step,
    finished: set[str],
    actor: Actor,
    audit: AuditLog,
    report: Callable[[Progress], None],
    stopped: Callable[[], bool],
) -> StepResult:
    begun = time.monotonic()

    def note(result: str, reason: str = "") -> None:
        r = step.resource
        audit.write(
            Record(
                at=timestamp(datetime.now(UTC)),
                actor=actor.name,
                via=actor.via,
                plan=f"{plan.title} [{plan.fingerprint}]",
                step=step.id,
                does=step.does,
                resource=f"{r.kind} {r.id}",
                account=r.account,
                region=r.region,
                result=result,
                reason=reason,
                role=actor.role,
                origin=actor.origin,
                evidence=step.evidence,
                parameters=redacted(step.parameters),
                duration_s=None if result == "started" else round(time.monotonic() - begun, 3),
            )
        )

    if missing := [need for need in step.needs if need not in finished]:
        return StepResult(step, Status.NOT_RUN, f"needs “{missing[0]}”, which is not done")
    if stopped():
        return StepResult(step, Status.NOT_RUN, "stopped")
    try:
        check = step.check()
        if check.readiness is Readiness.DONE:
            return StepResult(step, Status.ALREADY, check.reason)
        if check.readiness is Readiness.CHANGED:
            note("skipped", check.reason)
            return StepResult(step, Status.SKIPPED, check.reason)
        note("started")
        report(Progress(step.id, Status.RUNNING))
        step.act(lambda message: report(Progress(step.id, Status.RUNNING, message)))
    except AuditUnavailable as error:
        return StepResult(step, Status.FAILED, str(error), error)
    except SlipwayError as error:
        _note_anyway(note, "failed", str(error))
        return StepResult(step, Status.FAILED, str(error), error)
    except BaseException as error:
        _note_anyway(note, "failed", repr(error))
        raise
    _note_anyway(note, "done")
    return StepResult(step, Status.DONE)


def _note_anyway(note: Callable[[str, str], None], result: str, reason: str = "") -> None:
    """The closing record: its loss leaves the `started` record standing and must not hide the outcome."""
    try:
        note(result, reason)
    except AuditUnavailable:
        pass
