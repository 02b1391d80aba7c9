"""Shared by every command that deploys a stack: show the change set, then execute or discard it."""

from typing import Any

from ops.aws.cloudformation import deploy
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.stacks import StackSpec
from ops.cli.context import Context, plan_rows
from ops.plan import Plan


def deploy_stack(context: Context, spec: StackSpec, preparation: Plan, *, dry_run: bool) -> Any:
    """Deploy the stack, print the progress for people, and return the result for JSON."""
    cloud = context.cloud
    context.carry_out(preparation, dry_run=False, confirmed="")  # changes no resource of the stack
    preview = deploy.read_preview(cloud, spec)
    name = f"{spec.name} in {spec.account}, {spec.region}"
    if preview.up_to_date:
        context.echo(f"{name} is up to date.")
        return {"up_to_date": True}
    plan = deploy.plan_deploy(cloud, preview)
    if not context.as_json:
        context.show([_change_row(change) for change in preview.changes], empty="")
    if dry_run:
        context.carry_out(deploy.plan_discard(cloud, preview), dry_run=False, confirmed="")
        return {"changes": preview.changes, "steps": plan_rows(plan)}
    context.carry_out(plan, dry_run=False, confirmed="")
    context.echo(f"Deployed {name}.")
    return cloudformation.read_stack(cloud, spec.account, spec.region, spec.name)


def _change_row(change: cloudformation.Change) -> dict[str, Any]:
    return {
        "action": change.action,
        "resource": change.logical_id,
        "type": change.kind,
        "replacement": change.replacement or None,
        "properties": change.properties or None,
    }
