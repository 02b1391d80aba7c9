"""`slipway rollouts validate`, `plan`, and `simulate`: rollout files."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ops.aws.organizations import accounts_of
from ops.cli.context import Context
from ops.cli.verbs import verb
from ops.errors import InputError
from ops.rollouts.calendar import expected_calendar
from ops.rollouts.controller import Controller, find_controller
from ops.rollouts.limits import limit_usage
from ops.rollouts.prepare import prepare_run
from ops.rollouts.previews import TargetPreview, plan_previews
from ops.rollouts.rules import labels
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.gates.hooks import all_hooks
from ops.rollouts.rules.gates.model import Hooks
from ops.rollouts.rules.model import RolloutStage
from ops.rollouts.scenarios import parse_scenario, unreached
from ops.rollouts.simulator import SimulationOutcome, simulate


def file_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The path of a rollout file, such as rollouts/shop.toml."""
    return click.argument("file", type=click.Path(path_type=Path))(function)


def begin_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--begin", default="", metavar="TIME", help="Start time in ISO 8601. Default: now.")(
        function
    )


@verb
@file_argument
def validate(context: Context, file: Path) -> None:
    document = prepare(context, file)
    rows = [
        {"what": usage.name, "at_worst": usage.used, "limit": usage.limit, "margin": f"{usage.margin:.0%}"}
        for usage in limit_usage(document.stages, document.run)
    ]
    targets = sum(len(stage.targets) for stage in document.stages)
    context.echo(f"{file} is valid: {targets} targets in {len(document.stages)} stages.")
    context.show(rows, empty="")


@verb
@file_argument
@begin_option
@click.option("--no-changes", is_flag=True, help="Show the calendar only; no change sets.")
def plan(context: Context, file: Path, begin: str, no_changes: bool) -> None:
    document = prepare(context, file)
    if no_changes or not context.as_json:
        show_calendar(context, document, parse_time(begin))
    if not no_changes:
        show_previews(context, preview(context, find_controller(context.cloud), document))


def show_calendar(context: Context, document: Document, begin: datetime) -> None:
    """Show the expected times of every stage, and in local time the starts of targets with such windows."""
    entries = expected_calendar(document.rollout, document.stages, begin)
    rows = [
        {
            "stage": entry.stage.name,
            "regions": entry.stage.regions,
            "targets": len(entry.stage.targets),
            **_hook_columns(entry.stage, document),
            "starts": entry.starts,
            "deployed": entry.deployed,
            "baked": entry.baked,
            "waits_for": tuple(dict.fromkeys(wait.why for wait in entry.waits)) or None,
        }
        for entry in entries
    ]
    value = [{**row, "local_starts": entry.local_starts} for row, entry in zip(rows, entries, strict=True)]
    context.show(rows, empty="", value=value)
    local = [
        {
            "stage": entry.stage.name,
            "region": start.region,
            "targets": start.targets,
            "first_start": start.first,
            "last_start": start.last,
            "time_zone": start.zone,
        }
        for entry in entries
        for start in entry.local_starts
    ]
    if local and not context.as_json:
        context.echo("Starts in local time:")
        context.show(local, empty="")


def _hook_columns(stage: RolloutStage, document: Document) -> dict[str, Any]:
    """Return the hooks before the first wave of a [[stage]], and after its last; nothing without hooks."""
    if not any(True for _ in all_hooks(document.rollout)):
        return {}
    waves = [other for other in document.stages if other.ring == stage.ring]
    own = stage.ring.hooks if stage.ring else Hooks()
    before = own.before if stage is waves[0] else ()
    after = own.after if stage is waves[-1] else ()
    return {
        "hooks_before": tuple(hook.calls for hook in before) or None,
        "hooks_after": tuple(hook.calls for hook in after) or None,
    }


def preview(context: Context, controller: Controller, document: Document) -> tuple[TargetPreview, ...]:
    """Return what would change in every target, according to change sets that are deleted afterward."""
    previews = plan_previews(context.cloud, controller, document)
    return previews.read(context.execute(previews.plan))


def show_previews(context: Context, previews: tuple[TargetPreview, ...]) -> None:
    """Show what would change in every target, and what needs approval."""
    rows = [
        {
            "target": preview.target.id,
            "stack": "new" if preview.creates else "existing",
            "changes": preview.changes or ("no changes",) if not preview.error else None,
            "to_approve": preview.to_approve or None,
            "warnings": preview.warnings or None,
            "error": preview.error or None,
        }
        for preview in previews
    ]
    context.show(rows, empty="There are no targets.")


@verb
@file_argument
@begin_option
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="Repeatable: 'fail TARGET', 'stuck TARGET', 'late TARGET 3h', 'alarm NAME +5h 30m', "
    "'freeze +5h 2h', 'pause +1h', 'resume +2h', 'stop +3h', 'skip +1h', 'override +1h', "
    "'approval 3h' (or never), 'outage +5h 2h', 'hook STAGE/before/1'.",
)
def simulate_file(context: Context, file: Path, begin: str, faults: tuple[str, ...]) -> None:
    document = prepare(context, file)
    start = parse_time(begin)
    scenario = parse_scenario(faults, start, document.targets, document.rollout)
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
    for fault in unreached(scenario, result.ended):
        context.echo(f"No effect, because the rollout had ended: {fault}")


def prepare(context: Context, path: Path, approved: tuple[str, ...] = (), version: str = "") -> Document:
    """Prepare a run of the file. Connects to AWS only when the file has units or tags."""

    def resolve(kind: str, name: str) -> Sequence[str]:
        return accounts_of(context.cloud, kind, name)

    return prepare_run(path, resolve, context.actor, datetime.now(UTC), approved=approved, version=version)


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
