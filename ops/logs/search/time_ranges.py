"""Parse and format time ranges: relative (`15m`, `7d`) or absolute, in a time zone. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from ops.errors import InputError
from ops.text.durations import parse_duration

DEFAULT_LAST = timedelta(hours=1)
HINT = "Use a relative range such as 15m, 3h, or 7d, or START/END: 2026-11-24T10:00/2026-11-24T11:30."


@dataclass(frozen=True)
class TimeRange:
    """A relative range (`last`, up to now), or an absolute one from `start` to before `end`, in UTC."""

    last: timedelta | None = None
    start: datetime | None = None
    end: datetime | None = None

    def at(self, now: datetime) -> tuple[datetime, datetime]:
        """Return start and end in UTC."""
        if self.last is not None:
            return now - self.last, now
        assert self.start and self.end
        return self.start, self.end

    @property
    def text(self) -> str:
        """A text that `parse_range` turns into exactly this range, in any time zone."""
        if self.last is not None:
            return relative_text(self.last)
        assert self.start and self.end
        return f"{_iso(self.start)}/{_iso(self.end)}"


def parse_range(text: str, zone: tzinfo = UTC) -> TimeRange:
    """Parse `3h`, or `START/END` in ISO 8601; times without an offset are in `zone`. Raises InputError."""
    text = text.strip()
    if (span := parse_duration(text)) is not None:
        if not timedelta(0) < span <= timedelta(days=3650):
            raise InputError(f"{text} is out of range.", field="time", hint="Use 1s to 3650d.")
        return TimeRange(span)
    start_text, slash, end_text = text.partition("/")
    if not slash:
        raise InputError(f"{text!r} is not a time range.", field="time", hint=HINT)
    return between(_moment(start_text, zone), _moment(end_text, zone))


def span_of(
    now: datetime,
    last: str | timedelta | None = None,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    zone: tzinfo = UTC,
) -> tuple[datetime, datetime]:
    """Return start and end in UTC of a range that is given by at most two of `last`, `start`, and `end`.

    `last` is a length (`3h`, a timedelta), or the text `START/END`. A range without `end` ends now, unless it
    has a start and a length; one without a start has the length `last`, DEFAULT_LAST by default. Times
    without a UTC offset are in `zone`. Raises InputError.
    """
    if start is not None and end is not None and last is not None:
        raise InputError(
            "The time range has a start, an end, and a length.", field="time", hint="Leave out last=."
        )
    if isinstance(last, str) and "/" in last:
        if start is not None or end is not None:
            raise InputError(
                f"{last!r} already has a start and an end.", field="time", hint="Leave them out."
            )
        return parse_range(last, zone).at(now)
    until = _instant(end, zone) if end is not None else None
    if start is not None:
        since = _instant(start, zone)
        if last is not None:
            until = since + _length(last)
        chosen = between(since, until or now)
    else:
        until = until or now
        chosen = between(until - _length(DEFAULT_LAST if last is None else last), until)
    return chosen.at(now)


def between(start: datetime, end: datetime) -> TimeRange:
    """Return the absolute range. Raises InputError unless the end is later than the start."""
    if start >= end:
        raise InputError(
            "The time range ends before it starts.",
            field="time",
            hint="Choose an end later than the start.",
        )
    return TimeRange(None, start.astimezone(UTC), end.astimezone(UTC))


def zone_of(name: str) -> tzinfo:
    """Return the time zone of that IANA name. Raises InputError."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"There is no time zone {name!r}.",
            field="zone",
            hint="Use UTC, or a name such as Europe/Berlin.",
        ) from error


def relative_text(span: timedelta) -> str:
    """Return `15m`, `3h`, or `7d`: the span in the largest unit that divides it."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _length(last: str | timedelta) -> timedelta:
    if isinstance(last, timedelta):
        last = relative_text(last)
    span = parse_range(last).last
    assert span is not None, "a text with a slash is a start and an end"
    return span


def _instant(moment: str | datetime, zone: tzinfo) -> datetime:
    return _moment(moment if isinstance(moment, str) else moment.isoformat(), zone)


def _moment(text: str, zone: tzinfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"{text!r} is not a time.", field="time", hint=HINT) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _iso(moment: datetime) -> str:
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
