"""Is what was deployed healthy? After time, and by data points and alarms. No data is not health."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

OK, ALARM = "OK", "ALARM"  # as CloudWatch names them; every other state is missing data
LOOKS = 10  # how often missing evidence is looked for after the bake's time


@dataclass(frozen=True)
class Bake:
    """At least `time`, and `points` data points of each target; missing ones are awaited for `wait` more."""

    time: timedelta
    points: int
    wait: timedelta


@dataclass(frozen=True)
class DataPoint:
    """`count` of what the metric measures, in the period that begins at `at`."""

    at: datetime
    count: float


@dataclass(frozen=True)
class Seen:
    """What was read about a target or a neighbour. `states` are its alarms' states by name, `expected` those
    that it must have, `fired` when each went into alarm."""

    name: str
    needed: int = 0
    points: tuple[DataPoint, ...] = ()
    expected: tuple[str, ...] = ()
    states: Mapping[str, str] = field(default_factory=dict)
    fired: tuple[tuple[str, datetime], ...] = ()
    is_target: bool = True


class Health(StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    WAITING = "not enough yet"


@dataclass(frozen=True)
class Finding:
    """`again` is when to look next, while there is not enough yet."""

    health: Health
    reasons: tuple[str, ...] = ()
    again: datetime | None = None


def judge(bake: Bake, began: datetime, now: datetime, seen: Iterable[Seen]) -> Finding:
    """The health of a bake. An alarm ends it at once, also one that fired during it and is off again.

    What is missing when time and wait are over is unhealthy.
    """
    all_seen = tuple(seen)
    if alarms := tuple(words for each in all_seen for words in _alarms(each, began, now)):
        return Finding(Health.UNHEALTHY, alarms)
    done = began + bake.time
    if now < done:
        return Finding(Health.WAITING, (f"bakes until {done:%Y-%m-%d %H:%M:%S %Z}",), done)
    missing = tuple(words for each in all_seen for words in _missing(each, began, now))
    if not missing:
        return Finding(Health.HEALTHY)
    deadline = done + bake.wait
    if now >= deadline:
        return Finding(Health.UNHEALTHY, missing)
    return Finding(Health.WAITING, missing, min(deadline, now + bake.wait / LOOKS))


def _alarms(seen: Seen, began: datetime, now: datetime) -> list[str]:
    active = [name for name, state in seen.states.items() if state == ALARM]
    past = [name for name, at in seen.fired if began <= at <= now and name not in active]
    return [
        *(f"{seen.name}: alarm {name} is active" for name in active),
        *(f"{seen.name}: alarm {name} fired during the bake" for name in dict.fromkeys(past)),
    ]


def _missing(seen: Seen, began: datetime, now: datetime) -> list[str]:
    count = sum(point.count for point in seen.points if began <= point.at <= now)
    enough = count >= seen.needed  # not so when the count is no number
    few = [] if enough else [f"{seen.name}: {count:g} of {seen.needed} data points"]
    silent = [name for name in seen.expected if seen.states.get(name) != OK]
    return few + [f"{seen.name}: alarm {name} has no data" for name in silent]
