"""`slipway logs datasets|create-tables|validate-trail`: datasets in S3, and the digests of CloudTrail."""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import click
from rich.text import Text

from ops.cli.context import NOT_READ, Context, readable
from ops.cli.verbs import dry_run_option, verb
from ops.errors import InputError
from ops.logs.datasets import EXPORTED, list_datasets, location_of, open_dataset
from ops.logs.lake.layout import Location
from ops.logs.search.time_ranges import parse_range

if TYPE_CHECKING:  # takes long to import
    from ops.logs.services.athena_tables import AthenaTable


@verb
@click.argument("address", default="")
@click.option("--ddl", is_flag=True, help="Print the statements that create the datasets' Athena tables.")
def datasets(context: Context, address: str, ddl: bool) -> int:
    if ddl:
        return _print_ddl(context, address)
    known = list_datasets(context.cloud, address)
    rows = [{"dataset": one.address, "type": one.type, "title": one.title} for one in known if not one.unread]
    context.show(rows, empty="No datasets. Add their bucket to the setting logs, or name an s3:// address.")
    for one in known:
        if one.unread:
            context.errors.print(Text(readable(f"{one.address}: {one.unread}"), style="yellow"))
    return NOT_READ if any(one.unread for one in known) else 0


def _print_ddl(context: Context, address: str) -> int:
    tables, unread = _tables(context, address)
    statements = [table.ddl() for _, some in tables for table in some]
    context.print_text(";\n\n".join(statements) + ";" if statements else "", statements)
    return NOT_READ if unread else 0


@verb
@click.argument("address")
@click.option(
    "--database",
    required=True,
    metavar="NAME",
    help="Glue database, which has an Athena workgroup of the same name.",
)
@dry_run_option
def create_tables(context: Context, address: str, database: str, dry_run: bool) -> int:
    from ops.aws.athena.queries import AthenaTarget, scan_limit
    from ops.logs.services.creation import plan_tables

    found, unread = _tables(context, address)
    plans = []
    for location, tables in found:
        target = AthenaTarget(location.account, location.region, database, database)
        scan_limit(context.cloud, target)  # queries need the workgroup
        plans.append(plan_tables(context.cloud, target, tables))
    for plan in plans:
        if plan.steps:
            context.carry_out(plan, dry_run=dry_run, confirmed="")
    if not any(plan.steps for plan in plans):
        context.echo("All tables exist." if plans else "No dataset here has Athena tables.")
    return NOT_READ if unread else 0


def _tables(context: Context, address: str) -> "tuple[list[tuple[Location, list[AthenaTable]]], bool]":
    """Return the Athena tables of each dataset that has any, and whether a dataset could not be read."""
    tables, unread = [], False
    for one in list_datasets(context.cloud, address):
        if one.unread:
            unread = True
            context.errors.print(Text(readable(f"{one.address}: {one.unread}"), style="yellow"))
        elif one.type != EXPORTED:
            dataset = open_dataset(context.cloud, one.address)
            try:
                tables.append((dataset.location, dataset.athena_tables()))
            except InputError as error:
                context.errors.print(Text(readable(f"{error} {error.hint}"), style="yellow"))
    return tables, unread


@verb
@click.argument("address")
@click.option("--last", default="1d", show_default=True, metavar="RANGE", help="15m, 3h, 7d, or START/END.")
def validate_trail(context: Context, address: str, last: str) -> int:
    from ops.aws.cloudtrail import list_public_keys
    from ops.logs.lake.store import bucket_of
    from ops.logs.services.digests import INTERVAL, validate

    location = location_of(context.cloud, address)
    start, end = parse_range(last).at(datetime.now(UTC))

    @cache
    def public_keys(region: str) -> dict[str, bytes]:
        place = context.cloud, location.account, region
        return dict(list_public_keys(*place, start - INTERVAL, end + INTERVAL))

    result = validate(bucket_of(context.cloud, location), location, start, end, public_keys)
    rows = [
        {"object": key, "problem": problem}
        for problems in (result.invalid, result.unread)
        for key, problem in problems.items()
    ]
    counts = {
        "digests": result.digests,
        "valid_digests": result.valid_digests,
        "log_files": result.files,
        "valid_log_files": result.valid_files,
    }
    context.show(rows, empty="", value={**counts, "invalid": result.invalid, "unread": result.unread})
    if not context.as_json:
        context.echo(
            f"{result.valid_digests} of {result.digests} digests and {result.valid_files} of {result.files} "
            "log files are valid."
            if result.digests
            else "No digests in the range. Use a longer one with --last, or turn on log file validation "
            "of the trail."
        )
    if result.invalid:
        return 1
    return 0 if result.proven else NOT_READ
