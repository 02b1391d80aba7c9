"""Firehose data transformation of the log export: subscription records in, log lines out, without loss.

Each record gets one result: Ok with the lines of one account, region, and hour (UTC, by event time); Dropped
for a control message, or if the record was returned to the stream; ProcessingFailed if it cannot be parsed,
so that Firehose writes it unchanged to the error prefix. What exceeds the response size, and events of later
hours than the record's first, return to the stream as subscription records. Delivery is at least once: a
duplicate event has the same id.
"""

import json
import os
import random
import re
import time
import zlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from ops.functions.shared.records import log

# Slipway packages two faster libraries with the function; without them it uses the standard library.
try:
    import orjson

    loads: Callable[[bytes], Any] = orjson.loads
except ImportError:
    loads = json.loads
try:
    from isal import isal_zlib

    decompressobj: Callable[[int], Any] = isal_zlib.decompressobj
except ImportError:
    decompressobj = zlib.decompressobj

Record = dict[str, Any]

FORMAT = os.environ["FORMAT"]  # raw or json
STREAM = os.environ["STREAM"]
BUCKET = os.environ["BUCKET"]
PREFIX = os.environ["PREFIX"]
FILTER = "slipway-"  # then the region: a subscription record names its filters, not its region
CANARIES, CANARY = "/slipway/canary/", "canary"  # log groups, and the folder of their events
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
UNKNOWN_REGION = "unknown"
ACCOUNT = re.compile(r"\d{12}")
# The backslash comes first, so that unescaping restores the exact text.
ESCAPES = ((b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r"))

HOUR_MS = 3_600_000
LAST_HOUR = 253_402_300_799 // 3600  # of the year 9999
# A response is at most 6 MB, base64 included: Amazon Data Firehose Developer Guide, "Transform source data".
REPLY = 6_000_000
ENVELOPE = 400  # bytes of a record besides its data: id, result, partition keys
LINES = (REPLY - 2 * ENVELOPE) // 4 * 3 - 3
# PutRecords: 500 records and 5 MB per call, 1 MiB per record, with partition keys: Kinesis API Reference.
PUT_RECORDS, PUT_BYTES, PUT_RECORD, KEY = 500, 5_000_000, 1_048_576, 32
ATTEMPTS, FIRST_WAIT_S, LONGEST_WAIT_S, RESERVE_S = 10, 0.1, 5.0, 5.0
HOPELESS = ("AccessDeniedException", "ResourceNotFoundException", "KMSAccessDeniedException")

times_of, ids_of, texts_of = itemgetter("timestamp"), itemgetter("id"), itemgetter("message")


@cache
def client(service: str) -> Any:
    """Create a client on first use: most invocations call no API, and importing boto3 takes a second."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=5, read_timeout=20)
    make: Any = boto3.client  # untyped: the runtime has no stubs
    return make(service, config=config)


def _digest(data: bytes) -> str:
    """Return the SHA-256. The import is here because it takes 4 MB that most invocations do not need."""
    from hashlib import sha256

    return sha256(data).hexdigest()


class Unreadable(Exception):
    """The record is not a subscription record of CloudWatch Logs."""


def handler(event: Record, context: Any) -> Record:
    answers, back = _transform(event["records"])
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_S
    for index, reason in _put_back(back, deadline).items():
        answers[index] = _failed(event["records"][index], reason)
    return {"records": answers}


def _transform(records: list[Record]) -> tuple[list[Record], list[tuple[int, bytes]]]:
    """Return a result per record, and the data to return to the stream with the index of its record."""
    answers: list[Record] = []
    back: list[tuple[int, bytes]] = []
    left = REPLY - ENVELOPE
    full = False
    for index, record in enumerate(records):
        if full:
            back.append((index, a2b_base64(record["data"])))
            answers.append(_dropped(record))
            continue
        try:
            answer, rest = _answer(record)
        except Exception as error:  # a broken record must not stop the delivery of the others
            answers.append(_failed(record, f"{type(error).__name__}: {error}"))
            continue
        needs = ENVELOPE + len(answer.get("data", ""))
        if needs > left:
            full, answer, rest = True, _dropped(record), [a2b_base64(record["data"])]
        else:
            left -= needs
        answers.append(answer)
        back += [(index, data) for data in rest]
    return answers, back


def _dropped(record: Record) -> Record:
    return {"recordId": record["recordId"], "result": "Dropped"}


def _failed(record: Record, reason: str) -> Record:
    """Log the reason by the digest of the data, because Firehose stores the record without it."""
    digest = _digest(record["data"].encode())
    log("ERROR", "Record not exported", failed=record["recordId"], sha256=digest, reason=reason[:1000])
    return {"recordId": record["recordId"], "result": "ProcessingFailed"}


def _answer(record: Record) -> tuple[Record, list[bytes]]:
    """Return the record's result, and subscription records with the events that it does not include."""
    message = _open(a2b_base64(record["data"]))
    if message["messageType"] == "CONTROL_MESSAGE":
        return _dropped(record), []
    if message["messageType"] != "DATA_MESSAGE":
        raise Unreadable(f"messageType is {message['messageType']!r:.40}")
    events = _checked(message)
    if not events:
        return _dropped(record), []
    first, events, later = _by_hour(events)
    keys = _partition(message, first)
    lines = _lines(message, keys, events)
    if len(lines) > LINES:
        lines, too_many = _split(message, keys, events)
        later = [*too_many, *later]
    rest = [data for group in later for data in _closed(message, group)]
    if not lines:
        return _dropped(record), rest
    data = b2a_base64(lines, newline=False).decode("ascii")
    answer = {"recordId": record["recordId"], "result": "Ok", "data": data}
    # With the format as a partition key, objects of both formats stay apart when LogFormat changes.
    folder = CANARY if message["logGroup"].startswith(CANARIES) else FORMAT
    return {**answer, "metadata": {"partitionKeys": {"format": folder, **keys}}}, rest


def _open(data: bytes) -> Any:
    inflater = decompressobj(31)
    text = inflater.decompress(data)
    if not inflater.eof or inflater.unused_data:
        raise Unreadable("the record is not a single complete gzip member")
    return loads(text)


def _checked(message: Any) -> list[Record]:
    """Return the events. Raises Unreadable if the owner is not an account ID."""
    events: list[Record] = message["logEvents"]
    if not ACCOUNT.fullmatch(message["owner"]):
        raise Unreadable(f"owner is {message['owner']!r:.40}, not an account ID")
    return events


def _by_hour(events: list[Record]) -> tuple[int, list[Record], list[list[Record]]]:
    """Return the first hour, its events, and the events of each later hour."""
    times = list(map(times_of, events))
    if set(map(type, times)) != {int}:  # other faults raise when the lines are written
        raise Unreadable("the timestamp of an event is not an integer")
    first = min(times) // HOUR_MS
    if max(times) // HOUR_MS == first:
        return first, events, []
    hours: dict[int, list[Record]] = {}
    for event in events:
        hours.setdefault(event["timestamp"] // HOUR_MS, []).append(event)
    return first, hours.pop(first), [hours[hour] for hour in sorted(hours)]


def _partition(message: Record, hour: int) -> dict[str, str]:
    if not 0 <= hour <= LAST_HOUR:
        raise Unreadable("the timestamp of an event is out of range")
    moment = time.gmtime(hour * 3600)
    return {
        "account": message["owner"],
        "region": _region(message["subscriptionFilters"]),
        "date": f"{moment.tm_year:04}-{moment.tm_mon:02}-{moment.tm_mday:02}",
        "hour": f"{moment.tm_hour:02}",
    }


def _region(filters: list[str]) -> str:
    for name in filters:
        if name.startswith(FILTER) and REGION.fullmatch(name, len(FILTER)):
            return name[len(FILTER) :]
    return UNKNOWN_REGION


def _lines(message: Record, keys: dict[str, str], events: list[Record]) -> bytes:
    """Return one UTF-8 line per event. Raises UnicodeEncodeError for text that is not valid Unicode."""
    write = _json_lines if FORMAT == "json" else _raw_lines
    return write(message, keys, events)


def _json_lines(message: Record, keys: dict[str, str], events: list[Record]) -> bytes:
    quote = encode_basestring
    names = {**keys, "group": message["logGroup"], "stream": message["logStream"]}
    fields = ",".join(f'"{name}":{quote(names[name])}' for name in ("account", "region", "group", "stream"))
    head = f'{{{fields},"timestamp":'
    columns = map(times_of, events), map(quote, map(ids_of, events)), map(quote, map(texts_of, events))
    lines = [f'{at},"id":{i},"message":{text}}}' for at, i, text in zip(*columns, strict=True)]
    return f"{head}{f'{chr(10)}{head}'.join(lines)}\n".encode()


def _raw_lines(message: Record, keys: dict[str, str], events: list[Record]) -> bytes:
    """Return escaped lines.

    Escaping all events as one string takes half the time. Marker characters separate events and fields, and
    become line feeds and tabs afterward; if a message contains a marker, events are escaped one by one.
    """
    head = _escaped((message["logGroup"] + ":" + message["logStream"]).encode()) + b"\t"
    texts = list(map(texts_of, events))
    combined = "".join(texts)
    columns = zip(map(times_of, events), texts, strict=True)
    if "\0" in combined or "\1" in combined:
        return b"".join(b"%b%d\t%b\n" % (head, at, _escaped(text.encode())) for at, text in columns)
    marked = _escaped("\0".join([f"{at}\1{text}" for at, text in columns]).encode())
    return b"".join((head, marked.replace(b"\1", b"\t").replace(b"\0", b"\n" + head), b"\n"))


def _escaped(text: bytes) -> bytes:
    for character, escape in ESCAPES:
        text = text.replace(character, escape)
    return text


def _split(message: Record, keys: dict[str, str], events: list[Record]) -> tuple[bytes, list[list[Record]]]:
    """Return the lines that fit a response, and the other events in batches; store events that fit none."""
    portions: list[list[Record]] = [[]]
    first, size = b"", 0
    for event in events:
        line = _lines(message, keys, [event])
        if len(line) > LINES:
            _store(message, keys, event)
            continue
        if size + len(line) > LINES:
            portions.append([])
            size = 0
        portions[-1].append(event)
        size += len(line)
    if portions[0]:
        first = _lines(message, keys, portions[0])
    return first, portions[1:]


def _store(message: Record, keys: dict[str, str], event: Record) -> None:
    """Write an event that exceeds the response size as an object to its hour's prefix.

    Readers treat it like any other object. The key is derived from the content, so writing is idempotent.
    """
    line = _lines(message, keys, [event])
    digest = _digest(event["id"].encode() + b"\0" + line)[:32]
    where = "/".join(f"{name}={keys[name]}" for name in ("account", "region", "date", "hour"))
    key = f"{PREFIX}{FORMAT}/{where}/large-{digest}.gz"
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=_deflated(line))


def _closed(message: Record, events: list[Record]) -> Iterator[bytes]:
    """Yield subscription records with these events, each within the record size limit of the stream."""
    data = _deflated(json.dumps({**message, "logEvents": events}, separators=(",", ":")).encode())
    if len(data) + KEY <= PUT_RECORD:
        yield data
    elif len(events) > 1:
        half = len(events) // 2
        yield from _closed(message, events[:half])
        yield from _closed(message, events[half:])
    else:
        _store(message, _partition(message, events[0]["timestamp"] // HOUR_MS), events[0])


def _deflated(data: bytes) -> bytes:
    """Return gzip without a timestamp, so that the same data gives the same bytes."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, 31)
    return deflater.compress(data) + deflater.flush()


def _put_back(back: list[tuple[int, bytes]], deadline: float) -> dict[int, str]:
    """Put the data into the stream with retries; return the reasons of failure by record index."""
    reasons: dict[int, str] = {}
    for attempt in range(ATTEMPTS):
        failed: list[tuple[int, bytes, str]] = [f for batch in _batches(back) for f in _put(batch)]
        reasons = {index: reason for index, _, reason in failed}
        back = [(index, data) for index, data, _ in failed]
        wait_s = random.uniform(0.5, 1) * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt)
        if not back or time.monotonic() + wait_s > deadline or any(r in HOPELESS for r in reasons.values()):
            break
        time.sleep(wait_s)
    return {index: f"cannot be returned to the stream: {reason}" for index, reason in reasons.items()}


def _batches(back: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for index, data in back:
        if batch and (len(batch) == PUT_RECORDS or size + len(data) + KEY > PUT_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((index, data))
        size += len(data) + KEY
    if batch:
        yield batch


def _put(batch: list[tuple[int, bytes]]) -> list[tuple[int, bytes, str]]:
    """Put a batch; return the items that the stream rejected, with the error code."""
    records = [{"Data": data, "PartitionKey": _digest(data)[:KEY]} for _, data in batch]
    try:
        answered = client("kinesis").put_records(StreamName=STREAM, Records=records)["Records"]
    except Exception as error:  # from AWS or the network: the error code decides whether to retry
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        return [(*item, code) for item in batch]
    return [
        (*item, answer["ErrorCode"])
        for item, answer in zip(batch, answered, strict=True)
        if answer.get("ErrorCode")
    ]
