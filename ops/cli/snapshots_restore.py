"""`python -m ops snapshots restore`: the newest sanitized snapshot as a database in another account."""

import argparse
from typing import Any

from ops.cli.context import Context
from ops.errors import Conflict, InputError
from ops.snapshots.pipeline.catalogue import Deployed
from ops.snapshots.restore.choice import Asked, restore_of
from ops.snapshots.restore.plan import plan_restore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--into", required=True, metavar="ACCOUNT", help="name or id of the target account")
    parser.add_argument("--as", dest="name", default="", metavar="NAME", help="default: DATABASE-sanitized")
    parser.add_argument("--subnet-group", default="", help="DB subnet group; default: RDS's own choice")
    parser.add_argument("--security-groups", nargs="*", default=[], metavar="ID", help="of the database")
    parser.add_argument("--instance-class", default="", help="default: production's")
    parser.add_argument("--kms-key", default="", help="of an encrypted snapshot's copy; default aws/rds")
    parser.add_argument("--tag", nargs="*", default=[], metavar="KEY=VALUE", help="further tags")
    parser.add_argument("--confirm", default="", metavar="NAME", help="the name again, where it is replaced")


def restore(context: Context, options: argparse.Namespace, pipeline: Deployed) -> None:
    """Carries the plan out and waits: an interrupted one is continued by the same command."""
    asked = Asked(
        account=options.into,
        name=options.name,
        subnet_group=options.subnet_group,
        security_groups=tuple(options.security_groups),
        instance_class=options.instance_class,
        key=options.kms_key,
        tags=_tags(options.tag),
    )
    look_s = float(context.cloud.settings.poll_seconds)
    wanted = restore_of(context.cloud, pipeline, asked, look_s=look_s)
    outcome = context.carry_out(plan_restore(wanted), dry_run=options.dry_run, confirmed=options.confirm)
    if outcome is None:
        return
    if not outcome.ok:
        reason = next(result.reason for result in outcome.results if result.reason)
        raise Conflict(
            f"{wanted.name} is not in place: {reason}.", hint="Look at the steps above, then repeat."
        )
    found = wanted.find(wanted.name)
    context.show(
        [
            {
                "database": wanted.name,
                "account": wanted.place.account.name,
                "host": found.host if found else "",
                "port": found.port if found else 0,
                "password": found.secret if found else "",
                "snapshot": wanted.source.id,
            }
        ],
        empty="",
    )


def _tags(pairs: list[str]) -> dict[str, str]:
    if bad := [pair for pair in pairs if "=" not in pair or pair.startswith("=")]:
        raise InputError(f"{bad[0]!r} is not a tag.", field="tag", hint="Write KEY=VALUE.")
    tags: dict[str, Any] = dict(pair.split("=", 1) for pair in pairs)
    return tags
