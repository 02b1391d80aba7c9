"""`slipway setup`: deploy Slipway's own stacks, or print their templates."""

import json
from collections.abc import Callable
from typing import Any

import click

from ops.aws.cloud import Place
from ops.aws.cloudformation import deploy
from ops.cli.context import Context
from ops.cli.stacks import deploy_stack
from ops.cli.verbs import dry_run_option, pairs, several_option, verb
from ops.own_stacks import ROLES, STACKS, stack_spec


def which_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """roles: Slipway's IAM roles in an account; app: the pages on Fargate."""
    return click.argument("which", type=click.Choice(list(STACKS)))(function)


@verb
@which_argument
@several_option("--accounts", "ACCOUNT", "Default: all configured accounts for roles, the first for app.")
@click.option("--region", default="", help="Default: the home Region.")
@several_option("--set", "NAME=VALUE", "Template parameters; others keep their values.")
@dry_run_option
def deploy_own(
    context: Context,
    which: str,
    accounts: tuple[str, ...],
    region: str,
    set: tuple[str, ...],
    dry_run: bool,
) -> None:
    cloud, own = context.cloud, STACKS[which]
    default = cloud.accounts if own is ROLES else cloud.accounts[:1]
    parameters = pairs(set, "--set")
    specs = [
        stack_spec(cloud, own, Place(account, region or cloud.settings.home_region), parameters)
        for account in [cloud.account(name) for name in accounts] or default
    ]
    results = [
        deploy_stack(context, spec, deploy.plan_preview(cloud, spec, ()), dry_run=dry_run) for spec in specs
    ]
    if context.as_json:
        context.print_json(results)


@verb
@which_argument
def template(context: Context, which: str) -> None:
    text = str(STACKS[which].template().to_json())
    context.print_text(text, json.loads(text))
