"""`slipway logs coverage|subscribe|unsubscribe`: list, subscribe, and unsubscribe log groups."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import click

from ops.aws.cloud import Place
from ops.aws.readings import missing_permission
from ops.cli.context import NOT_READ, Context
from ops.cli.logs import canaries as canary_lines
from ops.cli.logs.results import carry_out, show_no_steps
from ops.cli.verbs import confirm_option, dry_run_option, verb
from ops.errors import InputError, NotFound
from ops.logs.datasets import Dataset, location_of
from ops.logs.export.canary import Canaries, read_canaries
from ops.logs.export.coverage.last_events import LastEvents, last_events
from ops.logs.export.coverage.reading import EVERY_GROUP, Coverage, read_coverage
from ops.logs.export.coverage.seen import Seen, judge_seen
from ops.logs.export.coverage.subscriptions import (
    CAN_SUBSCRIBE,
    HAS_FILTER,
    plan_subscribe,
    plan_unsubscribe,
)
from ops.logs.export.coverage.verdicts import GAPS, CoverageState, GroupCoverage
from ops.logs.known_exports import single_known_export

ONLY = "only"  # --last without a value
INCOMPLETE = 1  # exit status if an included log group is not exported


@dataclass(frozen=True)
class Selection:
    """Log groups by names or patterns, in one account and Region or in all."""

    groups: tuple[str, ...]
    account: str
    region: str

    @property
    def where(self) -> str:
        """The account and Region, for messages."""
        return ", ".join(filter(None, (self.account, self.region))) or "any account and Region"


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Names or patterns of log groups, `--account`, and `--region`, as the argument `selection`."""

    @click.argument("groups", nargs=-1, metavar="[GROUP|PATTERN]...")
    @click.option("--account", default="", help="Account name or ID. Default: all accounts.")
    @click.option("--region", default="", help="Default: all Regions.")
    @wraps(function)
    def with_selection(
        *arguments: Any, groups: tuple[str, ...], account: str, region: str, **others: Any
    ) -> Any:
        return function(*arguments, selection=Selection(groups or EVERY_GROUP, account, region), **others)

    return with_selection


@verb
@selection_options
@click.option(
    "--state",
    "states",
    type=click.Choice([state.value for state in CoverageState]),
    multiple=True,
    help="Show only log groups in this state; repeatable.",
)
@click.option(
    "--last",
    is_flag=False,
    flag_value=ONLY,
    default="",
    metavar="[S3URL]",
    help="Also show whether events of each log group arrive; reads up to 1 GB of the newest hours. "
    "Default: of the only known export.",
)
def coverage(context: Context, selection: Selection, states: tuple[str, ...], last: str) -> int:
    """Show the coverage: what is configured, and with --last what arrives.

    Returns exit status 1 if an included group is not exported or does not arrive, and 4 if not everything
    could be read.
    """
    report = _read(context, selection)
    entries = [entry for entry in report.groups if not states or entry.state in states]
    unread = [
        {
            "account": reading.place.account.name,
            "region": reading.place.region,
            "error": str(reading.error),
            "permission": missing_permission(reading.error),
        }
        for reading in report.unread
    ]
    rows = [_row(entry) for entry in entries]
    found, canaries = _read_bucket(context, last, report.at)
    sights = [judge_seen(entry, found, canaries, report.at) for entry in entries]
    rows = [
        {**row, "seen": sight.state.value, "last_exported": sight.at, "why": row["why"] or sight.reason}
        for row, sight in zip(rows, sights, strict=True)
    ]
    value = {
        "groups": rows,
        "unread": unread,
        "canaries": canary_lines.canary_rows(context.cloud, canaries, report.at),
    }
    context.show(rows, empty="No matching log groups.", value=value)
    if last:
        canary_lines.show_canaries(context, canaries, report.at)
    for row in unread:
        context.echo(f"Not read: {row['account']}, {row['region']}: {row['error']}")
    for note in report.notes:
        context.echo(f"Note: {note}")
    missing = len(report.of(*GAPS))
    exported = len(report.of(CoverageState.SUBSCRIBED))
    read = "In what was read: " if unread else ""
    context.echo(
        f"{read}{exported:,} of {len(report.groups):,} log groups are exported; "
        f"{missing:,} included ones are not."
    )
    arriving = Counter(sight.state for sight in sights)
    if last:
        context.echo(
            f"Seen in the bucket: {arriving[Seen.ARRIVING]:,} arriving, {arriving[Seen.IDLE]:,} idle, "
            f"{arriving[Seen.NOT_ARRIVING]:,} not arriving, {arriving[Seen.NOT_READ]:,} not read."
        )
    elif exported:
        context.echo("Whether events arrive was not read: add --last.")
    if missing or arriving[Seen.NOT_ARRIVING]:
        return INCOMPLETE
    return 0 if report.complete and not (last and arriving[Seen.NOT_READ]) else NOT_READ


