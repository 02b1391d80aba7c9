"""The plan of a proof: the steps of the four jobs, which run side by side, each in its order."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ops.errors import SlipwayError
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, ReportProgress, Resource, Step
from ops.prove.costs import per_hour
from ops.prove.session import STACK, CeilingReached, ProofSession
from ops.prove.state import StepRecord

AT_ONCE = 4  # jobs


@dataclass(frozen=True)
class ProofStep:
    """A step of a job. `act` returns what it saw; `minutes` is how long it takes on AWS."""

    id: str
    does: str
    minutes: int
    act: Callable[[ProofSession, ReportProgress], str]


@dataclass(frozen=True)
class Job:
    """A job, with its steps in order."""

    name: str
    steps: tuple[ProofStep, ...]


def plan_proof(session: ProofSession, first: ProofStep, jobs: tuple[Job, ...]) -> Plan:
    """Plan all steps that have not passed yet; `first` comes before all jobs.

    The accounts' IDs confirm the plan.
    """
    steps = [_step(session, first, ())]
    for job in jobs:
        needs: tuple[str, ...] = (first.id,)
        for step in job.steps:
            steps.append(_step(session, step, needs, job.name))
            needs = (step.id,)
    accounts = ", ".join(account.name for account in session.cloud.accounts)
    regions = ", ".join(session.cloud.settings.regions)
    ceilings = session.ceilings
    dollars = per_hour(len(session.cloud.settings.regions))
    longest = max(sum(step.minutes for step in job.steps) for job in jobs)
    title = (
        f"Prove Slipway in {accounts} ({regions}): about {longest} min and ${dollars:.2f} an hour, "
        f"at most {ceilings.hours:g} h and ${ceilings.dollars:.2f}; then delete everything"
    )
    return Plan(title, tuple(steps), Operation.PROVE, confirm=confirmation(session), at_once=AT_ONCE)


def confirmation(session: ProofSession) -> str:
    """Return the text that confirms a proof or its cleanup: the IDs of the accounts."""
    return ",".join(account.id for account in session.cloud.accounts)


def _step(session: ProofSession, step: ProofStep, needs: tuple[str, ...], job: str = "") -> Step[str]:
    def check() -> Check:
        record = session.state.steps.get(step.id)
        return Check(Readiness.DONE, record.evidence) if record and record.passed else READY

    return Step(
        id=step.id,
        does=step.does,
        resource=Resource(STACK, session.state.name, session.home.account.id, session.home.region),
        act=partial(_run, session, step),
        parameters={"proof": session.state.id, "step": step.id},
        check=check,
        needs=needs,
        evidence=f"about {step.minutes} min on AWS" if step.minutes else "",
        part=job,
    )


def _run(session: ProofSession, step: ProofStep, say: ReportProgress) -> str:
    """Run the step, and record what it saw or why it failed."""
    started = session.clock()
    try:
        session.check_ceilings()
        evidence = step.act(session, say)
    except CeilingReached as error:
        record = StepRecord(started, session.clock(), error=str(error), code="CeilingReached")
        session.state.finish(step.id, record)
        raise
    except SlipwayError as error:
        code = str(getattr(error, "code", "")) or type(error).__name__
        record = StepRecord(started, session.clock(), error=str(error), detail=error.detail, code=code)
        session.state.finish(step.id, record)
        raise
    session.state.finish(step.id, StepRecord(started, session.clock(), evidence))
    say(evidence)
    return evidence
