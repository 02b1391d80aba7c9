"""`slipway logs deploy|remove|export-template`: manage the export's stacks."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from ops.aws.cloud import Place
from ops.cli.context import Context
from ops.cli.logs.results import carry_out
from ops.cli.verbs import confirm_option, dry_run_option, pairs, several_option, verb
from ops.logs.export.deployment.deployed import ExportDeployment, find_central, read_deployments
from ops.logs.export.deployment.plan import DeploymentRequest, plan_deploy, plan_remove
from ops.logs.export.deployment.stacks import central_body, member_body

BODIES = {"central": central_body, "member": member_body}


@dataclass(frozen=True)
class Targets:
    """Accounts and Regions to export from, and those of the bucket: ACCOUNT or ACCOUNT/REGION."""

    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    central: str


def target_options(function: Callable[..., Any]) -> Any:
    """`--accounts`, `--regions`, and `--central`, as the argument `targets`."""

    @several_option("--accounts", "ACCOUNT", "Default: all configured accounts.")
    @several_option("--regions", "REGION", "Default: the Regions of each account.")
    @click.option(
        "--central",
        default="",
        metavar="ACCOUNT[/REGION]",
        help="Account and Region of the bucket. "
        "Default: those of the deployed export, else the first account and the home Region.",
    )
    @wraps(function)
    def with_targets(
        *arguments: Any, accounts: tuple[str, ...], regions: tuple[str, ...], central: str, **others: Any
    ) -> Any:
        return function(*arguments, targets=Targets(accounts, regions, central), **others)

    return with_targets


@verb
@click.argument("which", type=click.Choice(list(BODIES)))
def template(context: Context, which: str) -> None:
    """central has the bucket; member sends to it."""
    body = BODIES[which]()
    context.print_text(body, json.loads(body))


@verb
@target_options
@several_option("--set", "NAME=VALUE", "Parameters of the central template; others keep their values.")
@dry_run_option
def deploy_export(context: Context, targets: Targets, set: tuple[str, ...], dry_run: bool) -> None:
    cloud = context.cloud
    places = _places(context, targets)
    named = _central(context, targets)
    deployments = read_deployments(
        cloud, dict.fromkeys([*cloud.places, *places, *([named] if named else [])])
    )
    central = named or _deployed_central(deployments) or context.place("", "")
    if central not in {deployment.place for deployment in deployments}:
        deployments += read_deployments(cloud, [central])
    request = DeploymentRequest(central, places, pairs(set, "--set"))
    carry_out(context, plan_deploy(cloud, deployments, request), dry_run=dry_run)


@verb
@target_options
@dry_run_option
@confirm_option("TEXT")
def remove(context: Context, targets: Targets, dry_run: bool, confirm: str) -> None:
    cloud = context.cloud
    named = _central(context, targets)
    places = _places(context, targets)
    deployments = read_deployments(
        cloud, dict.fromkeys([*cloud.places, *places, *([named] if named else [])])
    )
    plan = plan_remove(cloud, deployments, named, places)
    carry_out(context, plan, dry_run=dry_run, confirmed=confirm)


def _deployed_central(deployments: Sequence[ExportDeployment]) -> Place | None:
    deployment = find_central(deployments)
    return deployment.place if deployment else None


def _central(context: Context, targets: Targets) -> Place | None:
    account, _, region = targets.central.partition("/")
    return context.place(account, region) if account else None


def _places(context: Context, targets: Targets) -> tuple[Place, ...]:
    """Return the specified accounts in the specified Regions, by default all configured ones."""
    cloud = context.cloud
    accounts = [cloud.account(name) for name in targets.accounts] or list(cloud.accounts)
    return tuple(
        Place(account, region)
        for account in accounts
        for region in targets.regions or account.regions or cloud.settings.regions
    )
