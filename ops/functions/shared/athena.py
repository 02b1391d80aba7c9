"""Run one query on Athena and wait for it."""

import os
import time
from collections.abc import Sequence
from typing import Any

import boto3
from botocore.config import Config

WORK_GROUP, DATABASE = os.environ["WORK_GROUP"], os.environ["DATABASE"]
POLLS_S = (0.2, 0.5, 1.0, 2.0)  # the last one repeats
# Parts of Athena's messages for data that it cannot read, and for too much data; not for missing permissions.
UNREADABLE = ("HIVE_BAD_DATA", "HIVE_CURSOR_ERROR", "HIVE_INVALID_", "GENERIC_INTERNAL_ERROR")
TOO_MUCH = ("exhausted resources", "EXCEEDED_", "INSUFFICIENT_RESOURCES", "bytes scanned limit")

config = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=5, read_timeout=60)
make_client: Any = boto3.client  # untyped: the Lambda runtime has no stubs
athena = make_client("athena", config=config)


class AthenaFailed(Exception):
    """The query failed, or its result is wrong."""


class Unfit(AthenaFailed):
    """The data is damaged, or too large for one query: a smaller batch may succeed."""


def run(sql: str, deadline: float, parameters: Sequence[str] = ()) -> list[tuple[str | None, ...]]:
    """Run the query and return its rows as text; none for UNLOAD. Raises AthenaFailed, Unfit.

    `parameters` are the SQL literals for the `?` of the query, in order. A query that is still running at the
    deadline (of `time.monotonic`) is canceled.
    """
    bound: dict[str, Any] = {"ExecutionParameters": list(parameters)} if parameters else {}
    started = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": DATABASE}, WorkGroup=WORK_GROUP, **bound
    )
    id_ = started["QueryExecutionId"]
    polls = 0
    while True:
        status = athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            return [] if sql.startswith("UNLOAD") else _rows(id_)
        if status["State"] in ("FAILED", "CANCELLED"):
            raise _failure(status.get("StateChangeReason") or status["State"])
        if time.monotonic() > deadline:
            athena.stop_query_execution(QueryExecutionId=id_)
            raise AthenaFailed("The Athena query did not finish in time")
        time.sleep(POLLS_S[min(polls, len(POLLS_S) - 1)])
        polls += 1


def _failure(reason: str) -> AthenaFailed:
    denied = "denied" in reason.lower() or "permission" in reason.lower()
    if not denied and any(sign.lower() in reason.lower() for sign in (*UNREADABLE, *TOO_MUCH)):
        return Unfit(reason)
    return AthenaFailed(reason)


def _rows(id_: str) -> list[tuple[str | None, ...]]:
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=id_)
    rows = [
        tuple(cell.get("VarCharValue") for cell in row["Data"])
        for page in pages
        for row in page["ResultSet"]["Rows"]
    ]
    return rows[1:]  # the first row has the column names
