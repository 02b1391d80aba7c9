"""The message patterns of a search, grouped, and compared with a baseline.

An engine counts the events of each pattern (numbers and IDs masked) in the range and in the baseline;
`compare` groups the patterns of both (`ops.logs.lake.grouping`), whatever the engine. What is new and rising
is determined from all patterns, before anything is left out.
"""

from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from ops.errors import InputError
from ops.logs.lake.layout import HOUR, Scope
from ops.logs.search.model import LEVELS, Search
from ops.logs.search.query import Patterns, Query

if TYPE_CHECKING:
    import pyarrow as pa

    from ops.logs.lake.grouping.memory import PatternMemory
    from ops.logs.search.cursor import QueryEngine

# What the range is compared with. A range longer than the shift is shifted by a multiple of it.
BASELINES = {
    "previous": "the previous period",
    "day": "the same time the day before",
    "week": "the same time the week before",
}
_SHIFTS = {"day": 24 * HOUR, "week": 7 * 24 * HOUR}
COUNTED = 200_000  # patterns by log group, the most frequent ones: about 200 MB
NEW, RISING, FALLING, GONE, SAME = "new", "rising", "falling", "gone", "same"
RISE = 2  # times as many events as in the baseline
_ORDER = (NEW, RISING, SAME, FALLING, GONE)


def pattern_queries(search: Search, baseline: str = "previous") -> tuple[Query, Query]:
    """Ask for the patterns in the range, and in its baseline, one of BASELINES. Raises InputError."""
    shift = shift_of(search.scope, baseline)
    return Query(search, Patterns(COUNTED)), Query(shifted(search, shift), Patterns(COUNTED))


def shifted(search: Search, shift: timedelta) -> Search:
    """Return the search in a range of the same length that ends earlier."""
    scope = search.scope
    return replace(search, scope=replace(scope, start=scope.start - shift, end=scope.end - shift))


def shift_of(scope: Scope, baseline: str) -> timedelta:
    """Return how much earlier the baseline, one of BASELINES, is. Raises InputError."""
    if baseline not in BASELINES:
        raise InputError(
            f"There is no baseline {baseline!r}.", field="baseline", hint=f"Use {', '.join(BASELINES)}."
        )
    length = scope.end - scope.start
    shift = _SHIFTS.get(baseline, length)
    return shift * max(1, ceil(length / shift))


def patterns(
    engine: "QueryEngine", search: Search, memory: "PatternMemory", baseline: str = "previous"
) -> "pa.Table":
    """Return the groups of patterns, with their events in the range and in the baseline (`compare`)."""
    now, before = (engine.run(query).table() for query in pattern_queries(search, baseline))
    return compare(now, before, memory)


def compare(now: "pa.Table", before: "pa.Table", memory: "PatternMemory") -> "pa.Table":
    """Group the patterns of both results: a row per group, what is new first, and then what is rising.

    `pattern` stands for the group, `id` identifies it, and `glob` matches its events. `events` and `before`
    are the numbers in the range and in the baseline. `change` is new, rising (at least twice as many),
    falling (at most half), gone, or same. The other columns describe the events in the range, or else in the
    baseline.
    """
    import pyarrow as pa

    groups = memory.group({*now["pattern"].to_pylist(), *before["pattern"].to_pylist()})
    rows: dict[str, dict[str, Any]] = {}
    for table, column in ((now, "events"), (before, "before")):
        for row in table.to_pylist():
            group = groups[row["pattern"]]
            found = rows.setdefault(group.id, _empty(group.text, group.id, group.glob))
            _add(found, row, column)
    for found in rows.values():
        found["log_groups"] = len(found["log_groups"])
        found["change"] = _change(found["events"], found["before"])
    return pa.Table.from_pylist(sorted(rows.values(), key=_rank), schema=_schema(now))


def _empty(pattern: str, id_: str, glob: str) -> dict[str, Any]:
    return {
        "pattern": pattern, "id": id_, "change": SAME, "level": None, "events": 0, "before": 0,
        "log_groups": set(), "first_seen": None, "last_seen": None, "example": None, "glob": glob,
    }  # fmt: skip


def _add(found: dict[str, Any], row: dict[str, Any], column: str) -> None:
    found[column] += row["events"]
    if column == "before" and found["events"]:
        return
    found["level"] = min(
        (level for level in (found["level"], row["level"]) if level), key=LEVELS.index, default=None
    )
    found["log_groups"].add(row["log_group"])
    for name, better in (("first_seen", min), ("last_seen", max), ("example", min)):
        found[name] = row[name] if found[name] is None else better(found[name], row[name])


def _change(events: int, before: int) -> str:
    if not before:
        return NEW
    if not events:
        return GONE
    return RISING if events >= RISE * before else FALLING if events * RISE <= before else SAME


def _rank(row: dict[str, Any]) -> tuple[Any, ...]:
    severity = LEVELS.index(row["level"]) if row["level"] else len(LEVELS)
    times = row["events"] / row["before"] if row["change"] == RISING else 0
    return (
        _ORDER.index(row["change"]),
        severity if row["change"] == NEW else 0,
        -times,
        -row["events"],
        row["pattern"],
    )


def _schema(counted: "pa.Table") -> "pa.Schema":
    import pyarrow as pa

    text, time = pa.string(), counted.schema.field("first_seen").type
    types = {"events": pa.int64(), "before": pa.int64(), "log_groups": pa.int64()}
    types |= {"first_seen": time, "last_seen": time}
    return pa.schema([(name, types.get(name, text)) for name in _empty("", "", "")])
