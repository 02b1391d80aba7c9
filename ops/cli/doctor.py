"""`slipway doctor`: what of Slipway would work in the configured accounts."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from ops.aws.cloud import Cloud, Place
from ops.aws.inspection.recording import Recorder
from ops.cli.context import Context
from ops.cli.verbs import several_option, verb
from ops.doctor import Finding, Result, examine, exit_status, merged, summary
from ops.doctor.change_sets import plan_trials, trial_findings
from ops.errors import InputError
from ops.templates.access.grants import JOBS


@verb
@several_option("--job", "JOB", "Default: all jobs.", type=click.Choice([job.name for job in JOBS[1:]]))
@several_option("--accounts", "ACCOUNT", "Default: all configured accounts.")
@several_option("--regions", "REGION", "Default: the Regions of each account.")
@click.option(
    "--change-sets", is_flag=True, help="Also create change sets, and delete them without executing them."
)
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write AWS's answers to a file, without account IDs, names, and request IDs.",
)
def doctor(
    context: Context,
    job: tuple[str, ...],
    accounts: tuple[str, ...],
    regions: tuple[str, ...],
    change_sets: bool,
    record: Path | None,
) -> int:
    recorder = Recorder()
    cloud = Cloud(context.cloud.settings, context.cloud.endpoint, recorder.watch if record else None)
    chosen = [cloud.account(name) for name in accounts] or list(cloud.accounts)
    places = tuple(
        Place(account, region)
        for account in dict.fromkeys(chosen)
        for region in dict.fromkeys(regions or account.regions or cloud.settings.regions)
    )
    jobs = tuple(each for each in JOBS if not job or each is JOBS[0] or each.name in job)
    try:
        findings = examine(cloud, places, jobs, lambda does: context.echo(f"Checking: {does}"))
        if change_sets:
            trials = plan_trials(cloud, places, jobs)
            if outcome := context.carry_out(trials.plan, dry_run=False, confirmed=""):
                findings += trial_findings(trials, outcome)
    finally:
        if record:
            _write(record, recorder.text())
    show_findings(context, findings)
    return exit_status(findings)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror}.", field="--record", hint="Choose another file."
        ) from error


def show_findings(context: Context, findings: Sequence[Finding]) -> None:
    """Print the number of results of each check, then everything that does not work, in full."""
    if context.as_json:
        context.print_json(findings)
        return
    context.show(summary(findings), empty="Nothing was checked.")
    for finding, places in merged(findings):
        if finding.result is not Result.WORKS:
            context.echo("")
            context.echo(f"{finding.result.capitalize()}: {finding.check}, {finding.subject} ({places})")
            for label, text in (("Reason", finding.reason), ("Hint", finding.hint)):
                if text:
                    context.echo(f"  {label}: {text}")
            if finding.statement:
                context.echo("  Statement to add:")
                context.print_text(textwrap.indent(finding.statement, "    "))
