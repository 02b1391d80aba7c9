"""`python -m ops support-stacks replication`: the shared buckets and keys, one per region."""

import argparse
from typing import Any

from ops.aws.cloud import Cloud
from ops.aws.regions import list_regions
from ops.cli.context import Context
from ops.support_stacks import cdk_code
from ops.support_stacks.replication import EXPIRE_DAYS, SharedBucket, plan_replication, read_shared
from ops.templates.support_stacks import replication

Options = argparse.Namespace


def add(verbs: Any) -> None:
    """Add the verb `replication` and its own verbs."""
    group = verbs.add_parser("replication", help="deploy and show the shared buckets and keys")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    deploy_ = verbs.add_parser("deploy", help="deploy shared buckets and keys, or update them")
    _account(deploy_)
    deploy_.add_argument(
        "--regions", nargs="+", required=True, help="every region that pipelines run in or deploy to"
    )
    deploy_.add_argument("--targets", nargs="*", metavar="ACCOUNT",
        help="names or IDs of the accounts that may read, or nothing for none (default: unchanged)",
    )  # fmt: skip
    deploy_.add_argument(
        "--expire-days",
        type=int,
        help=f"days until artifacts expire (default: unchanged, {EXPIRE_DAYS} for a new bucket)",
    )
    deploy_.add_argument("--dry-run", action="store_true", help="show the plan without executing it")
    deploy_.set_defaults(command=deploy)
    show_ = verbs.add_parser("show", help="list the shared buckets and keys")
    _account(show_)
    show_.set_defaults(command=show)
    code_ = verbs.add_parser("code", help="print the mapping as CDK code")
    _account(code_)
    code_.add_argument("--language", choices=("typescript", "python", "json"), default="typescript")
    code_.set_defaults(command=code)
    verbs.add_parser("template", help="print the CloudFormation template").set_defaults(command=template)


def _account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--account", default="", help="name or ID of the pipelines' account (default: the first)"
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


def _show(context: Context, shared: list[SharedBucket]) -> None:
    rows = [
        {
            "region": item.region,
            "bucket": item.bucket,
            "key": item.key_arn,
            "target accounts": item.targets,
            "expire days": item.expire_days,
        }
        for item in shared
    ]
    context.show(
        rows,
        empty="No shared buckets. Create them: support-stacks replication deploy --regions …",
        value=shared,
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


def _shared(context: Context, options: Options) -> list[SharedBucket]:
    account = context.cloud.account(options.account)
    return read_shared(context.cloud, account, list_regions(context.cloud, account.id))


def template(context: Context, options: Options) -> None:
    print(replication().to_json())
