"""How much of Step Functions' limits a rollout may take: history events and state, computed before it starts.

Limits: AWS Step Functions Developer Guide, "Service quotas".
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ops.rollouts.rules.evidence import LOOKS
from ops.rollouts.rules.waves import Stage

MOST_EVENTS = 25_000  # in the history of one execution
MOST_STATE = 256 * 1024  # bytes of input or output of a state

BUSY_ATTEMPTS = 240  # looks at a stack that somebody else changes, or at a change set that is computed
SETTLE_ATTEMPTS = 4_000  # looks at a stack that is being changed: 16 hours at 15 seconds
UNREACHABLE_ATTEMPTS = 20
TRANSIENT_ATTEMPTS = 6

TASK = 5  # events: state entered and exited; task scheduled, started, succeeded
AGAIN = 3  # events of an attempt that fails: task scheduled, started, failed
CHOICE = 2
MAP = 5  # state entered, exited, started, succeeded; the map run's own
WORST_WAITS = 50  # of a stage, for windows, freezes, alarms, orders: each may end and begin anew


@dataclass(frozen=True)
class Use:
    """What of a limit is used at worst."""

    what: str
    used: int
    limit: int

    @property
    def margin(self) -> float:
        """The part of the limit that is left."""
        return 1 - self.used / self.limit


def uses(stages: Sequence[Stage], run: str) -> tuple[Use, ...]:
    """The worst of each limit for the rollout: every look, retry and wait taken."""
    return (
        Use("history of the run, events", _parent_events(stages), MOST_EVENTS),
        Use("history of a target's execution, events", _child_events(), MOST_EVENTS),
        Use("state, bytes", _state_bytes(stages, run), MOST_STATE),
    )


def _parent_events(stages: Sequence[Stage]) -> int:
    """Each turn decides, chooses, and deploys, waits or rolls back; a decision may be retried to its end."""
    retries = AGAIN * (TRANSIENT_ATTEMPTS + UNREACHABLE_ATTEMPTS)
    turn = TASK + CHOICE
    waits = (LOOKS + 2 + WORST_WAITS) * (turn + TASK)
    return 10 + retries + len(stages) * (waits + 2 * (turn + MAP) + retries)


def _child_events() -> int:
    """The longest way: every state of a deployment, each look and retry of it taken."""
    states = 7 * (TASK + AGAIN * (TRANSIENT_ATTEMPTS + UNREACHABLE_ATTEMPTS)) + 2 * CHOICE
    return 5 + states + AGAIN * (2 * BUSY_ATTEMPTS + SETTLE_ATTEMPTS)


def _state_bytes(stages: Sequence[Stage], run: str) -> int:
    """The largest list of targets that is handed to a Map, and the step around it."""
    largest = max(
        len(json.dumps([{"run": run, "target": target.id} for target in stage.targets])) for stage in stages
    )
    return largest + 4096
