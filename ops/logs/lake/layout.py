"""The layout of the log bucket: S3 keys and what they mean. Pure; no other module knows it.

Below the dataset's prefix (`<hour>` is `date=YYYY-MM-DD/hour=HH`, in UTC):

    raw/account=<id>/region=<r>/<hour>/…        GROUP:STREAM<TAB>EPOCH_MS<TAB>MESSAGE, newlines escaped
    json/account=<id>/region=<r>/<hour>/…       JSON lines
    cloudwatch/<hour>/…                         records as CloudWatch Logs sends them; by hour of arrival
    YYYY/MM/DD/HH/…                             an older exporter's lines, newlines not escaped; by arrival
    canary/account=<id>/region=<r>/<hour>/…     canaries of the export, in the format of its events
    compacted/account=<id>/region=<r>/<hour>/…  Parquet parts, and the manifest that names their sources
    errors/<type>/<hour>/…                      records that Firehose could not process or deliver
    large/…                                     events that are too large for a record
    results/…                                   Athena query results
    alerts/<name>.json                          alerts: `ops.logs.alerts`

Raw and JSON objects are partitioned by the hour of the event, compacted parts like their sources. Parts made
by Athena are in a subfolder of their hour, named after the attempt: an attempt's parts are valid only
together.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from ops.errors import InputError

HOUR = timedelta(hours=1)
# For formats partitioned by hour of arrival. CloudWatch Logs usually delivers within minutes; events that it
# retried for longer need a wider range. It accepts events up to two hours in the future (PutLogEvents).
LATENESS = timedelta(hours=1)
EARLINESS = timedelta(hours=2)
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)  # the hour of objects whose keys name no time
UNKNOWN = "unknown"  # account or region not named in the data
MANIFEST = "_manifest.json"  # Athena and Glue skip names that begin with an underscore
# A folder of parts made by Athena. After two hours, no query or function can still be writing to it.
_ATTEMPT = re.compile(r"athena-(\d{8}T\d{6}Z)-[0-9a-f]{8}/")
ATTEMPT_TAKES = timedelta(hours=2)


class LogFormat(StrEnum):
    """The format of an object: the first folder of its key, except for OLDER and SERVICE."""

    RAW = "raw"
    JSON = "json"
    CLOUDWATCH = "cloudwatch"
    OLDER = "older"
    COMPACTED = "compacted"
    SERVICE = "service"  # written by an AWS service or another exporter: `ops.logs.services`


SOURCES = (LogFormat.RAW, LogFormat.JSON, LogFormat.CLOUDWATCH, LogFormat.OLDER)
PLACED = (LogFormat.RAW, LogFormat.JSON, LogFormat.COMPACTED)  # with account and region in the key
BY_ARRIVAL = (LogFormat.CLOUDWATCH, LogFormat.OLDER)

_HOUR = r"date=(?P<date>\d{4}-\d\d-\d\d)/hour=(?P<hour>\d\d)/"
_PLACED = re.compile(
    rf"(?P<kind>raw|json|compacted)/account=(?P<account>[^/]+)/region=(?P<region>[^/]+)/{_HOUR}(?P<name>.+)",
    re.DOTALL,
)
_ARRIVED = re.compile(rf"(?P<kind>cloudwatch)/{_HOUR}(?P<name>.+)", re.DOTALL)
_OLDER = re.compile(r"(?P<date>\d{4}/\d\d/\d\d)/(?P<hour>\d\d)/(?P<name>.+)", re.DOTALL)


@dataclass(frozen=True)
class Location:
    """The S3 location of a dataset; `account` and `region` select the credentials (empty: the default)."""

    bucket: str
    prefix: str = ""
    account: str = ""
    region: str = ""

    def __post_init__(self) -> None:
        if self.prefix and not self.prefix.endswith("/"):
            object.__setattr__(self, "prefix", f"{self.prefix}/")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True)
class Scope:
    """The part of a dataset to read: a half-open UTC time range; accounts, regions, and log group globs.

    An empty tuple means all.
    """

    start: datetime
    end: datetime
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            moment: datetime = getattr(self, name)
            if moment.tzinfo is None:
                raise InputError(f"The {name} has no time zone.", field=name, hint="Use a UTC time.")
            object.__setattr__(self, name, moment.astimezone(UTC))
        if self.end <= self.start:
            raise InputError(
                "The time range is empty: it ends before it starts.",
                field="end",
                hint="Choose an end later than the start.",
            )

    @property
    def hours(self) -> list[datetime]:
        """The start of each hour that overlaps the range."""
        first = hour_of(self.start)
        count = -(-(self.end - first) // HOUR)
        return [first + HOUR * n for n in range(count)]


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One hour of one account and region; both are UNKNOWN if the key does not name them."""

    hour: datetime
    account: str = UNKNOWN
    region: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class LogObject:
    """An S3 object with events. `etag` is without quotes."""

    key: str
    size: int
    etag: str
    kind: LogFormat
    partition: Partition


