"""When each stage of a rollout is expected, if nothing goes wrong: windows and bakes included."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.rollouts.rules.rollout import Rollout
from ops.rollouts.rules.waves import Stage
from ops.rollouts.simulator import NORMAL, Action, Did, Pace, simulate


@dataclass(frozen=True)
class Entry:
    """A stage's expected times; None is never, when nothing that blocks it ends. `waits` says what it waits
    for before or between its targets."""

    stage: Stage
    starts: datetime | None
    deployed: datetime | None
    baked: datetime | None
    waits: tuple[Action, ...]


def expected(
    rollout: Rollout, stages: Sequence[Stage], start: datetime, *, pace: Pace = NORMAL
) -> tuple[Entry, ...]:
    """An entry for each stage of a rollout that is begun at `start`."""
    actions = simulate(rollout, stages, start, pace=pace).actions
    return tuple(_entry(stage, [action for action in actions if action.stage is stage]) for stage in stages)


def _entry(stage: Stage, actions: Sequence[Action]) -> Entry:
    def first(did: Did) -> datetime | None:
        return next((action.at for action in actions if action.did is did), None)

    waits = tuple(action for action in actions if action.did is Did.WAITED)
    return Entry(stage, first(Did.STARTED), first(Did.BAKING), first(Did.BAKED), waits)
