"""What was seen of a subscribed log group: a verdict only from what was read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.aws.cloud import Place
from ops.aws.logs.groups import LogGroup
from ops.logs.export.canary import Canaries, Canary
from ops.logs.export.coverage.last_events import LastEvents
from ops.logs.export.coverage.seen import Seen, judge_seen
from ops.logs.export.coverage.verdicts import CoverageState, GroupCoverage
from ops.settings import Account

NOW = datetime(2026, 5, 4, 12, 10, tzinfo=UTC)
DAY_AGO = NOW - timedelta(hours=24)
PLACE = Place(Account("qa", "222222222222"), "eu-west-1")
GROUP = LogGroup("/app/a", PLACE, NOW - timedelta(days=9), 0, None)
SUBSCRIBED = GroupCoverage(GROUP, CoverageState.SUBSCRIBED, since=NOW - timedelta(days=2), ingested_hours=())
NONE = Canaries()


def hour(number: int) -> datetime:
    return datetime(2026, 5, 4, number, tzinfo=UTC)


def test_an_event_in_the_bucket_is_seen() -> None:
    sight = judge_seen(SUBSCRIBED, LastEvents(DAY_AGO, {GROUP.key: hour(9)}), NONE, NOW)
    assert (sight.state, sight.at) == (Seen.ARRIVING, hour(9))


@pytest.mark.parametrize(
    ("hours", "since", "state"),
    [
        ((), DAY_AGO, Seen.IDLE),
        ((hour(8),), DAY_AGO, Seen.NOT_ARRIVING),
        ((hour(12),), DAY_AGO, Seen.IN_TRANSIT),
        ((hour(11),), DAY_AGO, Seen.IN_TRANSIT),  # ended ten minutes ago: the delivery delay has not passed
        ((hour(8),), hour(10), Seen.NOT_READ),  # the hour was not read
        ((hour(8), hour(10)), hour(10), Seen.NOT_ARRIVING),
    ],
)
def test_a_group_without_events_is_idle_or_not_arriving(
    hours: tuple[datetime, ...], since: datetime, state: Seen
) -> None:
    covered = replace(SUBSCRIBED, ingested_hours=hours)
    assert judge_seen(covered, LastEvents(since), NONE, NOW).state is state


def test_events_from_before_the_subscription_are_not_expected() -> None:
    covered = replace(SUBSCRIBED, since=hour(9), ingested_hours=(hour(8),))
    assert judge_seen(covered, LastEvents(DAY_AGO), NONE, NOW).state is Seen.IN_TRANSIT


def test_a_group_that_is_not_configured_has_no_verdict() -> None:
    covered = replace(SUBSCRIBED, state=CoverageState.EXCLUDED)
    assert judge_seen(covered, None, NONE, NOW).state is Seen.NOT_CONFIGURED


@pytest.mark.parametrize(
    ("canaries", "since", "state"),
    [
        (Canaries((Canary(*GROUP.key[:2], NOW - timedelta(minutes=40)),)), DAY_AGO, Seen.ARRIVING),
        (Canaries((Canary(*GROUP.key[:2], NOW - timedelta(minutes=91)),)), DAY_AGO, Seen.NOT_ARRIVING),
        (Canaries((Canary(*GROUP.key[:2], None, "denied"),)), DAY_AGO, Seen.NOT_READ),
        (Canaries((Canary("111111111111", "eu-west-1", NOW),)), DAY_AGO, Seen.NOT_ARRIVING),
        (Canaries(error="denied"), DAY_AGO, Seen.NOT_READ),
        (NONE, NOW - timedelta(minutes=30), Seen.IN_TRANSIT),
    ],
)
def test_the_canary_is_looked_for_in_its_own_folder(canaries: Canaries, since: datetime, state: Seen) -> None:
    group = replace(GROUP, name="/slipway/canary/log-export")
    covered = replace(SUBSCRIBED, group=group, since=since)
    assert judge_seen(covered, LastEvents(DAY_AGO), canaries, NOW).state is state


hours_read = st.lists(st.integers(0, 12).map(hour), max_size=4).map(lambda each: tuple(sorted(each)))


@given(
    hours_read, st.booleans(), st.integers(0, 12), st.sampled_from(["bucket", "objects", "metrics", "hours"])
)
def test_no_verdict_is_certain_with_something_unread(
    hours: tuple[datetime, ...], arrived: bool, first: int, lost: str
) -> None:
    covered = replace(SUBSCRIBED, ingested_hours=hours)
    last: LastEvents | None = LastEvents(DAY_AGO, {GROUP.key: hour(11)} if arrived else {})
    whole = judge_seen(covered, last, NONE, NOW).state
    assert last
    if lost == "bucket":
        last = None
    elif lost == "objects":
        last = replace(last, unread=("an object",), by_group={})
    elif lost == "metrics":
        covered = replace(covered, ingested_hours=None)
    else:
        last = replace(last, since=hour(first))
    state = judge_seen(covered, last, NONE, NOW).state
    weaker = {Seen.NOT_READ} if lost in ("bucket", "objects") else {Seen.NOT_READ, whole}
    assert state in weaker
