"""Time ranges as people write them: relative (`15m`, `7d`) or absolute, in a zone. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from ops.errors import InputError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
HINT = "Write 15m, 3h or 7d, or START/END as in 2026-11-24T10:00/2026-11-24T11:30."

_RELATIVE = re.compile(r"(\d{1,6})([smhdw])")


@dataclass(frozen=True)
class TimeRange:
    """The last `last` up to now, or from `start` to `end` (UTC, half open). One of both is set."""

    last: timedelta | None = None
    start: datetime | None = None
    end: datetime | None = None

    def at(self, now: datetime) -> tuple[datetime, datetime]:
        """Start and end in UTC."""
        if self.last is not None:
            return now - self.last, now
        assert self.start and self.end
        return self.start, self.end

    @property
    def text(self) -> str:
        """A text that `parse_range` turns into just this range, whatever the zone."""
        if self.last is not None:
            return relative_text(self.last)
        assert self.start and self.end
        return f"{_iso(self.start)}/{_iso(self.end)}"


def parse_range(text: str, zone: tzinfo = UTC) -> TimeRange:
    """`3h`, or `START/END` in ISO 8601; without an offset a moment is in `zone`. Raises InputError."""
    text = text.strip()
    if match := _RELATIVE.fullmatch(text):
        span = timedelta(**{UNITS[match[2]]: int(match[1])})
        if not timedelta(0) < span <= timedelta(days=3650):
            raise InputError(f"{text} is no span of time.", field="time", hint="From 1s to 3650d.")
        return TimeRange(span)
    start_text, slash, end_text = text.partition("/")
    if not slash:
        raise InputError(f"{text!r} is no range of time.", field="time", hint=HINT)
    return between(_moment(start_text, zone), _moment(end_text, zone))


def between(start: datetime, end: datetime) -> TimeRange:
    """The absolute range. Raises InputError when it is empty or runs backwards."""
    if start >= end:
        raise InputError(
            "The range ends before it begins.",
            field="time",
            hint="Choose an end that is later than the start.",
        )
    return TimeRange(None, start.astimezone(UTC), end.astimezone(UTC))


def zone_of(name: str) -> tzinfo:
    """The zone of that IANA name. Raises InputError."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"There is no time zone {name!r}.",
            field="zone",
            hint="Write UTC or a name such as Europe/Berlin.",
        ) from error


def relative_text(span: timedelta) -> str:
    """`15m`, `3h`, `7d`: the largest unit that divides the span."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _moment(text: str, zone: tzinfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"{text!r} is no moment.", field="time", hint=HINT) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _iso(moment: datetime) -> str:
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
