"""The hooks of a stage: calls that must succeed before its first wave, or after its bake. Pure.

Part of `ops.rollouts.rules.decisions`, as `deciding` is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ops.rollouts.rules.gates.deciding import GateKind
from ops.rollouts.rules.gates.model import FailureAction, Hook
from ops.rollouts.rules.model import Rollout, RolloutStage

Stages = Sequence[RolloutStage]


class HookState(StrEnum):
    """The state of a hook in a run, as stored. A hook that was not called has none.

    HELD is failed, and the run was paused for it: when it is resumed, the hook is called again.
    """

    IN_PROGRESS = "in progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    HELD = "held"


@dataclass(frozen=True)
class HookRecord:
    """The last call of a hook. `output` is its result, or its error: text, shortened, never interpreted."""

    state: HookState
    called: datetime
    attempt: int = 1
    output: str = ""


@dataclass(frozen=True)
class HookStep:
    """The next step at a hook. `hook` is its ID."""

    kind: GateKind
    reason: str
    until: datetime | None
    hook: str


def all_hooks(rollout: Rollout) -> Iterator[tuple[str, Hook]]:
    """Yield every hook with its ring's name, in the order in which they are called."""
    for ring in rollout.rings:
        for hook in (*ring.hooks.before, *ring.hooks.after):
            yield ring.name, hook


def before(stages: Stages, number: int, records: Mapping[str, HookRecord], now: datetime) -> HookStep | None:
    """Return what the hooks before a stage need; None if all have succeeded, or there are none."""
    ring = stages[number].ring
    if ring is None or any(stage.ring and stage.ring.name == ring.name for stage in stages[:number]):
        return None
    return _next(ring.hooks.before, records, now)


def after(stages: Stages, number: int, records: Mapping[str, HookRecord], now: datetime) -> HookStep | None:
    """Return what the hooks after the [[stage]] before `number` need; None if all have succeeded."""
    ring = stages[number - 1].ring if number else None
    if ring is None or any(stage.ring and stage.ring.name == ring.name for stage in stages[number:]):
        return None
    return _next(ring.hooks.after, records, now)


def _next(hooks: Sequence[Hook], records: Mapping[str, HookRecord], now: datetime) -> HookStep | None:
    """Return the step of the first hook that has not succeeded: they are called one after the other."""
    for hook in hooks:
        record = records.get(hook.id)
        if record is None or record.state is HookState.HELD:
            return HookStep(GateKind.HOOK, f"calling {hook.name}", None, hook.id)
        if record.state is HookState.SUCCEEDED:
            continue
        deadline = record.called + hook.timeout
        if record.state is HookState.IN_PROGRESS and now < deadline:
            return HookStep(GateKind.WAIT, f"{hook.name} is in progress", deadline, hook.id)
        why = record.output or "no output"
        if record.state is HookState.IN_PROGRESS:
            why = f"no result within {_words(hook.timeout)}"
        kind = GateKind.PAUSE if hook.failure is FailureAction.PAUSE else GateKind.STOP
        return HookStep(kind, f"{hook.name} failed: {why}", None, hook.id)
    return None


def _words(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
