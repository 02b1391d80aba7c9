"""Formatting of times, counts, and names."""

from datetime import UTC, datetime, timedelta

import pytest

from app.shared.words import ago, code, count, duration, listed, money

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (47, "47 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
        (3 * 86400 + 5, "3 days"),
    ],
)
def test_duration(seconds: int, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("back", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5, minutes=50), "5 hours ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(seconds=-20), "just now"),
    ],
)
def test_ago(back: timedelta, words: str) -> None:
    assert ago(NOW - back, NOW) == words


def test_never() -> None:
    assert ago(None, NOW) == "never"


def test_counts_and_lists() -> None:
    assert [count(n, "database") for n in (0, 1, 2)] == ["0 databases", "1 database", "2 databases"]
    assert [listed(words) for words in ([], ["a"], ["a", "b", "c"])] == ["", "a", "a, b, and c"]


@pytest.mark.parametrize("text", ["plain", "a`b", "``", "x ``` y", "\x1b[31mred\x00"])
def test_code_cannot_be_left(text: str) -> None:
    shown = code(text)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    assert fence
    assert fence not in shown[len(fence) : -len(fence)].replace("`" * (len(fence) + 1), "")
    assert shown.endswith(fence)
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("dollars", "words"),
    [(0.0, "$0.00"), (0.004, "< $0.01"), (0.005, "$0.01"), (1234.5, "$1,234.50")],
)
def test_money(dollars: float, words: str) -> None:
    assert money(dollars) == words
