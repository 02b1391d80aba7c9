"""Subscription records as CloudWatch Logs builds them: gzipped JSON within the size of a Kinesis record."""

import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any

BATCH_BYTES = 1_048_576  # JSON before compression: the limit of one PutLogEvents call
RECORD_BYTES = 1_000_000
COMPRESSION = 1
EVENT_OVERHEAD = 120  # id, timestamp and punctuation of one event

Event = dict[str, Any]

CONTROL_MESSAGE = {
    "messageType": "CONTROL_MESSAGE",
    "owner": "CloudwatchLogs",
    "logGroup": "",
    "logStream": "",
    "subscriptionFilters": [],
}


def control_record(now_ms: int) -> bytes:
    """Return the test record that PutSubscriptionFilter and PutDestination send."""
    text = "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
    event = {"id": "", "timestamp": now_ms, "message": text}
    return _compressed({**CONTROL_MESSAGE, "logEvents": [event]})


def data_records(
    owner: str, group: str, stream: str, filters: Sequence[str], events: Sequence[Event]
) -> Iterator[bytes]:
    """Yield the records for one stream's events, which have `eventId`, `timestamp`, and `message`."""
    head = {
        "messageType": "DATA_MESSAGE",
        "owner": owner,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": list(filters),
    }
    for batch in _batches(events):
        yield from _within_limit(head, batch)


def _batches(events: Sequence[Event]) -> Iterator[list[Event]]:
    batch: list[Event] = []
    size = 0
    for event in events:
        length = len(event["message"]) + EVENT_OVERHEAD
        if batch and size + length > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch


def _within_limit(head: dict[str, Any], events: Sequence[Event]) -> Iterator[bytes]:
    log_events = [
        {"id": event["eventId"], "timestamp": event["timestamp"], "message": event["message"]}
        for event in events
    ]
    record = _compressed({**head, "logEvents": log_events})
    if len(record) <= RECORD_BYTES or len(events) == 1:
        yield record
        return
    half = len(events) // 2
    yield from _within_limit(head, events[:half])
    yield from _within_limit(head, events[half:])


def _compressed(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8", "surrogatepass"), COMPRESSION, mtime=0)
