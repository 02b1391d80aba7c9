"""`python -m ops logs coverage|subscribe|unsubscribe`: list, subscribe, and unsubscribe log groups."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from ops.aws.cloud import Place
from ops.cli.context import Context
from ops.errors import InputError
from ops.logs.datasets import Dataset, location_of
from ops.logs.export.coverage.last_events import last_events
from ops.logs.export.coverage.reading import Coverage, read_coverage
from ops.logs.export.coverage.subscriptions import CAN_SUBSCRIBE, plan_subscribe, plan_unsubscribe
from ops.logs.export.coverage.verdicts import GAPS, CoverageState, GroupCoverage
from ops.logs.export.ledger.model import GroupKey
from ops.logs.known_exports import single_known_export

ONLY = "only"
INCOMPLETE = 1  # exit status if an included log group is not exported, or something could not be read

Options = argparse.Namespace


def add(verbs: Any) -> None:
    parser = _verb(verbs, "coverage", coverage, "show whether each log group is exported, and why not")
    parser.add_argument(
        "--state",
        choices=list(CoverageState),
        action="append",
        help="show only log groups in this state; repeatable",
    )
    parser.add_argument(
        "--last",
        nargs="?",
        const=ONLY,
        metavar="S3URL",
        help="also show when each log group's last event was exported; reads up to 1 GB of the newest hours "
        "(default: of the only known export)",
    )
    parser = _verb(verbs, "subscribe", subscribe, "subscribe log groups to the export")
    parser.add_argument("--dry-run", action="store_true", help="show the plan without executing it")
    parser = _verb(verbs, "unsubscribe", unsubscribe, "stop exporting log groups")
    parser.add_argument("--dry-run", action="store_true", help="show the plan without executing it")
    parser.add_argument("--confirm", default="", metavar="TEXT", help="confirm without a prompt")


def _verb(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument("groups", nargs="*", default=["*"], help="log group names or patterns like '/aws/*'")
    parser.add_argument("--account", default="", help="account name or ID (default: all)")
    parser.add_argument("--region", default="", help="region (default: all)")
    parser.set_defaults(command=command)
    return parser


def coverage(context: Context, options: Options) -> int:
    """Show the coverage. Returns exit status 1 if an included group is not exported, or on read errors."""
    report = _read(context, options)
    entries = [
        entry for entry in _named(report, options) if not options.state or entry.state in options.state
    ]
    unread = [
        {"account": reading.place.account.name, "region": reading.place.region, "error": str(reading.error)}
        for reading in report.unread
    ]
    rows = [_row(entry) for entry in entries]
    if options.last:
        last = _last(context, options.last)
        rows = [
            {**row, "last exported": last.get(entry.group.key)}
            for row, entry in zip(rows, entries, strict=True)
        ]
    context.show(rows, empty="No matching log groups.", value={"groups": rows, "unread": unread})
    for row in unread:
        context.echo(f"Not read: {row['account']}, {row['region']}: {row['error']}")
    for note in report.notes:
        context.echo(f"Note: {note}")
    missing = len(report.of(*GAPS))
    exported = len(report.of(CoverageState.SUBSCRIBED))
    context.echo(
        f"{exported:,} of {len(report.groups):,} log groups are exported; {missing:,} included ones are not."
    )
    return 0 if report.complete else INCOMPLETE


def _last(context: Context, source: str) -> Mapping[GroupKey, datetime]:
    cloud = context.cloud
    location = single_known_export(cloud)[0] if source == ONLY else location_of(cloud, source)
    return last_events(Dataset(cloud, location).duckdb, datetime.now(UTC)).by_group


def subscribe(context: Context, options: Options) -> None:
    """Subscribe log groups. A name that cannot be subscribed is an error; a pattern skips it."""
    selected = [
        entry
        for entry in _named(_read(context, options), options)
        if entry.state in CAN_SUBSCRIBE or entry.group.name in options.groups
    ]
    if not selected:
        context.echo("No matching log groups can be subscribed.")
        return
    context.carry_out(plan_subscribe(context.cloud, selected), dry_run=options.dry_run, confirmed="")


def unsubscribe(context: Context, options: Options) -> None:
    if options.groups == ["*"]:
        raise InputError(
            "No log groups are specified.", field="groups", hint="Specify the log groups to unsubscribe."
        )
    selected = [
        entry
        for entry in _named(_read(context, options), options)
        if entry.state is CoverageState.SUBSCRIBED or entry.group.name in options.groups
    ]
    plan = plan_unsubscribe(context.cloud, selected)
    context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm)


def _read(context: Context, options: Options) -> Coverage:
    return read_coverage(context.cloud, datetime.now(UTC), _places(context, options))


def _places(context: Context, options: Options) -> Sequence[Place]:
    account = context.cloud.account(options.account) if options.account else None
    return [
        place
        for place in context.cloud.places
        if account in (None, place.account) and options.region in ("", place.region)
    ]


def _named(report: Coverage, options: Options) -> list[GroupCoverage]:
    return [
        entry
        for entry in report.groups
        if any(fnmatchcase(entry.group.name, pattern) for pattern in options.groups)
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
        "bytes a day": None if covered.bytes_per_day is None else round(covered.bytes_per_day),
        "retention days": group.retention_days,
        "why": covered.reason,
    }
