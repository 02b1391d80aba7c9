"""The queries that pages, commands, and notebooks run for a search: one function each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from math import ceil
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from ops.logs.lake.layout import HOUR, Listing, Scope, hour_of
from ops.logs.search import sql as statements
from ops.logs.search.model import Filter, Search
from ops.logs.search.sql import FACETS, Statement

WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)
AT_ONCE_BYTES = 16 << 20  # of compressed objects that one query reads, whatever the number of hours
BARS = 80  # of a histogram, at most
AROUND = 10  # lines of context before and after
AROUND_SPANS = (timedelta(minutes=1), HOUR, 24 * HOUR)  # searched in this order until there is enough context
FACET_VALUES = 12
PATTERNS = 500
MILLISECOND = timedelta(milliseconds=1)


class QueryEngine(Protocol):
    """An engine that runs a query over `events` in a scope."""

    name: str
    has_patterns: bool  # offers `masked_events` (see `sql`), and a narrower scope costs less

    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any]) -> pa.Table: ...


@runtime_checkable
class Scanning(Protocol):
    """An engine that reads less if it knows texts that the events in question contain."""

    def query_holding(
        self, scope: Scope, sql: str, parameters: Mapping[str, Any], needles: Sequence[str]
    ) -> pa.Table: ...


@runtime_checkable
class Glancing(Protocol):
    """An engine that may remember how much it would read."""

    def glance(self, scope: Scope) -> Listing | None: ...


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


def events_of(table: pa.Table) -> list[LogEvent]:
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
    """Return the newest events, newest first; on DuckDB, read backwards in steps until there are enough."""
    events: list[LogEvent] = []
    end, hours = search.scope.end, 1
    known = engine.glance(search.scope) if isinstance(engine, Glancing) else None
    while end > search.scope.start and len(events) < limit:
        start = min(_back(search.scope, end, hours), _while_small(known, search.scope, end))
        scope = replace(search.scope, start=start, end=end) if engine.has_patterns else None
        part = replace(search, scope=scope or search.scope)
        statement = statements.newest(part, limit - len(events), has_patterns=engine.has_patterns)
        events += events_of(_run(engine, part.scope, statement))
        end = part.scope.start
        hours = _hours_for(limit - len(events), len(events), search.scope.end - end, hours)
    return events


def _back(scope: Scope, end: datetime, hours: int) -> datetime:
    """Return the full hour that many hours before `end`, but not before the scope."""
    return max(scope.start, hour_of(end - timedelta(microseconds=1)) - (hours - 1) * HOUR)


def _while_small(known: Listing | None, scope: Scope, end: datetime) -> datetime:
    """Return the start of the hours before `end` that are small enough to read with one query."""
    if known is None:
        return end
    sizes: Counter[datetime] = Counter()
    for part in known.parts:
        sizes[part.partition.hour] += part.size
    for obj in known.fresh:
        sizes[obj.partition.hour] += obj.size
    total = 0
    for hour in sorted((hour for hour in sizes if hour < end), reverse=True):
        total += sizes[hour]
        if total > AT_ONCE_BYTES:
            return min(end, max(scope.start, hour + HOUR))
    return scope.start


def _hours_for(missing: int, found: int, searched: timedelta, before: int) -> int:
    """Estimate the hours that hold the missing events, from those found; at most four times `before`."""
    if not found:
        return 4 * before
    return max(1, min(4 * before, ceil(1.2 * missing * (searched / HOUR) / found)))


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


def count(engine: QueryEngine, search: Search) -> int:
    return int(
        _run(engine, search.scope, statements.total(search, has_patterns=engine.has_patterns))["events"][
            0
        ].as_py()
    )


def width_for(scope: Scope) -> timedelta:
    """Return the interval of a histogram: the smallest of WIDTHS_S with at most BARS intervals."""
    span = (scope.end - scope.start).total_seconds()
    fitting = (seconds for seconds in WIDTHS_S if span / seconds <= BARS)
    return timedelta(seconds=next(fitting, WIDTHS_S[-1]))


def histogram(engine: QueryEngine, search: Search) -> pa.Table:
    """Count events by `time` (start of the interval, UTC) and `level`; empty intervals are left out."""
    return _run(
        engine,
        search.scope,
        statements.histogram(search, width_for(search.scope), has_patterns=engine.has_patterns),
    )


def facets(engine: QueryEngine, search: Search) -> dict[str, list[ValueCount]]:
    """Return the most frequent values of each field."""
    return {name: _facet(engine, search, name) for name in FACETS}


def _facet(engine: QueryEngine, search: Search, name: str) -> list[ValueCount]:
    table = _run(
        engine, search.scope, statements.facet(search, name, FACET_VALUES, has_patterns=engine.has_patterns)
    )
    return [ValueCount(row["value"] or "", row["events"]) for row in table.to_pylist()]


def patterns(engine: QueryEngine, search: Search) -> pa.Table:
    """Count events by message pattern in the range and in the previous period of the same length."""
    scope = search.scope
    wider = replace(search, scope=replace(scope, start=scope.start - (scope.end - scope.start)))
    statement = statements.patterns(wider, scope.start, PATTERNS, has_patterns=engine.has_patterns)
    return _run(engine, wider.scope, statement)


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
    milliseconds = key.partition("-")[0]
    if not milliseconds.isdigit() or len(milliseconds) > 14:
        return None
    ts = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    scope = replace(within.scope, start=ts, end=ts + MILLISECOND)
    return next((event for event in newest(engine, Search(scope), 10_000) if event.key == key), None)


def _in_stream(engine: QueryEngine, event: LogEvent, start: datetime, end: datetime) -> list[LogEvent]:
    """Return the events of the log stream in the time range, oldest first, limited on both sides."""
    exact = (Filter("group", event.group), Filter("stream", event.stream))
    place = {"accounts": (event.account,), "regions": (event.region,)}
    until = Search(Scope(start, event.ts + MILLISECOND, **place), filters=exact)
    since = Search(Scope(event.ts + MILLISECOND, end, **place), filters=exact)
    statement = statements.oldest(since, AROUND, has_patterns=engine.has_patterns)
    return [
        *reversed(newest(engine, until, 50 * AROUND)),
        *events_of(_run(engine, since.scope, statement)),
    ]


def _run(engine: QueryEngine, scope: Scope, statement: Statement) -> pa.Table:
    if statement.needles and isinstance(engine, Scanning):
        return engine.query_holding(scope, statement.sql, statement.parameters, statement.needles)
    return engine.query(scope, statement.sql, statement.parameters)
