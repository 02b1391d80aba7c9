"""The expected times of each stage of a rollout without faults, including windows and bakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.rollouts.rules.model import Rollout, RolloutStage
from ops.rollouts.simulator import DEFAULT_DURATIONS, ActionKind, SimulatedAction, TargetDurations, simulate


@dataclass(frozen=True)
class CalendarEntry:
    """The expected times of a stage; None when a blocker never ends.

    `waits` are the waits before the stage or between its targets.
    """

    stage: RolloutStage
    starts: datetime | None
    deployed: datetime | None
    baked: datetime | None
    waits: tuple[SimulatedAction, ...]


def expected_calendar(
    rollout: Rollout,
    stages: Sequence[RolloutStage],
    start: datetime,
    *,
    durations: TargetDurations = DEFAULT_DURATIONS,
) -> tuple[CalendarEntry, ...]:
    """Return an entry for each stage of a rollout that starts at `start`."""
    actions = simulate(rollout, stages, start, durations=durations).actions
    return tuple(_entry(stage, [action for action in actions if action.stage is stage]) for stage in stages)


def _entry(stage: RolloutStage, actions: Sequence[SimulatedAction]) -> CalendarEntry:
    def first(did: ActionKind) -> datetime | None:
        return next((action.at for action in actions if action.did is did), None)

    waits = tuple(action for action in actions if action.did is ActionKind.WAITED)
    return CalendarEntry(
        stage, first(ActionKind.STARTED), first(ActionKind.BAKING), first(ActionKind.BAKED), waits
    )
