"""Parse an object's bytes into events, for every format, even if the object is damaged.

Everything readable is returned, and a note reports the rest. `ops.logs.engines.duckdb_readers` is the fast
path for valid objects; these readers are always exact.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.logs.lake.buffers import is_utf8
from ops.logs.lake.gzipped import LARGEST_BYTES, TOO_LARGE, inflate, is_gzip, members
from ops.logs.lake.layout import UNKNOWN, LogFormat, Partition
from ops.logs.lake.raw_lines import Lines, begins_with_event, parse_lines
from ops.logs.lake.rules import MILLIS

EVENTS = pa.schema(
    [
        ("account", pa.string()),
        ("region", pa.string()),
        ("log_group", pa.string()),
        ("log_stream", pa.string()),
        ("ts", pa.timestamp("ms")),
        ("message", pa.string()),
        ("id", pa.string()),
    ]
)
AT_ONCE_BYTES = 4 << 20  # of text parsed at a time
FILTER_NAME = "slipway-"  # prefix of the name of a subscription filter; the region follows

END_OF_TIME = 10**MILLIS  # milliseconds; later times are not those of events, and overflow in some engines
NESTED = 2  # gzip within gzip: by CloudWatch Logs, and by Firehose
# What a hostile document can raise: fields that are missing or of another type, and numbers without end.
_NOT_EVENTS = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)

Row = tuple[str, str, str, str, int, str, str | None]


@dataclass(frozen=True)
class ObjectEvents:
    """The events of one object, and notes about what could not be read."""

    events: pa.Table
    notes: tuple[str, ...] = ()


def read_object(kind: LogFormat, data: bytes, partition: Partition, name: str) -> ObjectEvents:
    """Return the events of an object; `name` identifies it in notes. Never raises for invalid data."""
    notes: list[str] = []
    reader: Callable[[bytes, Partition, list[str]], pa.Table] = {
        LogFormat.RAW: _raw,
        LogFormat.OLDER: _older,
        LogFormat.JSON: _json,
        LogFormat.CLOUDWATCH: _cloudwatch,
    }[kind]
    events = reader(data, partition, notes)
    return ObjectEvents(events, tuple(f"{name}: {note}" for note in notes))


def _raw(data: bytes, partition: Partition, notes: list[str]) -> pa.Table:
    return _lines(data, partition, notes, escaped=True)


def _older(data: bytes, partition: Partition, notes: list[str]) -> pa.Table:
    """Read the lines of an older exporter, or its records: CloudWatch2S3 writes either."""
    content, _ = inflate(data)
    if is_gzip(content) or content[:64].lstrip().startswith(b"{"):
        return _cloudwatch(data, partition, notes)
    return _lines(data, partition, notes, escaped=False)


def _lines(data: bytes, partition: Partition, notes: list[str], *, escaped: bool) -> pa.Table:
    lines = parse_lines(text_of(data, notes), escaped=escaped)
    if lines.lost_bytes:
        notes.append(f"Skipped bytes before the first event: {lines.lost_bytes}.")
    return _events(lines, partition).cast(EVENTS)


def read_lines(kind: LogFormat, contents: Iterable[bytes], partition: Partition) -> pa.Table:
    """Return the events of valid (`is_well_formed`) raw objects of one partition: the fastest path."""
    tables = [
        _events(parse_lines(data, escaped=kind is LogFormat.RAW), partition) for data in _together(contents)
    ]
    return pa.concat_tables(tables)


def _together(contents: Iterable[bytes]) -> Iterator[bytes]:
    """Join the contents into blocks that fit the CPU cache, so that parsing is fastest."""
    waiting: list[bytes] = []
    for text in contents:
        waiting += [text] if text.endswith(b"\n") or not text else [text, b"\n"]
        if sum(map(len, waiting)) >= AT_ONCE_BYTES:
            yield b"".join(waiting)
            waiting = []
    yield b"".join(waiting)


def is_well_formed(content: bytes) -> bool:
    """Return whether raw lines are UTF-8 and start with an event."""
    return not content or (begins_with_event(content) and is_utf8(content))


def _events(lines: Lines, partition: Partition) -> pa.Table:
    count = len(lines.ts)
    columns = [
        _constant(partition.account, count),
        _constant(partition.region, count),
        lines.log_group,
        lines.log_stream,
        lines.ts,
        lines.message,
        pa.nulls(count, pa.string()),
    ]
    return pa.table(columns, names=EVENTS.names)


def _json(data: bytes, partition: Partition, notes: list[str]) -> pa.Table:
    rows: list[Row] = []
    wrong = 0
    for line in text_of(data, notes).split(b"\n"):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
            rows.append(
                (
                    clean(str(event["account"])),
                    clean(str(event["region"])),
                    clean(str(event["group"])),
                    clean(str(event["stream"])),
                    _time(event["timestamp"]),
                    clean(str(event["message"])),
                    None if event.get("id") is None else clean(str(event["id"])),
                )
            )
        except _NOT_EVENTS:
            wrong += 1
    if wrong:
        notes.append(f"Skipped lines that are not events in JSON: {wrong}.")
    return _table(rows)


def _cloudwatch(data: bytes, partition: Partition, notes: list[str]) -> pa.Table:
    rows: list[Row] = []
    wrong = 0
    for document in _documents(data, notes):
        try:
            if isinstance(document, dict) and document.get("messageType") == "CONTROL_MESSAGE":
                continue
            rows += _record(document)
        except _NOT_EVENTS:
            wrong += 1
    if wrong:
        notes.append(f"Skipped records that are not from a subscription filter: {wrong}.")
    return _table(rows)


def _record(document: Any) -> list[Row]:
    place = (clean(str(document["owner"])), clean(region_of(document.get("subscriptionFilters", []))))
    source = (clean(str(document["logGroup"])), clean(str(document["logStream"])))
    return [
        (*place, *source, _time(event["timestamp"]), clean(str(event["message"])), clean(str(event["id"])))
        for event in document["logEvents"]
    ]


def region_of(filters: list[str]) -> str:
    """Return the region in the name of a record's subscription filter."""
    regions = [name.removeprefix(FILTER_NAME) for name in filters if str(name).startswith(FILTER_NAME)]
    return regions[0] if regions else UNKNOWN


