"""Athena: statements run in DuckDB by our own rules, results as Athena writes them, complete work groups.

https://docs.aws.amazon.com/athena/latest/APIReference/API_QueryExecution.html
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlparse

from ministack.services import athena, glue, s3

from ops.embedded.athena.access import demand_object
from ops.embedded.athena.queries import Query, Result, Written
from ops.embedded.athena.tables import QueryFailed
from ops.embedded.context import Context

SEAMS = (
    "ministack.services.athena._DUCKDB_TYPE_MAP",
    "ministack.services.athena._create_workgroup",
    "ministack.services.athena._ensure_default_workgroup",
    "ministack.services.athena._execute_query",
    "ministack.services.athena._executions",
    "ministack.services.athena._get_workgroup",
    "ministack.services.athena._run_ddl",
    "ministack.services.athena._start_query_execution",
    "ministack.services.athena._stop_query_execution",
    "ministack.services.athena._workgroups",
    "ministack.services.glue._create_database",
    "ministack.services.glue._create_table",
    "ministack.services.s3._put_object",
)
ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
DEFAULTS: dict[str, Any] = {
    "EnforceWorkGroupConfiguration": True,
    "PublishCloudWatchMetricsEnabled": True,
    "RequesterPaysEnabled": False,
    "EngineVersion": ENGINE,
    "ResultConfiguration": {},
}
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")

Record = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_running: dict[str, Query] = {}


def install(context: Context) -> None:
    ensure = athena._ensure_default_workgroup

    def with_all_keys() -> None:
        ensure()
        _complete(athena._workgroups["primary"], EnforceWorkGroupConfiguration=False)

    athena._ensure_default_workgroup = with_all_keys
    get = athena._get_workgroup
    athena._get_workgroup = lambda data: _get_workgroup(get, data)
    start = athena._start_query_execution
    athena._start_query_execution = lambda data: _start(start, data)
    stop = athena._stop_query_execution
    athena._stop_query_execution = lambda data: _stop(stop, data)
    athena._execute_query = _execute


def _complete(group: Record, **more: Any) -> Record:
    group["Configuration"] = {**DEFAULTS, **more, **group.get("Configuration", {})}
    return group


def _get_workgroup(original: Callable[[Record], Answer], data: Record) -> Answer:
    if (group := athena._workgroups.get(data.get("WorkGroup"))) is not None:
        _complete(group)
    return original(data)


def _start(original: Callable[[Record], Answer], data: Record) -> Answer:
    """The work group's settings win where it enforces them; a former result is used again where allowed."""
    group = athena._workgroups.get(data.get("WorkGroup", "primary"), {})
    settings = group.get("Configuration", {})
    own = (settings.get("ResultConfiguration") or {}).get("OutputLocation")
    given = dict(data.get("ResultConfiguration") or {})
    if own and settings.get("EnforceWorkGroupConfiguration"):
        given["OutputLocation"] = own
    location = given.get("OutputLocation") or own
    if location:
        given["OutputLocation"] = location.rstrip("/") + "/"
    former = _former(data)
    answer = original({**data, "ResultConfiguration": given})
    if answer[0] == 200:
        execution = athena._executions[json.loads(answer[2])["QueryExecutionId"]]
        execution["_former"] = former
    return answer


