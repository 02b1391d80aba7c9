"""Amazon Athena, through awswrangler: find its tables, and run a query with bound parameters."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from ops.aws.calls import translated
from ops.aws.cloud import Cloud
from ops.errors import AwsError, InputError, SlipwayError
from ops.text import quoting

POLL_S = (0.2, 0.3, 0.5, 0.8, 1.0)  # the last one repeats
REUSE_MINUTES = 60  # maximum age of a result that Athena may reuse for the same query
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
LONGEST_PARAMETER = 1024  # characters: Athena API Reference, StartQueryExecution


@dataclass(frozen=True)
class AthenaTarget:
    """The workgroup and database in which queries run, with their account and region."""

    account: str
    region: str
    database: str
    work_group: str


@dataclass(frozen=True)
class RunningQuery:
    """The progress of a query; `state` is Athena's."""

    state: str
    scanned_bytes: int
    seconds: float


@dataclass(frozen=True)
class FinishedQuery:
    """A query that succeeded; nothing was scanned if Athena reused an earlier result."""

    id: str
    scanned_bytes: int
    seconds: float
    reused: bool
    output: str


@dataclass(frozen=True)
class GlueTable:
    """A table in the AWS Glue Data Catalog, with its columns and partition columns in order."""

    name: str
    location: str
    columns: tuple[str, ...]
    partitions: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]


class QueryStopped(SlipwayError):
    """The query was canceled."""


def scan_limit(cloud: Cloud, target: AthenaTarget) -> int:
    """Return the bytes that a query of the workgroup may scan; 0 for no limit. Raises NotFound."""
    with translated(f"Reading the Athena workgroup {target.work_group}"):
        client = cloud.client("athena", target.account, target.region)
        group = client.get_work_group(WorkGroup=target.work_group)["WorkGroup"]
    return int(group.get("Configuration", {}).get("BytesScannedCutoffPerQuery") or 0)


def find_target(
    cloud: Cloud, account: str, region: str, has: Callable[[GlueTable], bool]
) -> AthenaTarget | None:
    """Return the first database that has such a table, with the workgroup of the same name, or None."""
    with translated("Listing the Glue databases"):
        glue = cloud.client("glue", account, region)
        names = [
            one["Name"]
            for page in glue.get_paginator("get_databases").paginate()
            for one in page["DatabaseList"]
        ]
    for name in names:
        target = AthenaTarget(account, region, name, name)
        if any(map(has, list_tables(cloud, target))) and _has_work_group(cloud, target):
            return target
    return None


def _has_work_group(cloud: Cloud, target: AthenaTarget) -> bool:
    try:
        scan_limit(cloud, target)
    except AwsError:  # for a missing workgroup, Athena returns InvalidRequestException
        return False
    return True


def list_tables(cloud: Cloud, target: AthenaTarget) -> list[GlueTable]:
    """List the tables of the database."""
    with translated(f"Listing the tables of the Glue database {target.database}"):
        pages = cloud.client("glue", target.account, target.region).get_paginator("get_tables")
        return [
            _table(described)
            for page in pages.paginate(DatabaseName=target.database)
            for described in page["TableList"]
        ]


def run(
    cloud: Cloud,
    target: AthenaTarget,
    sql: str,
    parameters: Sequence[str] = (),
    *,
    report: Callable[[RunningQuery], None] = lambda running: None,
    cancelled: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> FinishedQuery:
    """Run the query and wait for it; `parameters` are SQL literals, in the order of the `?`.

    Raises QueryStopped if `cancelled`, InputError for a mistake in the query, AwsError for other errors.
    """
    session = cast(Any, cloud.session(target.account, target.region))
    if any(len(parameter) > LONGEST_PARAMETER for parameter in parameters):
        raise InputError(
            f"A value is longer than {LONGEST_PARAMETER} characters, which Athena does not accept.",
            hint="Shorten it, or run the query on DuckDB.",
        )
    with _translated("Starting the Athena query"):
        id_ = _wrangler().athena.start_query_execution(
            sql,
            database=target.database,
            workgroup=target.work_group,
            params=list(parameters) or None,
            paramstyle="qmark" if parameters else "named",
            result_reuse_configuration={
                "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": REUSE_MINUTES}
            },
            boto3_session=session,
        )
    polls = 0
    while True:
        with _translated("Polling the Athena query"):
            execution = _wrangler().athena.get_query_execution(id_, boto3_session=session)
        running = _running(execution)
        report(running)
        if running.state in FINAL:
            return _ended(execution, running)
        if cancelled():
            with _translated("Canceling the Athena query"):
                _wrangler().athena.stop_query_execution(id_, boto3_session=session)
            raise QueryStopped(
                "The query was canceled.", hint="Athena charges for the data scanned until then."
            )
        sleep(POLL_S[min(polls, len(POLL_S) - 1)])
        polls += 1


