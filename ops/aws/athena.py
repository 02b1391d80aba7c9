"""Amazon Athena through awswrangler: a query with its parameters bound, its progress, its result as Arrow."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import csv

from ops.aws.calls import translated
from ops.aws.cloud import Cloud
from ops.errors import AwsError, InputError, SlipwayError

POLL_S = (0.2, 0.3, 0.5, 0.8, 1.0)  # the last again and again
REUSE_MINUTES = 60  # the same query over the same hours is answered from the last result
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
BLOCK_BYTES = 4 << 20
LONGEST_PARAMETER = 1024  # characters: API Reference, StartQueryExecution
TYPES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("ms"),
}


@dataclass(frozen=True)
class Place:
    """Where queries run: a work group and a database of an account and region."""

    account: str
    region: str
    database: str
    work_group: str


@dataclass(frozen=True)
class Running:
    """How a query stands. `state` as Athena names it."""

    state: str
    scanned_bytes: int
    seconds: float


@dataclass(frozen=True)
class Finished:
    """A query that has succeeded. Nothing was scanned when a former result was used again."""

    id: str
    scanned_bytes: int
    seconds: float
    reused: bool
    output: str


@dataclass(frozen=True)
class Table:
    """A table of the Glue catalogue: columns and partition columns in order, the projection's settings."""

    name: str
    location: str
    columns: tuple[str, ...]
    partitions: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]


class Stopped(SlipwayError):
    """The query was stopped on request."""


def scan_limit(cloud: Cloud, place: Place) -> int:
    """Bytes that a query of the work group may scan; 0 for no limit. Raises NotFound without such a group."""
    with translated(f"Looking at Athena's work group {place.work_group}"):
        client = cloud.client("athena", place.account, place.region)
        found = client.get_work_group(WorkGroup=place.work_group)["WorkGroup"]
    return int(found.get("Configuration", {}).get("BytesScannedCutoffPerQuery") or 0)


def find_place(cloud: Cloud, account: str, region: str, location: str) -> Place | None:
    """The database with tables below the S3 location, and the work group of the same name; None without."""
    with translated("Looking for the tables of the logs"):
        glue = cloud.client("glue", account, region)
        names = [
            one["Name"]
            for page in glue.get_paginator("get_databases").paginate()
            for one in page["DatabaseList"]
        ]
    for name in names:
        place = Place(account, region, name, name)
        if any(table.location.startswith(location) for table in list_tables(cloud, place)):
            return place if _has_work_group(cloud, place) else None
    return None


def _has_work_group(cloud: Cloud, place: Place) -> bool:
    try:
        scan_limit(cloud, place)
    except AwsError:  # Athena calls a missing group an invalid request
        return False
    return True


def list_tables(cloud: Cloud, place: Place) -> list[Table]:
    """The tables of the database."""
    with translated(f"Listing the tables of {place.database}"):
        pages = cloud.client("glue", place.account, place.region).get_paginator("get_tables")
        return [
            _table(one) for page in pages.paginate(DatabaseName=place.database) for one in page["TableList"]
        ]


def run(
    cloud: Cloud,
    place: Place,
    sql: str,
    parameters: Sequence[str] = (),
    *,
    report: Callable[[Running], None] = lambda running: None,
    cancelled: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> Finished:
    """Runs the query to its end; `parameters` are SQL literals, in the order of the `?`.

    Raises Stopped when `cancelled`, InputError for a fault of the query itself, AwsError for the rest.
    """
    session = cast(Any, cloud.session(place.account, place.region))
    if any(len(parameter) > LONGEST_PARAMETER for parameter in parameters):
        raise InputError(
            f"Athena takes no value longer than {LONGEST_PARAMETER} characters.",
            hint="Shorten it, or run the query on DuckDB.",
        )
    with _translated("Starting the query on Athena"):
        id_ = _wrangler().athena.start_query_execution(
            sql,
            database=place.database,
            workgroup=place.work_group,
            params=list(parameters) or None,
            paramstyle="qmark" if parameters else "named",
            result_reuse_configuration={
                "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": REUSE_MINUTES}
            },
            boto3_session=session,
        )
    looks = 0
    while True:
        with _translated("Looking at the query on Athena"):
            execution = _wrangler().athena.get_query_execution(id_, boto3_session=session)
        running = _running(execution)
        report(running)
        if running.state in FINAL:
            return _ended(execution, running)
        if cancelled():
            with _translated("Stopping the query on Athena"):
                _wrangler().athena.stop_query_execution(id_, boto3_session=session)
            raise Stopped("The query was stopped.", hint="What Athena had scanned until then is charged.")
        sleep(POLL_S[min(looks, len(POLL_S) - 1)])
        looks += 1


