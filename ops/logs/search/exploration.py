"""What page, command line and notebooks ask of an engine about a search: each question one function."""

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
AT_ONCE_BYTES = 16 << 20  # of objects as they lie: so few are read at once, however many hours they are
BARS = 80  # of a histogram, at most
AROUND = 10  # lines of context before and after
AROUND_SPANS = (timedelta(minutes=1), HOUR, 24 * HOUR)  # looked through until there are enough
FACET_VALUES = 12
TEMPLATES = 500
MILLISECOND = timedelta(milliseconds=1)


class Engine(Protocol):
    """What answers a query over `events` in a scope."""

    name: str
    masks: bool  # knows `masked_events` (see `statements`), and reads narrow scopes for less than wide

    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any]) -> pa.Table: ...


@runtime_checkable
class Scanning(Protocol):
    """An engine that reads less where it is told what the events it looks for hold."""

    def query_holding(
        self, scope: Scope, sql: str, parameters: Mapping[str, Any], needles: Sequence[str]
    ) -> pa.Table: ...


@runtime_checkable
class Glancing(Protocol):
    """An engine that may know already how much it would read."""

    def glance(self, scope: Scope) -> Listing | None: ...


@dataclass(frozen=True)
class Event:
    """One event. `key` finds it again: it is made of all that the event is."""

    account: str
    region: str
    group: str
    stream: str
    ts: datetime
    message: str
    id: str | None = None
    template: str | None = None
    level: str | None = None

    @property
    def key(self) -> str:
        parts = (self.account, self.region, self.group, self.stream, self.id or self.message)
        digest = blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        return f"{round(self.ts.timestamp() * 1000)}-{digest}"


@dataclass(frozen=True)
class Count:
    value: str
    events: int


def events_of(table: pa.Table) -> list[Event]:
    """The rows of a table with the columns of `events`."""
    return [
        Event(
            row["account"],
            row["region"],
            row["log_group"],
            row["log_stream"],
            row["ts"].replace(tzinfo=UTC),
            row["message"],
            row["id"],
            row["template"],
            row["level"],
        )
        for row in table.to_pylist()
    ]


def newest(engine: Engine, search: Search, limit: int) -> list[Event]:
    """The newest events first: on this machine piece by piece backwards, until there are enough."""
    found: list[Event] = []
    end, hours = search.scope.end, 1
    known = engine.glance(search.scope) if isinstance(engine, Glancing) else None
    while end > search.scope.start and len(found) < limit:
        start = min(_back(search.scope, end, hours), _while_small(known, search.scope, end))
        scope = replace(search.scope, start=start, end=end) if engine.masks else None
        part = replace(search, scope=scope or search.scope)
        statement = statements.newest(part, limit - len(found), marked=engine.masks)
        found += events_of(_ask(engine, part.scope, statement))
        end = part.scope.start
        hours = _hours_for(limit - len(found), len(found), search.scope.end - end, hours)
    return found


def _back(scope: Scope, end: datetime, hours: int) -> datetime:
    """So many hours before, begun at a full one."""
    return max(scope.start, hour_of(end - timedelta(microseconds=1)) - (hours - 1) * HOUR)


def _while_small(known: Listing | None, scope: Scope, end: datetime) -> datetime:
    """The beginning of the hours before `end` that hold too little to be worth several questions."""
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


def _hours_for(wanted: int, found: int, seen: timedelta, before: int) -> int:
    """In how many the wanted ones are, if as dense as those found; at most four times as many as before."""
    if not found:
        return 4 * before
    return max(1, min(4 * before, ceil(1.2 * wanted * (seen / HOUR) / found)))