@dataclass(frozen=True)
class Part:
    """A compacted Parquet object: its number of events, and the size of its sources."""

    key: str
    size: int
    rows: int
    source_bytes: int
    partition: Partition
    kind: LogFormat  # the format of its sources


@dataclass(frozen=True)
class Listing:
    """The objects to read for a scope: compacted parts, and the source objects in no part (`fresh`).

    `notes` are messages for the user about skipped objects.
    """

    location: Location
    scope: Scope
    parts: tuple[Part, ...] = ()
    fresh: tuple[LogObject, ...] = ()
    covered: int = 0  # source objects replaced by the parts
    notes: tuple[str, ...] = ()

    @property
    def objects(self) -> int:
        """The number of objects to read."""
        return len(self.parts) + len(self.fresh)

    @property
    def compacted_bytes(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def fresh_bytes(self) -> int:
        return sum(obj.size for obj in self.fresh)

    @property
    def size_bytes(self) -> int:
        """The number of bytes to read."""
        return self.compacted_bytes + self.fresh_bytes

    @property
    def hours(self) -> list[datetime]:
        """The hours that have objects, newest first."""
        places = [part.partition for part in self.parts] + [obj.partition for obj in self.fresh]
        return sorted({place.hour for place in places}, reverse=True)


@dataclass(frozen=True)
class Span:
    """A range of keys below `prefix`: after `after`, before `before`."""

    kind: LogFormat
    prefix: str
    after: str
    before: str

    def holds(self, other: "Span") -> bool:
        """Return whether every key of the other range is in this one."""
        return self.prefix == other.prefix and self.after <= other.after and other.before <= self.before


def hour_of(moment: datetime) -> datetime:
    """Return the start of the hour."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_at(milliseconds: int) -> datetime:
    """Return the start of the hour of a timestamp of CloudWatch Logs."""
    return hour_of(datetime.fromtimestamp(milliseconds / 1000, UTC))


def hour_folder(hour: datetime) -> str:
    """Return `date=YYYY-MM-DD/hour=HH/`."""
    return f"{hour:date=%Y-%m-%d/hour=%H/}"


def folder(location: Location, kind: LogFormat, partition: Partition) -> str:
    """Return the prefix of the objects of that format and hour."""
    hour = partition.hour
    if kind is LogFormat.OLDER:
        return f"{location.prefix}{hour:%Y/%m/%d/%H/}"
    if kind is LogFormat.CLOUDWATCH:
        return f"{location.prefix}cloudwatch/{hour_folder(hour)}"
    return (
        f"{location.prefix}{kind}/account={partition.account}/region={partition.region}/{hour_folder(hour)}"
    )


def parse(location: Location, key: str) -> tuple[LogFormat, Partition, str] | None:
    """Return the format, partition, and name in a key; None for a key outside this layout."""
    rest = key[len(location.prefix) :]
    if not key.startswith(location.prefix):
        return None
    match = _PLACED.fullmatch(rest) or _ARRIVED.fullmatch(rest) or _OLDER.fullmatch(rest)
    if not match:
        return None
    fields = match.groupdict()
    hour = _hour_at(fields["date"], fields["hour"])
    if hour is None:
        return None
    kind = LogFormat(fields.get("kind") or LogFormat.OLDER)
    partition = Partition(hour, fields.get("account") or UNKNOWN, fields.get("region") or UNKNOWN)
    return kind, partition, fields["name"]


@lru_cache(maxsize=20_000)  # an hour has many objects
def _hour_at(date: str, hour: str) -> datetime | None:
    """Parse the hour in a key; None if it is not a valid time."""
    try:
        return datetime.strptime(date.replace("/", "-"), "%Y-%m-%d").replace(hour=int(hour), tzinfo=UTC)
    except ValueError:
        return None


def is_in_progress(name: str, now: datetime) -> bool:
    """Return whether an attempt of Athena may still be writing the part of that name."""
    attempt = _ATTEMPT.match(name)
    return bool(attempt and now - datetime.strptime(attempt[1], "%Y%m%dT%H%M%S%z") < ATTEMPT_TAKES)


def spans(location: Location, scope: Scope, places: Iterable[tuple[LogFormat, str, str]]) -> Iterator[Span]:
    """Yield the key ranges to list: one per format, account, and region, so that requests return full pages.

    `places` are the (format, account, region) that exist; those outside the scope are skipped. Formats
    partitioned by arrival have no account and region, and are listed from EARLINESS before to LATENESS after
    the scope.
    """
    for kind, account, region in places:
        if kind in PLACED and not in_places(scope, account, region):
            continue
        first, last = scope.start, scope.end - timedelta(microseconds=1)
        if kind in BY_ARRIVAL or account == UNKNOWN:
            first, last = first - EARLINESS, last + LATENESS
        begin = folder(location, kind, Partition(hour_of(first), account, region))
        end = folder(location, kind, Partition(hour_of(last) + HOUR, account, region))
        yield Span(kind, _above_hours(location, kind, account, region), begin, end)


def in_places(scope: Scope, account: str, region: str) -> bool:
    """Return whether the scope may include events of the account and region; UNKNOWN ones must be read."""
    return all(
        not selected or value in selected or value == UNKNOWN
        for selected, value in ((scope.accounts, account), (scope.regions, region))
    )


def _above_hours(location: Location, kind: LogFormat, account: str, region: str) -> str:
    if kind is LogFormat.OLDER:
        return location.prefix
    if kind is LogFormat.CLOUDWATCH:
        return f"{location.prefix}cloudwatch/"
    return f"{location.prefix}{kind}/account={account}/region={region}/"


@dataclass(frozen=True)
class EventColumn:
    """A column of the relation `events`, which is the same on both query engines."""

    name: str
    type: str  # DuckDB's name of the type
    help: str = field(default="", compare=False)


COLUMNS = (
    EventColumn("account", "VARCHAR", "AWS account ID of the log group"),
    EventColumn("region", "VARCHAR", "Region of the log group"),
    EventColumn("log_group", "VARCHAR", "Log group"),
    EventColumn("log_stream", "VARCHAR", "Log stream"),
    EventColumn("ts", "TIMESTAMP", "Time of the event in UTC, with millisecond precision"),
    EventColumn("message", "VARCHAR", "Message of the event"),
    EventColumn("id", "VARCHAR", "Event ID from CloudWatch Logs; NULL for formats without it"),
    EventColumn("pattern", "VARCHAR", "Message pattern: the message with numbers and IDs masked as *"),
    EventColumn(
        "level", "VARCHAR", "FATAL, ERROR, WARN, INFO, DEBUG, or TRACE; NULL if the message has none"
    ),
)
# The former name of the column `pattern`. Parquet parts and the Glue table `logs_compacted` still store it
# under this name, and queries may use it: `events` then has both columns (`uses_old_name`).
OLD_PATTERN_NAME = "template"
_OLD_NAME = re.compile(
    r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|(?<![\w$])(template)(?!\w)", re.DOTALL | re.IGNORECASE
)


def uses_old_name(sql: str) -> bool:
    """Return whether a query names the column `template`, outside of text literals and comments."""
    return any(match[1] for match in _OLD_NAME.finditer(sql))
