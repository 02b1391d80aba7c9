"""The window of pages in the browser moves page by page, and to any place of the list."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.logs.window import PAGES, Window, rank_of, window_at

MINUTE = timedelta(minutes=1)
AT = datetime(2026, 11, 24, 10)
COUNTS: list[dict[str, Any]] = [
    {"time": AT, "level": "INFO", "events": 4_000_000},
    {"time": AT, "level": None, "events": 1_000_000},
    {"time": AT + 2 * MINUTE, "level": "INFO", "events": 10},
]


def utc(seconds: float) -> datetime:
    return (AT + timedelta(seconds=seconds)).replace(tzinfo=UTC)


def test_it_holds_a_bounded_number_of_pages() -> None:
    window = Window()
    for _ in range(20):
        window = window.older
    assert (window.first, window.last) == (21 - PAGES, 20)
    for _ in range(30):
        window = window.newer
    assert (window.first, window.last) == (0, PAGES - 1)
    away = Window(utc(0)).newer
    assert (away.first, away.last) == (-1, 0)


def test_it_moves_to_any_of_millions_of_events() -> None:
    for rank, end in ((0, None), (5, utc(150)), (10, utc(60)), (2_500_010, utc(30)), (9_000_000, None)):
        window = window_at(COUNTS, MINUTE, rank)
        assert window == Window(end)
        assert rank_of(COUNTS, MINUTE, window.end) == (rank if end else 0)


def test_a_moment_between_bars_has_its_place() -> None:
    assert rank_of(COUNTS, MINUTE, utc(90)) == 10
    assert rank_of(COUNTS, MINUTE, utc(300)) == 0
