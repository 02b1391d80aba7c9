"""The engine's stack in the first account, the roles in every configured account, the templates as text."""

import argparse
from typing import Any

from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.cli.context import Context
from ops.cli.stacks import deploy_stack
from ops.rollouts import controller as engines

Options = argparse.Namespace

TEMPLATES = {
    "engine": engines.engine_template,
    "target": engines.target_template,
    "organization": engines.fleet_template,
}
SETTLE_S = 300  # a call of the handler takes no longer


def add(verbs: Any) -> None:
    parser = verbs.add_parser("deploy", help="deploy the engine, and its roles in the configured accounts")
    parser.add_argument("--organization", default="", metavar="ID", help="o-…: its accounts read templates")
    parser.add_argument("--notify", default="", metavar="EMAIL", help="who is told of what was rolled back")
    parser.add_argument("--engine-only", action="store_true", help="the StackSet brings the roles")
    parser.add_argument("--poll-seconds", type=int, default=0, help="default: the setting poll_seconds")
    parser.add_argument("--settle-seconds", type=int, default=SETTLE_S, help=f"default {SETTLE_S}")
    parser.add_argument(
        "--execution-policies",
        nargs="+",
        default=[engines.ADMINISTRATOR],
        metavar="ARN",
        help="with which CloudFormation makes what is rolled out (default: AdministratorAccess)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")
    parser.set_defaults(command=deploy_)
    parser = verbs.add_parser("template", help="print a CloudFormation template")
    parser.add_argument("which", choices=TEMPLATES, help="organization: the roles as a StackSet")
    parser.set_defaults(command=template)


def template(context: Context, options: Options) -> None:
    print(TEMPLATES[options.which]())


def deploy_(context: Context, options: Options) -> None:
    spec, uploads = engines.engine_spec(
        context.cloud,
        poll_seconds=options.poll_seconds or min(context.cloud.settings.poll_seconds, 15),
        settle_seconds=options.settle_seconds,
        organization=options.organization,
        notify=options.notify,
    )
    _deploy(context, spec, uploads, dry_run=options.dry_run)
    if options.engine_only or options.dry_run:
        return
    engine = engines.find(context.cloud)
    for account in context.cloud.accounts:
        roles = engines.target_spec(context.cloud, engine, account.id, tuple(options.execution_policies))
        _deploy(context, roles, (), dry_run=False)


def _deploy(context: Context, spec: StackSpec, uploads: tuple[Upload, ...], *, dry_run: bool) -> None:
    deploy_stack(context, spec, deploy.plan_preview(context.cloud, spec, uploads), dry_run=dry_run)