def older(engine: Engine, search: Search, shown: list[Event], limit: int) -> list[Event]:
    """The next events after those that are shown: what came before the last of them."""
    if not shown:
        return newest(engine, search, limit)
    last = shown[-1].ts
    same = [event for event in shown if event.ts == last]
    if last + MILLISECOND <= search.scope.start:
        return []
    narrower = replace(search, scope=replace(search.scope, end=min(search.scope.end, last + MILLISECOND)))
    found = newest(engine, narrower, limit + len(same))
    for event in same:
        if event in found:
            found.remove(event)  # one for one: equal events are events of their own
    return found[:limit]


def count(engine: Engine, search: Search) -> int:
    return int(_ask(engine, search.scope, statements.total(search, marked=engine.masks))["events"][0].as_py())


def width_for(scope: Scope) -> timedelta:
    """The width of a histogram's intervals: round, and at most BARS of them."""
    span = (scope.end - scope.start).total_seconds()
    fitting = (seconds for seconds in WIDTHS_S if span / seconds <= BARS)
    return timedelta(seconds=next(fitting, WIDTHS_S[-1]))


def histogram(engine: Engine, search: Search) -> pa.Table:
    """Columns `time` (the interval's beginning, UTC), `level`, `events`; empty intervals are left out."""
    return _ask(
        engine, search.scope, statements.histogram(search, width_for(search.scope), marked=engine.masks)
    )


def facets(engine: Engine, search: Search) -> dict[str, list[Count]]:
    """The most frequent values of each field."""
    return {name: _facet(engine, search, name) for name in FACETS}


def _facet(engine: Engine, search: Search, name: str) -> list[Count]:
    table = _ask(engine, search.scope, statements.facet(search, name, FACET_VALUES, marked=engine.masks))
    return [Count(row["value"] or "", row["events"]) for row in table.to_pylist()]


def templates(engine: Engine, search: Search) -> pa.Table:
    """Kinds of message in the range and in as long a time before it: what is new, what is rising."""
    scope = search.scope
    wider = replace(search, scope=replace(scope, start=scope.start - (scope.end - scope.start)))
    return _ask(engine, wider.scope, statements.templates(wider, scope.start, TEMPLATES, marked=engine.masks))


def around(engine: Engine, event: Event, lines: int = AROUND) -> list[Event]:
    """The event with the lines around it in its stream, oldest first."""
    before: list[Event] = []
    after: list[Event] = []
    for span in AROUND_SPANS:
        found = _in_stream(engine, event, event.ts - span, event.ts + span)
        at = next((n for n, one in enumerate(found) if one.key == event.key), None)
        if at is None:
            return [event]
        before, after = found[max(0, at - lines) : at], found[at + 1 : at + 1 + lines]
        if len(before) == len(after) == lines:
            break
    return [*before, event, *after]


def find(engine: Engine, key: str, within: Search) -> Event | None:
    """The event of that key, wherever the search looks; None where it is not there any more."""
    milliseconds = key.partition("-")[0]
    if not milliseconds.isdigit() or len(milliseconds) > 14:
        return None
    ts = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    scope = replace(within.scope, start=ts, end=ts + MILLISECOND)
    return next((one for one in newest(engine, Search(scope), 10_000) if one.key == key), None)


def _in_stream(engine: Engine, event: Event, start: datetime, end: datetime) -> list[Event]:
    """Oldest first, at most as many as are worth showing on both sides."""
    exact = (Filter("group", event.group), Filter("stream", event.stream))
    place = {"accounts": (event.account,), "regions": (event.region,)}
    until = Search(Scope(start, event.ts + MILLISECOND, **place), filters=exact)
    since = Search(Scope(event.ts + MILLISECOND, end, **place), filters=exact)
    statement = statements.oldest(since, AROUND, marked=engine.masks)
    return [
        *reversed(newest(engine, until, 50 * AROUND)),
        *events_of(_ask(engine, since.scope, statement)),
    ]


def _ask(engine: Engine, scope: Scope, statement: Statement) -> pa.Table:
    if statement.needles and isinstance(engine, Scanning):
        return engine.query_holding(scope, statement.sql, statement.parameters, statement.needles)
    return engine.query(scope, statement.sql, statement.parameters)
