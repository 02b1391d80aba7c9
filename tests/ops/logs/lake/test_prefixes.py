"""The prefix of a line that repeats its event's time and level is found, and nothing else is."""

from datetime import UTC, datetime

import pytest

from ops.logs.lake.lines.prefixes import prefix_length

AT = datetime(2026, 11, 24, 10, 0, 0, 303_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "level", "text"),
    [
        ("2026-11-24 10:00:00.303 INFO shop.web session", "INFO", "shop.web session"),
        ("2026-11-24T10:00:00.303Z\t12345678-1234-1234-1234-123456789abc\tERROR\tboom", "ERROR", "boom"),
        ("2026-11-24 11:30:00,303 - WARNING - in Kolkata", "WARN", "in Kolkata"),
        ("[ERROR] 2026-11-24T10:00:00Z broken", "ERROR", "broken"),
        ("[24/Nov/2026:10:00:00 +0000] GET /", None, "GET /"),
        ("Nov 24 10:00:00 host sshd", None, "host sshd"),
        ("Error: no such file", "ERROR", "no such file"),
        # another time or level, words, and lines that would be empty stay
        ("2026-11-24 09:40:01 retried later", "INFO", "2026-11-24 09:40:01 retried later"),
        ("WARN disk", "INFO", "WARN disk"),
        ("Information about x", "INFO", "Information about x"),
        ("Error-prone thing", "ERROR", "Error-prone thing"),
        ("ERRORS=3", "ERROR", "ERRORS=3"),
        ("INFO", "INFO", "INFO"),
    ],
)
def test_what_repeats_time_and_level_is_a_prefix(message: str, level: str | None, text: str) -> None:
    assert message[prefix_length(message, AT, level) :] == text
