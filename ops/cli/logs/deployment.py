"""`python -m ops logs deploy|remove|export-template`: manage the export's stacks."""

import argparse
from collections.abc import Sequence
from typing import Any

from ops.aws.cloud import Place
from ops.cli.context import Context
from ops.cli.stacks import parameters_of
from ops.logs.export.deployment.deployed import ExportDeployment, find_central, read_deployments
from ops.logs.export.deployment.plan import DeploymentRequest, plan_deploy, plan_remove
from ops.logs.export.deployment.stacks import central_body, member_body

Options = argparse.Namespace
BODIES = {"central": central_body, "member": member_body}


def add(verbs: Any) -> None:
    deploys = verbs.add_parser("deploy", help="deploy or update the export in many accounts and regions")
    _places(deploys)
    deploys.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="parameters of the central template; others keep their values",
    )
    deploys.add_argument("--dry-run", action="store_true", help="show the plan without executing it")
    deploys.set_defaults(command=deploy)
    removes = verbs.add_parser("remove", help="unsubscribe log groups and remove the export; keeps the data")
    _places(removes)
    removes.add_argument("--confirm", default="", metavar="TEXT", help="confirm without a prompt")
    removes.add_argument("--dry-run", action="store_true", help="show the plan without executing it")
    removes.set_defaults(command=remove)
    printed = verbs.add_parser("export-template", help="print a CloudFormation template of the export")
    printed.add_argument("which", choices=BODIES, help="central has the bucket, member sends to it")
    printed.set_defaults(command=template)


def _places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--accounts", nargs="+", default=[], metavar="ACCOUNT", help="default: all configured"
    )
    parser.add_argument("--regions", nargs="+", default=[], metavar="REGION", help="default: each account's")
    parser.add_argument(
        "--central",
        default="",
        metavar="ACCOUNT[/REGION]",
        help="account and region of the bucket (default: the deployed one, else first account, home region)",
    )


def template(context: Context, options: Options) -> None:
    print(BODIES[options.which]())


def deploy(context: Context, options: Options) -> None:
    cloud = context.cloud
    places = _select_places(context, options)
    named = _central(context, options)
    deployments = read_deployments(
        cloud, dict.fromkeys([*cloud.places, *places, *([named] if named else [])])
    )
    central = named or _deployed_central(deployments) or context.place("", "")
    if central not in {deployment.place for deployment in deployments}:
        deployments += read_deployments(cloud, [central])
    request = DeploymentRequest(central, places, parameters_of(options.set))
    context.carry_out(plan_deploy(cloud, deployments, request), dry_run=options.dry_run, confirmed="")


def remove(context: Context, options: Options) -> None:
    cloud = context.cloud
    named = _central(context, options)
    places = _select_places(context, options)
    deployments = read_deployments(
        cloud, dict.fromkeys([*cloud.places, *places, *([named] if named else [])])
    )
    plan = plan_remove(cloud, deployments, named, places)
    context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm)


def _deployed_central(deployments: Sequence[ExportDeployment]) -> Place | None:
    deployment = find_central(deployments)
    return deployment.place if deployment else None


def _central(context: Context, options: Options) -> Place | None:
    account, _, region = options.central.partition("/")
    return context.place(account, region) if account else None


def _select_places(context: Context, options: Options) -> tuple[Place, ...]:
    """Return the specified accounts in the specified regions, by default all configured ones."""
    cloud = context.cloud
    accounts = [cloud.account(name) for name in options.accounts] or list(cloud.accounts)
    return tuple(
        Place(account, region)
        for account in accounts
        for region in options.regions or account.regions or cloud.settings.regions
    )
