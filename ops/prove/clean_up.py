"""The plan that deletes everything that a proof has created, newest first; and what is left afterward.

Only recorded resources are deleted, and what their stacks contain. A stack's contents are recorded before the
stack is deleted, so a crash in between leaves nothing unknown.
"""

from collections.abc import Callable
from functools import partial

from ops.aws.cloudformation.resources import list_resources
from ops.aws.cloudformation.stacks import list_stacks
from ops.aws.rds import databases
from ops.errors import NotFound, SlipwayError
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, ReportProgress, Resource, Step
from ops.prove import resources
from ops.prove.proof import confirmation
from ops.prove.rollouts import FIRST, SECOND
from ops.prove.session import BUCKET, STACK, ProofSession
from ops.prove.state import Owned
from ops.rollouts import runs as rollout_runs
from ops.rollouts.controller import Controller, read_controller
from ops.rollouts.rules.decisions import OperatorCommand
from ops.rollouts.runs import RunDetails
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.catalog import SNAPSHOTS, DeployedPipeline
from ops.snapshots.runs import control as snapshot_runs

PATIENCE = 240  # polls until a run has stopped
GONE = Check(Readiness.DONE, "it no longer exists")


def plan_clean_up(session: ProofSession) -> Plan:
    """Plan to stop what runs, and to delete every recorded resource. Accounts' IDs confirm it."""
    steps: list[Step[None]] = [
        _stop_step(session, "rollout", "Stop the rollout, if one is in progress", _stop_rollouts),
        _stop_step(session, "run", "Stop the snapshot run, and record its snapshots", _stop_run),
    ]
    first = tuple(step.id for step in steps)
    for owned in reversed([owned for owned in session.state.resources if owned.deleted is None]):
        steps.append(_delete_step(session, owned, first))
    accounts = ", ".join(account.name for account in session.cloud.accounts)
    return Plan(
        f"Delete everything of the proof {session.state.id} in {accounts}",
        tuple(steps),
        Operation.PROVE,
        confirm=confirmation(session),
    )


def leftovers(session: ProofSession) -> list[Owned]:
    """Return the recorded resources that exist, and unrecorded ones with the name of the proof.

    A read right after a creation can miss the resource: one that exists counts as not deleted again.
    """
    left = [owned for owned in session.state.resources if resources.exists(session.cloud, owned)]
    for owned in left:
        session.state.mark_deleted(owned, None)
    known = {owned.key for owned in session.state.resources}
    for place in session.cloud.places:
        account, region = place.account.id, place.region
        named = [(STACK, stack.name) for stack in list_stacks(session.cloud, account, region)]
        named += [(resources.DATABASE, item.id) for item in databases.list_databases(session.cloud, place)]
        named += [(resources.SNAPSHOT, item.id) for item in databases.list_snapshots(session.cloud, place)]
        left += [
            Owned(kind, name, account, region, session.clock())
            for kind, name in named
            if session.state.name in name and (kind, name, account, region) not in known
        ]
    return left


def _stop_step(
    session: ProofSession, id: str, does: str, act: Callable[[ProofSession, ReportProgress], None]
) -> Step[None]:
    home = session.home
    return Step(
        id=id,
        does=does,
        resource=Resource(STACK, session.state.name, home.account.id, home.region),
        act=partial(act, session),
        parameters={"proof": session.state.id},
        destructive=True,
    )


def _delete_step(session: ProofSession, owned: Owned, needs: tuple[str, ...]) -> Step[None]:
    def check() -> Check:
        if resources.exists(session.cloud, owned):
            return READY
        session.state.mark_deleted(owned, session.clock())
        return GONE

    def act(say: ReportProgress) -> None:
        if owned.kind == STACK:
            _record_contents(session, owned, say)
        resources.delete(session.cloud, owned, say)
        if not _wait(session, lambda: not resources.exists(session.cloud, owned)):
            raise SlipwayError(
                f"{owned.id} still exists after its deletion.", hint="Start `slipway prove --clean-up` again."
            )
        session.state.mark_deleted(owned, session.clock())

    contents = "with its contents" if owned.kind in (STACK, BUCKET) else ""
    return Step(
        id=" ".join(owned.key),
        does=f"Delete {owned.id} {contents}".strip(),
        resource=Resource(owned.kind, owned.id, owned.account, owned.region),
        act=act,
        parameters={"proof": session.state.id},
        check=check,
        needs=needs,
        evidence=f"recorded {owned.recorded:%Y-%m-%d %H:%M:%S}",
        destructive=True,
    )


def _record_contents(session: ProofSession, owned: Owned, say: ReportProgress) -> None:
    """Record what can be left when the stack is deleted, and empty its buckets so that they can be."""
    place = session.cloud.place(owned.account, owned.region)
    for resource in list_resources(session.cloud, place, owned.id):
        for kind, id in resources.kept_by_stack(resource):
            session.own(kind, id, place)
            if kind == BUCKET:
                resources.empty_bucket(session.cloud, place, id, say)


def _wait(session: ProofSession, look: Callable[[], bool]) -> bool:
    """Poll without the ceilings, which never cut a cleanup short; return whether `look` came true."""
    for _ in range(PATIENCE):
        if look():
            return True
        session.sleep(session.poll_seconds)
    return False


def _stop_rollouts(session: ProofSession, say: ReportProgress) -> None:
    controller = read_controller(session.cloud)
    for version in (SECOND, FIRST):
        run = session.state.note(f"rollout {version}")
        if not run or controller is None:
            continue
        details = _running(session, controller, run)
        if details is None:
            continue
        if not details.stopped:
            stop = rollout_runs.plan_command(
                session.cloud, controller, run, OperatorCommand.STOP, "the proof is cleaned up", session.actor
            )
            session.must(stop, say)
        _wait(session, partial(_is_over, session, controller, run))


def _running(session: ProofSession, controller: Controller, run: str) -> RunDetails | None:
    """Return the run if it is in progress. It can be noted, but not started."""
    try:
        details = rollout_runs.describe_run(session.cloud, controller, run)
    except NotFound:
        return None
    return details if details.summary.status == "RUNNING" else None


def _is_over(session: ProofSession, controller: Controller, run: str) -> bool:
    return _running(session, controller, run) is None


def _stop_run(session: ProofSession, say: ReportProgress) -> None:
    """Stop the run with the plan that also deletes its temporary resources; wait until they are gone."""
    name = session.state.name
    for pipeline in catalog.list_pipelines(session.cloud, session.home):
        if pipeline.database != name or not pipeline.machine:
            continue
        if running := snapshot_runs.running_refresh(snapshot_runs.list_runs(session.cloud, pipeline)):
            session.must(snapshot_runs.plan_stop(session.cloud, pipeline, running.name), say)
        _wait(session, partial(_has_ended, session, pipeline))
        for sanitized in catalog.list_sanitized(session.cloud, pipeline):
            session.own(SNAPSHOTS[sanitized.snapshot.kind], sanitized.snapshot.id, session.home)


def _has_ended(session: ProofSession, pipeline: DeployedPipeline) -> bool:
    running = any(run.status == "RUNNING" for run in snapshot_runs.list_runs(session.cloud, pipeline))
    return not running and not any(
        item.pipeline == pipeline.name for item in catalog.list_temporary(session.cloud, session.home)
    )
