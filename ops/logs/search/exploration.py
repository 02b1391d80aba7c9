"""The queries that pages, commands, and notebooks run for a search: one function each."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from ops.logs.lake.layout import HOUR, Scope
from ops.logs.search.cursor import QueryEngine
from ops.logs.search.model import And, Filter, Search
from ops.logs.search.query import Count, Events, Histogram, Query, TopValues

if TYPE_CHECKING:
    import pyarrow as pa

WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)
BARS = 80  # of a histogram, at most
AROUND = 10  # lines of context before and after
AROUND_SPANS = (timedelta(minutes=1), HOUR, 24 * HOUR)  # searched in this order until there is enough context
FACETS = ("account", "region", "group", "stream", "level", "pattern")
FACET_VALUES = 12
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class LogEvent:
    """One log event; `key` identifies it."""

    account: str
    region: str
    group: str
    stream: str
    ts: datetime
    message: str
    id: str | None = None
    pattern: str | None = None
    level: str | None = None

    @property
    def key(self) -> str:
        parts = (self.account, self.region, self.group, self.stream, self.id or self.message)
        digest = blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        return f"{round(self.ts.timestamp() * 1000)}-{digest}"


@dataclass(frozen=True)
class ValueCount:
    value: str
    events: int


def events_of(table: "pa.Table") -> list[LogEvent]:
    """Return the rows of a table with the columns of `events`."""
    return [
        LogEvent(
            row["account"],
            row["region"],
            row["log_group"],
            row["log_stream"],
            row["ts"].replace(tzinfo=UTC),
            row["message"],
            row["id"],
            row["pattern"],
            row["level"],
        )
        for row in table.to_pylist()
    ]


def newest(engine: QueryEngine, search: Search, limit: int) -> list[LogEvent]:
    """Return the newest events, newest first."""
    return events_of(engine.run(Query(search, Events(limit))).table())


def older(engine: QueryEngine, search: Search, shown: list[LogEvent], limit: int) -> list[LogEvent]:
    """Return the next older events after those that are shown."""
    if not shown:
        return newest(engine, search, limit)
    last = shown[-1].ts
    same = [event for event in shown if event.ts == last]
    if last + MILLISECOND <= search.scope.start:
        return []
    narrower = replace(search, scope=replace(search.scope, end=min(search.scope.end, last + MILLISECOND)))
    events = newest(engine, narrower, limit + len(same))
    for event in same:
        if event in events:
            events.remove(event)  # remove one per shown event: equal events are distinct
    return events[:limit]


def newer(engine: QueryEngine, search: Search, shown: list[LogEvent], limit: int) -> list[LogEvent]:
    """Return the events just before those that are shown, newest first: the reverse of `older`."""
    if not shown:
        return newest(engine, search, limit)
    first = shown[0].ts
    same = [event for event in shown if event.ts == first]
    narrower = replace(search, scope=replace(search.scope, start=max(search.scope.start, first)))
    select = Events(limit + len(same), newest_first=False)
    events = events_of(engine.run(Query(narrower, select)).table())
    for event in same:
        if event in events:
            events.remove(event)
    return events[:limit][::-1]


def count(engine: QueryEngine, search: Search) -> int:
    return int(engine.run(Query(search, Count())).table()["events"][0].as_py())


def width_for(scope: Scope) -> timedelta:
    """Return the interval of a histogram: the smallest of WIDTHS_S with at most BARS intervals."""
    span = (scope.end - scope.start).total_seconds()
    fitting = (seconds for seconds in WIDTHS_S if span / seconds <= BARS)
    return timedelta(seconds=next(fitting, WIDTHS_S[-1]))


def histogram(engine: QueryEngine, search: Search) -> "pa.Table":
    """Count events by `time` (start of the interval, UTC) and `level`; empty intervals are left out."""
    width_s = int(width_for(search.scope).total_seconds())
    return engine.run(Query(search, Histogram(width_s))).table()


def facets(engine: QueryEngine, search: Search) -> dict[str, list[ValueCount]]:
    """Return the most frequent values of each field."""
    counts: dict[str, list[ValueCount]] = {name: [] for name in FACETS}
    for row in engine.run(Query(search, TopValues(FACETS, FACET_VALUES))).table().to_pylist():
        counts[row["field"]].append(ValueCount(row["value"] or "", row["events"]))
    return counts


def around(engine: QueryEngine, event: LogEvent, lines: int = AROUND) -> list[LogEvent]:
    """Return the event with the lines around it in its log stream, oldest first."""
    before: list[LogEvent] = []
    after: list[LogEvent] = []
    for span in AROUND_SPANS:
        events = _in_stream(engine, event, event.ts - span, event.ts + span)
        at = next((n for n, other in enumerate(events) if other.key == event.key), None)
        if at is None:
            return [event]
        before, after = events[max(0, at - lines) : at], events[at + 1 : at + 1 + lines]
        if len(before) == len(after) == lines:
            break
    return [*before, event, *after]


def find(engine: QueryEngine, key: str, within: Search) -> LogEvent | None:
    """Return the event with that key, or None if it is no longer in the logs."""
    end = end_of(key)
    if end is None:
        return None
    scope = replace(within.scope, start=end - MILLISECOND, end=end)
    return next((event for event in newest(engine, Search(scope), 10_000) if event.key == key), None)


def end_of(key: str) -> datetime | None:
    """Return the end of the millisecond of the event with that key; None for an invalid key."""
    milliseconds = key.partition("-")[0]
    if not milliseconds.isdigit() or len(milliseconds) > 14:
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) + MILLISECOND


def _in_stream(engine: QueryEngine, event: LogEvent, start: datetime, end: datetime) -> list[LogEvent]:
    """Return the events of the log stream in the time range, oldest first, limited on both sides."""
    exact = And((Filter("group", event.group), Filter("stream", event.stream)))
    place = {"accounts": (event.account,), "regions": (event.region,)}
    until = Search(Scope(start, event.ts + MILLISECOND, **place), exact)
    since = Search(Scope(event.ts + MILLISECOND, end, **place), exact)
    after = engine.run(Query(since, Events(AROUND, newest_first=False))).table()
    return [*reversed(newest(engine, until, 50 * AROUND)), *events_of(after)]
