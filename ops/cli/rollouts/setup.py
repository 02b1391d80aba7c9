"""Deploys the controller's stack and the roles in every configured account; prints their templates."""

import argparse
from typing import Any

from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.cli.context import Context
from ops.cli.stacks import deploy_stack
from ops.rollouts import controller as controllers

Options = argparse.Namespace

TEMPLATES = {
    "controller": controllers.controller_template,
    "target": controllers.target_template,
    "organization": controllers.organization_template,
}
ALIASES = {"engine": "controller"}  # the former name of the controller
SETTLE_S = 300  # the function's timeout


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "deploy", help="deploy the controller, and its roles in the configured accounts"
    )
    parser.add_argument(
        "--organization",
        default="",
        metavar="ID",
        help="organization whose accounts may read large templates (o-…)",
    )
    parser.add_argument(
        "--notify", default="", metavar="EMAIL", help="email address for rollback notifications"
    )
    parser.add_argument(
        "--engine-only", action="store_true", help="deploy the controller only; a StackSet has the roles"
    )
    parser.add_argument(
        "--poll-seconds", type=int, default=0, help="polling interval (default: the setting poll_seconds)"
    )
    parser.add_argument(
        "--settle-seconds",
        type=int,
        default=SETTLE_S,
        help=f"how long to wait for the last call of a stopped execution (default: {SETTLE_S})",
    )
    parser.add_argument(
        "--execution-policies",
        nargs="+",
        default=[controllers.ADMINISTRATOR_ACCESS],
        metavar="ARN",
        help="managed policies of CloudFormation's service role (default: AdministratorAccess)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the changes without making them")
    parser.set_defaults(command=deploy_)
    parser = verbs.add_parser("template", help="print a CloudFormation template")
    parser.add_argument(
        "which",
        type=lambda name: ALIASES.get(name, name),
        choices=TEMPLATES,
        help="controller: the central account's stack; target: the roles of a target account; "
        "organization: the roles as a StackSet",
    )
    parser.set_defaults(command=template)


def template(context: Context, options: Options) -> None:
    print(TEMPLATES[options.which]())


def deploy_(context: Context, options: Options) -> None:
    spec, uploads = controllers.controller_spec(
        context.cloud,
        poll_seconds=options.poll_seconds or min(context.cloud.settings.poll_seconds, 15),
        settle_seconds=options.settle_seconds,
        organization=options.organization,
        notify=options.notify,
    )
    _deploy(context, spec, uploads, dry_run=options.dry_run)
    if options.engine_only or options.dry_run:
        return
    controller = controllers.find_controller(context.cloud)
    for account in context.cloud.accounts:
        roles = controllers.target_spec(
            context.cloud, controller, account.id, tuple(options.execution_policies)
        )
        _deploy(context, roles, (), dry_run=False)


def _deploy(context: Context, spec: StackSpec, uploads: tuple[Upload, ...], *, dry_run: bool) -> None:
    deploy_stack(context, spec, deploy.plan_preview(context.cloud, spec, uploads), dry_run=dry_run)
