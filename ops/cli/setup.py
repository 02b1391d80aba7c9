"""`python -m ops setup`: deploy Slipway's own stacks, or print their templates."""

import argparse
from typing import Any

from ops.aws.cloud import Place
from ops.aws.cloudformation import deploy
from ops.cli.context import Context
from ops.cli.stacks import deploy_stack, parameters_of
from ops.own_stacks import ROLES, STACKS, stack_spec

WHICH = "roles: Slipway's IAM roles; app: the pages on Fargate"


def add(commands: Any) -> None:
    group = commands.add_parser("setup", help="deploy Slipway's IAM roles, and the pages on Fargate")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    parser = verbs.add_parser("deploy", help="show the changes, then deploy the stack")
    parser.add_argument("which", choices=STACKS, help=WHICH)
    parser.add_argument(
        "--accounts",
        nargs="+",
        default=[],
        metavar="ACCOUNT",
        help="accounts to deploy to (default: roles: all configured accounts; app: the first account)",
    )
    parser.add_argument("--region", default="", help="region to deploy to (default: the home region)")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="template parameters; parameters that are not set keep their values",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the changes without deploying them")
    parser.set_defaults(command=deploy_)
    parser = verbs.add_parser("template", help="print the CloudFormation template")
    parser.add_argument("which", choices=STACKS, help=WHICH)
    parser.set_defaults(command=template)


def template(context: Context, options: argparse.Namespace) -> None:
    print(STACKS[options.which].template().to_json())


def deploy_(context: Context, options: argparse.Namespace) -> None:
    cloud, own = context.cloud, STACKS[options.which]
    default = cloud.accounts if own is ROLES else cloud.accounts[:1]
    accounts = [cloud.account(name) for name in options.accounts] or default
    region = options.region or cloud.settings.home_region
    parameters = parameters_of(options.set)
    specs = [stack_spec(cloud, own, Place(account, region), parameters) for account in accounts]
    results = [
        deploy_stack(context, spec, deploy.plan_preview(cloud, spec, ()), dry_run=options.dry_run)
        for spec in specs
    ]
    if context.as_json:
        context.print_json(results)
