"""Starts, lists, shows, follows, and controls runs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ops.cli.context import Context, readable
from ops.cli.rollouts.files import file_argument, prepare, preview, show_previews
from ops.cli.verbs import Verb, confirm_option, dry_run_option, verb
from ops.errors import ExecutionFailed, InputError, NotFound
from ops.rollouts import runs
from ops.rollouts.controller import Controller, find_controller
from ops.rollouts.rules import labels
from ops.rollouts.rules.decisions import OperatorCommand
from ops.rollouts.runs import LogLine, RunDetails

FOLLOW_POLL_S = 2.0
EMPTY, START_HINT = "No rollouts yet.", "Start one: slipway rollouts start FILE"


def run_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The ID of a run. Default: the newest."""
    return click.argument("run", required=False, default="")(function)


def reason_option(purpose: str) -> Callable[..., Any]:
    return click.option("--reason", required=True, help=f"Reason, {purpose}.")


@verb
@file_argument
@click.option(
    "--approve",
    "approved",
    multiple=True,
    metavar="TEXT",
    help="Approve a line that `plan` shows under “to approve”; repeatable.",
)
@click.option(
    "--version",
    default="",
    metavar="NAME",
    help="What is deployed: a commit, a tag, or a build; kept with the run, and shown with it.",
)
@confirm_option("NAME")
@click.option("--wait", is_flag=True, help="Follow the run to its end; fail unless it succeeds.")
@dry_run_option
def start(
    context: Context,
    file: Path,
    approved: tuple[str, ...],
    version: str,
    confirm: str,
    wait: bool,
    dry_run: bool,
) -> None:
    cloud, controller = context.cloud, find_controller(context.cloud)
    document = prepare(context, file, approved, version)
    if dry_run:
        context.carry_out(runs.plan_start(cloud, controller, document), dry_run=True, confirmed="")
        context.echo(f"Preview the changes with change sets: slipway rollouts plan {file}")
        return
    previews = preview(context, controller, document)
    if not context.as_json:
        show_previews(context, previews)
    context.carry_out(
        runs.plan_start(cloud, controller, document, previews), dry_run=False, confirmed=confirm
    )
    if wait:
        context.echo(f"Started {document.run}.")
        _follow(context, controller, document.run)
        return
    context.echo(f"Started {document.run}. Follow it: slipway rollouts follow {document.run}")
    if context.as_json:
        context.print_json({"run": document.run, "status": "RUNNING"})


@verb
def list_rollouts(context: Context) -> None:
    summaries = runs.list_runs(context.cloud, find_controller(context.cloud))
    rows = [
        {
            "run": summary.run,
            "version": summary.version or None,
            "status": labels.run_status(summary.status),
            "started": summary.started,
            "ended": summary.ended,
            "by": summary.by,
        }
        for summary in summaries
    ]
    context.show(rows, empty=f"{EMPTY} {START_HINT}", value=summaries)


@verb
@run_argument
def status(context: Context, run: str) -> None:
    details = _details(context, run)
    rows = [
        {
            "stage": details.document.stages[target.stage].name,
            "target": target.target.id,
            "status": labels.target_state(target.state),
            "started": target.begun,
            "ended": target.ended,
            "reason": target.why or None,
        }
        for target in details.targets
    ]
    if not context.as_json:
        _echo_state(context, details)
    context.show(rows, empty="", value=details)


def _echo_state(context: Context, run: RunDetails) -> None:
    summary = run.summary
    version = f" (version {summary.version})" if summary.version else ""
    context.echo(f"{summary.run}{version}: {labels.run_status(summary.status)}")
    stage = run.document.stages[run.stage].name
    if summary.status == "RUNNING":
        why = f": {run.why}" if run.why else ""
        until = f" (at least until {run.until:%Y-%m-%d %H:%M:%S} UTC)" if run.until else ""
        context.echo(f"{stage.capitalize()} · {labels.activity(run.does)}{why}{until}")
    elif run.why:
        context.echo(run.why)
    if run.paused:
        context.echo(f"Paused: {run.paused}")


@verb
@run_argument
def log(context: Context, run: str) -> None:
    lines = _details(context, run).log
    context.print_text("\n".join(readable(_format(line)) for line in lines), lines)


@verb
@run_argument
def follow(context: Context, run: str) -> None:
    controller = find_controller(context.cloud)
    _follow(context, controller, run or _newest(context, controller))


def _follow(context: Context, controller: Controller, name: str) -> None:
    """Print each line of the log as it appears, and the outcome as JSON.

    Raises ExecutionFailed unless the run succeeded.
    """
    printed = 0
    while True:
        run = runs.describe_run(context.cloud, controller, name)
        for line in run.log[printed:]:
            context.echo(_format(line))
        printed = len(run.log)
        if run.summary.status != "RUNNING":
            break
        time.sleep(FOLLOW_POLL_S)
    if run.summary.status != "DONE":
        raise ExecutionFailed(
            f"{name} did not succeed ({labels.run_status(run.summary.status)}): {run.why}",
            hint=f"See every target: slipway rollouts status {name}",
        )
    if context.as_json:
        context.print_json({"run": name, "status": run.summary.status})


def _format(line: LogLine) -> str:
    target = f" {line.target}" if line.target else ""
    why = f": {line.why}" if line.why else ""
    return f"{line.at:%Y-%m-%d %H:%M:%S} {labels.event(line.did)}{target}{why} ({line.who})"


def _command_verb(command: OperatorCommand) -> Verb:
    """Return the verb that sends a command to a run."""

    @verb
    @run_argument
    @reason_option("kept in the decision log")
    @confirm_option("RUN")
    @dry_run_option
    def send(context: Context, run: str, reason: str, confirm: str, dry_run: bool) -> None:
        controller = find_controller(context.cloud)
        run = run or _newest(context, controller)
        plan = runs.plan_command(context.cloud, controller, run, command, reason, context.actor)
        if context.carry_out(plan, dry_run=dry_run, confirmed=confirm) and context.as_json:
            context.print_json({"run": run, "command": command, "reason": reason})

    return send


pause = _command_verb(OperatorCommand.PAUSE)
resume = _command_verb(OperatorCommand.RESUME)
roll_back = _command_verb(OperatorCommand.STOP)
skip_bake = _command_verb(OperatorCommand.SKIP)
override = _command_verb(OperatorCommand.OVERRIDE)
approve = _command_verb(OperatorCommand.APPROVE)


@verb
@reason_option("shown on every rollout")
def freeze(context: Context, reason: str) -> None:
    if not reason.strip():  # without a reason, a plan to end the freeze
        raise InputError(
            "A reason is required.", field="reason", hint="Enter a reason; it is shown on every rollout."
        )
    _freeze(context, reason)


@verb
def unfreeze(context: Context) -> None:
    _freeze(context, "")


def _freeze(context: Context, reason: str) -> None:
    context.perform(runs.freeze_call(context.cloud, find_controller(context.cloud), reason, context.actor))
    if context.as_json:
        context.print_json({"frozen": bool(reason), "reason": reason})


def _details(context: Context, run: str) -> RunDetails:
    controller = find_controller(context.cloud)
    return runs.describe_run(context.cloud, controller, run or _newest(context, controller))


def _newest(context: Context, controller: Controller) -> str:
    summaries = runs.list_runs(context.cloud, controller)
    if not summaries:
        raise NotFound("There are no rollouts yet.", hint=START_HINT)
    return summaries[0].run
