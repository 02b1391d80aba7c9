"""Whether a run asks for an approval, or waits for one. Pure, and part of `ops.rollouts.rules.decisions`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ops.rollouts.rules.gates.model import ROLES
from ops.rollouts.rules.model import Rollout, RolloutStage


class GateKind(StrEnum):
    """What is next; the values are those of `ops.rollouts.rules.decisions.DecisionKind`."""

    ASK = "ask"  # a person, and notify
    WAIT = "wait"
    STOP = "stop"
    HOOK = "hook"  # call it
    PAUSE = "pause"  # the rollout


@dataclass(frozen=True)
class GateStep:
    """The next step at the approval of the [[stage]] named `gate`. `until` is when the question expires."""

    kind: GateKind
    reason: str
    until: datetime
    gate: str


def approval(
    stages: Sequence[RolloutStage],
    number: int,
    asked: Mapping[str, datetime],
    given: Mapping[str, str],
    now: datetime,
) -> GateStep | None:
    """Return what the approval of a stage's [[stage]] needs; None when it is given, or not required.

    It is required once, before the first wave. `asked` is when, and `given` why, by the [[stage]].
    """
    ring = stages[number].ring
    if ring is None or ring.approval is None or ring.name in given:
        return None
    if any(stage.ring and stage.ring.name == ring.name for stage in stages[:number]):
        return None
    reason = f"{ring.name} needs the approval of an {ring.approval.role}"
    end = asked.get(ring.name, now) + ring.approval.expires
    if ring.name not in asked:
        return GateStep(GateKind.ASK, reason, end, ring.name)
    if now >= end:
        return GateStep(
            GateKind.STOP, f"{reason}, which nobody gave by {end:%Y-%m-%d %H:%M} UTC", end, ring.name
        )
    return GateStep(GateKind.WAIT, reason, end, ring.name)


def required_role(rollout: Rollout, gate: str) -> str:
    """Return the role that may approve the [[stage]] of that name."""
    found = (ring.approval.role for ring in rollout.rings if ring.approval and ring.name == gate)
    return next(found, ROLES[-1])


def may_approve(role: str, required: str) -> bool:
    """Return whether the role includes the required one. A role that is not known includes none."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(required)
