"""The expected times of each stage of a rollout without faults, including windows and bakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ops.rollouts.rules.model import Rollout, RolloutStage
from ops.rollouts.rules.windows.zones import local_zone
from ops.rollouts.simulator import DEFAULT_DURATIONS, ActionKind, SimulatedAction, TargetDurations, simulate


@dataclass(frozen=True)
class LocalStart:
    """The expected starts of a stage's targets in one Region, in its local time."""

    region: str
    zone: str
    targets: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class CalendarEntry:
    """The expected times of a stage; None when a blocker never ends.

    `waits` are the waits before the stage or between its targets. `local_starts` are those of the Regions
    with windows in local time, the earliest first.
    """

    stage: RolloutStage
    starts: datetime | None
    deployed: datetime | None
    baked: datetime | None
    waits: tuple[SimulatedAction, ...]
    local_starts: tuple[LocalStart, ...]


def expected_calendar(
    rollout: Rollout,
    stages: Sequence[RolloutStage],
    start: datetime,
    *,
    durations: TargetDurations = DEFAULT_DURATIONS,
) -> tuple[CalendarEntry, ...]:
    """Return an entry for each stage of a rollout that starts at `start`."""
    actions = simulate(rollout, stages, start, durations=durations).actions
    return tuple(
        _entry(rollout, stage, [action for action in actions if action.stage is stage]) for stage in stages
    )


def _entry(rollout: Rollout, stage: RolloutStage, actions: Sequence[SimulatedAction]) -> CalendarEntry:
    def first(did: ActionKind) -> datetime | None:
        return next((action.at for action in actions if action.did is did), None)

    waits = tuple(action for action in actions if action.did is ActionKind.WAITED)
    return CalendarEntry(
        stage,
        starts=first(ActionKind.STARTED),
        deployed=first(ActionKind.BAKING),
        baked=first(ActionKind.BAKED),
        waits=waits,
        local_starts=_local_starts(rollout, stage, actions),
    )


def _local_starts(
    rollout: Rollout, stage: RolloutStage, actions: Sequence[SimulatedAction]
) -> tuple[LocalStart, ...]:
    targets = {target.id: target for target in stage.targets}
    starts: dict[tuple[str, str], list[datetime]] = {}
    for action in actions:
        if action.did is ActionKind.STARTED and (zone := local_zone(rollout, targets[action.target])):
            place = targets[action.target].region, zone
            starts.setdefault(place, []).append(action.at.astimezone(ZoneInfo(zone)))
    return tuple(
        LocalStart(region, zone, len(moments), moments[0], moments[-1])
        for (region, zone), moments in starts.items()
    )
