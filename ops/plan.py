"""Plans: every change to AWS is planned, previewed, confirmed, and then executed.

A plan is computed from what was read, without side effects. The preview, the confirmation, the audit log, and
the execution all use the same object.
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
    """The resource that a step changes. `kind` is CloudFormation's type, such as `AWS::RDS::DBInstance`."""

    kind: str
    id: str
    account: str
    region: str


class Readiness(StrEnum):
    READY = "ready"
    DONE = "done"  # by an earlier execution of the same plan: there is nothing left to do
    CHANGED = "changed"  # the resource is no longer as planned: the step must not run


@dataclass(frozen=True)
class Check:
    """The result of checking a step's resource just before the step runs."""

    readiness: Readiness
    reason: str = ""


READY = Check(Readiness.READY)
ReportProgress = Callable[[str], None]


def always_ready() -> Check:
    """The check of a step that is idempotent."""
    return READY


@dataclass(frozen=True)
class Step:
    """One change to one resource.

    `does` describes the change, `evidence` the reason for it, `actions` are the IAM actions it needs. `act`
    is passed a function that reports progress, and must be safe to run twice. A step runs only after the
    steps in `needs` have succeeded. `parameters` are the request's parameters; the audit log records them
    without secrets.
    """

    id: str
    does: str
    resource: Resource
    act: Callable[[ReportProgress], None] = field(repr=False)
    parameters: Mapping[str, str]
    evidence: str = ""
    actions: tuple[str, ...] = ()
    check: Callable[[], Check] = field(default=always_ready, repr=False)
    needs: tuple[str, ...] = ()
    destructive: bool = False


@dataclass(frozen=True)
class Plan:
    """Steps in order of execution.

    `confirm` is the text that the user must type; if empty, a click is enough. `operation` determines the
    required role. Up to `at_once` steps run in parallel; a step comes after the steps that it needs.
    """

    title: str
    steps: tuple[Step, ...]
    operation: Operation
    confirm: str = ""
    at_once: int = 1

    @property
    def role(self) -> Role:
        """The lowest role that is allowed to execute the plan."""
        return self.operation.role

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything in the preview, so that only the confirmed plan is executed."""
        preview = [
            [s.id, s.does, repr(s.resource), s.evidence, *s.needs, sorted(s.parameters.items())]
            for s in self.steps
        ]
        return hashlib.sha256(json.dumps([self.title, preview]).encode()).hexdigest()[:16]

    @property
    def actions(self) -> tuple[str, ...]:
        """The IAM actions that the plan needs, sorted."""
        return tuple(sorted({action for step in self.steps for action in step.actions}))


class Status(StrEnum):
    """Status of a step. The values are part of the command line's JSON output; `label` is for people."""

    RUNNING = "running"
    DONE = "done"
    ALREADY = "already done"
    SKIPPED = "skipped"
    FAILED = "failed"
    NOT_RUN = "not run"

    @property
    def label(self) -> str:
        return {Status.RUNNING: "In progress", Status.DONE: "Succeeded"}.get(self, self.value.capitalize())


@dataclass(frozen=True)
class Progress:
    """A change of a step's status, or a message from the step."""

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
    """Execute the plan's steps: check each one just before it runs, and audit it before and after.

    If a step fails or its resource has changed, only the steps that need it are not run. `stopped` is called
    before each step. Raises NotAllowed if the actor's role is too low, and PlanRefused if `confirmed` is not
    the text that the plan requires.
    """
    check_role(plan, actor)
    if plan.confirm and confirmed != plan.confirm:
        raise PlanRefused(
            f"{plan.title}: not confirmed. Nothing was changed.",
            hint=f"Type {plan.confirm!r} to confirm.",
        )
    succeeded: set[str] = set()

    def run(step: Step) -> StepResult:
        result = _run(plan, step, succeeded, actor, audit, report, stopped)
        if result.status in (Status.DONE, Status.ALREADY):
            succeeded.add(step.id)
        report(Progress(step.id, result.status, result.reason))
        return result

    results = map(run, plan.steps) if plan.at_once == 1 else _run_in_parallel(plan, run)
    return Outcome(plan, tuple(results))


def _run_in_parallel(plan: Plan, run: Callable[[Step], StepResult]) -> list[StepResult]:
    """Run up to `at_once` steps in parallel.

    Steps are submitted in order and each waits for those it needs. These were submitted before it, so the
    pool cannot deadlock.
    """
    futures: dict[str, Future[StepResult]] = {}

    def run_after(needed: list[Future[StepResult]], step: Step) -> StepResult:
        wait(needed)
        return run(step)

    with ThreadPoolExecutor(plan.at_once) as pool:
        for step in plan.steps:
            needed = [futures[need] for need in step.needs if need in futures]
            futures[step.id] = pool.submit(run_after, needed, step)
        try:
            return [future.result() for future in futures.values()]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def check_role(plan: Plan, actor: Actor) -> None:
    """Raise NotAllowed if the actor's role is too low for the plan."""
    if not actor.role.includes(plan.role):
        raise NotAllowed(
            f"{plan.title}: requires the role {plan.role}; {actor.name} has the role {actor.role}. "
            "Nothing was changed.",
            hint=f"Ask an administrator for the role, or ask somebody with the role {plan.role} to do it.",
        )


def _run(
    plan: Plan,
    step: Step,
    succeeded: set[str],
    actor: Actor,
    audit: AuditLog,
    report: Callable[[Progress], None],
    stopped: Callable[[], bool],
) -> StepResult:
    started = time.monotonic()

    def record(result: str, reason: str = "") -> None:
        resource = step.resource
        audit.write(
            Record(
                at=timestamp(datetime.now(UTC)),
                actor=actor.name,
                via=actor.via,
                plan=f"{plan.title} [{plan.fingerprint}]",
                step=step.id,
                does=step.does,
                resource=f"{resource.kind} {resource.id}",
                account=resource.account,
                region=resource.region,
                result=result,
                reason=reason,
                role=actor.role,
                origin=actor.origin,
                evidence=step.evidence,
                parameters=redacted(step.parameters),
                duration_s=None if result == "started" else round(time.monotonic() - started, 3),
            )
        )

    if missing := [need for need in step.needs if need not in succeeded]:
        return StepResult(step, Status.NOT_RUN, f"needs “{missing[0]}”, which did not succeed")
    if stopped():
        return StepResult(step, Status.NOT_RUN, "stopped")
    try:
        check = step.check()
        if check.readiness is Readiness.DONE:
            return StepResult(step, Status.ALREADY, check.reason)
        if check.readiness is Readiness.CHANGED:
            record("skipped", check.reason)
            return StepResult(step, Status.SKIPPED, check.reason)
        record("started")
        report(Progress(step.id, Status.RUNNING))
        step.act(lambda message: report(Progress(step.id, Status.RUNNING, message)))
    except AuditUnavailable as error:
        return StepResult(step, Status.FAILED, str(error), error)
    except SlipwayError as error:
        _record_result(record, "failed", str(error))
        return StepResult(step, Status.FAILED, str(error), error)
    except BaseException as error:
        _record_result(record, "failed", repr(error))
        raise
    _record_result(record, "done")
    return StepResult(step, Status.DONE)


def _record_result(record: Callable[[str, str], None], result: str, reason: str = "") -> None:
    """Write a step's final record. A failure to do so must not hide the result of the step."""
    try:
        record(result, reason)
    except AuditUnavailable:
        pass
