"""`slipway adopt`: replace the stacks of other tools, side by side until both agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import adoption as adoptions
from ops.aws.cloudformation.adoption import Adoption, Comparison
from ops.aws.cloudformation.resources import list_resources
from ops.aws.cloudformation.stacks import Stack, read_stack
from ops.cli.context import Context
from ops.cli.logs.results import carry_out
from ops.cli.snapshots.pipelines import read_policy
from ops.cli.verbs import confirm_option, dry_run_option, place_options, verb
from ops.errors import InputError, NotFound
from ops.logs import adoption as logs
from ops.snapshots import adoption as snapshots

STEPS = ("show", "start", "compare", "finish", "undo")
TOOLS = f"{logs.TOOL}, {snapshots.STACK_TOOL}, {snapshots.CONSTRUCT_TOOL}"


@dataclass(frozen=True)
class _Adopted:
    """An adopted stack, and the comparison of its job."""

    cloud: Cloud
    adoption: Adoption
    is_export: bool

    def compare(self, now: datetime) -> Comparison:
        new = adoptions.require_new_stack(self.cloud, self.adoption)
        if self.is_export:
            return logs.compare(self.cloud, self.adoption, new, logs.comparison_scope(new, now))
        return snapshots.compare(self.cloud, self.adoption, new)


@verb
@click.argument("stack")
@click.argument("step", type=click.Choice(STEPS), default="show")
@place_options
@click.option("--policy", type=click.Path(path_type=Path), help="Policy file of a snapshot pipeline (TOML).")
@click.option(
    "--hours", type=float, default=24.0, show_default=True, help="Hours side by side before the deletion."
)
@dry_run_option
@confirm_option("STACK")
def adopt(
    context: Context,
    stack: str,
    step: str,
    account: str,
    region: str,
    policy: Path | None,
    hours: float,
    dry_run: bool,
    confirm: str,
) -> None:
    """show: what is kept; start: deploy beside STACK; finish: delete STACK; undo: delete the new one."""
    cloud, place, now = context.cloud, context.place(account, region), datetime.now(UTC)
    adopted = _read(context, place, stack, read_policy(policy) if policy else "", now)
    if step == "show":
        _show(context, adopted)
    elif step == "start":
        plan = adoptions.plan_start(cloud, adopted.adoption)
        carry_out(context, plan, dry_run=dry_run, confirmed=confirm)
        _print_next_steps(context, adopted)
    elif step == "compare":
        _show_comparison(context, adopted.compare(now))
    elif step == "undo":
        carry_out(context, adoptions.plan_undo(cloud, adopted.adoption), dry_run=dry_run, confirmed=confirm)
    else:
        parallel = timedelta(hours=hours)
        plan = adoptions.plan_finish(cloud, adopted.adoption, adopted.compare(now), now, parallel)
        carry_out(context, plan, dry_run=dry_run, confirmed=confirm)


def _read(context: Context, place: Place, name: str, policy: str, now: datetime) -> _Adopted:
    cloud = context.cloud
    old = read_stack(cloud, place.account.id, place.region, name)
    if old is None or old.status == "DELETE_COMPLETE":
        raise NotFound(
            f"The stack {name} does not exist in {place.account.name}, {place.region}.",
            hint="Choose another account or Region with --account and --region.",
        )
    if logs.is_adoptable(old):
        return _Adopted(cloud, logs.read_adoption(cloud, place, old), is_export=True)
    if snapshots.is_adoptable(old, list_resources(cloud, place, old.id)):
        seconds = cloud.settings.poll_seconds
        adoption = snapshots.read_adoption(cloud, place, old, now, policy, seconds)
        return _Adopted(cloud, adoption, is_export=False)
    raise InputError(
        f"The stack {name} belongs to no tool that can be adopted.",
        field="stack",
        hint=f"These can: {TOOLS}.",
    )


def _show(context: Context, adopted: _Adopted) -> None:
    adoption = adopted.adoption
    new = adoptions.find_new_stack(adopted.cloud, adoption.place, adoption.old)
    rows = [
        {"setting": item.setting, "before": item.before, "after": item.after, "note": item.note or None}
        for item in adoption.kept
    ]
    value = {
        "tool": adoption.tool,
        "stack": adoption.old.name,
        "new_stack": adoption.spec.name,
        "state": _state(new),
        "kept": rows,
    }
    if not context.as_json:
        context.echo(f"{adoption.old.name} is a stack of {adoption.tool}. New stack: {adoption.spec.name}.")
        context.echo(f"State: {_state(new)}")
    context.show(rows, empty="", value=value)
    if not new:
        context.echo(f"Deploy it beside {adoption.old.name}: slipway adopt {adoption.old.name} start")


def _state(new: Stack | None) -> str:
    return f"In progress since {new.created:%Y-%m-%d %H:%M} UTC ({new.status})" if new else "Not started"


def _print_next_steps(context: Context, adopted: _Adopted) -> None:
    name = adopted.adoption.old.name
    if adopted.is_export and (address := logs.older_address(adopted.cloud, adopted.adoption)):
        context.echo(f'Keep the older objects searchable: add "{address}" to logs in slipway.toml.')
    context.echo(f"Compare both after a day: slipway adopt {name} compare")


def _show_comparison(context: Context, comparison: Comparison) -> None:
    rows: list[Mapping[str, Any]] = list(comparison.rows)
    value = {"equal": comparison.equal, "missing": comparison.missing, "rows": rows}
    context.show(rows, empty="Nothing to compare yet.", value=value)
    for reason in comparison.missing:
        context.echo(reason)
    if comparison.equal:
        context.echo("Both agree.")
