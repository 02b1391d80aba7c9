"""`slipway prove`: deploy and run everything in a sandbox account, report what passed, and delete it."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

import click

from ops import __version__, files
from ops.aws.inspection.recording import Recorder
from ops.cli.context import Context
from ops.cli.verbs import confirm_option, dry_run_option, verb
from ops.errors import InputError
from ops.prove.clean_up import leftovers, plan_clean_up
from ops.prove.jobs import FIRST, JOBS, check_sandbox
from ops.prove.proof import plan_proof
from ops.prove.report import ProofReport, as_markdown, make_report, write_report
from ops.prove.sandbox import sandbox
from ops.prove.session import Ceilings, ProofSession
from ops.prove.state import ProofState, load

PROOF = "000000"  # instead of the proof's ID in recorded answers
PASSES = 4  # a stack's contents are known only when it is deleted, and are deleted after it


@verb
@click.option(
    "--max-cost",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    metavar="DOLLARS",
    help="Stop when the estimated cost reaches this.",
)
@click.option(
    "--max-hours",
    type=click.FloatRange(0, min_open=True),
    default=4.0,
    show_default=True,
    metavar="HOURS",
    help="Stop this long after the start.",
)
@click.option("--clean-up", is_flag=True, help="Only delete what an interrupted proof has left.")
@click.option(
    "--record",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write AWS's answers to a file in this folder, without identifiers, names, and secrets.",
)
@dry_run_option
@confirm_option("ACCOUNTS")
def prove(
    context: Context,
    max_cost: float,
    max_hours: float,
    clean_up: bool,
    record: Path | None,
    dry_run: bool,
    confirm: str,
) -> int:
    """Start a proof, or continue the one that was interrupted."""
    recorder = Recorder() if record else None
    session = _session(context, Ceilings(max_hours, max_cost), recorder)
    resumed = session.state.path.exists()
    if clean_up and not resumed:
        context.echo("Nothing to clean up: no proof was interrupted.")
        return 0
    if clean_up:
        plan = plan_clean_up(session)
    else:
        check_sandbox(session)
        plan = plan_proof(session, FIRST, JOBS)
    if dry_run:
        context.carry_out(plan, dry_run=True, confirmed="")
        return 0
    try:
        outcome = context.attempt(plan, confirmed=confirm)
        if not outcome.ok and not clean_up:
            context.echo("Not every step passed. Everything is deleted now.")
        report = _finish(context, session)
    finally:
        if record and recorder:
            recorder.replace(session.state.id, PROOF)
            files.write(record / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json", recorder.fixture().encode())
    _show(context, session, report)
    return 0 if report.passed or (clean_up and not report.left) else 1


def _session(context: Context, ceilings: Ceilings, recorder: Recorder | None) -> ProofSession:
    cloud = sandbox(context.cloud, recorder)
    folder = context.cloud.settings.data / "prove"
    places = tuple((place.account.id, place.region) for place in cloud.places)
    path = folder / "state.json"
    state = load(path)
    if state and state.places != places:
        where = ", ".join(f"{account} {region}" for account, region in state.places)
        raise InputError(
            f"The interrupted proof {state.id} is in other accounts or Regions: {where}.",
            field="prove_accounts",
            hint="Name them again in prove_accounts and prove_regions, then continue it or clean it up.",
        )
    state = state or ProofState(path, secrets.token_hex(3), datetime.now(UTC), places)
    return ProofSession(cloud, state, ceilings, context.actor, context.audit, folder / state.id)


def _finish(context: Context, session: ProofSession) -> ProofReport:
    """Delete everything, and report what passed and what is left. The state is kept if something is left."""
    for _ in range(PASSES):
        plan = plan_clean_up(session)
        if all(owned.deleted for owned in session.state.resources):
            break
        context.attempt(plan, confirmed=plan.confirm)
    left = leftovers(session)
    report = make_report(session, FIRST, JOBS, left, __version__)
    write_report(report, session.folder)
    if not left:
        session.state.path.unlink(missing_ok=True)
    return report


def _show(context: Context, session: ProofSession, report: ProofReport) -> None:
    if context.as_json:
        context.print_json({"passed": report.passed, "report": report})
        return
    context.echo("")
    context.print_text(as_markdown(report))
    context.echo(f"Report: {session.folder / 'report.md'}")
