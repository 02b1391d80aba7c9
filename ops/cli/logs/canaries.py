"""The canaries of the log export on the command line."""

from datetime import datetime, timedelta
from typing import Any

from ops.aws.cloud import Cloud
from ops.cli.context import Context
from ops.logs.export.canary import Canaries, Canary

MINUTE = timedelta(minutes=1)


def canary_rows(cloud: Cloud, canaries: Canaries, now: datetime) -> list[dict[str, Any]]:
    """Return the canaries for JSON."""
    return [
        {
            "account": _account(cloud, canary),
            "region": canary.region,
            "state": canary.state(now).value,
            "written": canary.written,
            "error": canary.error,
        }
        for canary in canaries.found
    ]


def show_canaries(context: Context, canaries: Canaries, now: datetime) -> None:
    """Print a line per account and region, and why canaries could not be read."""
    if canaries.error:
        context.echo(f"Canaries: not read: {canaries.error}")
    elif not canaries.found:
        context.echo("Canaries: none arrived in the last 7 days.")
    for canary in canaries.found:
        where = f"{_account(context.cloud, canary)}, {canary.region}"
        state = canary.state(now)
        detail = (
            canary.error
            if canary.written is None
            else f"written {(now - canary.written) // MINUTE:,} min ago"
        )
        context.echo(f"Canary of {where}: {state.value}, {detail}")


def _account(cloud: Cloud, canary: Canary) -> str:
    return next(
        (place.account.name for place in cloud.places if place.account.id == canary.account), canary.account
    )
