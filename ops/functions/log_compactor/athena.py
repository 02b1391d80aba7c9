"""Runs one query of the compactor on Athena to its end."""

import os
import time
from typing import Any

import boto3
from botocore.config import Config

WORK_GROUP, DATABASE = os.environ["WORK_GROUP"], os.environ["DATABASE"]
POLLS_S = (0.2, 0.5, 1.0, 2.0)  # the last again and again
# What Athena says of data that it cannot read, and of more than it can sort; nothing of permissions.
UNREADABLE = ("HIVE_BAD_DATA", "HIVE_CURSOR_ERROR", "HIVE_INVALID_", "GENERIC_INTERNAL_ERROR")
TOO_MUCH = ("exhausted resources", "EXCEEDED_", "INSUFFICIENT_RESOURCES", "bytes scanned limit")

config = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=5, read_timeout=60)
make_client: Any = boto3.client  # one type for all: the runtime has no stubs
athena = make_client("athena", config=config)


class AthenaFailed(Exception):
    """Athena failed, or what it wrote is not what it counted; nothing was switched."""


class Unfit(AthenaFailed):
    """The data is at fault, or too much of it was asked for at once: with less it may be better."""


def run(sql: str, deadline: float) -> list[tuple[str | None, ...]]:
    """The rows, as text; none for an UNLOAD. Raises AthenaFailed, Unfit.

    What is not over at the deadline (of `time.monotonic`) is stopped.
    """
    started = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": DATABASE}, WorkGroup=WORK_GROUP
    )
    id_ = started["QueryExecutionId"]
    looks = 0
    while True:
        status = athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            return [] if sql.startswith("UNLOAD") else _rows(id_)
        if status["State"] in ("FAILED", "CANCELLED"):
            raise _failure(status.get("StateChangeReason") or status["State"])
        if time.monotonic() > deadline:
            athena.stop_query_execution(QueryExecutionId=id_)
            raise AthenaFailed("Athena did not answer in the time that was left; it is tried again")
        time.sleep(POLLS_S[min(looks, len(POLLS_S) - 1)])
        looks += 1


def _failure(reason: str) -> AthenaFailed:
    refused = "denied" in reason.lower() or "permission" in reason.lower()
    if not refused and any(sign.lower() in reason.lower() for sign in (*UNREADABLE, *TOO_MUCH)):
        return Unfit(reason)
    return AthenaFailed(reason)


def _rows(id_: str) -> list[tuple[str | None, ...]]:
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=id_)
    found = [
        tuple(cell.get("VarCharValue") for cell in row["Data"])
        for page in pages
        for row in page["ResultSet"]["Rows"]
    ]
    return found[1:]  # the first names the columns
