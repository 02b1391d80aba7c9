"""Durations as people write them."""

from datetime import timedelta

import pytest

from ops.text.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90m", timedelta(minutes=90)),
        ("1d12h", timedelta(hours=36)),
        ("2w", timedelta(weeks=2)),
        ("1h2m3s", timedelta(hours=1, minutes=2, seconds=3)),
        ("0s", timedelta(0)),
        ("12h1d", None),
        ("1.5h", None),
        ("1234567s", None),
        ("h", None),
        ("", None),
        (90, None),
    ],
)
def test_a_duration_is_parsed_or_rejected(text: object, duration: timedelta | None) -> None:
    assert parse_duration(text) == duration
