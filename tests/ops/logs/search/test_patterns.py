"""Patterns compared with a baseline: grouped, new ones first, and nothing left out before."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from ops.errors import InputError
from ops.logs.lake.grouping.memory import PatternMemory
from ops.logs.lake.layout import LogFormat, Scope
from ops.logs.search import exploration
from ops.logs.search.language.parser import parse
from ops.logs.search.language.writing import text_of
from ops.logs.search.model import Filter, Search
from ops.logs.search.patterns import compare, pattern_queries, patterns
from tests.ops.logs.sample_lake import DAY, START, Lake, Made

HOUR = timedelta(hours=1)
AT = datetime(2026, 11, 24, 10)


def counted(rows: Iterable[tuple[str, int, str | None]]) -> pa.Table:
    """Return what an engine counts: pattern, events, level."""
    names = ("pattern", "log_group", "level", "events", "first_seen", "last_seen", "example")
    text, time = pa.string(), pa.timestamp("us")
    types = (text, text, text, pa.int64(), time, time, text)
    schema = pa.schema(list(zip(names, types, strict=True)))
    return pa.Table.from_pylist(
        [
            dict(zip(names, (pattern, "/g", level, events, AT, AT, pattern), strict=True))
            for pattern, events, level in rows
        ],
        schema=schema,
    )


@pytest.mark.parametrize(
    ("baseline", "length_h", "shift_h"),
    [("previous", 3, 3), ("day", 3, 24), ("day", 30, 48), ("week", 3, 168), ("week", 168, 168)],
)
def test_the_baseline_is_as_long_and_does_not_overlap(baseline: str, length_h: int, shift_h: int) -> None:
    search = Search(Scope(START, START + length_h * HOUR, ("1",)), condition=Filter("level", "ERROR"))
    now, before = pattern_queries(search, baseline)
    assert now.search == search
    assert before.scope == Scope(START - shift_h * HOUR, START + (length_h - shift_h) * HOUR, ("1",))
    assert before.search.filters == search.filters


def test_an_unknown_baseline_is_refused() -> None:
    with pytest.raises(InputError, match="fortnight"):
        pattern_queries(Search(DAY), "fortnight")


def test_changes_and_their_order(tmp_path: Path) -> None:
    now = counted([
        ("same thing", 10, None), ("grows some", 9, None), ("grows much", 90, None),
        ("common news", 700, "INFO"), ("fatal news", 1, "FATAL"), ("shrinks", 2, None),
    ])  # fmt: skip
    before = counted([
        ("same thing", 9, None), ("grows some", 3, None), ("grows much", 3, None), ("shrinks", 4, None),
        ("vanished", 5, "WARN"),
    ])  # fmt: skip
    found = compare(now, before, PatternMemory(tmp_path / "known.json")).to_pylist()
    assert [(row["pattern"], row["change"]) for row in found] == [
        ("fatal news", "new"), ("common news", "new"), ("grows much", "rising"), ("grows some", "rising"),
        ("same thing", "same"), ("shrinks", "falling"), ("vanished", "gone"),
    ]  # fmt: skip
    assert [(row["events"], row["before"]) for row in found[-3:]] == [(10, 9), (2, 4), (0, 5)]
    assert found[-1]["level"] == "WARN"


def test_a_rare_new_pattern_is_found_among_thousands(tmp_path: Path) -> None:
    many = [(f"kind {'x' * n}", 100, "INFO") for n in range(1, 1500)]
    found = compare(
        counted([*many, ("never before", 1, "FATAL")]), counted(many), PatternMemory(tmp_path / "known.json")
    )
    assert (found.num_rows, found["pattern"][0].as_py(), found["change"][0].as_py()) == (
        1500,
        "never before",
        "new",
    )


def test_patterns_of_both_periods_are_grouped_alike(tmp_path: Path) -> None:
    names = [f"login by {name} accepted" for name in ("ada", "bob", "cleo")]
    found = compare(
        counted([(names[0], 4, "INFO"), (names[1], 2, "WARN")]),
        counted([(names[2], 5, None)]),
        PatternMemory(tmp_path / "known.json"),
    )
    (row,) = found.to_pylist()
    assert (row["pattern"], row["events"], row["before"], row["level"]) == (
        "login by * accepted",
        6,
        5,
        "WARN",
    )
    assert (row["log_groups"], row["first_seen"], row["example"]) == (1, AT, names[0])


def test_the_events_of_a_group_are_found_by_its_glob(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    trace = 'Traceback (most recent call last):\n  File "/a.py", line {}, in f\nKeyError: {}'
    messages = [f"login by {name}  (uid={n}) accepted" for n, name in enumerate(("ada", "bob", "cleo"))]
    messages += [trace.format(3, 7), trace.format(44, 8) + "\n", "queue is full"]
    lake.put(LogFormat.JSON, [Made(text, n, id=f"{n}") for n, text in enumerate(messages)])
    memory = PatternMemory(tmp_path / "known.json")
    found = patterns(lake.engine, Search(DAY), memory).to_pylist()
    assert sorted(row["events"] for row in found) == [1, 2, 3]
    assert {row["change"] for row in found} == {"new"}
    for row in found:
        text = text_of(Filter("pattern", row["glob"], "glob"))
        search = Search(DAY, parse(text))
        assert exploration.count(lake.engine, search) == row["events"], text
