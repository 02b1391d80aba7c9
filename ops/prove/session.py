"""What the steps of a proof work with: they carry out plans, wait for effects, and stop at the ceilings."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from ops.audit import Actor, AuditLog
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.change_sets import read_preview
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import Stack, StackSpec, read_stack
from ops.errors import Conflict, SlipwayError
from ops.operations import Operation
from ops.plan import (
    AuditedCall,
    Outcome,
    Plan,
    Progress,
    ReportProgress,
    Resource,
    Status,
    Step,
    execute,
    perform,
)
from ops.prove.costs import spent
from ops.prove.state import Owned, ProofState

T = TypeVar("T")
STACK, BUCKET = "AWS::CloudFormation::Stack", "AWS::S3::Bucket"
POLL_S = 15  # longest polling interval


class CeilingReached(SlipwayError):
    """The proof has reached its ceiling of time or cost: no further step runs."""


@dataclass(frozen=True)
class Ceilings:
    """What a proof may take: hours since it was started, and US dollars."""

    hours: float
    dollars: float


@dataclass(frozen=True)
class ProofSession:
    """A proof in progress. `cloud` knows only the sandbox accounts; `folder` is for its files."""

    cloud: Cloud
    state: ProofState
    ceilings: Ceilings
    actor: Actor
    audit: AuditLog
    folder: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep

    @property
    def home(self) -> Place:
        """Where everything is that exists once."""
        return self.cloud.places[0]

    @property
    def others(self) -> tuple[str, ...]:
        """The IDs of the sandbox accounts besides the first."""
        return tuple(account.id for account in self.cloud.accounts[1:])

    @property
    def poll_seconds(self) -> int:
        return min(self.cloud.settings.poll_seconds, POLL_S)

    def check_ceilings(self) -> None:
        """Raise CeilingReached if the proof takes too long or has cost too much."""
        now = self.clock()
        if now - self.state.started >= timedelta(hours=self.ceilings.hours):
            reason = f"it was started {self.ceilings.hours:g} hours ago or earlier (--max-hours)"
        elif (dollars := spent(self.state.resources, now)) >= self.ceilings.dollars:
            reason = f"it has cost ${dollars:.2f}, of at most ${self.ceilings.dollars:.2f} (--max-cost)"
        else:
            return
        raise CeilingReached(f"The proof was stopped: {reason}.", hint="Raise the ceiling, then start again.")

    def own(self, kind: str, id: str, place: Place, hourly: float = 0.0) -> None:
        """Record a resource that is about to be created."""
        self.state.own(Owned(kind, id, place.account.id, place.region, self.clock(), hourly))

    def own_stack(self, name: str, place: Place, hourly: float = 0.0) -> None:
        """Record a stack that is about to be created. Raises Conflict if somebody else has created it."""
        if not self.state.owns(STACK, name, place.account.id, place.region):
            if read_stack(self.cloud, place.account.id, place.region, name):
                raise Conflict(
                    f"The stack {name} exists in {place.account.name}, {place.region}.",
                    hint="It is not of this proof. Choose another sandbox account.",
                )
            self.own(STACK, name, place, hourly)

    def must(self, plan: Plan, say: ReportProgress) -> Outcome:
        """Carry out a plan of a job. Raises the first error, or Conflict if a step was not run."""

        def report(progress: Progress) -> None:
            if progress.message:
                say(progress.message)

        outcome = execute(plan, actor=self.actor, audit=self.audit, confirmed=plan.confirm, report=report)
        if outcome.error:
            raise outcome.error
        if not outcome.ok:
            left = next(r for r in outcome.results if r.status not in (Status.DONE, Status.ALREADY))
            raise Conflict(f"{left.step.does}: {left.reason}.", hint="Start the proof again.")
        return outcome

    def call(
        self, does: str, kind: str, id: str, act: Callable[[], T], place: Place | None = None
    ) -> AuditedCall[T]:
        """Return an audited call of the proof's own, on a resource at home or in another place."""
        where = place or self.home
        step = Step(
            id=does,
            does=f"{does} of the proof {self.state.id}",
            resource=Resource(kind, id, where.account.id, where.region),
            act=lambda say: act(),
            parameters={"proof": self.state.id},
        )
        return AuditedCall(step, Operation.PROVE)

    def perform(self, call: AuditedCall[T]) -> T:
        return perform(call, actor=self.actor, audit=self.audit)

    def deploy(
        self, spec: StackSpec, uploads: tuple[Upload, ...], say: ReportProgress, *, hourly: float = 0.0
    ) -> Stack:
        """Deploy a stack of the proof as the command line does, and return it."""
        place = self.cloud.place(spec.account, spec.region)
        self.own_stack(spec.name, place, hourly)
        self.must(deploy.plan_preview(self.cloud, spec, uploads), say)
        preview = read_preview(self.cloud, spec)
        if not preview.up_to_date:
            self.must(deploy.plan_deploy(self.cloud, preview), say)
        return self.stack(spec.name, place)

    def stack(self, name: str, place: Place) -> Stack:
        """Return a stack. Raises Conflict if it does not exist."""
        stack = read_stack(self.cloud, place.account.id, place.region, name)
        if stack is None:
            raise Conflict(
                f"The stack {name} does not exist in {place.account.name}, {place.region}.",
                hint="Clean up with `slipway prove --clean-up`, then start again.",
            )
        return stack

    def wait(self, look: Callable[[], T | None], what: str, say: ReportProgress) -> T:
        """Poll `look` until it returns a value, and return that. Raises CeilingReached."""
        say(f"Waiting: {what}")
        while (value := look()) is None:
            self.check_ceilings()
            self.sleep(self.poll_seconds)
        return value
