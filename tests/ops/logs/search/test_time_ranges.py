"""Time ranges: relative, absolute, in a time zone, and formatting."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import InputError
from ops.logs.search.time_ranges import TimeRange, between, parse_range, relative_text, zone_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


def test_a_relative_range_ends_now() -> None:
    assert parse_range(" 15m ").at(NOW) == (NOW - timedelta(minutes=15), NOW)


def test_an_absolute_range_without_an_offset_is_in_the_zone() -> None:
    found = parse_range("2026-11-24T10:00/2026-11-24T11:00:00+00:00", zone_of("Europe/Berlin"))
    assert found.at(NOW) == (datetime(2026, 11, 24, 9, tzinfo=UTC), datetime(2026, 11, 24, 11, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "0m", "5y", "99999d", "yesterday", "2026-11-24", "b/a"])
def test_an_invalid_range_is_rejected_with_a_hint(text: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_range(text)
    assert raised.value.hint


def test_a_range_that_ends_before_it_starts_is_rejected() -> None:
    with pytest.raises(InputError, match="ends before it starts"):
        parse_range("2026-11-24T11:00/2026-11-24T10:00")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd"])
def test_an_unknown_time_zone_is_rejected(name: str) -> None:
    with pytest.raises(InputError, match="no time zone"):
        zone_of(name)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=90), "90m"),
        (timedelta(days=7), "7d"),
        (timedelta(hours=36), "36h"),
    ],
)
def test_a_span_in_its_largest_unit(span: timedelta, text: str) -> None:
    assert relative_text(span) == text


@given(
    st.one_of(
        st.builds(TimeRange, st.integers(1, 999_999).map(lambda n: timedelta(seconds=n))),
        st.tuples(MOMENTS, MOMENTS).filter(lambda p: p[0] < p[1]).map(lambda p: between(*p)),
    )
)
def test_formatting_and_parsing_round_trips(found: TimeRange) -> None:
    assert parse_range(found.text, zone_of("Asia/Tokyo")) == found
