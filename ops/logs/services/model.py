"""What a dataset type is. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

# A record as an event: milliseconds, log group, log stream, message, ID, and the account and region if the
# record names them (else those of the key).
Event = tuple[int, str, str, str, str | None, str | None, str | None]

_WILDCARDS = {
    "org": r"o-[a-z0-9]{10,32}",
    "account": r"\d{12}",
    "region": r"[a-z]{2}(?:-[a-z]+)+-\d|cloudfront",
    "task": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "year": r"\d{4}",
    "distribution": r"[A-Z0-9]{8,20}",
    "resource": r"[^/]+",
    "any": r"[^/]+",
}


@dataclass(frozen=True)
class KeyLayout:
    """The keys of a dataset below its root: `folders`, then what `rest` matches.

    `folders` has literal folders and wildcards: `{account}`, `{region}`, and others of `_WILDCARDS`. `time`
    is the start of the rest as a strftime format, so that a time range is a range of keys; empty if the rest
    does not start with a time. The groups of `rest`: `at` (digits: the object's time), `resource` (the log
    group ends with it), and `stream`.
    """

    folders: str
    time: str
    rest: str

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The folders, each either literal or one wildcard."""
        return tuple(re.findall(r"[^/]*/|[^/]+$", self.folders))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches a whole key below the root."""
        return re.compile("".join(map(segment_regex, self.segments)) + self.rest, re.DOTALL)


def segment_regex(segment: str) -> str:
    """Return the regular expression for one folder of a layout; a wildcard is a group of its name."""
    pieces = re.split(r"\{(\w+)\}", segment)
    return "".join(
        f"(?P<{piece}>{_WILDCARDS[piece]})"
        if n % 2 and piece != "any"
        else _WILDCARDS[piece]
        if n % 2
        else re.escape(piece)
        for n, piece in enumerate(pieces)
    )


@dataclass(frozen=True)
class KeyFacts:
    """What a key names: account, region, resource, and stream if it names them; `at` is the object's time.

    `precision` is how exact `at` is: an object of a day has events until the day's end.
    """

    account: str = ""
    region: str = ""
    resource: str = ""
    stream: str = ""
    at: datetime | None = None
    precision: timedelta = field(default=timedelta(0))


@dataclass(frozen=True)
class DatasetType:
    """A kind of logs in S3.

    `read` yields the events of an object's content, which is decompressed, except for Parquet; it calls its
    last argument with a text for each record that it cannot read. Only the events of `leveled` types have
    levels: records of services have none. The events of an object are at most
    `before` earlier than the time in its key, and `after` later.
    """

    name: str
    title: str
    layouts: tuple[KeyLayout, ...]
    read: Callable[[bytes, KeyFacts, Callable[[str], None]], Iterable[Event]]
    fields: tuple[str, ...] = ()
    leveled: bool = False
    before: timedelta = timedelta(hours=2)
    after: timedelta = timedelta(hours=1)
