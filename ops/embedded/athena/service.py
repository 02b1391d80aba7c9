"""Athena's API: work groups with all their settings, executions, and results in Athena's format.

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

from ops.embedded.athena.access import require_object_access
from ops.embedded.athena.queries import AthenaQuery, StatementResult, WrittenFiles
from ops.embedded.athena.tables import AthenaQueryFailed
from ops.embedded.context import OverlayContext

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
Response = tuple[int, dict[str, str], bytes]

_running: dict[str, AthenaQuery] = {}


def install(context: OverlayContext) -> None:
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


def _get_workgroup(original: Callable[[Record], Response], data: Record) -> Response:
    if (work_group := athena._workgroups.get(data.get("WorkGroup"))) is not None:
        _complete(work_group)
    return original(data)


def _start(original: Callable[[Record], Response], data: Record) -> Response:
    """Apply the work group's enforced settings, and find an earlier result where reuse is allowed."""
    group = athena._workgroups.get(data.get("WorkGroup", "primary"), {})
    group_settings = group.get("Configuration", {})
    group_location = (group_settings.get("ResultConfiguration") or {}).get("OutputLocation")
    result_settings = dict(data.get("ResultConfiguration") or {})
    if group_location and group_settings.get("EnforceWorkGroupConfiguration"):
        result_settings["OutputLocation"] = group_location
    location = result_settings.get("OutputLocation") or group_location
    if location:
        result_settings["OutputLocation"] = location.rstrip("/") + "/"
    reusable = _reusable_result(data)
    response = original({**data, "ResultConfiguration": result_settings})
    if response[0] == 200:
        execution = athena._executions[json.loads(response[2])["QueryExecutionId"]]
        execution["_former"] = reusable
    return response


def _reusable_result(data: Record) -> str:
    """Return the ID of an execution whose result may be reused."""
    reuse = (data.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration") or {}
    if not reuse.get("Enabled"):
        return ""
    work_group = data.get("WorkGroup", "primary")
    oldest = time.time() - 60 * reuse.get("MaxAgeInMinutes", 60)
    for id_, execution in reversed(athena._executions.items()):
        is_same = (execution["Query"], execution["WorkGroup"]) == (data["QueryString"], work_group)
        is_fresh = (execution["Status"].get("CompletionDateTime") or 0) >= oldest
        succeeded = execution["Status"]["State"] == "SUCCEEDED"
        if is_same and is_fresh and succeeded and execution["StatementType"] == "DML":
            return str(id_)
    return ""


def _stop(original: Callable[[Record], Response], data: Record) -> Response:
    response = original(data)
    if query := _running.get(data.get("QueryExecutionId", "")):
        query.interrupt()
    return response


async def _execute(id_: str, sql: str, database: str, ddl: Any, catalog: str | None = None) -> None:
    execution = athena._executions[id_]
    execution["Status"]["State"] = "RUNNING"
    began = time.monotonic()
    try:
        result = await _result(execution, sql, database, ddl)
        if execution["Status"]["State"] in FINAL:
            return  # canceled in the meantime
        _finish(id_, execution, result)
        execution["Status"]["State"] = "SUCCEEDED"
    except AthenaQueryFailed as error:
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


async def _result(execution: Record, sql: str, database: str, ddl: Any) -> StatementResult:
    if ddl is not None:
        try:
            athena._run_ddl(ddl, database)
        except ValueError as error:
            raise AthenaQueryFailed(str(error)) from error
        return StatementResult()
    if created := _database_name(sql):
        glue._create_database({"DatabaseInput": {"Name": created}})
        return StatementResult()
    reusable = athena._executions.get(execution.get("_former"))
    execution["Statistics"]["ResultReuseInformation"] = {"ReusedPreviousResult": bool(reusable)}
    if reusable:
        stored = reusable["_results"]
        return StatementResult(
            stored["columns"], reusable["_column_types"], [tuple(row) for row in stored["rows"]]
        )
    settings = athena._workgroups.get(execution["WorkGroup"], {}).get("Configuration", {})
    id_ = execution["QueryExecutionId"]
    folder = execution["ResultConfiguration"]["OutputLocation"].rpartition("/")[0]
    # A string if CloudFormation built it with Fn::Join.
    cutoff = int(settings.get("BytesScannedCutoffPerQuery") or 0)
    query = AthenaQuery(sql, database, cutoff, f"{folder}/tables/{id_}/")
    _running[id_] = query
    return await asyncio.to_thread(query.run)


def _database_name(sql: str) -> str:
    words = sql.replace("`", "").rstrip("; \n").split()
    lowered = [word.lower() for word in words]
    if lowered[:2] in (["create", "database"], ["create", "schema"]):
        return words[5] if lowered[2:5] == ["if", "not", "exists"] else words[2]
    return ""


def _finish(id_: str, execution: Record, result: StatementResult) -> None:
    """Write the statement's output to S3, and keep the rows for GetQueryResults."""
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


def _write_files(id_: str, written: WrittenFiles) -> list[str]:
    """Write each file under a name that contains the query's ID, as Athena does; return the keys."""
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
    require_object_access("PutObject", parsed.netloc, parsed.path.lstrip("/"))
    status = s3._put_object(parsed.netloc, parsed.path.lstrip("/"), data, {"content-length": str(len(data))})
    if status[0] >= 300:
        raise AthenaQueryFailed(f"Unable to write to the output location {address}.")


def _csv(rows: Sequence[Sequence[str | None]]) -> bytes:
    """Return CSV in which every value that is not null is quoted."""
    lines = (
        ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row)
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _text(value: Any) -> str | None:
    """Return a value in Athena's text form."""
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
        return "[" + ", ".join(_text(item) or "null" for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_text(item) or 'null'}" for key, item in value.items()) + "}"
    return str(value)


def _type(kind: str) -> str:
    if kind.endswith("[]"):
        return "array"
    if kind.startswith("TIMESTAMP"):
        return "timestamp with time zone" if "ZONE" in kind else "timestamp"
    if kind in athena._DUCKDB_TYPE_MAP.values():
        return kind  # of a reused result, already an Athena type
    return str(athena._DUCKDB_TYPE_MAP.get(kind.split("(")[0], "varchar"))
