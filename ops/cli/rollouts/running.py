"""Starts, lists, shows, follows, and controls runs."""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

from ops.cli.context import Context
from ops.cli.rollouts.files import prepare, preview, show_previews
from ops.errors import ExecutionFailed, NotFound
from ops.rollouts import runs
from ops.rollouts.controller import Controller, find_controller
from ops.rollouts.rules import labels
from ops.rollouts.rules.decisions import OperatorCommand
from ops.rollouts.runs import LogLine, RunDetails

Options = argparse.Namespace

FOLLOW_POLL_S = 2.0
COMMANDS = {
    "pause": (OperatorCommand.PAUSE, "pause a run: no more targets are started; bakes continue"),
    "resume": (OperatorCommand.RESUME, "resume a paused run"),
    "roll-back": (
        OperatorCommand.STOP,
        "stop a run and roll back its targets; retry targets that need attention",
    ),
    "skip-bake": (OperatorCommand.SKIP, "skip the current bake; alarms still stop the rollout"),
    "override": (OperatorCommand.OVERRIDE, "override blockers for a run, in an emergency"),
}


def add(verbs: Any) -> None:
    parser = verbs.add_parser("start", help="preview every target, then start the rollout")
    parser.add_argument("file", type=Path, help="a rollout file, such as rollouts/shop.toml")
    parser.add_argument(
        "--approve",
        action="append",
        default=[],
        metavar="TEXT",
        help="approve a line that `plan` shows under “to approve”; repeatable",
    )
    parser.add_argument(
        "--confirm", default="", metavar="NAME", help="the rollout's name, instead of a prompt"
    )
    parser.add_argument(
        "--wait", action="store_true", help="follow the run to its end; fail when it is rolled back"
    )
    parser.add_argument("--dry-run", action="store_true", help="show the plan without executing it")
    parser.set_defaults(command=start)
    verbs.add_parser("list", help="list the runs, newest first").set_defaults(command=list_)
    _run(verbs, "status", status, "show the state of a run and of every target")
    _run(verbs, "log", log, "print the decision log of a run")
    _run(verbs, "follow", follow, "follow the decision log of a run to its end")
    for name, (command, text) in COMMANDS.items():
        verb = _run(verbs, name, partial(_command, command=command), text)
        verb.add_argument("--reason", required=True, help="reason, kept in the decision log")
        verb.add_argument("--confirm", default="", metavar="RUN", help="the run, instead of a prompt")
        verb.add_argument("--dry-run", action="store_true", help="show the plan without executing it")
    freeze = verbs.add_parser("freeze", help="freeze all rollouts: no more targets are started")
    freeze.add_argument("--reason", required=True, help="reason, shown on every rollout")
    freeze.set_defaults(command=_freeze)
    verbs.add_parser("unfreeze", help="end the freeze").set_defaults(command=_freeze, reason="")


def _run(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument("run", nargs="?", default="", help="the run (default: the newest)")
    parser.set_defaults(command=command)
    return parser


def start(context: Context, options: Options) -> None:
    cloud, controller = context.cloud, find_controller(context.cloud)
    approved = tuple(options.approve)
    document = prepare(context, options.file, approved)
    previews = preview(context, controller, document)
    if not context.as_json:
        show_previews(context, previews)
    plan = runs.plan_start(cloud, controller, document, previews)
    if context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm) is None:
        return
    if options.wait:
        _follow(context, controller, document.run)
    context.echo(f"Started {document.run}. Follow it: python -m ops rollouts follow {document.run}")


def list_(context: Context, options: Options) -> None:
    summaries = runs.list_runs(context.cloud, find_controller(context.cloud))
    rows = [
        {
            "run": summary.run,
            "status": labels.run_status(summary.status),
            "started": summary.started,
            "ended": summary.ended,
            "by": summary.by,
        }
        for summary in summaries
    ]
    context.show(rows, empty="No rollouts yet. Start one: python -m ops rollouts start FILE", value=summaries)


def status(context: Context, options: Options) -> None:
    controller = find_controller(context.cloud)
    run = runs.describe_run(context.cloud, controller, _name(context, controller, options))
    rows = [
        {
            "stage": run.document.stages[target.stage].name,
            "target": target.target.id,
            "status": labels.target_state(target.state),
            "started": target.begun,
            "ended": target.ended,
            "reason": target.why or None,
        }
        for target in run.targets
    ]
    if not context.as_json:
        _say_state(context, run)
    context.show(rows, empty="", value=run)


def _say_state(context: Context, run: RunDetails) -> None:
    summary = run.summary
    context.echo(f"{summary.run}: {labels.run_status(summary.status)}")
    stage = run.document.stages[run.stage].name
    if summary.status == "RUNNING":
        why = f": {run.why}" if run.why else ""
        until = f" (at least until {run.until:%Y-%m-%d %H:%M:%S} UTC)" if run.until else ""
        context.echo(f"{stage.capitalize()} · {labels.activity(run.does)}{why}{until}")
    elif run.why:
        context.echo(run.why)
    if run.paused:
        context.echo(f"Paused: {run.paused}")


def log(context: Context, options: Options) -> None:
    controller = find_controller(context.cloud)
    run = runs.describe_run(context.cloud, controller, _name(context, controller, options))
    if context.as_json:
        context.print_json(run.log)
        return
    for line in run.log:
        context.echo(_format(line))


def follow(context: Context, options: Options) -> None:
    controller = find_controller(context.cloud)
    _follow(context, controller, _name(context, controller, options))


def _follow(context: Context, controller: Controller, name: str) -> None:
    """Print each line of the log as it appears. Raises ExecutionFailed unless the run succeeded."""
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
            hint=f"See every target: python -m ops rollouts status {name}",
        )


def _format(line: LogLine) -> str:
    target = f" {line.target}" if line.target else ""
    why = f": {line.why}" if line.why else ""
    return f"{line.at:%Y-%m-%d %H:%M:%S} {labels.event(line.did)}{target}{why} ({line.who})"


def _command(context: Context, options: Options, *, command: OperatorCommand) -> None:
    controller = find_controller(context.cloud)
    run = _name(context, controller, options)
    plan = runs.plan_command(context.cloud, controller, run, command, options.reason, context.actor)
    context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm)


def _freeze(context: Context, options: Options) -> None:
    plan = runs.plan_freeze(context.cloud, find_controller(context.cloud), options.reason, context.actor)
    context.carry_out(plan, dry_run=False, confirmed="")


def _name(context: Context, controller: Controller, options: Options) -> str:
    if options.run:
        return str(options.run)
    summaries = runs.list_runs(context.cloud, controller)
    if not summaries:
        raise NotFound("There are no rollouts yet.", hint="Start one: python -m ops rollouts start FILE")
    return summaries[0].run
