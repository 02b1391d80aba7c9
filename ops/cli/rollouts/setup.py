"""`slipway rollouts deploy` and `template`: the controller's stack, and the roles in target accounts."""

import json
from typing import Any

import click

from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.cli.context import Context
from ops.cli.stacks import deploy_stack
from ops.cli.verbs import dry_run_option, several_option, verb
from ops.rollouts import controller as controllers

TEMPLATES = {
    "controller": controllers.controller_template,
    "target": controllers.target_template,
    "organization": controllers.organization_template,
}
ALIASES = {"engine": "controller"}  # the former name of the controller
SETTLE_S = 300  # the function's timeout


@verb
@click.option(
    "--organization",
    default="",
    metavar="ID",
    help="Organization whose accounts may read large templates (o-…).",
)
@click.option("--notify", default="", metavar="EMAIL", help="Email address for rollback notifications.")
@click.option("--engine-only", is_flag=True, help="Deploy the controller only; a StackSet has the roles.")
@click.option(
    "--poll-seconds", type=int, default=0, help="Polling interval. Default: the setting poll_seconds."
)
@click.option(
    "--settle-seconds",
    type=int,
    default=SETTLE_S,
    help=f"How long to wait for the last call of a stopped execution. Default: {SETTLE_S}.",
)
@several_option(
    "--execution-policies",
    "ARN",
    "Managed policies of CloudFormation's service role. Default: AdministratorAccess.",
    default=(controllers.ADMINISTRATOR_ACCESS,),
)
@dry_run_option
def deploy_controller(
    context: Context,
    organization: str,
    notify: str,
    engine_only: bool,
    poll_seconds: int,
    settle_seconds: int,
    execution_policies: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Deploy the controller, then the roles in each configured account, which need its outputs."""
    cloud = context.cloud
    spec, uploads = controllers.controller_spec(
        cloud,
        poll_seconds=poll_seconds or min(cloud.settings.poll_seconds, 15),
        settle_seconds=settle_seconds,
        organization=organization,
        notify=notify,
    )
    result: dict[str, Any] = {"controller": _deploy(context, spec, uploads, dry_run=dry_run), "targets": {}}
    if not engine_only and not dry_run:
        controller = controllers.find_controller(cloud)
        result["targets"] = {
            account.id: _deploy(
                context,
                controllers.target_spec(cloud, controller, account.id, execution_policies),
                (),
                dry_run=False,
            )
            for account in cloud.accounts
        }
    if context.as_json:
        context.print_json(result)


@verb
@click.argument("which", type=click.Choice([*TEMPLATES, *ALIASES]), metavar=f"{{{'|'.join(TEMPLATES)}}}")
def template(context: Context, which: str) -> None:
    """controller: the central account's stack; target: the roles of a target account.

    organization: the roles as a StackSet.
    """
    text = TEMPLATES[ALIASES.get(which, which)]()
    context.print_text(text, json.loads(text))


def _deploy(context: Context, spec: StackSpec, uploads: tuple[Upload, ...], *, dry_run: bool) -> Any:
    preparation = deploy.plan_preview(context.cloud, spec, uploads)
    return deploy_stack(context, spec, preparation, dry_run=dry_run)
