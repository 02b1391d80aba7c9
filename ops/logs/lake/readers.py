"""An object's bytes → its events, exactly, for every format, whatever is wrong with them.

What cannot be read is told in a note; the rest is returned. The quick way for objects without fault is
`stock`; this is the way that is always right.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.logs.lake.buffers import is_utf8
from ops.logs.lake.gzipped import inflate, is_gzip, members
from ops.logs.lake.layout import UNKNOWN, Kind, Partition
from ops.logs.lake.raw_lines import Lines, begins_with_event, parse_lines

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
AT_ONCE_BYTES = 4 << 20  # of text that is parsed at once
FILTER_NAME = "slipway-"  # a subscription is named so, with its region after it

Row = tuple[str, str, str, str, int, str, str | None]


@dataclass(frozen=True)
class Read:
    """Events of one object, and what was wrong with it, in words."""

    events: pa.Table
    notes: tuple[str, ...] = ()


def read_object(kind: Kind, data: bytes, partition: Partition, name: str) -> Read:
    """The events of an object; `name` is what notes call it. Never raises for what is in the data."""
    notes: list[str] = []
    reader: Callable[[bytes, Partition, list[str]], pa.Table] = {
        Kind.RAW: _raw,
        Kind.OLDER: _older,
        Kind.JSON: _json,
        Kind.CLOUDWATCH: _cloudwatch,
    }[kind]
    events = reader(data, partition, notes)
    return Read(events, tuple(f"{name}: {note}" for note in notes))


def _raw(data: bytes, partition: Partition, notes: list[str]) -> pa.Table:
    return _lines(data, partition, notes, escaped=True)


def _older(data: bytes, partition: Partition, notes: list[str]) -> pa.Table:
    return _lines(data, partition, notes, escaped=False)


def _lines(data: bytes, partition: Partition, notes: list[str], *, escaped: bool) -> pa.Table:
    lines = parse_lines(_text(data, notes), escaped=escaped)
    if lines.lost_bytes:
        notes.append(f"{lines.lost_bytes} bytes before the first event are no event, and were left out.")
    return _events(lines, partition).cast(EVENTS)


def read_lines(kind: Kind, contents: Iterable[bytes], partition: Partition) -> pa.Table:
    """The events of faultless (`faultless`) raw objects of one place, some at once: much the quickest way."""
    tables = [_events(parse_lines(data, escaped=kind is Kind.RAW), partition) for data in _together(contents)]
    return pa.concat_tables(tables)


def _together(contents: Iterable[bytes]) -> Iterator[bytes]:
    """The contents joined, as many as a parse is quickest for: more would not stay near the processor."""
    waiting: list[bytes] = []
    for text in contents:
        waiting += [text] if text.endswith(b"\n") or not text else [text, b"\n"]
        if sum(map(len, waiting)) >= AT_ONCE_BYTES:
            yield b"".join(waiting)
            waiting = []
    yield b"".join(waiting)


def faultless(content: bytes) -> bool:
    """Whether raw lines are UTF-8 and begin with an event."""
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
    for line in _text(data, notes).split(b"\n"):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            rows.append(
                (
                    str(one["account"]),
                    str(one["region"]),
                    str(one["group"]),
                    str(one["stream"]),
                    int(one["timestamp"]),
                    _clean(str(one["message"])),
                    None if one.get("id") is None else str(one["id"]),
                )
            )
        except (ValueError, KeyError, TypeError):
            wrong += 1
    if wrong:
        notes.append(f"{wrong} lines are not events in JSON, and were left out.")
    return _table(rows)


def _cloudwatch(data: bytes, partition: Partition, notes: list[str]) -> pa.Table:
    rows: list[Row] = []
    wrong = 0
    for document in _documents(data, notes):
        try:
            if isinstance(document, dict) and document.get("messageType") == "CONTROL_MESSAGE":
                continue
            rows += _record(document)
        except (ValueError, KeyError, TypeError, AttributeError):
            wrong += 1
    if wrong:
        notes.append(f"{wrong} records are not from a subscription, and were left out.")
    return _table(rows)


def _record(document: Any) -> list[Row]:
    place = (str(document["owner"]), region_of(document.get("subscriptionFilters", [])))
    source = (str(document["logGroup"]), str(document["logStream"]))
    return [
        (*place, *source, int(event["timestamp"]), _clean(str(event["message"])), str(event["id"]))
        for event in document["logEvents"]
    ]


def region_of(filters: list[str]) -> str:
    """The region that a record's subscription names."""
    found = [name.removeprefix(FILTER_NAME) for name in filters if str(name).startswith(FILTER_NAME)]
    return found[0] if found else UNKNOWN


def _documents(data: bytes, notes: list[str]) -> Iterator[Any]:
    """The JSON documents of concatenated gzip members, or of plain text."""
    contents = members(data) if is_gzip(data) else iter([(data, True)])
    for content, whole in contents:
        if not whole:
            notes.append("it is cut off or damaged; what is before that is shown.")
        if is_gzip(content):  # Firehose's own compression around the records'
            yield from _documents(content, notes)
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
        except ValueError:
            notes.append(f"{len(text) - position} characters are not JSON, and were left out.")
            return
        yield document


def _text(data: bytes, notes: list[str]) -> bytes:
    """The content as valid UTF-8."""
    content, whole = inflate(data)
    if not whole:
        notes.append("it is cut off or damaged; what is before that is shown.")
    if not is_utf8(content):
        notes.append("it is not all UTF-8; what is not is shown as �.")
        return content.decode("utf-8", "replace").encode()
    return content


def _clean(text: str) -> str:
    """Lone surrogates, which JSON can spell and UTF-8 cannot, as �."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _constant(value: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count), [value])


def _table(rows: list[Row]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(EVENTS)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, EVENTS, strict=True)], schema=EVENTS
    )
