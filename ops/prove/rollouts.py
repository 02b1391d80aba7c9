"""Rollouts: a harmless stack goes to every target, and the next version of it is rolled back."""

import json
from functools import partial
from pathlib import Path

from ops.aws.logs import groups
from ops.aws.organizations import accounts_of
from ops.errors import Conflict, ExecutionFailed, NotFound
from ops.plan import ReportProgress
from ops.prove.proof import Job, ProofStep
from ops.prove.session import ProofSession
from ops.rollouts import controller as controllers
from ops.rollouts import runs
from ops.rollouts.prepare import prepare_run
from ops.rollouts.rules.decisions import OperatorCommand, TargetState
from ops.rollouts.runs import RunDetails

SETTLE_S = 60
POLICY = "CloudWatchLogsFullAccess"  # all that CloudFormation may do in a target
FIRST, SECOND = "1", "3"  # the versions of the harmless stack: days of retention of an empty log group


def rollouts() -> Job:
    return Job(
        "Rollouts",
        (
            ProofStep("rollouts: controller", "Deploy the controller and its roles", 4, _deploy),
            ProofStep("rollouts: rollout", "Roll out a harmless stack to every target", 6, _roll_out),
            ProofStep("rollouts: rollback", "Roll out a new version, and roll it back", 8, _roll_back),
        ),
    )


def _deploy(session: ProofSession, say: ReportProgress) -> str:
    cloud = session.cloud
    spec, uploads = controllers.controller_spec(
        cloud, poll_seconds=session.poll_seconds, settle_seconds=min(SETTLE_S, session.poll_seconds * 10)
    )
    session.deploy(spec, uploads, say)
    controller = controllers.find_controller(cloud)
    partition = cloud.client("iam", session.home.account.id).meta.partition
    policies = (f"arn:{partition}:iam::aws:policy/{POLICY}",)
    for account in cloud.accounts:
        session.deploy(controllers.target_spec(cloud, controller, account.id, policies), (), say)
    return f"controller of version {controller.version}, roles in {len(cloud.accounts)} accounts"


def _stack(session: ProofSession) -> str:
    return f"{session.state.name}-rollout"


def _write_file(session: ProofSession, version: str, bake: str) -> Path:
    """Write the rollout file and its template; `bake` is the time after the first target."""
    name, settings = _stack(session), session.cloud.settings
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}}
    template = {
        "Description": "Slipway: a harmless stack of a proof.",
        "Parameters": {"Days": {"Type": "Number"}},
        "Resources": {"Group": group},
        "Outputs": {"Group": {"Value": {"Ref": "Group"}}},
    }
    accounts = json.dumps([account.id for account in session.cloud.accounts])
    tables = {
        "what": f'stack = "{name}"\ntemplate = "stack.json"\nparameters = {{ Days = "{version}" }}',
        "[where]": f"accounts = {accounts}\nregions = {json.dumps(list(settings.regions))}",
        "order": f'first = "{settings.regions[0]}"',
        "bake.first": f'time = "{bake}"',
        "bake.later": f'time = "{bake}"',
        "evidence": 'none = "a proof: the stack serves no traffic"',
    }
    folder = session.folder / version
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stack.json").write_text(json.dumps(template, indent=1), "utf-8")
    text = "\n".join(f"[{title}]\n{body}\n" for title, body in tables.items())
    path = folder / "rollout.toml"
    path.write_text(text, "utf-8")
    return path


def _started(session: ProofSession, version: str, bake: str, say: ReportProgress) -> str:
    """Start the rollout of a version, or return the run that a resumed proof has started."""
    cloud, note = session.cloud, f"rollout {version}"
    controller = controllers.find_controller(cloud)
    if run := session.state.note(note):
        try:
            runs.describe_run(cloud, controller, run)
        except NotFound:
            pass  # it was noted, but not started
        else:
            return run
    for place in cloud.places:
        if version == FIRST:
            session.own_stack(_stack(session), place)
    path = _write_file(session, version, bake)
    document = prepare_run(path, partial(accounts_of, cloud), session.actor, session.clock(), version=version)
    session.state.set_note(note, document.run)
    session.must(runs.plan_start(cloud, controller, document), say)
    return document.run


def _follow(session: ProofSession, run: str, say: ReportProgress) -> RunDetails:
    controller = controllers.find_controller(session.cloud)

    def ended() -> RunDetails | None:
        details = runs.describe_run(session.cloud, controller, run)
        return None if details.summary.status == "RUNNING" else details

    return session.wait(ended, f"run {run}", say)


def _check_versions(session: ProofSession) -> None:
    """Raise Conflict unless the log group of every target has the retention of the first version."""
    for place in session.cloud.places:
        stack = session.stack(_stack(session), place)
        days = groups.retention_of(session.cloud, place, stack.outputs["Group"])
        if days != int(FIRST):
            raise Conflict(
                f"The log group of {stack.name} in {place.account.name}, {place.region} has a retention of "
                f"{days} days, not {FIRST}."
            )


def _roll_out(session: ProofSession, say: ReportProgress) -> str:
    details = _follow(session, _started(session, FIRST, "1s", say), say)
    if details.summary.status != "DONE":
        raise ExecutionFailed(f"{details.summary.run} is {details.summary.status}.", detail=_reasons(details))
    _check_versions(session)
    return f"{len(details.targets)} of {len(session.cloud.places)} targets have the first version"


def _roll_back(session: ProofSession, say: ReportProgress) -> str:
    run = _started(session, SECOND, "2h", say)
    controller = controllers.find_controller(session.cloud)

    def changed() -> RunDetails | None:
        details = runs.describe_run(session.cloud, controller, run)
        done = any(target.state is TargetState.DEPLOYED for target in details.targets)
        return details if done or details.summary.status != "RUNNING" else None

    details = session.wait(changed, "first target", say)
    if details.summary.status == "RUNNING" and not details.stopped:
        stop = runs.plan_command(
            session.cloud, controller, run, OperatorCommand.STOP, "a proof of the rollback", session.actor
        )
        session.must(stop, say)
    details = _follow(session, run, say)
    if details.summary.status != "ROLLED_BACK":
        raise ExecutionFailed(f"{run} is {details.summary.status}.", detail=_reasons(details))
    _check_versions(session)
    back = sum(target.state is TargetState.ROLLED_BACK for target in details.targets)
    return f"{back} targets rolled back; all {len(session.cloud.places)} have the first version"


def _reasons(details: RunDetails) -> str:
    failed = (f"{line.target}: {line.why}" for line in details.log if line.did == "failed")
    return "; ".join([*failed, details.why])
