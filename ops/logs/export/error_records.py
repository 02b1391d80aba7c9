"""What Firehose writes under the error prefix: JSON lines with the record in base64. Pure.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
"""

import base64
import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.logs.lake.layout import UNKNOWN, Location, hour_of

ERRORS = "errors/"
REPLAYED = "replayed/"  # where an error object lies once its records are in the stream again
UNREPLAYABLE = "strange/"  # records from error objects that are none of CloudWatch Logs
REGION_FILTER = re.compile(r"slipway-([a-z]{2}(?:-[a-z]+)+-\d{1,2})")


@dataclass(frozen=True)
class ErrorRecord:
    """One line: why it failed, and the bytes as they came from the stream."""

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
    """The prefix of all error objects."""
    return f"{location.prefix}{ERRORS}"


def replayed_key(location: Location, key: str) -> str:
    """Where an error object goes after its replay."""
    return f"{location.prefix}{REPLAYED}{key.removeprefix(errors_prefix(location))}"


def unreplayable_key(location: Location, key: str) -> str:
    """Where an object's records go that cannot be replayed."""
    return f"{location.prefix}{UNREPLAYABLE}{key.removeprefix(errors_prefix(location))}"


def to_json_lines(records: Iterable[ErrorRecord]) -> bytes:
    """Records in Firehose's form, as far as it was read."""
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
    """The records of one error object, plain or gzip. A line that is none of Firehose's raises ValueError."""
    text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    for line in text.splitlines():
        if not line.strip():
            continue
        document = json.loads(line)
        try:
            data = base64.b64decode(document["rawData"], validate=True)
        except (KeyError, TypeError) as error:
            raise ValueError("not a line of Firehose's error output") from error
        yield ErrorRecord(document.get("errorCode", ""), document.get("errorMessage", ""), data)


def subscription_record(data: bytes) -> Mapping[str, Any] | None:
    """The subscription record that the bytes hold; None where they are something else."""
    try:
        document = json.loads(gzip.decompress(data))
    except (OSError, EOFError, zlib.error, ValueError):
        return None
    if not isinstance(document, dict) or "logEvents" not in document or "logGroup" not in document:
        return None
    return document


def region_of(record: Mapping[str, Any]) -> str:
    """The region, which the subscription's name tells."""
    for name in record.get("subscriptionFilters") or []:
        if match := REGION_FILTER.fullmatch(str(name)):
            return match[1]
    return UNKNOWN


def count_events(record: Mapping[str, Any]) -> Counter[GroupHour]:
    """How many events of which group and hour a subscription record holds; none in a control message."""
    if record.get("messageType") != "DATA_MESSAGE":
        return Counter()
    region = region_of(record)
    return Counter(
        GroupHour(record["owner"], region, record["logGroup"], _hour(event["timestamp"]))
        for event in record["logEvents"]
    )


def _hour(milliseconds: int) -> datetime:
    return hour_of(datetime.fromtimestamp(milliseconds / 1000, UTC))
