"""Shared by every command that deploys a stack: show the change set, then execute it."""

from typing import Any

from ops.aws.cloudformation import deploy
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.change_sets import read_preview
from ops.aws.cloudformation.stacks import Change, StackSpec
from ops.aws.cloudformation.template_changes import CAVEAT, read_template_changes
from ops.cli.context import Context, plan_rows
from ops.plan import Plan


def deploy_stack(context: Context, spec: StackSpec, preparation: Plan, *, dry_run: bool) -> Any:
    """Deploy the stack, print the progress for people, and return the result for JSON.

    A dry run creates no change set: it compares the templates instead.
    """
    cloud = context.cloud
    name = f"{spec.name} in {spec.account}, {spec.region}"
    if dry_run:
        changes = read_template_changes(cloud, spec)
        _show(context, changes, empty=f"{name} is up to date.")
        if changes:
            context.echo(CAVEAT)
        return {"changes": changes, "steps": plan_rows(preparation), "note": CAVEAT}
    context.carry_out(preparation, dry_run=False, confirmed="")  # changes no resource of the stack
    preview = read_preview(cloud, spec)
    if preview.up_to_date:
        context.echo(f"{name} is up to date.")
        return {"up_to_date": True}
    _show(context, preview.changes, empty="")
    context.carry_out(deploy.plan_deploy(cloud, preview), dry_run=False, confirmed="")
    context.echo(f"Deployed {name}.")
    return cloudformation.read_stack(cloud, spec.account, spec.region, spec.name)


def _show(context: Context, changes: tuple[Change, ...], *, empty: str) -> None:
    if not context.as_json:
        context.show([_change_row(change) for change in changes], empty=empty)


def _change_row(change: Change) -> dict[str, Any]:
    return {
        "action": change.action,
        "resource": change.logical_id,
        "type": change.kind,
        "replacement": change.replacement or None,
        "properties": change.properties or None,
    }