def _read_bucket(context: Context, source: str, now: datetime) -> tuple[LastEvents | None, Canaries]:
    """Read the last events and canaries from the bucket; neither without `source`."""
    cloud = context.cloud
    if not source:
        return None, Canaries(error="the bucket was not read")
    location = single_known_export(cloud)[0] if source == ONLY else location_of(cloud, source)
    engine = Dataset(cloud, location).duckdb
    return last_events(engine.lister, engine, now), read_canaries(cloud, location, now)


@verb
@selection_options
@dry_run_option
def subscribe(context: Context, selection: Selection, dry_run: bool) -> None:
    """Subscribe log groups. A name that cannot be subscribed is an error; a pattern skips it."""
    selected = [
        entry
        for entry in _read(context, selection).groups
        if entry.state in CAN_SUBSCRIBE or entry.group.name in selection.groups
    ]
    if not selected:
        show_no_steps(context, "No matching log groups can be subscribed.")
        return
    carry_out(context, plan_subscribe(context.cloud, selected), dry_run=dry_run)


@verb
@selection_options
@dry_run_option
@confirm_option("TEXT")
def unsubscribe(context: Context, selection: Selection, dry_run: bool, confirm: str) -> None:
    if selection.groups == EVERY_GROUP:
        raise InputError(
            "No log groups are specified.", field="groups", hint="Specify the log groups to unsubscribe."
        )
    selected = [
        entry
        for entry in _read(context, selection).groups
        if entry.state in HAS_FILTER or entry.group.name in selection.groups
    ]
    carry_out(context, plan_unsubscribe(context.cloud, selected), dry_run=dry_run, confirmed=confirm)


def _read(context: Context, selection: Selection) -> Coverage:
    """Read the selected log groups. Raises NotFound for a name that is in no account and Region."""
    report = read_coverage(
        context.cloud, datetime.now(UTC), _places(context, selection), patterns=selection.groups
    )
    found = {entry.group.name for entry in report.groups}
    for name in selection.groups:
        if any(wildcard in name for wildcard in "*?[") or name in found:
            continue
        if report.unread and (error := report.unread[0].error):
            raise error  # the log group may be there
        raise NotFound(
            f"The log group {name} does not exist in {selection.where}.",
            hint="Check the name. List all log groups with: slipway logs coverage",
        )
    return report


def _places(context: Context, selection: Selection) -> Sequence[Place]:
    account = context.cloud.account(selection.account) if selection.account else None
    return [
        place
        for place in context.cloud.places
        if account in (None, place.account) and selection.region in ("", place.region)
    ]


def _row(covered: GroupCoverage) -> dict[str, Any]:
    group = covered.group
    return {
        "account": group.place.account.name,
        "region": group.place.region,
        "group": group.name,
        "state": covered.state.value,
        "by": covered.exported_by,
        "since": covered.since,
        "bytes_per_day": None if covered.bytes_per_day is None else round(covered.bytes_per_day),
        "retention_days": group.retention_days,
        "why": covered.reason,
    }
