"""An hour's parts are remembered for exactly the same objects, for a short time, within a limit."""

from pathlib import Path

import pytest

from ops.logs.lake.layout import Partition
from ops.logs.lake.ready_hours import READY_S, ReadyHours
from tests.ops.logs.sample_lake import START

HOUR = Partition(START)
FRESH = frozenset({("a.gz", "1"), ("b.gz", "2")})
NONE = frozenset[str]()
PART = Path("part.parquet")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hours(clock: Clock) -> ReadyHours:
    kept = ReadyHours(clock)
    kept.keep(HOUR, FRESH, NONE, [PART], ["a remark"])
    return kept


def test_the_same_objects_are_remembered(hours: ReadyHours) -> None:
    ready = hours.get(HOUR, FRESH, NONE)
    assert ready and (ready.parts, ready.notes) == ((PART,), ("a remark",))


def test_other_objects_are_not_remembered(hours: ReadyHours) -> None:
    assert hours.get(Partition(START, "1"), FRESH, NONE) is None
    assert hours.get(HOUR, FRESH | {("c.gz", "3")}, NONE) is None
    assert hours.get(HOUR, frozenset({("a.gz", "changed"), ("b.gz", "2")}), NONE) is None
    assert hours.get(HOUR, FRESH, frozenset({"compacted.parquet"})) is None


def test_an_hour_is_forgotten_after_a_short_time(hours: ReadyHours, clock: Clock) -> None:
    clock.now += READY_S
    assert hours.get(HOUR, FRESH, NONE) is None


def test_an_hour_with_a_missing_part_is_forgotten(hours: ReadyHours) -> None:
    assert not hours.forget_lost(lambda path: True)
    assert hours.get(HOUR, FRESH, NONE)
    assert hours.forget_lost(lambda path: path != PART)
    assert hours.get(HOUR, FRESH, NONE) is None


def test_memory_is_bounded(hours: ReadyHours, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.logs.lake.ready_hours.MOST_OBJECTS", 1)
    hours.keep(HOUR, FRESH, NONE, [PART], [])
    assert hours.get(HOUR, FRESH, NONE) is None