def read(cloud: Cloud, place: Place, finished: Finished) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The result, in pieces. An empty text and nothing at all are kept apart."""
    with translated("Reading Athena's result"):
        athena = cloud.client("athena", place.account, place.region)
        answer = athena.get_query_results(QueryExecutionId=finished.id, MaxResults=1)
        schema = _schema(answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"])
        where = urlsplit(finished.output)
        s3 = cloud.client("s3", place.account, place.region)
        body = s3.get_object(Bucket=where.netloc, Key=where.path.lstrip("/"))["Body"]
    return schema, _batches(body, schema)


def literal(value: Any) -> str:
    """A value as the SQL literal that Athena takes for a parameter."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"DOUBLE '{value!r}'"
    if hasattr(value, "isoformat"):
        return f"TIMESTAMP '{value.isoformat(sep=' ', timespec='milliseconds')}'"
    return "'" + str(value).replace("'", "''") + "'"


def _batches(body: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    reader = csv.open_csv(
        pa.PythonFile(body, mode="r"),
        read_options=csv.ReadOptions(block_size=BLOCK_BYTES, column_names=schema.names, skip_rows=1),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
        ),
    )
    yield from reader


def _schema(columns: Sequence[dict[str, Any]]) -> pa.Schema:
    return pa.schema([(column["Name"], _type(column)) for column in columns])


def _type(column: dict[str, Any]) -> pa.DataType:
    if column["Type"] == "decimal":
        return pa.decimal128(column.get("Precision") or 38, column.get("Scale") or 0)
    return TYPES.get(column["Type"], pa.string())


def _running(execution: dict[str, Any]) -> Running:
    statistics = execution.get("Statistics", {})
    return Running(
        execution["Status"]["State"],
        int(statistics.get("DataScannedInBytes") or 0),
        (statistics.get("TotalExecutionTimeInMillis") or statistics.get("EngineExecutionTimeInMillis") or 0)
        / 1000,
    )


def _ended(execution: dict[str, Any], running: Running) -> Finished:
    if running.state == "SUCCEEDED":
        reuse = execution["Statistics"].get("ResultReuseInformation") or {}
        return Finished(
            execution["QueryExecutionId"],
            running.scanned_bytes,
            running.seconds,
            bool(reuse.get("ReusedPreviousResult")),
            execution["ResultConfiguration"]["OutputLocation"],
        )
    reason = execution["Status"].get("StateChangeReason") or ""
    if running.state == "CANCELLED":
        raise Stopped(f"The query was stopped in Athena. {reason}".strip(), hint="Run it again.")
    raise _failure(reason)


def _failure(reason: str) -> SlipwayError:
    """What Athena says in StateChangeReason, with what to do."""
    if "scanned limit" in reason:
        return InputError(
            "Athena stopped the query: it would scan more than the work group allows.",
            hint="Choose a shorter time, or name accounts or regions; the limit is set in the export stack.",
            detail=reason,
        )
    code = reason.partition(":")[0]
    if code.isupper() and ("ERROR" in code or "NOT_FOUND" in code or "MISMATCH" in code):
        return InputError(
            f"Athena refuses the query: {reason}", hint="Change the query, or run it on DuckDB."
        )
    if "exhausted resources" in reason.lower() or "INSUFFICIENT_RESOURCES" in reason:
        return AwsError(
            "Athena had not enough resources for the query.",
            hint="Choose a shorter time, or run it again in some minutes.",
            detail=reason,
        )
    return AwsError(f"Athena failed: {reason}", hint="Run it again, or run it on DuckDB.", detail=reason)


@cache
def _wrangler() -> Any:
    """awswrangler, imported when Athena is first asked: it takes seconds to import."""
    import awswrangler

    return awswrangler


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    """`translated`, for awswrangler's own errors as well."""
    try:
        with translated(doing):
            yield
    except Exception as error:
        if type(error).__module__ != _wrangler().exceptions.__name__:
            raise
        raise AwsError(
            f"{doing}: {error}", hint="Look at the work group in Athena.", detail=repr(error)
        ) from error


def _table(found: dict[str, Any]) -> Table:
    storage = found.get("StorageDescriptor", {})
    return Table(
        found["Name"],
        storage.get("Location", ""),
        tuple(column["Name"] for column in storage.get("Columns", [])),
        tuple(column["Name"] for column in found.get("PartitionKeys", [])),
        tuple(sorted(found.get("Parameters", {}).items())),
    )
