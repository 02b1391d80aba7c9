"""Runs: started, listed, watched, and given orders, each with its reason."""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

from ops.cli.context import Context
from ops.cli.rollouts.files import prepare, preview, show_previews
from ops.errors import ExecutionFailed, NotFound
from ops.rollouts import runs
from ops.rollouts.controller import Engine, find
from ops.rollouts.rules.decisions import Does
from ops.rollouts.runs import LogLine, Watched

Options = argparse.Namespace

WATCH_S = 2.0
ORDERS = {
    "pause": (Does.PAUSE, "begin nothing new; bakes go on"),
    "resume": (Does.RESUME, "go on after a pause"),
    "roll-back": (
        Does.STOP,
        "stop, and roll back what the run has changed; once more what could not go back",
    ),
    "skip-bake": (Does.SKIP, "end the bake that is under way; alarms count nevertheless"),
    "override": (Does.OVERRIDE, "an emergency: blockers no longer hold for this run"),
}


def add(verbs: Any) -> None:
    parser = verbs.add_parser("start", help="preview every target, then start the rollout")
    parser.add_argument("file", type=Path, help="a rollout file, such as rollouts/shop.toml")
    parser.add_argument(
        "--approve", action="append", default=[], metavar="TEXT", help="a line of `plan` under “to approve”"
    )
    parser.add_argument("--confirm", default="", metavar="NAME", help="the rollout's name, instead of typing")
    parser.add_argument("--wait", action="store_true", help="follow it to its end; fail when it rolls back")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")
    parser.set_defaults(command=start)
    verbs.add_parser("list", help="list the runs, newest first").set_defaults(command=list_)
    _run(verbs, "status", status, "show what a run waits for and why, and every target")
    _run(verbs, "log", log, "print the decision log of a run")
    _run(verbs, "follow", follow, "print the decision log as it grows, to the end of the run")
    for name, (does, text) in ORDERS.items():
        order = _run(verbs, name, partial(_order, does=does), text)
        order.add_argument("--reason", required=True, help="kept in the decision log")
        order.add_argument("--confirm", default="", metavar="RUN", help="the run, instead of typing")
        order.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")
    freeze = verbs.add_parser("freeze", help="keep every rollout from beginning another target")
    freeze.add_argument("--reason", required=True, help="why")
    freeze.set_defaults(command=_freeze)
    verbs.add_parser("unfreeze", help="lift the freeze").set_defaults(command=_freeze, reason="")


def _run(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument("run", nargs="?", default="", help="the run (default: the newest)")
    parser.set_defaults(command=command)
    return parser


def start(context: Context, options: Options) -> None:
    cloud, engine = context.cloud, find(context.cloud)
    approved = tuple(options.approve)
    document = prepare(context, options.file, approved)
    found = preview(context, engine, document)
    if not context.as_json:
        show_previews(context, found)
    plan = runs.plan_start(cloud, engine, document, found)
    if context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm) is None:
        return
    if options.wait:
        _follow(context, engine, document.run)
    context.say(f"Started: {document.run}. Follow it: python -m ops rollouts follow {document.run}")


def list_(context: Context, options: Options) -> None:
    found = runs.list_runs(context.cloud, find(context.cloud))
    rows = [
        {
            "run": each.run,
            "status": _words(each.status),
            "started": each.started,
            "ended": each.ended,
            "by": each.by,
        }
        for each in found
    ]
    context.show(rows, empty="No rollout yet. Start one: python -m ops rollouts start FILE", value=found)


def status(context: Context, options: Options) -> None:
    engine = find(context.cloud)
    watched = runs.watch(context.cloud, engine, _name(context, engine, options))
    rows = [
        {
            "stage": watched.document.stages[each.stage].name,
            "target": each.target.id,
            "state": str(each.state or "not begun"),
            "begun": each.begun,
            "ended": each.ended,
            "why": each.why or None,
        }
        for each in watched.targets
    ]
    if not context.as_json:
        _say_state(context, watched)
    context.show(rows, empty="", value=watched)


def _say_state(context: Context, watched: Watched) -> None:
    summary = watched.summary
    context.say(f"{summary.run}: {_words(summary.status)}")
    stage = watched.document.stages[watched.stage].name
    if summary.status == "RUNNING":
        until = f", until {watched.until:%Y-%m-%d %H:%M:%S} UTC at least" if watched.until else ""
        context.say(f"{stage}: {watched.does} {watched.why}{until}")
    elif watched.why:
        context.say(watched.why)
    if watched.paused:
        context.say(f"Paused: {watched.paused}")


def log(context: Context, options: Options) -> None:
    engine = find(context.cloud)
    watched = runs.watch(context.cloud, engine, _name(context, engine, options))
    if context.as_json:
        context.print_json(watched.log)
        return
    for line in watched.log:
        context.say(_line(line))


def follow(context: Context, options: Options) -> None:
    engine = find(context.cloud)
    _follow(context, engine, _name(context, engine, options))


def _follow(context: Context, engine: Engine, run: str) -> None:
    """Tells each line of the log as it comes. Raises ExecutionFailed when the run was rolled back."""
    told = 0
    while True:
        watched = runs.watch(context.cloud, engine, run)
        for line in watched.log[told:]:
            context.say(_line(line))
        told = len(watched.log)
        if watched.summary.status != "RUNNING":
            break
        time.sleep(WATCH_S)
    if watched.summary.status != "DONE":
        raise ExecutionFailed(
            f"{run} is {_words(watched.summary.status)}. {watched.why}",
            hint=f"Every target: python -m ops rollouts status {run}",
        )


def _line(line: LogLine) -> str:
    return f"{line.at:%Y-%m-%d %H:%M:%S} {line.did} {line.target} {line.why} ({line.who})".replace("  ", " ")


def _words(status: str) -> str:
    return {"STUCK": "needs a person"}.get(status, status.lower().replace("_", " "))


def _order(context: Context, options: Options, *, does: Does) -> None:
    engine = find(context.cloud)
    run = _name(context, engine, options)
    plan = runs.plan_order(context.cloud, engine, run, does, options.reason, context.actor)
    context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm)


def _freeze(context: Context, options: Options) -> None:
    plan = runs.plan_freeze(context.cloud, find(context.cloud), options.reason, context.actor)
    context.carry_out(plan, dry_run=False, confirmed="")


def _name(context: Context, engine: Engine, options: Options) -> str:
    if options.run:
        return str(options.run)
    found = runs.list_runs(context.cloud, engine)
    if not found:
        raise NotFound("No rollout was started yet.", hint="Start one: python -m ops rollouts start FILE")
    return found[0].run
