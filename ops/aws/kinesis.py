"""Kinesis Data Streams: whether a stream exists; put records, with retries."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ops.aws.calls import THROTTLED, code, translated
from ops.aws.cloud import Cloud
from ops.aws.pace import Backoff
from ops.errors import Throttled

# Limits of PutRecords: Kinesis API Reference.
CALL_RECORDS = 500
CALL_BYTES = 5_000_000
ATTEMPTS = 12
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0

KeyedRecord = tuple[str, bytes]


def stream_exists(cloud: Cloud, arn: str) -> bool:
    """Whether the stream exists and is not being deleted.

    Raises NotFound if its account is not configured.
    """
    _, _, _, region, account, name = arn.split(":", 5)
    place = cloud.place(account, region)
    client = cloud.client("kinesis", account, region)
    with translated(f"Reading the stream {name} of {place.account.name}"):
        try:
            summary = client.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return False
            raise
    return str(summary["StreamStatus"]) != "DELETING"


def put_records(
    cloud: Cloud,
    account: str,
    region: str,
    stream: str,
    records: Sequence[KeyedRecord],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Put every (partition key, data) into the stream, with retries if throttled. Raises Throttled.

    Delivery is at least once: a failed call may have stored its records.
    """
    client = cloud.client("kinesis", account, region)
    for batch in _batches(records):
        _put(client, stream, batch, sleep)


def _put(client: Any, stream: str, batch: Sequence[KeyedRecord], sleep: Callable[[float], None]) -> None:
    left: list[dict[str, Any]] = [{"PartitionKey": key, "Data": data} for key, data in batch]
    backoff = Backoff(f"Putting records into {stream}", FIRST_PAUSE_S, LONGEST_PAUSE_S, sleep)
    for _ in range(ATTEMPTS):
        with translated(f"Putting records into the stream {stream}"):
            try:
                answers = client.put_records(StreamName=stream, Records=left)["Records"]
            except ClientError as error:
                if code(error) not in THROTTLED:
                    raise
                answers = []
        if answers:
            left = [record for record, answer in zip(left, answers, strict=True) if "ErrorCode" in answer]
        if not left:
            return
        backoff.wait()
    raise Throttled(
        f"The stream {stream} rejected {len(left)} records because it is throttled.",
        hint="Retry later, or increase the stream's shard count.",
    )


def _batches(records: Sequence[KeyedRecord]) -> Iterator[list[KeyedRecord]]:
    batch: list[KeyedRecord] = []
    size = 0
    for key, data in records:
        length = len(key) + len(data)
        if batch and (len(batch) == CALL_RECORDS or size + length > CALL_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((key, data))
        size += length
    if batch:
        yield batch
