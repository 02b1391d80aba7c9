"""`slipway support-stacks replication`: the shared buckets and keys, one per Region."""

import json

import click

from ops.aws.cloud import Cloud
from ops.aws.regions import list_regions
from ops.cli.context import Context
from ops.cli.verbs import dry_run_option, several_option, verb
from ops.support_stacks import cdk_code
from ops.support_stacks.replication import EXPIRE_DAYS, SharedBucket, plan_replication, read_shared
from ops.templates.support_stacks import replication

account_option = click.option(
    "--account", default="", help="Name or ID of the pipelines' account. Default: the first account."
)


@verb
@account_option
@several_option("--regions", "REGION", "Every Region that pipelines run in or deploy to.", required=True)
@several_option("--targets", "ACCOUNT", "Names or IDs of the accounts that may read. Default: unchanged.")
@click.option("--no-targets", is_flag=True, help="Let no other account read.")
@click.option(
    "--expire-days",
    type=int,
    help=f"Days until artifacts expire. Default: unchanged, {EXPIRE_DAYS} for a new bucket.",
)
@dry_run_option
def deploy_shared(
    context: Context,
    account: str,
    regions: tuple[str, ...],
    targets: tuple[str, ...],
    no_targets: bool,
    expire_days: int | None,
    dry_run: bool,
) -> None:
    if targets and no_targets:
        raise click.UsageError("--targets and --no-targets cannot be used together.")
    cloud = context.cloud
    readers = [_account_id(cloud, name) for name in targets] if targets or no_targets else None
    plan = plan_replication(cloud, cloud.account(account), regions, readers, expire_days)
    if context.carry_out(plan, dry_run=dry_run, confirmed=""):
        _show(context, _shared(cloud, account))


def _account_id(cloud: Cloud, name: str) -> str:
    return name if name.isdigit() and len(name) == 12 else cloud.account(name).id


@verb
@account_option
def show(context: Context, account: str) -> None:
    _show(context, _shared(context.cloud, account))


def _show(context: Context, shared: list[SharedBucket]) -> None:
    rows = [
        {
            "region": item.region,
            "bucket": item.bucket,
            "key": item.key_arn,
            "target_accounts": item.targets,
            "expire_days": item.expire_days,
        }
        for item in shared
    ]
    context.show(
        rows,
        empty="No shared buckets. Create them: slipway support-stacks replication deploy --regions …",
        value=shared,
    )


@verb
@account_option
@click.option(
    "--language",
    type=click.Choice(("typescript", "python", "json")),
    default="typescript",
    show_default=True,
    help="Language of the code.",
)
def code(context: Context, account: str, language: str) -> None:
    shared = _shared(context.cloud, account)
    mapping = cdk_code.as_mapping(shared)
    if language == "json":
        text = cdk_code.as_json(shared)
    else:
        text = cdk_code.as_python(mapping) if language == "python" else cdk_code.as_typescript(mapping)
    context.print_text(text, mapping)


def _shared(cloud: Cloud, account: str) -> list[SharedBucket]:
    owner = cloud.account(account)
    return read_shared(cloud, owner, list_regions(cloud, owner.id))


@verb
def template(context: Context) -> None:
    text = str(replication().to_json())
    context.print_text(text, json.loads(text))