def _documents(data: bytes, notes: list[str], depth: int = 0, limit: int = 0) -> Iterator[Any]:
    """Yield the JSON documents of concatenated gzip members, or of plain text."""
    left = limit or LARGEST_BYTES  # of all members together, however they are nested
    for content, fault in members(data, left) if is_gzip(data) else iter([(data, "")]):
        left -= len(content)
        if fault:
            notes.append(fault)
        if left <= 0:
            notes.append(TOO_LARGE.format(LARGEST_BYTES >> 20))
            return
        if is_gzip(content) and depth < NESTED:  # compressed by Firehose in addition to CloudWatch Logs
            yield from _documents(content, notes, depth + 1, left)
            continue
        yield from _decoded(content.decode("utf-8", "replace"), notes)


def _decoded(text: str, notes: list[str]) -> Iterator[Any]:
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        try:
            document, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            notes.append(f"Skipped characters that are not JSON: {len(text) - position}.")
            return
        yield document


def text_of(data: bytes, notes: list[str]) -> bytes:
    """Return the decompressed content as valid UTF-8."""
    content, fault = inflate(data)
    if fault:
        notes.append(fault)
    if not is_utf8(content):
        notes.append("Some of it is not UTF-8 and is shown as �.")
        return content.decode("utf-8", "replace").encode()
    return content


def _time(value: Any) -> int:
    """Return the time of an event in milliseconds. Raises ValueError for one that no event has."""
    milliseconds = int(value)
    if not 0 <= milliseconds < END_OF_TIME:
        raise ValueError(f"{milliseconds} is not the time of an event")
    return milliseconds


def clean(text: str) -> str:
    """Replace lone surrogates, which JSON can express and UTF-8 cannot, with �."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _constant(value: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count), [value])


def _table(rows: list[Row]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(EVENTS)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, EVENTS, strict=True)], schema=EVENTS
    )
