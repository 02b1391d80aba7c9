"""The prefix of a line that repeats what is known of its event: time, request ID, and level. Pure."""

import re
from datetime import datetime, timedelta

from ops.logs.lake.lines.times import time_in

NEAR = timedelta(seconds=2)  # between the time that is written and the event's
_ZONES = timedelta(minutes=15)  # a time without an offset is local: offsets are multiples of 15 minutes
_CLOCK = r"\d\d?:\d\d:\d\d(?:[.,:]\d{1,9})?(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?"
_TIME = re.compile(
    rf"[\[(]?(?:\d{{4}}[-/.]\d\d[-/.]\d\d[T _]{_CLOCK}|\d\d/[A-Z][a-z]{{2}}/\d{{4}}[: ]{_CLOCK}"
    rf"|[A-Z][a-z]{{2}}\s+\d\d? {_CLOCK})[\])]?(?=[\s|:,;-]|$)"
)
_REQUEST = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=[\t ]+[A-Z])")
_LEVEL = re.compile(r"(?:[\[(<|]\s*)?([A-Z]{3,13}|[A-Za-z]{3,13}(?=\s*[\])>|:]))\s*[\])>|]?(?=[\s|:,;]|$)")
_BETWEEN = re.compile(r"[\s|:,;-]*")
_NAMES = {
    "FATAL": ("FATAL", "CRITICAL", "CRIT", "ALERT", "EMERGENCY", "EMERG", "PANIC"),
    "ERROR": ("ERROR", "ERR", "SEVERE"),
    "WARN": ("WARN", "WARNING", "WRN"),
    "INFO": ("INFO", "INF", "INFORMATION", "NOTICE"),
    "DEBUG": ("DEBUG", "DBG", "FINE"),
    "TRACE": ("TRACE", "TRC", "VERBOSE", "FINER", "FINEST"),
}


def prefix_length(message: str, at: datetime, level: str | None) -> int:
    """Return the number of characters before the text of the line; 0 if nothing would remain.

    A time that differs from the event's, and a level that is not the event's, are part of the text.
    """
    start = _after(message, 0, _TIME.match(message), at)
    if start and (request := _REQUEST.match(message, start)):
        start = _BETWEEN.match(message, request.end()).end()  # type: ignore[union-attr]
    named = _LEVEL.match(message, start)
    if named and level and named[1].upper() in _NAMES.get(level, ()):
        start = _BETWEEN.match(message, named.end()).end()  # type: ignore[union-attr]
    if start and not _TIME.match(message):  # a level before the time, as `[INFO] 2026-11-24 10:00:00 text`
        start = _after(message, start, _TIME.match(message, start), at)
    return start if message[start:].strip() else 0


def _after(message: str, start: int, written: re.Match[str] | None, at: datetime) -> int:
    """Return where the text after the time begins; `start` if there is no time, or it is another one."""
    moment = time_in(written[0].strip("[]()"), at) if written else None
    if not written or not moment:
        return start
    apart = (moment - at) % _ZONES
    if min(apart, _ZONES - apart) > NEAR:
        return start
    return _BETWEEN.match(message, written.end()).end()  # type: ignore[union-attr]
