"""`slipway snapshots restore`: restore the newest sanitized snapshot in an account."""

import click

from ops.cli.context import Context
from ops.cli.snapshots.pipelines import pipeline_verb
from ops.cli.verbs import confirm_option, dry_run_option, pairs, several_option, verb
from ops.errors import Conflict
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.restore.choice import RestoreRequest, restore_from_request
from ops.snapshots.restore.plan import plan_restore


@verb
@pipeline_verb
@click.option("--into", required=True, metavar="ACCOUNT", help="Name or ID of the target account.")
@click.option("--as", "name", default="", metavar="NAME", help="Default: DATABASE-sanitized.")
@click.option("--subnet-group", default="", help="DB subnet group. Default: chosen by RDS.")
@several_option("--security-groups", "ID", "Security groups of the database.")
@click.option("--instance-class", default="", help="Default: the class of the production database.")
@click.option("--kms-key", default="", help="Key for the copy of an encrypted snapshot. Default: aws/rds.")
@several_option("--tag", "KEY=VALUE", "Additional tags.")
@confirm_option("NAME")
@dry_run_option
def restore(
    context: Context,
    pipeline: DeployedPipeline,
    into: str,
    name: str,
    subnet_group: str,
    security_groups: tuple[str, ...],
    instance_class: str,
    kms_key: str,
    tag: tuple[str, ...],
    confirm: str,
    dry_run: bool,
) -> None:
    """Restore the snapshot and wait. The same command continues an interrupted restore."""
    request = RestoreRequest(
        account=into,
        name=name,
        subnet_group=subnet_group,
        security_groups=security_groups,
        instance_class=instance_class,
        key=kms_key,
        tags=pairs(tag, "--tag"),
    )
    poll_s = float(context.cloud.settings.poll_seconds)
    restore_ = restore_from_request(context.cloud, pipeline, request, poll_s=poll_s)
    outcome = context.carry_out(plan_restore(restore_), dry_run=dry_run, confirmed=confirm)
    if outcome is None:
        return
    if not outcome.ok:
        reason = next(result.reason for result in outcome.results if result.reason)
        raise Conflict(
            f"{restore_.name} was not restored: {reason}.", hint="Fix the failed step above, then retry."
        )
    database = restore_.find(restore_.name)
    context.show(
        [
            {
                "database": restore_.name,
                "account": restore_.place.account.name,
                "host": database.host if database else "",
                "port": database.port if database else 0,
                "password": database.secret if database else "",
                "snapshot": restore_.source.id,
            }
        ],
        empty="",
    )
