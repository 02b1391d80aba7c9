"""Time and evidence: what is healthy, what is not, and what is not known yet."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.rollouts.rules.evidence import (
    Bake,
    BakeHealth,
    DataPoint,
    HealthAssessment,
    Observation,
    assess_health,
)
from tests.ops.rollouts.samples import relaxed

BEGAN = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BAKE = Bake(2 * HOUR, 100, 5 * HOUR)
DONE = BEGAN + BAKE.time
DEADLINE = DONE + BAKE.wait


def seen(
    count: float = 100, *, at: datetime = BEGAN, state: str | None = "OK", fired: datetime | None = None
) -> Observation:
    states = {"health": state} if state else {}
    points = (DataPoint(at, count / 2), DataPoint(at, count / 2))
    return Observation("t", 100, points, ("health",), states, (("health", fired),) if fired else ())


def test_time_and_evidence_are_healthy() -> None:
    assert assess_health(BAKE, BEGAN, DONE, [seen()]) == HealthAssessment(BakeHealth.HEALTHY)


def test_evidence_without_the_time_is_not_enough() -> None:
    assessment = assess_health(BAKE, BEGAN, DONE - MINUTE, [seen()])
    assert assessment == HealthAssessment(BakeHealth.WAITING, ("baking until 2026-07-01 14:00:00 UTC",), DONE)


MISSING = {
    "few points": (seen(99), "t: 99 of 100 data points"),
    "no number": (seen(float("nan")), "t: nan of 100 data points"),
    "points from before": (seen(at=BEGAN - MINUTE), "t: 0 of 100 data points"),
    "points from later": (seen(at=DEADLINE + MINUTE), "t: 0 of 100 data points"),
    "no such alarm": (seen(state=None), "t: alarm health has no data"),
    "alarm without data": (seen(state="INSUFFICIENT_DATA"), "t: alarm health has no data"),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_data_is_awaited_and_then_unhealthy(name: str) -> None:
    one, words = MISSING[name]
    assessment = assess_health(BAKE, BEGAN, DONE, [seen(), one])
    assert assessment == HealthAssessment(BakeHealth.WAITING, (words,), DONE + HOUR / 2)
    assert assess_health(BAKE, BEGAN, DEADLINE - MINUTE, [one]).next_check == DEADLINE
    assert assess_health(BAKE, BEGAN, DEADLINE, [one]) == HealthAssessment(BakeHealth.UNHEALTHY, (words,))


def test_what_nobody_watches_needs_only_time() -> None:
    assert assess_health(BAKE, BEGAN, DONE, []).health is BakeHealth.HEALTHY
    assert assess_health(BAKE, BEGAN, DONE, [Observation("t")]).health is BakeHealth.HEALTHY


@pytest.mark.parametrize("now", [BEGAN, DONE, DEADLINE])
def test_an_active_alarm_is_unhealthy_at_any_time(now: datetime) -> None:
    assessment = assess_health(BAKE, BEGAN, now, [seen(), seen(state="ALARM")])
    assert assessment == HealthAssessment(BakeHealth.UNHEALTHY, ("t: alarm health is active",))


def test_an_alarm_that_came_and_went_in_the_bake_is_unhealthy() -> None:
    assessment = assess_health(BAKE, BEGAN, DONE, [seen(fired=BEGAN + MINUTE)])
    assert assessment == HealthAssessment(BakeHealth.UNHEALTHY, ("t: alarm health fired during the bake",))
    assert assess_health(BAKE, BEGAN, DONE, [seen(fired=BEGAN - MINUTE)]).health is BakeHealth.HEALTHY


@pytest.mark.parametrize(
    ("fired", "health"),
    [
        (BEGAN - timedelta(seconds=1), BakeHealth.HEALTHY),
        (BEGAN, BakeHealth.UNHEALTHY),
        (DONE, BakeHealth.UNHEALTHY),
        (DONE + timedelta(seconds=1), BakeHealth.HEALTHY),
    ],
)
def test_the_bake_includes_its_first_and_its_last_moment(fired: datetime, health: BakeHealth) -> None:
    assert assess_health(BAKE, BEGAN, DONE, [seen(fired=fired)]).health is health
    point = seen(at=fired)
    counted = health is BakeHealth.UNHEALTHY
    assert (assess_health(BAKE, BEGAN, DONE, [point]).health is BakeHealth.HEALTHY) is counted


@relaxed
@given(
    st.integers(0, 300).map(lambda minutes: BEGAN + minutes * MINUTE),
    st.lists(
        st.builds(
            seen,
            st.floats(0, 200),
            at=st.sampled_from([BEGAN - HOUR, BEGAN]),
            state=st.sampled_from(["OK", "ALARM", "INSUFFICIENT_DATA", None]),
        )
    ),
)
def test_looking_again_ends_and_healthy_means_everything_was_there(
    now: datetime, all_seen: list[Observation]
) -> None:
    looks = 0
    while (assessment := assess_health(BAKE, BEGAN, now, all_seen)).health is BakeHealth.WAITING:
        assert assessment.next_check and now < assessment.next_check <= DEADLINE
        now, looks = assessment.next_check, looks + 1
    assert looks <= 12
    if assessment.health is BakeHealth.HEALTHY:
        assert now >= DONE
        for each in all_seen:
            assert each.alarm_states == {"health": "OK"}
            assert sum(point.count for point in each.data_points if point.at >= BEGAN) >= 100