def _former(data: Record) -> str:
    """The id of a result that may be used again."""
    reuse = (data.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration") or {}
    if not reuse.get("Enabled"):
        return ""
    oldest = time.time() - 60 * reuse.get("MaxAgeInMinutes", 60)
    for id_, each in reversed(athena._executions.items()):
        same = each["Query"] == data["QueryString"] and each["WorkGroup"] == data.get("WorkGroup", "primary")
        fresh = (each["Status"].get("CompletionDateTime") or 0) >= oldest
        if same and fresh and each["Status"]["State"] == "SUCCEEDED" and each["StatementType"] == "DML":
            return str(id_)
    return ""


def _stop(original: Callable[[Record], Answer], data: Record) -> Answer:
    answer = original(data)
    if query := _running.get(data.get("QueryExecutionId", "")):
        query.interrupt()
    return answer


async def _execute(id_: str, sql: str, database: str, ddl: Any, catalog: str | None = None) -> None:
    execution = athena._executions[id_]
    execution["Status"]["State"] = "RUNNING"
    began = time.monotonic()
    try:
        result = await _result(execution, sql, database, ddl)
        if execution["Status"]["State"] in FINAL:
            return  # cancelled meanwhile
        _finish(id_, execution, result)
        execution["Status"]["State"] = "SUCCEEDED"
    except QueryFailed as error:
        if execution["Status"]["State"] not in FINAL:
            execution["Status"].update(State="FAILED", StateChangeReason=str(error))
            execution["_error"] = str(error)
    except Exception as error:
        execution["Status"].update(State="FAILED", StateChangeReason=f"GENERIC_INTERNAL_ERROR: {error}")
        execution["_error"] = str(error)
    finally:
        _running.pop(id_, None)
        milliseconds = int((time.monotonic() - began) * 1000)
        for name in ("EngineExecutionTimeInMillis", "TotalExecutionTimeInMillis"):
            execution["Statistics"][name] = milliseconds
        execution["Status"]["CompletionDateTime"] = time.time()


async def _result(execution: Record, sql: str, database: str, ddl: Any) -> Result:
    if ddl is not None:
        try:
            athena._run_ddl(ddl, database)
        except ValueError as error:
            raise QueryFailed(str(error)) from error
        return Result()
    if made := _database_name(sql):
        glue._create_database({"DatabaseInput": {"Name": made}})
        return Result()
    former = athena._executions.get(execution.get("_former"))
    execution["Statistics"]["ResultReuseInformation"] = {"ReusedPreviousResult": bool(former)}
    if former:
        stored = former["_results"]
        return Result(stored["columns"], former["_column_types"], [tuple(row) for row in stored["rows"]])
    settings = athena._workgroups.get(execution["WorkGroup"], {}).get("Configuration", {})
    id_ = execution["QueryExecutionId"]
    folder = execution["ResultConfiguration"]["OutputLocation"].rpartition("/")[0]
    limit = int(settings.get("BytesScannedCutoffPerQuery") or 0)  # a text where CloudFormation joined it
    query = Query(sql, database, limit, f"{folder}/tables/{id_}/")
    _running[id_] = query
    return await asyncio.to_thread(query.run)


def _database_name(sql: str) -> str:
    words = sql.replace("`", "").rstrip("; \n").split()
    lowered = [word.lower() for word in words]
    if lowered[:2] in (["create", "database"], ["create", "schema"]):
        return words[5] if lowered[2:5] == ["if", "not", "exists"] else words[2]
    return ""


def _finish(id_: str, execution: Record, result: Result) -> None:
    """Writes what the statement leaves in S3, and keeps what GetQueryResults shows."""
    execution["Statistics"]["DataScannedInBytes"] = result.scanned_bytes
    location = execution["ResultConfiguration"]["OutputLocation"]
    if result.written:
        manifest = location.removesuffix(".csv") + "-manifest.csv"
        keys = _write_files(id_, result.written)
        _put(manifest, "".join(f"{key}\n" for key in keys).encode())
        execution["Statistics"]["DataManifestLocation"] = manifest
        execution["ResultConfiguration"]["OutputLocation"] = location.removesuffix(".csv")
        if result.table:
            glue._create_table(result.table)
        execution["_results"] = {"columns": result.columns, "rows": [list(row) for row in result.rows]}
        execution["_column_types"] = ["bigint"]
        return
    rows = [[_text(value) for value in row] for row in result.rows]
    execution["_results"] = {"columns": result.columns, "rows": rows}
    execution["_column_types"] = [_type(kind) for kind in result.types]
    _put(location, _csv([result.columns, *rows]))
    _put(f"{location}.metadata", b"")


def _write_files(id_: str, written: Written) -> list[str]:
    """Each file under a name of the query's own, as Athena's workers do."""
    keys = []
    for number, (path, data) in enumerate(written.files):
        folder, _, name = path.rpartition("/")
        folder = folder and folder + "/"
        extension = name.partition(".")[2]
        key = f"{written.location.rstrip('/')}/{folder}{id_.replace('-', '_')}_{number:05d}.{extension}"
        _put(key, data)
        keys.append(key)
    return keys


def _put(address: str, data: bytes) -> None:
    parsed = urlparse(address)
    demand_object("PutObject", parsed.netloc, parsed.path.lstrip("/"))
    status = s3._put_object(parsed.netloc, parsed.path.lstrip("/"), data, {"content-length": str(len(data))})
    if status[0] >= 300:
        raise QueryFailed(f"Unable to write to the output location {address}.")


def _csv(rows: Sequence[Sequence[str | None]]) -> bytes:
    """Everything that is not null stands in quotes."""
    lines = (
        ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row)
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _text(value: Any) -> str | None:
    """A value as Athena shows it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        shown = value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
        return f"{shown} UTC" if value.tzinfo else shown
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(_text(each) or "null" for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_text(each) or 'null'}" for key, each in value.items()) + "}"
    return str(value)


def _type(kind: str) -> str:
    if kind.endswith("[]"):
        return "array"
    if kind.startswith("TIMESTAMP"):
        return "timestamp with time zone" if "ZONE" in kind else "timestamp"
    if kind in athena._DUCKDB_TYPE_MAP.values():
        return kind  # of a former result, in Athena's words already
    return str(athena._DUCKDB_TYPE_MAP.get(kind.split("(")[0], "varchar"))
