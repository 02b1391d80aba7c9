"""Plans: every change to AWS is planned, previewed, confirmed, and then executed.

A plan is computed from what was read, without side effects. The preview, the confirmation, the audit log, and
the execution all use the same object. A plan can be part of a larger one (`nest`): its steps become steps of
that plan. One call with nothing to preview is an `AuditedCall`.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from ops.audit import Actor, AuditLog, Record, acting_as, redacted, timestamp
from ops.errors import AuditUnavailable, Conflict, NotAllowed, PlanRefused, SlipwayError
from ops.operations import Operation
from ops.own_log import record_failure

K = TypeVar("K")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

log = logging.getLogger(__name__)


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


class Running:
    """What a step has while it runs: called with a message, it reports progress."""

    def __init__(self, report: ReportProgress, values: Mapping[object, object]) -> None:
        self._report = report
        self._values = values

    def __call__(self, message: str) -> None:
        self._report(message)

    def value(self, step: "Step[T]") -> T:
        """Return the value of a step that this step needs. Raises Conflict if that step had nothing to do."""
        if step.key not in self._values:
            raise Conflict(f"“{step.does}” had nothing to do.", hint="Create the plan again.")
        return cast(T, self._values[step.key])


@dataclass(frozen=True)
class Step(Generic[T_co]):
    """One change to one resource.

    `does` describes the change, `evidence` the reason for it, `actions` are the IAM actions it needs. `act`
    is passed a function that reports progress, and must be safe to run twice; it returns the value of the
    step. A step runs only after the steps in `needs` have succeeded. `parameters` are the request's
    parameters; the audit log records them without secrets. `details` are lines that the preview shows on
    demand, such as the resources of a stack. A `destructive` step deletes or replaces something: the preview
    marks it, and the user must confirm its plan. `part` is the title of the plan that the step was nested
    from. `key` identifies the value of the step; a copy of the step has the same.
    """

    id: str
    does: str
    resource: Resource
    act: Callable[[Running], T_co] = field(repr=False)
    parameters: Mapping[str, str]
    evidence: str = ""
    actions: tuple[str, ...] = ()
    check: Callable[[], Check] = field(default=always_ready, repr=False)
    needs: tuple[str, ...] = ()
    destructive: bool = False
    details: tuple[str, ...] = ()
    part: str = ""
    key: object = field(default_factory=object, repr=False, compare=False)


@dataclass(frozen=True)
class Plan:
    """Steps in order of execution.

    `confirm` is the text that the user must type; if empty, a click is enough. `operation` determines the
    required role. Up to `at_once` steps run in parallel; a step comes after the steps that it needs.
    """

    title: str
    steps: tuple[Step[object], ...]
    operation: Operation
    confirm: str = ""
    at_once: int = 1

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything in the preview, so that only the confirmed plan is executed."""
        preview = [
            [
                [s.id, s.part, s.does, repr(s.resource), s.evidence, s.destructive, *s.details, *s.needs],
                sorted(s.parameters.items()),
            ]
            for s in self.steps
        ]
        return hashlib.sha256(json.dumps([self.title, preview]).encode()).hexdigest()[:16]

    @property
    def actions(self) -> tuple[str, ...]:
        """The IAM actions that the plan needs, sorted."""
        return tuple(sorted({action for step in self.steps for action in step.actions}))

    @property
    def destructive(self) -> bool:
        """Whether a step deletes or replaces something."""
        return any(step.destructive for step in self.steps)

    @property
    def parts(self) -> tuple[tuple[Step[object], ...], ...]:
        """The steps by nested plan; a step of the plan itself is a part of its own."""
        parts: dict[str, list[Step[object]]] = {}
        for step in self.steps:
            parts.setdefault(step.part or step.id, []).append(step)
        return tuple(tuple(steps) for steps in parts.values())


def nest(plan: Plan, id: str, needs: tuple[str, ...] = ()) -> tuple[Step[Any], ...]:
    """Return the steps of a plan as steps of a larger one, after its steps `needs`; ids begin with `id`.

    Each is previewed, audited, shown, and stopped like any other step of the larger plan.
    """
    return tuple(
        replace(
            step,
            id=f"{id}: {step.id}",
            part=plan.title,
            needs=(*needs, *(f"{id}: {need}" for need in step.needs)),
        )
        for step in plan.steps
    )


