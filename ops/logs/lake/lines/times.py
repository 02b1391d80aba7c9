"""The time that is written in a line, in a text or in a field. Pure.

A time without a UTC offset is read as UTC. A time without a year, as in syslog's older format, is in the
latest year in which it is not in the future.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

KEYS = (
    "@timestamp", "timestamp", "time", "ts", "@t", "t", "Timestamp", "TimeStamp", "TimeCreated", "datetime",
    "date", "asctime", "timeUnixNano", "observedTimeUnixNano", "__REALTIME_TIMESTAMP", "instant",
    "eventTime", "T",
)  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,:](?P<fraction>\d{1,9}))?"
_ZONE = r"(?:\s?(?P<zone>Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d))?"
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# In the order in which they are tried; a time is near the start of a line.
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?P<year>\d{{4}})[-/.](?P<month>\d\d)[-/.](?P<day>\d\d)[T _-]{_CLOCK}{_ZONE}",
        rf"\b(?P<day>\d\d?)[/-]{_MONTH}[/-](?P<year>\d{{4}})[: ]{_CLOCK}{_ZONE}",
        rf"\b{_MONTH}\s+(?P<day>\d\d?),? (?P<year>\d{{4}}) {_CLOCK}(?: (?P<half>AM|PM))?{_ZONE}",
        rf"\b{_MONTH}\s+(?P<day>\d\d?) {_CLOCK}(?: (?P<year>\d{{4}}))?",
        rf"\b(?P<day>\d\d?) {_MONTH} (?P<year>\d{{4}}) {_CLOCK}{_ZONE}",
        rf"^[IWEFD](?P<year>20\d\d)?(?P<month>\d\d)(?P<day>\d\d) {_CLOCK}",
        rf"^(?P<month>\d\d)-(?P<day>\d\d) {_CLOCK}",
        rf"\b(?P<short>\d\d)/(?P<month>\d\d)/(?P<day>\d\d) {_CLOCK}",
        rf"\b(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d{{4}}) {_CLOCK}",
        r"^(?P<short>\d\d)(?P<month>\d\d)(?P<day>\d\d) (?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d) ",
    )
)
HEAD = 300  # characters in which a time is searched
_NUMBER = re.compile(r"\d{9,19}(?:\.\d+)?")


def time_in(text: str, now: datetime) -> datetime | None:
    """Return the first time that is written near the start of the text."""
    head = text[:HEAD]
    for form in _FORMS:
        if (match := form.search(head)) and (moment := _moment(match.groupdict(), now)):
            return moment
    return None


def time_of(fields: Mapping[str, object], now: datetime) -> datetime | None:
    """Return the time in the fields of a line."""
    for key in KEYS:
        value = fields.get(key)
        if isinstance(value, Mapping):
            value = value.get("$date", value.get("epochSecond"))
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        if _NUMBER.fullmatch(str(value).strip()):
            return _since_epoch(float(value))
        if moment := time_in(str(value), now):
            return moment
    aws = fields.get("_aws")
    stamp = aws.get("Timestamp") if isinstance(aws, Mapping) else None
    return (
        _since_epoch(float(stamp)) if isinstance(stamp, int | float) and not isinstance(stamp, bool) else None
    )


def _since_epoch(number: float) -> datetime | None:
    """Read seconds, milliseconds, microseconds, or nanoseconds, by their size."""
    while number >= 1e11:
        number /= 1000
    try:
        return datetime.fromtimestamp(number, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _moment(parts: Mapping[str, str | None], now: datetime) -> datetime | None:
    month = parts["month"] or ""
    year = parts.get("year") or (f"20{parts['short']}" if parts.get("short") else None)
    hour = int(parts["hour"] or 0)
    if half := parts.get("half"):
        hour = hour % 12 + 12 * (half == "PM")
    numbers = (
        int(month) if month.isdigit() else _MONTHS.index(month.lower()) + 1,
        int(parts["day"] or 1),
        hour,
        int(parts["minute"] or 0),
        int(parts["second"] or 0),
        int((parts.get("fraction") or "0").ljust(6, "0")[:6]),
    )
    try:
        moment = datetime(int(year or now.year), *numbers, tzinfo=_zone(parts.get("zone"))).astimezone(UTC)
        if not year and moment > now + timedelta(days=1):
            moment = moment.replace(year=moment.year - 1)
    except (ValueError, OverflowError):
        return None
    return moment


def _zone(text: str | None) -> timezone:
    if not text or text[0] not in "+-":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
