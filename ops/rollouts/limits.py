"""How much of Step Functions' quotas a rollout can use at most, computed before it starts.

The quotas: AWS Step Functions Developer Guide, "Service quotas".
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ops.errors import InputError
from ops.rollouts.rules.evidence import EVIDENCE_CHECKS
from ops.rollouts.rules.model import RolloutStage

# An execution that exceeds one fails: AWS Step Functions Developer Guide, "Service quotas".
MAX_EVENTS = 25_000  # in the history of one execution
MAX_STATE_BYTES = 256 * 1024  # of input or output of a state

BUSY_ATTEMPTS = 240  # polls of a stack that someone else is updating, or of a change set in creation
SETTLE_ATTEMPTS = 4_000  # polls of a stack operation in progress: 16 hours at 15 seconds
UNREACHABLE_ATTEMPTS = 20
TRANSIENT_ATTEMPTS = 6

TASK_EVENTS = 6  # state entered and exited; task scheduled, started, submitted, and succeeded
RETRY_EVENTS = 4  # of a failed attempt: task scheduled, started, submitted, and failed
CHOICE_EVENTS = 2
MAP_EVENTS = 5  # state entered and exited; map run started and succeeded; the map run's own
MAX_WAITS = 50  # per stage, for windows, freezes, alarms, and operator commands; each can recur


@dataclass(frozen=True)
class LimitUsage:
    """How much of one quota is used in the worst case."""

    name: str
    used: int
    limit: int

    @property
    def margin(self) -> float:
        """The unused fraction of the limit."""
        return 1 - self.used / self.limit


def limit_usage(stages: Sequence[RolloutStage], run: str) -> tuple[LimitUsage, ...]:
    """Return the worst case of each quota: every poll, retry, and wait happens."""
    return (
        LimitUsage("history events of the run", _parent_events(stages), MAX_EVENTS),
        LimitUsage("history events of a target", _child_events(), MAX_EVENTS),
        LimitUsage("bytes of state input", _state_bytes(stages, run), MAX_STATE_BYTES),
    )


def check_limits(file: str, stages: Sequence[RolloutStage], run: str) -> None:
    """Raise InputError when the rollout could exceed a quota."""
    for usage in limit_usage(stages, run):
        if usage.margin < 0:
            raise InputError(
                f"{file} needs up to {usage.used:,} {usage.name}; Step Functions allows {usage.limit:,}.",
                field="rollout",
                hint=f"Divide it into fewer waves than {len(stages)}, or into two rollout files.",
            )


def _parent_events(stages: Sequence[RolloutStage]) -> int:
    """Each loop decides, chooses, and deploys, waits, or rolls back; a decision may use all retries."""
    retries = RETRY_EVENTS * (TRANSIENT_ATTEMPTS + UNREACHABLE_ATTEMPTS)
    turn = TASK_EVENTS + CHOICE_EVENTS
    waits = (EVIDENCE_CHECKS + 2 + MAX_WAITS) * (turn + TASK_EVENTS)
    # A stage is deployed and rolled back; of an app, its assets are published first, and dependent stacks are
    # deployed and rolled back one after the other.
    steps = sum(2 * len({target.order for target in stage.targets}) for stage in stages)
    steps += sum(any(target.artifact for target in stage.targets) for stage in stages)
    # A hook is called again only after an operator has resumed the run: MAX_WAITS counts that.
    rings = {stage.ring.name: stage.ring.hooks for stage in stages if stage.ring}
    steps += sum(2 * (len(hooks.before) + len(hooks.after)) for hooks in rings.values())
    return 10 + retries + len(stages) * (waits + retries) + steps * (turn + MAP_EVENTS)


def _child_events() -> int:
    """The longest path: every state of a deployment, with all polls and retries."""
    states = (
        7 * (TASK_EVENTS + RETRY_EVENTS * (TRANSIENT_ATTEMPTS + UNREACHABLE_ATTEMPTS)) + 2 * CHOICE_EVENTS
    )
    return 5 + states + RETRY_EVENTS * (2 * BUSY_ATTEMPTS + SETTLE_ATTEMPTS)


def _state_bytes(stages: Sequence[RolloutStage], run: str) -> int:
    """The largest list of targets that a Map gets as input, and the rest of that input."""
    largest = max(
        len(json.dumps([{"run": run, "target": target.id} for target in stage.targets])) for stage in stages
    )
    return largest + 4096
