"""`python -m ops setup`: Slipway's own roles, and the stack that runs the pages: deployed, or printed."""

import argparse
from typing import Any

from ops.aws.cloud import Place
from ops.aws.cloudformation import deploy
from ops.cli.context import Context
from ops.cli.stacks import deploy_stack, parameters_of
from ops.own_stacks import OWN, ROLES, spec_of

WHICH = "roles: of one account; app: Fargate behind TLS"


def add(commands: Any) -> None:
    group = commands.add_parser("setup", help="the roles that Slipway needs, and a place to run it in AWS")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    parser = verbs.add_parser("deploy", help="deploy or change them, after their changes have been shown")
    parser.add_argument("which", choices=OWN, help=WHICH)
    parser.add_argument(
        "--accounts",
        nargs="+",
        default=[],
        metavar="ACCOUNT",
        help="default: the roles in all that are configured, the app in the first",
    )
    parser.add_argument("--region", default="", help="default: the home region")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="parameters of the template; what is not named stays as it is",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change, do nothing")
    parser.set_defaults(command=deploy_)
    parser = verbs.add_parser("template", help="print a CloudFormation template")
    parser.add_argument("which", choices=OWN, help=WHICH)
    parser.set_defaults(command=template)


def template(context: Context, options: argparse.Namespace) -> None:
    print(OWN[options.which].template().to_json())


def deploy_(context: Context, options: argparse.Namespace) -> None:
    cloud, own = context.cloud, OWN[options.which]
    everywhere = cloud.accounts if own is ROLES else cloud.accounts[:1]
    accounts = [cloud.account(name) for name in options.accounts] or everywhere
    region = options.region or cloud.settings.home_region
    wanted = parameters_of(options.set)
    specs = [spec_of(cloud, own, Place(account, region), wanted) for account in accounts]
    ended = [
        deploy_stack(context, spec, deploy.plan_preview(cloud, spec, ()), dry_run=options.dry_run)
        for spec in specs
    ]
    if context.as_json:
        context.print_json(ended)
