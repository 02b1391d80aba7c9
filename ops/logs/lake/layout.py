"""The layout of the log bucket: where an event lies, what a key says. Pure; the only place that knows.

Below the user's prefix (`<hour>` is `date=YYYY-MM-DD/hour=HH`, in UTC):

    raw/account=<id>/region=<r>/<hour>/…        GROUP:STREAM<TAB>EPOCH_MS<TAB>MESSAGE, newlines escaped
    json/account=<id>/region=<r>/<hour>/…       one JSON object a line
    cloudwatch/<hour>/…                         what CloudWatch Logs sends, untouched; by hour of arrival
    YYYY/MM/DD/HH/…                             an older exporter's lines, newlines not escaped; by arrival
    compacted/account=<id>/region=<r>/<hour>/…  Parquet, and the manifest that names what it was made of
    errors/<type>/<hour>/…                      what Firehose could not process or deliver
    large/…                                     events that are too large for a record
    results/…                                   what Athena answered

Raw and JSON are partitioned by the hour of the event, compacted parts as their sources are. Parts that Athena
made lie in a folder of their hour that names the attempt: one attempt's parts are complete or worth nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from ops.errors import InputError

HOUR = timedelta(hours=1)
# By hour of arrival: CloudWatch Logs delivers within minutes, and what it retried for longer is found with a
# wider range; it takes events at most two hours from the future (PutLogEvents).
LATENESS = timedelta(hours=1)
EARLINESS = timedelta(hours=2)
UNKNOWN = "unknown"  # account or region that the data does not name
MANIFEST = "_manifest.json"  # Athena and Glue skip names that begin with an underscore
# An attempt of Athena's; it is over a while after that, a query and the function that waits for it at most.
_ATTEMPT = re.compile(r"athena-(\d{8}T\d{6}Z)-[0-9a-f]{8}/")
ATTEMPT_TAKES = timedelta(hours=2)


class Kind(StrEnum):
    """What an object holds: the first folder of its key, but for OLDER."""

    RAW = "raw"
    JSON = "json"
    CLOUDWATCH = "cloudwatch"
    OLDER = "older"
    COMPACTED = "compacted"


SOURCES = (Kind.RAW, Kind.JSON, Kind.CLOUDWATCH, Kind.OLDER)
PLACED = (Kind.RAW, Kind.JSON, Kind.COMPACTED)  # account and region are in the key
BY_ARRIVAL = (Kind.CLOUDWATCH, Kind.OLDER)

_HOUR = r"date=(?P<date>\d{4}-\d\d-\d\d)/hour=(?P<hour>\d\d)/"
_PLACED = re.compile(
    rf"(?P<kind>raw|json|compacted)/account=(?P<account>[^/]+)/region=(?P<region>[^/]+)/{_HOUR}(?P<name>.+)",
    re.DOTALL,
)
_ARRIVED = re.compile(rf"(?P<kind>cloudwatch)/{_HOUR}(?P<name>.+)", re.DOTALL)
_OLDER = re.compile(r"(?P<date>\d{4}/\d\d/\d\d)/(?P<hour>\d\d)/(?P<name>.+)", re.DOTALL)


@dataclass(frozen=True)
class Location:
    """Where a dataset lies. `account` and `region` say whose credentials read it (empty: the first one's)."""

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
    """Which part of a dataset: UTC times, half open; accounts, regions and group globs, none meaning all."""

    start: datetime
    end: datetime
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            moment: datetime = getattr(self, name)
            if moment.tzinfo is None:
                raise InputError(f"The {name} has no time zone.", field=name, hint="Give the time in UTC.")
            object.__setattr__(self, name, moment.astimezone(UTC))
        if self.end <= self.start:
            raise InputError(
                "The time range is empty: it ends before it begins.",
                field="end",
                hint="Choose an end later than the start.",
            )

    @property
    def hours(self) -> list[datetime]:
        """The beginnings of the hours that the range touches."""
        first = hour_of(self.start)
        count = -(-(self.end - first) // HOUR)
        return [first + HOUR * n for n in range(count)]


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One hour of one account and region; both UNKNOWN where the key does not name them."""

    hour: datetime
    account: str = UNKNOWN
    region: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class LogObject:
    """An object that holds events. `etag` as S3 gives it, without quotes."""

    key: str
    size: int
    etag: str
    kind: Kind
    partition: Partition


@dataclass(frozen=True)
class Part:
    """A compacted Parquet object: how many events it holds, made of how many bytes of sources."""

    key: str
    size: int
    rows: int
    source_bytes: int
    partition: Partition
    kind: Kind  # of its sources


@dataclass(frozen=True)
class Listing:
    """What must be read for a scope: compacted parts, and the objects that no part covers.

    `notes` says what was passed over and why, in words for the user.
    """

    location: Location
    scope: Scope
    parts: tuple[Part, ...] = ()
    fresh: tuple[LogObject, ...] = ()
    covered: int = 0  # source objects that the parts stand for
    notes: tuple[str, ...] = ()

    @property
    def objects(self) -> int:
        """Objects to read."""
        return len(self.parts) + len(self.fresh)

    @property
    def compacted_bytes(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def fresh_bytes(self) -> int:
        return sum(obj.size for obj in self.fresh)

    @property
    def size_bytes(self) -> int:
        """Bytes to read."""
        return self.compacted_bytes + self.fresh_bytes

    @property
    def hours(self) -> list[datetime]:
        """The hours in which something lies, newest first."""
        places = [part.partition for part in self.parts] + [obj.partition for obj in self.fresh]
        return sorted({place.hour for place in places}, reverse=True)


@dataclass(frozen=True)
class Span:
    """A run of keys: below `prefix`, after `after`, before `before`."""

    kind: Kind
    prefix: str
    after: str
    before: str

    def holds(self, other: "Span") -> bool:
        """Whether every key of the other is in this one."""
        return self.prefix == other.prefix and self.after <= other.after and other.before <= self.before


def hour_of(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_folder(hour: datetime) -> str:
    """`date=YYYY-MM-DD/hour=HH/`."""
    return f"{hour:date=%Y-%m-%d/hour=%H/}"


def folder(location: Location, kind: Kind, partition: Partition) -> str:
    """The prefix of all objects of that kind in that hour."""
    hour = partition.hour
    if kind is Kind.OLDER:
        return f"{location.prefix}{hour:%Y/%m/%d/%H/}"
    if kind is Kind.CLOUDWATCH:
        return f"{location.prefix}cloudwatch/{hour_folder(hour)}"
    return (
        f"{location.prefix}{kind}/account={partition.account}/region={partition.region}/{hour_folder(hour)}"
    )


def parse(location: Location, key: str) -> tuple[Kind, Partition, str] | None:
    """Kind, partition and name of an object; None for a key that is not of this layout."""
    rest = key[len(location.prefix) :]
    if not key.startswith(location.prefix):
        return None
    match = _PLACED.fullmatch(rest) or _ARRIVED.fullmatch(rest) or _OLDER.fullmatch(rest)
    if not match:
        return None
    found = match.groupdict()
    hour = _hour_at(found["date"], found["hour"])
    if hour is None:
        return None
    kind = Kind(found.get("kind") or Kind.OLDER)
    place = Partition(hour, found.get("account") or UNKNOWN, found.get("region") or UNKNOWN)
    return kind, place, found["name"]


@lru_cache(maxsize=20_000)  # many objects lie in an hour
def _hour_at(date: str, hour: str) -> datetime | None:
    """The hour that a key names; None where there is none such."""
    try:
        return datetime.strptime(date.replace("/", "-"), "%Y-%m-%d").replace(hour=int(hour), tzinfo=UTC)
    except ValueError:
        return None


def is_being_made(name: str, now: datetime) -> bool:
    """Whether the part of that name, beside a manifest, may be of an attempt that is not over."""
    found = _ATTEMPT.match(name)
    return bool(found and now - datetime.strptime(found[1], "%Y%m%dT%H%M%S%z") < ATTEMPT_TAKES)


def spans(location: Location, scope: Scope, places: Iterable[tuple[Kind, str, str]]) -> Iterator[Span]:
    """The runs of keys to list, one a kind and place: as few requests as there are pages of objects.

    `places` are the (kind, account, region) that exist; those outside the scope are left out. What lies by
    arrival has neither, and is listed EARLINESS before and LATENESS after the scope.
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
    """Whether the scope wants events of that account and region; UNKNOWN ones can only be told by reading."""
    return all(
        not wanted or value in wanted or value == UNKNOWN
        for wanted, value in ((scope.accounts, account), (scope.regions, region))
    )


def _above_hours(location: Location, kind: Kind, account: str, region: str) -> str:
    if kind is Kind.OLDER:
        return location.prefix
    if kind is Kind.CLOUDWATCH:
        return f"{location.prefix}cloudwatch/"
    return f"{location.prefix}{kind}/account={account}/region={region}/"


@dataclass(frozen=True)
class Column:
    """A column of the relation `events`, the same on both engines."""

    name: str
    type: str  # as DuckDB names it
    help: str = field(default="", compare=False)


COLUMNS = (
    Column("account", "VARCHAR", "AWS account of the log group"),
    Column("region", "VARCHAR", "Region of the log group"),
    Column("log_group", "VARCHAR", "Log group"),
    Column("log_stream", "VARCHAR", "Log stream"),
    Column("ts", "TIMESTAMP", "Time of the event, UTC, to the millisecond"),
    Column("message", "VARCHAR", "The event's text"),
    Column("id", "VARCHAR", "CloudWatch's id of the event; NULL where the format carries none"),
    Column("template", "VARCHAR", "The message with numbers and ids masked as *"),
    Column("level", "VARCHAR", "FATAL, ERROR, WARN, INFO, DEBUG or TRACE where the message tells, else NULL"),
)
