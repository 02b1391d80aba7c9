"""Windows by the clocks of their zone, through every change of those clocks."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ops.rollouts.rules.blockers import (
    Blockers,
    OneTimeWindow,
    StartCheck,
    WeeklyWindow,
    check_start,
    next_open,
)
from tests.ops.rollouts.samples import relaxed

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
EVERY_DAY = tuple(range(7))
FRIDAY = Blockers(weekly=(WeeklyWindow((4,), time(14), time(0), BERLIN),))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


MONDAY = utc("2026-07-06 13:00")


def test_open_means_now() -> None:
    now = utc("2026-07-03 11:59:59")  # a Friday, 13:59:59 in Berlin
    assert check_start(FRIDAY, now) == StartCheck(True, now)


def test_closed_names_the_window_and_when_it_opens() -> None:
    assert check_start(FRIDAY, utc("2026-07-03 12:00")) == StartCheck(
        False, utc("2026-07-03 22:00"), ("closed fri 14:00–24:00 (Europe/Berlin)",)
    )


def test_the_moment_is_the_same_in_any_zone() -> None:
    now = datetime(2026, 7, 3, 21, tzinfo=ZoneInfo("Asia/Tokyo"))  # 14:00 in Berlin
    assert check_start(FRIDAY, now).opens_at == utc("2026-07-03 22:00")


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = Blockers(weekly=(WeeklyWindow((4,), time(22), time(6), "UTC"),))
    assert next_open(night, utc("2026-07-04 05:59")) == utc("2026-07-04 06:00")
    assert next_open(night, utc("2026-07-03 05:59")) == utc("2026-07-03 05:59")


def test_a_whole_day_is_from_midnight_to_midnight() -> None:
    day = Blockers(weekly=(WeeklyWindow((5, 6), time(0), time(0), "UTC"),))
    assert next_open(day, utc("2026-07-04 00:00")) == utc("2026-07-06 00:00")
    assert next_open(day, utc("2026-07-03 23:59")) == utc("2026-07-03 23:59")


def test_what_is_closed_one_after_the_other_opens_after_the_last() -> None:
    blockers = Blockers(
        weekly=FRIDAY.weekly,
        periods=(OneTimeWindow(datetime(2026, 12, 26), datetime(2026, 12, 28), NEW_YORK),),
        holidays=frozenset({date(2026, 12, 26)}),
        zone=BERLIN,
    )
    assert next_open(blockers, utc("2026-12-25 13:00")) == utc("2026-12-28 05:00")


def test_a_holiday_is_one_of_its_zone() -> None:
    blockers = Blockers(holidays=frozenset({date(2026, 7, 4)}), zone=NEW_YORK)
    assert check_start(blockers, utc("2026-07-04 03:59")).allowed
    closed = check_start(blockers, utc("2026-07-04 04:00"))
    assert closed == StartCheck(
        False, utc("2026-07-05 04:00"), ("2026-07-04 is a holiday (America/New_York)",)
    )


def test_what_never_opens_says_so() -> None:
    always = Blockers(weekly=(WeeklyWindow(EVERY_DAY, time(0), time(0), "UTC"),))
    assert check_start(always, utc("2026-07-03 12:00")).opens_at is None


def test_a_freeze_and_alarms_block_without_a_known_end() -> None:
    verdict = check_start(FRIDAY, utc("2026-07-03 13:00"), frozen="sale", alarms=["b", "a"])
    assert (verdict.allowed, verdict.opens_at) == (False, None)
    assert verdict.reasons == (
        "all rollouts are frozen: sale",
        "alarm a is active",
        "alarm b is active",
        "closed fri 14:00–24:00 (Europe/Berlin)",
    )
    for one in (
        check_start(Blockers(), MONDAY, frozen="sale"),
        check_start(Blockers(), MONDAY, alarms=["a"]),
    ):
        assert (one.allowed, one.opens_at, len(one.reasons)) == (False, None, 1)


def test_an_emergency_overrides_and_still_names_what_it_overrides() -> None:
    emergency = Blockers(weekly=FRIDAY.weekly, override="CVE")
    now = utc("2026-07-03 13:00")
    verdict = check_start(emergency, now, frozen="sale")
    assert (verdict.allowed, verdict.opens_at, len(verdict.reasons)) == (True, now, 2)


# Zone, day, from, to: the first and the last moment that are closed. Berlin skips 02:00–03:00 on 29 March
# and shows it twice on 25 October; Lord Howe's clocks move by half an hour.
CLOCKS = {
    "before the jump": (BERLIN, date(2026, 3, 28), "01:00", "02:30", "03-28 00:00", "03-28 01:30"),
    "over the jump": (BERLIN, date(2026, 3, 29), "01:00", "04:00", "03-29 00:00", "03-29 02:00"),
    "ends in the jump": (BERLIN, date(2026, 3, 29), "01:00", "02:30", "03-29 00:00", "03-29 01:00"),
    "begins in the jump": (BERLIN, date(2026, 3, 29), "02:30", "04:00", "03-29 01:00", "03-29 02:00"),
    "ends at the jump": (BERLIN, date(2026, 3, 29), "01:00", "02:00", "03-29 00:00", "03-29 01:00"),
    "over the second hour": (BERLIN, date(2026, 10, 25), "01:00", "04:00", "10-24 23:00", "10-25 03:00"),
    "ends in the second hour": (BERLIN, date(2026, 10, 25), "01:00", "02:30", "10-24 23:00", "10-25 01:30"),
    "begins in the first hour": (BERLIN, date(2026, 10, 25), "02:30", "04:00", "10-25 00:30", "10-25 03:00"),
    "within the hour shown twice": (
        BERLIN,
        date(2026, 10, 25),
        "02:15",
        "02:45",
        "10-25 00:15",
        "10-25 01:45",
    ),
    "a short day": (BERLIN, date(2026, 3, 29), "00:00", "00:00", "03-28 23:00", "03-29 22:00"),
    "a long day": (BERLIN, date(2026, 10, 25), "00:00", "00:00", "10-24 22:00", "10-25 23:00"),
    "half an hour skipped": (LORD_HOWE, date(2026, 10, 4), "01:00", "02:15", "10-03 14:30", "10-03 15:30"),
    "half an hour twice": (LORD_HOWE, date(2026, 4, 5), "01:00", "01:45", "04-04 14:00", "04-04 15:15"),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_window_where_the_clocks_change(name: str) -> None:
    zone, day, start, end, closes, opens = CLOCKS[name]
    window = WeeklyWindow((day.weekday(),), time.fromisoformat(start), time.fromisoformat(end), zone)
    blockers = Blockers(weekly=(window,))
    first, after = utc(f"2026-{closes}"), utc(f"2026-{opens}")
    second = timedelta(seconds=1)
    assert check_start(blockers, first - second).allowed
    assert check_start(blockers, first).opens_at == after
    assert not check_start(blockers, after - second).allowed
    assert check_start(blockers, after).allowed


ZONES = st.sampled_from(["UTC", BERLIN, NEW_YORK, LORD_HOWE, "Asia/Kathmandu", "Africa/Casablanca"])
TIMES = st.times().map(lambda each: each.replace(second=0, microsecond=0))
WEEKLY = st.builds(
    WeeklyWindow, st.lists(st.integers(0, 6), min_size=1, unique=True).map(tuple), TIMES, TIMES, ZONES
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(
    lambda each: each.replace(microsecond=0, tzinfo=UTC)
)


def shows_closed(window: WeeklyWindow, moment: datetime) -> bool:
    """By nothing but what the clock on the wall shows."""
    shown = moment.astimezone(ZoneInfo(window.zone))
    today, yesterday = shown.weekday() in window.days, (shown.weekday() - 1) % 7 in window.days
    if window.start < window.end:
        return today and window.start <= shown.time() < window.end
    return (today and shown.time() >= window.start) or (yesterday and shown.time() < window.end)


@relaxed
@given(WEEKLY, MOMENTS)
@example(WeeklyWindow((6,), time(2, 15), time(2, 45), BERLIN), datetime(2026, 10, 25, 1, 20, tzinfo=UTC))
def test_what_the_clock_shows_as_closed_is_closed(window: WeeklyWindow, moment: datetime) -> None:
    if shows_closed(window, moment):
        assert not check_start(Blockers(weekly=(window,)), moment).allowed


@relaxed
@given(WEEKLY, MOMENTS)
def test_nothing_else_is_closed_where_the_clocks_do_not_change(
    window: WeeklyWindow, moment: datetime
) -> None:
    days = [moment + timedelta(days=day) for day in (-2, 2)]
    before, after = (day.astimezone(ZoneInfo(window.zone)).utcoffset() for day in days)
    if before == after:
        closed = not check_start(Blockers(weekly=(window,)), moment).allowed
        assert closed == shows_closed(window, moment)


@relaxed
@given(st.lists(WEEKLY, max_size=3).map(tuple), MOMENTS)
def test_the_opening_is_the_first_open_moment(windows: tuple[WeeklyWindow, ...], moment: datetime) -> None:
    blockers = Blockers(weekly=windows)
    opens = next_open(blockers, moment)
    if opens is None:
        opens = moment + timedelta(days=8)
    else:
        assert check_start(blockers, opens).allowed and opens >= moment
    step = max((opens - moment) / 10, timedelta(minutes=1))
    while moment < opens:
        assert not check_start(blockers, moment).allowed
        moment += step
