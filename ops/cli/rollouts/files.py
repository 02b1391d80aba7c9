"""Validates, plans, and simulates rollout files."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.aws.organizations import accounts_of
from ops.cli.context import Context
from ops.errors import InputError
from ops.rollouts import runs
from ops.rollouts.calendar import expected_calendar
from ops.rollouts.controller import Controller, find_controller
from ops.rollouts.limits import limit_usage
from ops.rollouts.rules import labels
from ops.rollouts.rules.document import Document
from ops.rollouts.runs import TargetPreview
from ops.rollouts.scenarios import parse_scenario
from ops.rollouts.simulator import SimulationOutcome, simulate

Options = argparse.Namespace


def add(verbs: Any) -> None:
    _file(verbs, "validate", validate, "validate a rollout file, and report mistakes with their lines")
    plan_ = _file(
        verbs, "plan", plan, "show the stages, their expected times, and the changes in every target"
    )
    plan_.add_argument("--begin", default="", metavar="TIME", help="start time in ISO 8601 (default: now)")
    plan_.add_argument("--no-changes", action="store_true", help="show the calendar only; no change sets")
    simulate_ = _file(verbs, "simulate", simulate_file, "simulate the rollout, with faults")
    simulate_.add_argument(
        "--begin", default="", metavar="TIME", help="start time in ISO 8601 (default: now)"
    )
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
        {"what": usage.name, "at worst": usage.used, "limit": usage.limit, "margin": f"{usage.margin:.0%}"}
        for usage in limit_usage(document.stages, document.run)
    ]
    targets = sum(len(stage.targets) for stage in document.stages)
    context.echo(f"{options.file} is valid: {targets} targets in {len(document.stages)} stages.")
    context.show(rows, empty="")


def plan(context: Context, options: Options) -> None:
    document = _document(context, options)
    start = parse_time(options.begin)
    _show_calendar(context, document, start)
    if options.no_changes:
        return
    controller = find_controller(context.cloud)
    show_previews(context, preview(context, controller, document))


def _show_calendar(context: Context, document: Document, start: datetime) -> None:
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
        for entry in expected_calendar(document.rollout, document.stages, start)
    ]
    if not context.as_json:
        context.show(rows, empty="")


def preview(context: Context, controller: Controller, document: Document) -> tuple[TargetPreview, ...]:
    """Return what would change in every target, according to change sets that are deleted afterward."""
    previews: list[TargetPreview] = []
    plan = runs.plan_previews(context.cloud, controller, document, previews)
    context.carry_out(plan, dry_run=False, confirmed="")
    return tuple(previews)


def show_previews(context: Context, previews: tuple[TargetPreview, ...]) -> None:
    """Show what would change in every target, and what needs approval."""
    rows = [
        {
            "target": preview.target.id,
            "stack": "new" if preview.creates else "existing",
            "changes": preview.changes or ("no changes",) if not preview.error else None,
            "to approve": preview.to_approve or None,
            "error": preview.error or None,
        }
        for preview in previews
    ]
    context.show(rows, empty="There are no targets.")


def simulate_file(context: Context, options: Options) -> None:
    document = _document(context, options)
    start = parse_time(options.begin)
    scenario = parse_scenario(options.fault, start, document.targets, document.rollout)
    result = simulate(document.rollout, document.stages, start, scenario=scenario)
    rows = [
        {
            "at": action.at,
            "stage": action.stage.name,
            "event": labels.event(action.did),
            "target": action.target or None,
            "until": action.until,
            "reason": action.why or None,
        }
        for action in result.actions
    ]
    context.show(rows, empty="", value=result)
    if not context.as_json:
        words = {SimulationOutcome.BLOCKED: "Blocked: a condition can never be met"}
        outcome = words.get(result.outcome, result.outcome.capitalize())
        context.echo(f"{outcome} ({result.ended:%Y-%m-%d %H:%M} UTC)")


def _document(context: Context, options: Options) -> Document:
    return prepare(context, options.file)


def prepare(context: Context, path: Path, approved: tuple[str, ...] = ()) -> Document:
    """Prepare a run of the file. Connects to AWS only when the file has units or tags."""

    def resolve(kind: str, name: str) -> Sequence[str]:
        return accounts_of(context.cloud, kind, name)

    return runs.prepare_run(path, resolve, context.actor, datetime.now(UTC), approved=approved)


def parse_time(text: str) -> datetime:
    """Parse the time of an option, in UTC unless it has an offset; an empty one is now."""
    if not text:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a valid time.",
            field="begin",
            hint="Write a time such as 2026-11-24T08:00 or 2026-11-24T08:00+01:00.",
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
