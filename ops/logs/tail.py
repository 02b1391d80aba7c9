"""A live tail: new events of log groups, read from CloudWatch Logs before they are exported, and filtered.

FilterLogEvents is polled, which is free of charge and returns every event. StartLiveTail is neither: it costs
$0.01 per minute, samples above 500 events per second, and ends after three hours
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/logs/CloudWatchLogs_LiveTail.html).
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from ops.aws.cloud import Cloud
from ops.aws.logs.history import FilteredLogEvent, read_events, to_milliseconds
from ops.errors import SlipwayError
from ops.logs.lake.layout import COLUMNS, Scope
from ops.logs.search.exploration import LogEvent, events_of
from ops.logs.search.model import Condition, Search
from ops.logs.search.query import Events, Query
from ops.logs.search.sql import statements

if TYPE_CHECKING:
    from ops.logs.lake.lines.levels import Levels

GROUPS = 10  # at most: FilterLogEvents has a quota of calls per second and region
KEPT = 1000  # events
AT_ONCE = 5000  # events of a log group that one poll reads; the next poll reads the following ones
LATE = timedelta(seconds=15)  # events that arrive later than this after their time are not found
BEGINS = timedelta(minutes=1)  # before the first poll
SKEW = timedelta(minutes=2)  # by which a clock may be ahead: CloudWatch Logs accepts two hours
MILLISECOND = timedelta(milliseconds=1)
REMEMBERED = 50_000  # IDs of events, to recognize those that were read before


@dataclass(frozen=True)
class LogGroupPlace:
    """A log group of an account and region."""

    account: str
    region: str
    group: str


def most_frequent(events: Iterable[LogEvent]) -> list[LogGroupPlace]:
    """Return the log groups of the events, those with most events first, at most GROUPS."""
    counts = Counter(LogGroupPlace(event.account, event.region, event.group) for event in events)
    return [place for place, _ in counts.most_common(GROUPS)]


class LiveTail:
    """The newest events of log groups that match the condition. Not thread-safe.

    `unread` holds the error of each log group that the last poll could not read.
    """

    def __init__(
        self, cloud: Cloud, groups: Sequence[LogGroupPlace], condition: Condition, levels: "Levels"
    ) -> None:
        self.groups = tuple(groups)
        self.unread: Mapping[LogGroupPlace, SlipwayError] = {}
        self._cloud = cloud
        self._condition = condition
        self._levels = levels
        self._events: deque[LogEvent] = deque(maxlen=KEPT)
        self._seen: deque[tuple[LogGroupPlace, str]] = deque(maxlen=REMEMBERED)
        self._from: dict[LogGroupPlace, datetime] = {}

    @property
    def events(self) -> list[LogEvent]:
        """The newest events, newest first, at most KEPT."""
        return sorted(self._events, key=lambda event: (event.ts, event.id or ""), reverse=True)

    def behind(self, now: datetime) -> timedelta:
        """Return by how much the slowest log group lags: its events are more than a poll can read."""
        starts = [moment + LATE for moment in self._from.values()]
        return max(timedelta(), now - min(starts, default=now))

    def poll(self, now: datetime) -> int:
        """Read the events since the last poll, and return the number of those that match."""
        with ThreadPoolExecutor(max(1, len(self.groups))) as pool:
            answers = list(pool.map(lambda place: self._read(place, now), self.groups))
        self.unread = {
            place: answer
            for place, answer in zip(self.groups, answers, strict=True)
            if isinstance(answer, SlipwayError)
        }
        known = set(self._seen)
        new: list[LogEvent] = []
        for place, answer in zip(self.groups, answers, strict=True):
            if isinstance(answer, SlipwayError):
                continue
            full = len(answer) == AT_ONCE
            begin = self._from.get(place)
            self._from[place] = (
                max(_time(answer[-1]), (begin or now - BEGINS) + MILLISECOND) if full else now - LATE
            )
            fresh = [event for event in answer if (place, event.id) not in known]
            self._seen.extend((place, event.id) for event in fresh)
            new += [_event(place, event) for event in fresh]
        found = matching(new, self._condition, self._levels, KEPT)
        self._events.extend(reversed(found))
        return len(found)

    def _read(self, place: LogGroupPlace, now: datetime) -> list[FilteredLogEvent] | SlipwayError:
        start, end = self._from.get(place, now - BEGINS), now + SKEW
        try:
            where = self._cloud.place(place.account, place.region)
            events = read_events(
                self._cloud, where, place.group, to_milliseconds(start), to_milliseconds(end)
            )
            return list(islice(events, AT_ONCE))
        except SlipwayError as error:
            return error


def matching(
    events: Sequence[LogEvent], condition: Condition, levels: "Levels", limit: int
) -> list[LogEvent]:
    """Return the newest events that match, newest first, with their patterns and levels."""
    if not events:
        return []
    import duckdb
    import pyarrow as pa

    from ops.logs.lake.patterns import patterns_of
    from ops.logs.search.message_fields import MACRO

    texts = [event.message.encode("utf-8", "replace").decode() for event in events]
    messages = pa.array(texts, pa.string())
    patterns = patterns_of(messages)
    found = levels.of(messages, patterns)
    columns = {
        "account": [event.account for event in events],
        "region": [event.region for event in events],
        "log_group": [event.group for event in events],
        "log_stream": [event.stream for event in events],
        "ts": pa.array([event.ts.replace(tzinfo=None) for event in events], pa.timestamp("us")),
        "message": messages,
        "id": pa.array([event.id for event in events], pa.string()),
        "pattern": patterns.dictionary_decode(),
        "level": found.dictionary_decode(),
    }
    table = pa.table({column.name: columns[column.name] for column in COLUMNS})
    start = min(event.ts for event in events)
    search = Search(Scope(start, max(event.ts for event in events) + timedelta(milliseconds=1)), condition)
    (statement,) = statements(Query(search, Events(limit)))
    with duckdb.connect(config={"threads": 1, "enable_external_access": False}) as database:
        database.execute(MACRO)
        database.register("events", table)
        return events_of(database.sql(statement.sql, params=statement.parameters).to_arrow_table())


def _time(event: FilteredLogEvent) -> datetime:
    return datetime.fromtimestamp(event.timestamp / 1000, UTC)


def _event(place: LogGroupPlace, event: FilteredLogEvent) -> LogEvent:
    return LogEvent(
        place.account, place.region, place.group, event.stream, _time(event), event.message, event.id or None
    )
