"""The loss ledger: missing events are found; late and early events do not count as missing."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.logs.export.error_records import GroupHour
from ops.logs.export.ledger.model import MAX_FUTURE_H, EventCount, Ledger, LedgerCounts, build_ledger
from ops.logs.lake.layout import HOUR

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=12)
GROUP = ("111111111111", "eu-west-1", "/app")
SINCE = NOON - timedelta(days=1)


def at(hour: int) -> GroupHour:
    return GroupHour(*GROUP, NOON + hour * HOUR)


def counted(hours: dict[int, int]) -> dict[GroupHour, EventCount]:
    return {at(hour): EventCount(events) for hour, events in hours.items()}


def ledger(
    taken_in: dict[int, int],
    exported: dict[int, int],
    failed: dict[int, int] | None = None,
    *,
    since: datetime = SINCE,
    now: datetime = NOW,
) -> Ledger:
    books = LedgerCounts(
        counted(taken_in), counted(exported), {at(h): n for h, n in (failed or {}).items()}, {GROUP: since}
    )
    return build_ledger(books, NOON - timedelta(days=2), NOON + timedelta(days=1), now)


def missing(found: Ledger) -> dict[int, int]:
    return {int((row.at.hour - NOON) / HOUR): row.missing for row in found.rows if row.missing}


def test_everything_is_exported() -> None:
    found = ledger({0: 5, 1: 7}, {0: 5, 1: 7})
    assert found.ok and [row.status for row in found.rows] == ["complete", "complete"]


def test_missing_events_are_reported_in_their_hour() -> None:
    found = ledger({0: 5, 1: 7}, {0: 5, 1: 4})
    assert (found.missing, missing(found)) == (3, {1: 3})
    assert [row.status for row in found.rows] == ["complete", "missing"]


def test_a_whole_hour_without_any_object_is_missing() -> None:
    assert missing(ledger({0: 5, 1: 7}, {0: 5})) == {1: 7}


def test_failed_events_are_not_missing() -> None:
    found = ledger({0: 5}, {0: 3}, {0: 2})
    assert (found.missing, found.failed, found.ok) == (0, 2, False)
    assert found.rows[0].status == "failed"


def test_events_with_earlier_timestamps_are_found() -> None:
    assert ledger({5: 10}, {0: 3, 5: 7}).ok


def test_events_with_future_timestamps_are_found_within_two_hours() -> None:
    assert ledger({0: 10}, {0: 7, 2: 3}).ok
    assert missing(ledger({0: 10}, {0: 7, 3: 3})) == {0: 3}


def test_a_surplus_is_used_once() -> None:
    assert ledger({0: 4, 1: 4}, {0: 2, 1: 2, 2: 3}).missing == 1


def test_hours_within_the_delivery_delay_are_not_checked() -> None:
    found = ledger({0: 5}, {}, now=NOON + timedelta(minutes=80))
    assert (found.missing, found.rows[0].status) == (0, "in progress")
    assert ledger({0: 5}, {}, now=NOON + timedelta(minutes=120)).missing == 5


PER_HOUR, LOST = 282, 47  # an event every 12.8 s; ten minutes of them are lost


def steady(until: datetime, stamped_before: int = 0) -> tuple[dict[int, int], dict[int, int]]:
    """Return what steady traffic since noon ingested and exported, without ten minutes of the second hour.

    As many events of each hour as `stamped_before` have a timestamp in the hour before. Both counts begin at
    noon; there was traffic before.
    """
    taken_in: Counter[int] = Counter()
    exported: Counter[int] = Counter()
    for number in range(int((until - NOON).total_seconds() * PER_HOUR / 3600)):
        second = number * 3600 / PER_HOUR
        hour, inside = int(second // 3600), number - int(second // 3600) * PER_HOUR
        taken_in[hour] += 1
        if not (hour == 1 and 100 <= inside < 100 + LOST):
            exported[hour - (inside < stamped_before)] += 1
    del exported[-1]
    return dict(taken_in), dict(exported)


@pytest.mark.parametrize("stamped_before", [0, 3])
@pytest.mark.parametrize("minutes", [151, 155, 170, 185, 210, 1440, 1470])
def test_a_loss_does_not_shrink_while_traffic_goes_on(minutes: int, stamped_before: int) -> None:
    now = NOON + timedelta(minutes=minutes)
    found = ledger(*steady(now, stamped_before), now=now)
    assert missing(found) == {1: LOST}


def test_events_that_are_still_on_their_way_are_no_allowance_for_a_loss() -> None:
    """The current hour has exported events; what it ingested needs them."""
    assert missing(ledger({0: 10, 1: 10, 2: 8}, {0: 5, 1: 10, 2: 6}, now=NOON + timedelta(minutes=150))) == {
        0: 5
    }


def test_events_found_in_other_hours_are_shown_as_such() -> None:
    found = ledger({0: 10, 1: 10}, {-1: 2, 0: 8, 1: 10})
    assert [(row.elsewhere, row.missing) for row in found.rows if row.at == at(0)] == [(2, 0)]


def test_what_is_not_found_is_not_missing_if_objects_could_not_be_read() -> None:
    books = LedgerCounts(
        counted({0: 5, 4: 5}),
        counted({0: 4, 4: 2}),
        {},
        {GROUP: SINCE},
        unread=["no key"],
        unread_from=at(4).hour,
    )
    found = build_ledger(books, NOON, NOON + 5 * HOUR, NOW)
    assert [(row.status, row.missing, row.unread) for row in found.rows] == [
        ("missing", 1, 0),  # its events cannot be in the unread hour: it is more than two hours later
        ("not read", 0, 3),
    ]
    assert (found.ok, found.unread) == (False, ("no key",))


@given(st.lists(st.integers(0, 20), min_size=4, max_size=12), st.data())
def test_a_loss_shrinks_only_if_events_arrive(taken_in: list[int], data: st.DataObject) -> None:
    """Whatever is lost, and whenever: with the same events in S3, a later look finds no fewer losses."""
    exported = [data.draw(st.integers(0, events)) for events in taken_in]
    counts = dict(enumerate(taken_in)), dict(enumerate(exported))
    losses = [
        ledger(*counts, now=NOON + hour * HOUR + timedelta(minutes=35)).missing
        for hour in range(1, len(taken_in) + 2)
    ]
    assert losses == sorted(losses)
    assert losses[-1] == sum(taken_in) - sum(exported)


def test_the_hour_of_the_subscription_is_not_checked() -> None:
    found = ledger({-1: 9, 0: 5, 1: 5}, {0: 2, 1: 5}, since=NOON + timedelta(minutes=20))
    assert [(row.at.hour, row.status) for row in found.rows] == [
        (NOON, "partial"),
        (NOON + HOUR, "complete"),
    ]


def test_group_without_subscription_has_no_rows() -> None:
    books = LedgerCounts(counted({0: 5}), {}, {}, {})
    assert build_ledger(books, NOON, NOON + HOUR, NOW).rows == ()


def test_sums_by_hour() -> None:
    assert ledger({0: 5, 1: 7}, {0: 5, 1: 4}, {1: 1}).by_hour() == [
        (NOON, 5, 5, 0, 0),
        (NOON + HOUR, 7, 4, 1, 2),
    ]


# An event that came in at hour h with a time of its own in hour t, t ≤ h + 2.
EVENTS = st.lists(
    st.integers(0, 9).flatmap(lambda h: st.tuples(st.just(h), st.integers(-5, h + MAX_FUTURE_H))), max_size=40
)


@given(EVENTS)
def test_nothing_delivered_is_ever_missing(events: list[tuple[int, int]]) -> None:
    taken_in, exported = Counter(h for h, _ in events), Counter(t for _, t in events)
    assert ledger(dict(taken_in), dict(exported)).missing == 0


@given(EVENTS, st.data())
def test_losses_are_exact_if_events_are_on_time(events: list[tuple[int, int]], data: st.DataObject) -> None:
    hours = [hour for hour, _ in events]
    lost = data.draw(st.lists(st.sampled_from(hours), max_size=len(hours))) if hours else []
    kept = Counter(hours)
    kept.subtract(lost)
    left = {hour: max(0, count) for hour, count in kept.items()}
    found = ledger(dict(Counter(hours)), left)
    assert found.missing == len(hours) - sum(left.values())


def test_an_hour_that_was_not_read_makes_no_other_loss_certain() -> None:
    """The later hour's event is unread, and the late event of the first hour could be either's."""
    books = LedgerCounts(
        counted({0: 1, 3: 1}), counted({1: 1}), {}, {GROUP: SINCE}, unread=["x"], unread_from=at(3).hour
    )
    found = build_ledger(books, NOON, NOON + 4 * HOUR, NOW)
    assert (found.missing, sum(row.unread for row in found.rows)) == (0, 1)


@given(
    st.lists(st.integers(0, 9), min_size=3, max_size=9),
    st.data(),
)
def test_what_was_not_read_is_never_missing(taken_in: list[int], data: st.DataObject) -> None:
    """Whatever objects are not read: no loss is certain that is none, or greater than with all objects."""
    exported: Counter[int] = Counter()
    for hour, events in enumerate(taken_in):
        for _ in range(events):
            at_hour = data.draw(st.sampled_from([hour, hour, hour, hour - 1, hour + 1, hour + 2, None]))
            if at_hour is not None:
                exported[at_hour] += 1
    hidden = data.draw(st.sets(st.integers(-1, len(taken_in) + 1), min_size=1))
    later = NOON + (len(taken_in) + 4) * HOUR

    def built(counts: dict[int, int], **more: Any) -> Ledger:
        books = LedgerCounts(
            counted(dict(enumerate(taken_in))), counted(counts), {}, {GROUP: NOON - 9 * HOUR}, **more
        )
        return build_ledger(books, NOON - HOUR, later, later)

    whole = built(dict(exported))
    less = built(
        {hour: events for hour, events in exported.items() if hour not in hidden},
        unread=["x"],
        unread_from=NOON + min(hidden) * HOUR,
    )
    assert not less.ok
    assert less.missing <= whole.missing
    everything = built(dict(exported), unread=["x"], unread_from=datetime.min.replace(tzinfo=UTC))
    assert everything.missing == 0
