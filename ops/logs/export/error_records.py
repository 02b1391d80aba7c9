"""Firehose's error objects: JSON lines with the failed record in base64. Pure.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.logs.lake.gzipped import inflate, is_gzip
from ops.logs.lake.layout import UNKNOWN, Location, hour_at

ERRORS = "errors/"
REPLAYED = "replayed/"  # error objects whose records are in the stream again
UNREPLAYABLE = "strange/"  # records of error objects that are not subscription records
REGION_FILTER = re.compile(r"slipway-([a-z]{2}(?:-[a-z]+)+-\d{1,2})")


@dataclass(frozen=True)
class ErrorRecord:
    """One line of an error object: the error, and the record's data as it was in the stream."""

    code: str
    message: str
    data: bytes


@dataclass(frozen=True, order=True)
class GroupHour:
    """One hour of one log group; the hour in UTC."""

    account: str
    region: str
    group: str
    hour: datetime


def errors_prefix(location: Location) -> str:
    """Return the prefix of all error objects."""
    return f"{location.prefix}{ERRORS}"


def replayed_key(location: Location, key: str) -> str:
    """Return the key of an error object after its replay."""
    return f"{location.prefix}{REPLAYED}{key.removeprefix(errors_prefix(location))}"


def unreplayable_key(location: Location, key: str) -> str:
    """Return the key for the records of an error object that cannot be replayed."""
    return f"{location.prefix}{UNREPLAYABLE}{key.removeprefix(errors_prefix(location))}"


def to_json_lines(records: Iterable[ErrorRecord]) -> bytes:
    """Serialize records in Firehose's format, with the fields that `parse` reads."""
    documents = (
        {
            "errorCode": record.code,
            "errorMessage": record.message,
            "rawData": base64.b64encode(record.data).decode(),
        }
        for record in records
    )
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def parse(body: bytes) -> Iterator[ErrorRecord]:
    """Yield the records of an error object, plain or gzip. Raises ValueError for any other content."""
    text, fault = inflate(body)
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            document = json.loads(line)
            data = base64.b64decode(document["rawData"], validate=True)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError("the line is not in Firehose's error format") from error
        yield ErrorRecord(str(document.get("errorCode", "")), str(document.get("errorMessage", "")), data)
    if fault:
        raise ValueError(fault)


def subscription_record(data: bytes) -> Mapping[str, Any] | None:
    """Parse a subscription record; return None if the data is not one."""
    text, fault = inflate(data)
    if fault or not is_gzip(data):
        return None
    try:
        document = json.loads(text)
        count_events(document)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return document if "logEvents" in document and "logGroup" in document else None


def region_of(record: Mapping[str, Any]) -> str:
    """Return the region, which is part of the subscription filter's name."""
    for name in record.get("subscriptionFilters") or []:
        if match := REGION_FILTER.fullmatch(str(name)):
            return match[1]
    return UNKNOWN


def count_events(record: Mapping[str, Any]) -> Counter[GroupHour]:
    """Count the events of a subscription record by group and hour; a control message has none."""
    if record.get("messageType") != "DATA_MESSAGE":
        return Counter()
    region = region_of(record)
    return Counter(
        GroupHour(record["owner"], region, record["logGroup"], hour_at(event["timestamp"]))
        for event in record["logEvents"]
    )
