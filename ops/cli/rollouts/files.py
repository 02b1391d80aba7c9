"""A rollout file: is it valid, what would it do and when, how would it go."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.aws.organizations import accounts_of
from ops.cli.context import Context
from ops.errors import InputError
from ops.rollouts import runs
from ops.rollouts.calendar import expected
from ops.rollouts.controller import Engine, find
from ops.rollouts.limits import uses
from ops.rollouts.rules.document import Document
from ops.rollouts.runs import Preview
from ops.rollouts.scripts import parse_script
from ops.rollouts.simulator import Outcome, simulate

Options = argparse.Namespace


def add(verbs: Any) -> None:
    _file(verbs, "validate", validate, "check a rollout file: every mistake is told with its line")
    plan_ = _file(verbs, "plan", plan, "show stages, expected times, and what would change in every target")
    plan_.add_argument("--begin", default="", metavar="TIME", help="ISO 8601, default now")
    plan_.add_argument("--no-changes", action="store_true", help="make no change sets: the calendar only")
    simulate_ = _file(verbs, "simulate", simulate_file, "play the rollout on a fake clock, with faults")
    simulate_.add_argument("--begin", default="", metavar="TIME", help="ISO 8601, default now")
    simulate_.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help="repeatable: 'fail TARGET', 'stuck TARGET', 'late TARGET 3h', 'alarm NAME +5h 30m', "
        "'freeze +5h 2h', 'pause +1h', 'resume +2h', 'stop +3h', 'skip +1h', 'override +1h'",
    )


def _file(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument("file", type=Path, help="a rollout file, such as rollouts/shop.toml")
    parser.set_defaults(command=command)
    return parser


def validate(context: Context, options: Options) -> None:
    document = _document(context, options)
    rows = [
        {"what": use.what, "at worst": use.used, "limit": use.limit, "margin": f"{use.margin:.0%}"}
        for use in uses(document.stages, document.run)
    ]
    targets = sum(len(stage.targets) for stage in document.stages)
    context.say(f"{options.file} is valid: {targets} targets in {len(document.stages)} stages.")
    context.show(rows, empty="")


def plan(context: Context, options: Options) -> None:
    document = _document(context, options)
    begin = moment(options.begin)
    _show_calendar(context, document, begin)
    if options.no_changes:
        return
    engine = find(context.cloud)
    show_previews(context, preview(context, engine, document))


def _show_calendar(context: Context, document: Document, begin: datetime) -> None:
    rows = [
        {
            "stage": entry.stage.name,
            "regions": entry.stage.regions,
            "targets": len(entry.stage.targets),
            "starts": entry.starts,
            "deployed": entry.deployed,
            "baked": entry.baked,
            "waits for": tuple(dict.fromkeys(wait.why for wait in entry.waits)) or None,
        }
        for entry in expected(document.rollout, document.stages, begin)
    ]
    if not context.as_json:
        context.show(rows, empty="")


def preview(context: Context, engine: Engine, document: Document) -> tuple[Preview, ...]:
    """What would change in every target, by change sets that are deleted again."""
    found: list[Preview] = []
    made = runs.plan_previews(context.cloud, engine, document, found)
    context.carry_out(made, dry_run=False, confirmed="")
    return tuple(found)


def show_previews(context: Context, found: tuple[Preview, ...]) -> None:
    """What would change in every target, and what has to be approved."""
    rows = [
        {
            "target": each.target.id,
            "stack": "new" if each.creates else "there",
            "changes": each.changes or ("nothing",) if not each.error else None,
            "to approve": each.to_approve or None,
            "error": each.error or None,
        }
        for each in found
    ]
    context.show(rows, empty="There are no targets.")


def simulate_file(context: Context, options: Options) -> None:
    document = _document(context, options)
    begin = moment(options.begin)
    script = parse_script(options.fault, begin, document.targets, document.rollout)
    result = simulate(document.rollout, document.stages, begin, script=script)
    rows = [
        {
            "at": action.at,
            "stage": action.stage.name,
            "did": str(action.did),
            "target": action.target or None,
            "until": action.until,
            "why": action.why or None,
        }
        for action in result.actions
    ]
    context.show(rows, empty="", value=result)
    if not context.as_json:
        words = {Outcome.BLOCKED: "It waits for something that never comes"}
        context.say(
            f"{words.get(result.outcome, result.outcome.capitalize())}: {result.ended:%Y-%m-%d %H:%M} UTC"
        )


def _document(context: Context, options: Options) -> Document:
    return prepare(context, options.file)


def prepare(context: Context, path: Path, approved: tuple[str, ...] = ()) -> Document:
    """The run's document; connects to AWS only where the file names units or tags."""

    def resolve(kind: str, name: str) -> Sequence[str]:
        return accounts_of(context.cloud, kind, name)

    return runs.prepare(path, resolve, context.actor, datetime.now(UTC), approved=approved)


def moment(text: str) -> datetime:
    """The time that the option names, in UTC unless it says otherwise; now for an empty one."""
    if not text:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a time.",
            field="begin",
            hint="Write 2026-11-24T08:00 or 2026-11-24T08:00+01:00.",
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
