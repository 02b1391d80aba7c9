"""`python -m ops snapshots restore`: restores the newest sanitized snapshot in an account."""

import argparse
from typing import Any

from ops.cli.context import Context
from ops.errors import Conflict, InputError
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.restore.choice import RestoreRequest, restore_from_request
from ops.snapshots.restore.plan import plan_restore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--into", required=True, metavar="ACCOUNT", help="name or ID of the target account")
    parser.add_argument(
        "--as",
        dest="name",
        default="",
        metavar="NAME",
        help="identifier of the restored database (default: DATABASE-sanitized)",
    )
    parser.add_argument("--subnet-group", default="", help="DB subnet group (default: chosen by RDS)")
    parser.add_argument("--security-groups", nargs="*", default=[], metavar="ID", help="of the database")
    parser.add_argument("--instance-class", default="", help="default: the class of the production database")
    parser.add_argument(
        "--kms-key", default="", help="key for the copy of an encrypted snapshot (default: aws/rds)"
    )
    parser.add_argument("--tag", nargs="*", default=[], metavar="KEY=VALUE", help="additional tags")
    parser.add_argument(
        "--confirm", default="", metavar="NAME", help="the name of the database to replace, to confirm"
    )


def restore(context: Context, options: argparse.Namespace, pipeline: DeployedPipeline) -> None:
    """Restore the snapshot and wait. The same command continues an interrupted restore."""
    request = RestoreRequest(
        account=options.into,
        name=options.name,
        subnet_group=options.subnet_group,
        security_groups=tuple(options.security_groups),
        instance_class=options.instance_class,
        key=options.kms_key,
        tags=_tags(options.tag),
    )
    poll_s = float(context.cloud.settings.poll_seconds)
    restore_ = restore_from_request(context.cloud, pipeline, request, poll_s=poll_s)
    outcome = context.carry_out(plan_restore(restore_), dry_run=options.dry_run, confirmed=options.confirm)
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


def _tags(pairs: list[str]) -> dict[str, str]:
    if bad := [pair for pair in pairs if "=" not in pair or pair.startswith("=")]:
        raise InputError(f"{bad[0]!r} is not a tag.", field="tag", hint="Write KEY=VALUE.")
    tags: dict[str, Any] = dict(pair.split("=", 1) for pair in pairs)
    return tags