def literal(value: Any) -> str:
    """Return a value as the SQL literal that Athena expects for a parameter."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"DOUBLE '{value!r}'"
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ', timespec='milliseconds')}'"
    return quoting.literal(str(value), "trino")


def _running(execution: dict[str, Any]) -> RunningQuery:
    statistics = execution.get("Statistics", {})
    return RunningQuery(
        execution["Status"]["State"],
        int(statistics.get("DataScannedInBytes") or 0),
        (statistics.get("TotalExecutionTimeInMillis") or statistics.get("EngineExecutionTimeInMillis") or 0)
        / 1000,
    )


def _ended(execution: dict[str, Any], running: RunningQuery) -> FinishedQuery:
    if running.state == "SUCCEEDED":
        reuse = execution["Statistics"].get("ResultReuseInformation") or {}
        return FinishedQuery(
            execution["QueryExecutionId"],
            running.scanned_bytes,
            running.seconds,
            bool(reuse.get("ReusedPreviousResult")),
            execution["ResultConfiguration"]["OutputLocation"],
        )
    reason = execution["Status"].get("StateChangeReason") or ""
    if running.state == "CANCELLED":
        raise QueryStopped(f"The query was canceled in Athena. {reason}".strip(), hint="Run it again.")
    raise _failure(reason)


def _failure(reason: str) -> SlipwayError:
    """Return the error for Athena's StateChangeReason, with what to do."""
    if "scanned limit" in reason:
        return InputError(
            "Athena canceled the query: it exceeded the data limit of the workgroup.",
            hint="Use a shorter time range, or filter by account or region. The export stack sets the limit.",
            detail=reason,
        )
    code = reason.partition(":")[0]
    if code.isupper() and ("ERROR" in code or "NOT_FOUND" in code or "MISMATCH" in code):
        return InputError(
            f"Athena rejected the query: {reason}", hint="Change the query, or run it on DuckDB."
        )
    if "exhausted resources" in reason.lower() or "INSUFFICIENT_RESOURCES" in reason:
        return AwsError(
            "Athena ran out of resources for the query.",
            hint="Use a shorter time range, or run it again in a few minutes.",
            detail=reason,
        )
    return AwsError(f"The Athena query failed: {reason}", hint="Run it again, or on DuckDB.", detail=reason)


@cache
def _wrangler() -> Any:
    """Return awswrangler, imported on first use: the import takes seconds."""
    import awswrangler

    return awswrangler


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Do the same as `translated`, also for awswrangler's own errors."""
    try:
        with translated(doing):
            yield
    except Exception as error:
        if type(error).__module__ != _wrangler().exceptions.__name__:
            raise
        raise AwsError(
            f"{doing}: {error}", hint="Check the workgroup in Athena.", detail=repr(error)
        ) from error


def _table(described: dict[str, Any]) -> GlueTable:
    storage = described.get("StorageDescriptor", {})
    return GlueTable(
        described["Name"],
        storage.get("Location", ""),
        tuple(column["Name"] for column in storage.get("Columns", [])),
        tuple(column["Name"] for column in described.get("PartitionKeys", [])),
        tuple(sorted(described.get("Parameters", {}).items())),
    )
