"""What distinguishes the events of a time range from the rest: values and patterns whose share differs most.

The counts of fields and patterns are of all events; those of the fields of messages are of a sample, the
newest events of the range and of the rest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from ops.logs.search.cursor import QueryEngine
from ops.logs.search.exploration import LogEvent, newest
from ops.logs.search.model import Search
from ops.logs.search.query import Query, TopValues

FIELDS = ("level", "group", "account", "region", "stream", "pattern")
LISTED = 1000  # values of a field that are counted, the most frequent ones
SAMPLED = 1000  # events of the range, and of each side of the rest, whose messages' fields are counted
LEAST = 5  # events with the value, on both sides together
SIGNIFICANT = 3.0  # standard errors by which the shares differ
SMALLEST = 0.01  # difference of the shares
SHOWN = 50


@dataclass(frozen=True)
class Counts:
    """The number of events by value. A value that is not listed has at most `unlisted` events."""

    values: Mapping[str, int]
    events: int
    unlisted: int = 0


@dataclass(frozen=True)
class Delta:
    """A value whose share of the events in the range differs from its share of the rest.

    `inside` and `outside` are the events with the value, of `inside_events` and `outside_events`;
    `significance` is the difference of the shares in standard errors.
    """

    field: str
    value: str
    inside: int
    inside_events: int
    outside: int
    outside_events: int
    significance: float

    @property
    def difference(self) -> float:
        """The share in the range minus the share of the rest."""
        return self.inside / self.inside_events - self.outside / self.outside_events


def deltas_of(name: str, inside: Counts, outside: Counts) -> list[Delta]:
    """Return the field's values whose shares differ significantly, those that differ most first.

    If only one side lists a value, the other is taken to have as many events of it as it may have: what was
    not counted is not zero.
    """
    if not inside.events or not outside.events:
        return []
    found = []
    for value in {*inside.values, *outside.values}:
        here = _count(inside, value, outside)
        there = _count(outside, value, inside)
        significance = _significance(here, inside.events, there, outside.events)
        delta = Delta(name, value, here, inside.events, there, outside.events, significance)
        if here + there >= LEAST and abs(significance) >= SIGNIFICANT and abs(delta.difference) >= SMALLEST:
            found.append(delta)
    return most_different(found)


def most_different(deltas: Iterable[Delta]) -> list[Delta]:
    """Sort by the difference of the shares, whatever its sign, and then by significance."""
    return sorted(
        deltas, key=lambda one: (-abs(one.difference), -abs(one.significance), one.field, one.value)
    )


def _count(counts: Counts, value: str, other: Counts) -> int:
    if value in counts.values:
        return counts.values[value]
    expected = round(counts.events * other.values[value] / other.events)
    return min(counts.unlisted, expected)


def _significance(here: int, inside: int, there: int, outside: int) -> float:
    """Return the z-score of two proportions with pooled variance."""
    pooled = (here + there) / (inside + outside)
    error = sqrt(pooled * (1 - pooled) * (1 / inside + 1 / outside))
    return (here / inside - there / outside) / error if error else 0.0


def outside_of(inside: Counts, whole: Counts) -> Counts:
    """Return the counts of the rest: of the whole without the range."""
    values = {
        value: max(0, events - inside.values.get(value, inside.unlisted))
        for value, events in whole.values.items()
    }
    return Counts(values, whole.events - inside.events, whole.unlisted)


def field_counts(rows: Sequence[Mapping[str, Any]], events: int) -> dict[str, Counts]:
    """Return the counts of each field from the rows of `TopValues`; `events` is the number of all events."""
    by_field: dict[str, dict[str, int]] = {}
    for row in rows:
        by_field.setdefault(row["field"], {})[row["value"] or ""] = row["events"]
    return {
        name: Counts(values, events, min(values.values()) if len(values) >= LISTED else 0)
        for name, values in by_field.items()
    }


def message_counts(
    inside: Sequence[LogEvent], outside: Sequence[LogEvent]
) -> dict[str, tuple[Counts, Counts]]:
    """Return the counts of the values of the messages' fields, without fields of mostly unique values."""
    both = _counted(inside), _counted(outside)
    return {
        name: (Counts(here, len(inside)), Counts(there, len(outside)))
        for name in both[0].keys() | both[1].keys()
        for here, there in [(both[0].get(name, Counter()), both[1].get(name, Counter()))]
        if len(here | there) <= max(LEAST, (len(inside) + len(outside)) // 5)
    }


def _counted(events: Sequence[LogEvent]) -> dict[str, Counter[str]]:
    from ops.logs.lake.lines.explain import fields_of

    counters: dict[str, Counter[str]] = {}
    for event in events:
        for name, value in _flat("", fields_of(event.message, event.ts)):
            counters.setdefault(name, Counter())[value] += 1
    return counters


def _flat(name: str, value: Any, depth: int = 0) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        if depth < 4:
            for key, inner in value.items():
                yield from _flat(f"{name}.{key}" if name else str(key), inner, depth + 1)
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif isinstance(value, str | int | float) and 0 < len(str(value)) <= 200:
        yield name, str(value)


def compare_with_rest(engine: QueryEngine, search: Search, around: Search) -> list[Delta]:
    """Return what differs most between the events of the search and the other events of `around`."""
    fields = Query(search, TopValues(FIELDS, LISTED)), Query(around, TopValues(FIELDS, LISTED))
    rows, whole_rows = (engine.run(query).table().to_pylist() for query in fields)
    totals = [sum(row["events"] for row in some if row["field"] == "level") for some in (rows, whole_rows)]
    inside, whole = field_counts(rows, totals[0]), field_counts(whole_rows, totals[1])
    nothing = Counts({}, totals[0])
    found = [
        delta
        for name, counts in whole.items()
        for here in [inside.get(name, nothing)]
        for delta in deltas_of(name, here, outside_of(here, counts))
    ]
    return most_different([*found, *_message_deltas(engine, search, around)])[:SHOWN]


def _message_deltas(engine: QueryEngine, search: Search, around: Search) -> list[Delta]:
    here, whole = search.scope, around.scope
    sides = [(whole.start, here.start), (here.end, whole.end)]
    others = [
        event
        for start, end in sides
        if start < end
        for event in newest(engine, replace(search, scope=replace(whole, start=start, end=end)), SAMPLED)
    ]
    counts = message_counts(newest(engine, search, SAMPLED), others)
    return [
        delta
        for name, (inside, outside) in counts.items()
        if name not in FIELDS
        for delta in deltas_of(name, inside, outside)
    ]
