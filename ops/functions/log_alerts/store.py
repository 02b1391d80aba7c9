"""Read and write alerts: one object each, which holds the alert and its state.

An object is written only if it has not changed since it was read, so that of two invocations, or of an
invocation and a person, one is first. If the answer to a write is lost, the object
shows whose write succeeded: it names the attempt.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.functions.log_alerts.judging import Record
from ops.functions.shared.athena import config, make_client

BUCKET = os.environ["BUCKET"]
PREFIX = os.environ["PREFIX"]
FOLDER = f"{PREFIX}alerts/"
VERSION = 1
TURNS = 5  # attempts to write if others are faster

s3 = make_client("s3", config=config)


class Overtaken(Exception):
    """The alert was changed or deleted since it was read."""


@dataclass(frozen=True)
class StoredAlert:
    """An alert, and the ETag that the next write must match."""

    key: str
    alert: Record
    tag: str


def list_alerts() -> Iterator[tuple[str, datetime]]:
    """Yield the key of each alert, and when it was written."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=FOLDER):
        for listed in page.get("Contents", []):
            if listed["Key"].endswith(".json"):
                yield listed["Key"], listed["LastModified"]


def read_alert(key: str) -> StoredAlert:
    """Return the alert. Raises Overtaken if it was deleted, ValueError for another version."""
    try:
        response = s3.get_object(Bucket=BUCKET, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            raise Overtaken(key) from error
        raise
    alert: Any = json.loads(response["Body"].read())
    if alert["version"] != VERSION:
        raise ValueError(f"{key} has version {alert['version']}, not {VERSION}")
    return StoredAlert(key, alert, response["ETag"])


def write_alert(stored: StoredAlert, alert: Record) -> StoredAlert:
    """Write the alert over the one that was read. Raises Overtaken."""
    body = json.dumps(alert, separators=(",", ":")).encode()
    try:
        response = s3.put_object(Bucket=BUCKET, Key=stored.key, Body=body, IfMatch=stored.tag)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (404, 409, 412):
            raise
        # The client repeats a write whose answer was lost, and the repeated one finds the object changed.
        current = read_alert(stored.key)
        if current.alert["state"].get("attempt") != alert["state"]["attempt"]:
            raise Overtaken(stored.key) from error
        return current
    return StoredAlert(stored.key, alert, response["ETag"])


def change_alert(stored: StoredAlert, change: Callable[[Record], Record | None]) -> StoredAlert:
    """Apply the change to the current alert, whoever changes it meanwhile; None is no change."""
    for turn in range(TURNS):
        if (alert := change(stored.alert)) is None:
            return stored
        try:
            return write_alert(stored, alert)
        except Overtaken:
            if turn == TURNS - 1:
                raise
            stored = read_alert(stored.key)
    raise AssertionError("the last turn returns or raises")
