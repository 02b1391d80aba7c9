"""The health of a stage that bakes: bake time, data points, and alarms. Missing data is not health."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

OK, ALARM = "OK", "ALARM"  # CloudWatch's alarm states; every other state counts as missing data
EVIDENCE_CHECKS = 10  # how often missing evidence is checked again after the bake time


@dataclass(frozen=True)
class Bake:
    """The evidence that a stage needs: at least `time`, and `points` data points for each target.

    Missing data points have `wait` longer to arrive.
    """

    time: timedelta
    points: int
    wait: timedelta


@dataclass(frozen=True)
class DataPoint:
    """The `count` of a metric in the period that starts at `at`."""

    at: datetime
    count: float


@dataclass(frozen=True)
class Observation:
    """The alarms and data points of a target or a neighbor.

    `alarm_states` are by alarm name, `expected_alarms` those that must exist, and `fired` when each alarm
    entered the ALARM state.
    """

    name: str
    required_points: int = 0
    data_points: tuple[DataPoint, ...] = ()
    expected_alarms: tuple[str, ...] = ()
    alarm_states: Mapping[str, str] = field(default_factory=dict)
    fired: tuple[tuple[str, datetime], ...] = ()
    is_target: bool = True


class BakeHealth(StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    WAITING = "waiting"


@dataclass(frozen=True)
class HealthAssessment:
    """The health of a bake. `next_check` is when to assess it again while evidence is missing."""

    health: BakeHealth
    reasons: tuple[str, ...] = ()
    next_check: datetime | None = None


def assess_health(
    bake: Bake, started: datetime, now: datetime, observations: Iterable[Observation]
) -> HealthAssessment:
    """Assess a bake that started at `started`.

    An alarm makes it unhealthy immediately, even one that fired during the bake and has recovered. So does
    evidence that is still missing when bake time and wait are over.
    """
    observed = tuple(observations)
    if alarms := tuple(reason for each in observed for reason in _alarms(each, started, now)):
        return HealthAssessment(BakeHealth.UNHEALTHY, alarms)
    end = started + bake.time
    if now < end:
        return HealthAssessment(BakeHealth.WAITING, (f"baking until {end:%Y-%m-%d %H:%M:%S %Z}",), end)
    missing = tuple(reason for each in observed for reason in _missing(each, started, now))
    if not missing:
        return HealthAssessment(BakeHealth.HEALTHY)
    deadline = end + bake.wait
    if now >= deadline:
        return HealthAssessment(BakeHealth.UNHEALTHY, missing)
    return HealthAssessment(BakeHealth.WAITING, missing, min(deadline, now + bake.wait / EVIDENCE_CHECKS))


def _alarms(observation: Observation, started: datetime, now: datetime) -> list[str]:
    active = [name for name, state in observation.alarm_states.items() if state == ALARM]
    recovered = [name for name, at in observation.fired if started <= at <= now and name not in active]
    return [
        *(f"{observation.name}: alarm {name} is active" for name in active),
        *(f"{observation.name}: alarm {name} fired during the bake" for name in dict.fromkeys(recovered)),
    ]


def _missing(observation: Observation, started: datetime, now: datetime) -> list[str]:
    count = sum(point.count for point in observation.data_points if started <= point.at <= now)
    enough = count >= observation.required_points  # False for NaN
    too_few = (
        [] if enough else [f"{observation.name}: {count:g} of {observation.required_points} data points"]
    )
    silent = [name for name in observation.expected_alarms if observation.alarm_states.get(name) != OK]
    return too_few + [f"{observation.name}: alarm {name} has no data" for name in silent]
