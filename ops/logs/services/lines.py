"""Lines of any program: plain text or JSON, export tasks of CloudWatch Logs, and Firehose's records. Pure.

The time of a line is the one that is written in it; without one, it is that of the line before, or of the
key. A line that continues the one before, such as a line of a stack trace, is part of its event.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ops.logs.lake.layout import UNKNOWN
from ops.logs.lake.lines.times import time_in, time_of
from ops.logs.lake.readers import region_of
from ops.logs.services.fields import NOT_RECORDS, Skip, iso_millis
from ops.logs.services.model import Event, KeyFacts

_CONTINUES = re.compile(r"[ \t]|Caused by:|\.\.\. \d+ (?:more|common)|\}$|\)$")
_EXPORTED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.*)", re.DOTALL)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def read_lines(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    return _lines(content.decode(), "lines", facts, skip)


def read_firehose(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    """Read what a producer sent: JSON with or without newlines, records of CloudWatch Logs, or lines."""
    text = content.decode()
    if not text.lstrip().startswith("{"):
        yield from _lines(text, "firehose", facts, skip)
        return
    last = _key_time(facts)
    for document, written in _documents(text, skip):
        try:
            if "logEvents" in document and "messageType" in document:
                yield from _cloudwatch(document)
                continue
            moment = time_of(document, facts.at or _LATEST)
            last = _millis(moment) if moment else last
            yield _must(last), _group("firehose", facts), facts.stream, written, None, None, None
        except NOT_RECORDS:
            skip("records without a time")


def read_export_task(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    """Read `2026-11-24T10:00:00.000Z MESSAGE`; a line without a time belongs to the message before it."""
    millis, message = -1, ""

    def event() -> Event:
        return millis, _group("export", facts), facts.stream, message.rstrip("\r\n"), None, None, None

    for line in content.decode().split("\n"):
        match = _EXPORTED.fullmatch(line)
        if match:
            if millis >= 0:
                yield event()
            try:
                millis, message = iso_millis(match[1]), match[2]
            except ValueError:
                millis = -1
                skip("lines without a valid time")
        elif millis >= 0:
            message += f"\n{line}"
        elif line.strip():
            skip("lines before the first event")
    if millis >= 0:
        yield event()


def _lines(text: str, kind: str, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    waiting: list[str] = []
    last = _key_time(facts)

    def event() -> Event:
        return _must(last), _group(kind, facts), facts.stream, "\n".join(waiting), None, None, None

    for raw in text.split("\n"):
        line = raw.rstrip("\r")
        if waiting and line.strip() and _CONTINUES.match(line):
            waiting.append(line)
            continue
        if waiting:
            if last is None:
                skip("lines without a time")
            else:
                yield event()
            waiting = []
        if not line.strip():
            continue
        moment = _moment(line, facts)
        last = _millis(moment) if moment else last
        waiting = [line]
    if waiting:
        if last is None:
            skip("lines without a time")
        else:
            yield event()


def _moment(line: str, facts: KeyFacts) -> datetime | None:
    now = facts.at or _LATEST
    if line.startswith("{"):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        if isinstance(fields, dict) and (moment := time_of(fields, now)):
            return moment
    return time_in(line, now)


def _documents(text: str, skip: Skip) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each JSON document with its text; a line that is not JSON is skipped."""
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        try:
            document, end = decoder.raw_decode(text, position)
            if not isinstance(document, dict):
                raise ValueError
            yield document, text[position:end]
            position = end
        except (ValueError, RecursionError):
            skip("lines that are not JSON")
            newline = text.find("\n", position)
            position = len(text) if newline < 0 else newline + 1


def _cloudwatch(document: dict[str, Any]) -> Iterator[Event]:
    if document["messageType"] == "CONTROL_MESSAGE":
        return
    region = region_of(document.get("subscriptionFilters", []))
    for one in document["logEvents"]:
        yield (
            int(one["timestamp"]), str(document["logGroup"]), str(document["logStream"]), str(one["message"]),
            str(one["id"]), str(document["owner"]), None if region == UNKNOWN else region,
        )  # fmt: skip


def _group(kind: str, facts: KeyFacts) -> str:
    return f"{kind}/{facts.resource}" if facts.resource else kind


def _key_time(facts: KeyFacts) -> int | None:
    return _millis(facts.at) if facts.at else None


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _must(millis: int | None) -> int:
    if millis is None:
        raise ValueError("no time")
    return millis
