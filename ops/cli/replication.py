"""`python -m ops support-stacks replication`: the shared buckets and keys, one a region."""

import argparse
from typing import Any

from ops.aws.cloud import Cloud
from ops.aws.regions import list_regions
from ops.cli.context import Context
from ops.support_stacks import cdk_code
from ops.support_stacks.replication import EXPIRE_DAYS, Shared, plan_replication, read_shared
from ops.templates.support_stacks import replication

Options = argparse.Namespace


def add(verbs: Any) -> None:
    """Adds the verb `replication` with verbs of its own."""
    group = verbs.add_parser("replication", help="the shared buckets and keys, one a region")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    deploy_ = verbs.add_parser("deploy", help="set up or change them, and name all in every region")
    _account(deploy_)
    deploy_.add_argument(
        "--regions", nargs="+", required=True, help="each that pipelines live in or deploy to"
    )
    deploy_.add_argument("--targets", nargs="*", metavar="ACCOUNT",
        help="names or ids of those that may read; none without a name (default: those that may now)",
    )  # fmt: skip
    deploy_.add_argument(
        "--expire-days", type=int, help=f"of artifacts (default: as it is, {EXPIRE_DAYS} for a new one)"
    )
    deploy_.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")
    deploy_.set_defaults(command=deploy)
    show_ = verbs.add_parser("show", help="list what is set up")
    _account(show_)
    show_.set_defaults(command=show)
    code_ = verbs.add_parser("code", help="print the mapping as a piece of CDK code")
    _account(code_)
    code_.add_argument("--language", choices=("typescript", "python", "json"), default="typescript")
    code_.set_defaults(command=code)
    verbs.add_parser("template", help="print the CloudFormation template").set_defaults(command=template)


def _account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--account", default="", help="where the pipelines are, name or id (default: the first)"
    )


def deploy(context: Context, options: Options) -> None:
    cloud = context.cloud
    targets = None
    if options.targets is not None:
        targets = [_id(cloud, name) for name in options.targets]
    account = cloud.account(options.account)
    plan = plan_replication(cloud, account, options.regions, targets, options.expire_days)
    if context.carry_out(plan, dry_run=options.dry_run, confirmed=""):
        _show(context, _shared(context, options))


def _id(cloud: Cloud, name: str) -> str:
    return name if name.isdigit() and len(name) == 12 else cloud.account(name).id


def show(context: Context, options: Options) -> None:
    _show(context, _shared(context, options))


def _show(context: Context, shared: list[Shared]) -> None:
    rows = [
        {
            "region": item.region,
            "bucket": item.bucket,
            "key": item.key_arn,
            "read by": item.targets,
            "days": item.expire_days,
        }
        for item in shared
    ]
    context.show(
        rows, empty="None yet. Set them up: support-stacks replication deploy --regions …", value=shared
    )


def code(context: Context, options: Options) -> None:
    shared = _shared(context, options)
    mapping = cdk_code.as_mapping(shared)
    if context.as_json or options.language == "json":
        print(cdk_code.as_json(shared), end="")
    elif options.language == "python":
        print(cdk_code.as_python(mapping), end="")
    else:
        print(cdk_code.as_typescript(mapping), end="")


def _shared(context: Context, options: Options) -> list[Shared]:
    account = context.cloud.account(options.account)
    return read_shared(context.cloud, account, list_regions(context.cloud, account.id))


def template(context: Context, options: Options) -> None:
    print(replication().to_json())