@dataclass(frozen=True)
class AuditedCall(Generic[T_co]):
    """One call to AWS with nothing to preview: audited like a step, and allowed to the same roles."""

    step: Step[T_co]
    operation: Operation

    @property
    def title(self) -> str:
        return self.step.does


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
    """A change of a step's status, or a message from the step. `step` is the id of the step."""

    step: str
    status: Status
    message: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class StepResult:
    """How a step ended. `value` is what the step returned, None unless it is DONE."""

    step: Step[object]
    status: Status
    reason: str = ""
    error: SlipwayError | None = None
    value: object = None


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

    def value(self, step: Step[T]) -> T:
        """Return the value of a step of the plan. Raises KeyError if the step has not acted."""
        return self.values({"step": step})["step"]

    def values(self, steps: Mapping[K, Step[T]]) -> dict[K, T]:
        """Return the values of those steps of the plan that have acted."""
        values = {r.step.key: r.value for r in self.results if r.status is Status.DONE}
        return {name: cast(T, values[step.key]) for name, step in steps.items() if step.key in values}


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
    values: dict[object, object] = {}
    title = f"{plan.title} [{plan.fingerprint}]"

    def run(step: Step[object]) -> StepResult:
        result = run_if_possible(step)
        if result.status in (Status.DONE, Status.ALREADY):
            succeeded.add(step.id)
        report(Progress(step.id, result.status, result.reason))
        return result

    def run_if_possible(step: Step[object]) -> StepResult:
        if missing := [need for need in step.needs if need not in succeeded]:
            return StepResult(step, Status.NOT_RUN, f"needs “{missing[0]}”, which did not succeed")
        if stopped():
            return StepResult(step, Status.NOT_RUN, "stopped")
        result = _run(step, title, values, actor, audit, report)
        if result.status is Status.DONE:
            values[step.key] = result.value
        return result

    results = map(run, plan.steps) if plan.at_once == 1 else _run_in_parallel(plan, run)
    return Outcome(plan, tuple(results))


def perform(call: AuditedCall[T], *, actor: Actor, audit: AuditLog) -> T:
    """Make the call, audited before and after, and return its value.

    Raises NotAllowed if the actor's role is too low, Conflict if the call was not made, and its error.
    """
    check_role(call, actor)
    result = _run(call.step, call.operation.does, {}, actor, audit, lambda progress: None)
    if result.status is not Status.DONE:
        raise result.error or Conflict(f"{call.title}: {result.reason}.", hint="Refresh, then retry.")
    return cast(T, result.value)


def _run_in_parallel(plan: Plan, run: Callable[[Step[object]], StepResult]) -> list[StepResult]:
    """Run up to `at_once` steps in parallel.

    Steps are submitted in order and each waits for those it needs. These were submitted before it, so the
    pool cannot deadlock.
    """
    futures: dict[str, Future[StepResult]] = {}

    def run_after(needed: list[Future[StepResult]], step: Step[object]) -> StepResult:
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


def check_role(change: Plan | AuditedCall[object], actor: Actor) -> None:
    """Raise NotAllowed if the actor's role is too low for the plan or call."""
    role = change.operation.role
    if not actor.role.includes(role):
        raise NotAllowed(
            f"{change.title}: requires the role {role}; {actor.name} has the role {actor.role}. "
            "Nothing was changed.",
            hint=f"Ask an administrator for the role, or ask somebody with the role {role} to do it.",
        )


def _run(
    step: Step[object],
    title: str,
    values: Mapping[object, object],
    actor: Actor,
    audit: AuditLog,
    report: Callable[[Progress], None],
) -> StepResult:
    """Check the step, run it, and audit it as part of the plan with this title."""
    started = time.monotonic()

    def record(result: str, reason: str = "") -> None:
        resource = step.resource
        log.info(f"Step {result}", extra={"plan": title, "step": step.id, **asdict(resource)})
        audit.write(
            Record(
                at=timestamp(datetime.now(UTC)),
                actor=actor.name,
                via=actor.via,
                plan=title,
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

    try:
        check = step.check()
        if check.readiness is Readiness.DONE:
            return StepResult(step, Status.ALREADY, check.reason)
        if check.readiness is Readiness.CHANGED:
            record("skipped", check.reason)
            return StepResult(step, Status.SKIPPED, check.reason)
        record("started")
        report(Progress(step.id, Status.RUNNING))
        with acting_as(actor):
            value = step.act(
                Running(lambda message: report(Progress(step.id, Status.RUNNING, message)), values)
            )
    except AuditUnavailable as error:
        return StepResult(step, Status.FAILED, str(error), error)
    except SlipwayError as error:
        _record_result(record, "failed", str(error))
        return StepResult(step, Status.FAILED, str(error), error)
    except BaseException as error:
        _record_result(record, "failed", repr(error))
        raise
    _record_result(record, "done")
    return StepResult(step, Status.DONE, value=value)


def _record_result(record: Callable[[str, str], None], result: str, reason: str = "") -> None:
    """Write a step's final record. A failure to do so must not hide the result of the step."""
    try:
        record(result, reason)
    except AuditUnavailable as error:
        record_failure(error)
