"""What a rollout does next: the one set of rules that the simulator and the engine both obey.

Pure: from the file's rollout, its stages and the facts of a moment comes one decision. Whoever carries it out
changes the facts and asks again, as often as it likes: the same facts give the same decision.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from ops.rollouts.rules.blockers import Verdict, may_start
from ops.rollouts.rules.evidence import ALARM, Bake, Finding, Health, Seen, judge
from ops.rollouts.rules.rollout import Rollout
from ops.rollouts.rules.waves import Kind, Stage, Target, rollback_order


class State(StrEnum):
    """Of a target in a rollout; one that was never begun has none."""

    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    FAILED = "failed"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    STUCK = "cannot roll back"


ENDED = (State.ROLLED_BACK, State.STUCK)


class Does(StrEnum):
    """What a person may order. A skip is of the bake of the stage that is under way."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    SKIP = "skip"
    OVERRIDE = "override"


@dataclass(frozen=True)
class Orders:
    """What people have ordered, each with its reason; empty is not ordered.

    `skips` are stages, by number, whose bake needs neither time nor data points; alarms count nevertheless.
    """

    pause: str = ""
    stop: str = ""
    freeze: str = ""
    override: str = ""
    skips: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """A moment of a rollout. `begun` is when each target was begun, `baking` when each stage began to bake.

    `seen` holds every target that was begun, those of the stage that is next, and the neighbours. `stopped`
    says why everything is being rolled back.
    """

    now: datetime
    begun: Mapping[str, datetime] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)
    baking: Mapping[int, datetime] = field(default_factory=dict)
    baked: frozenset[int] = frozenset()
    stopped: str = ""
    orders: Orders = Orders()
    seen: Mapping[str, Seen] = field(default_factory=dict)


class Do(StrEnum):
    DEPLOY = "deploy"  # these targets, each as soon as it `may_begin`
    WAIT = "wait"  # until then, or until the facts change
    BAKE = "bake"  # the stage's bake begins
    PASS = "pass"  # the stage has baked
    STOP = "stop"  # from now on everything goes back
    ROLL_BACK = "roll back"  # these targets
    END = "end"  # nothing is left to do


@dataclass(frozen=True)
class Decision:
    """`stage` is its number in the stages; `until` is None when the end of a wait is not known."""

    do: Do
    stage: int
    targets: tuple[Target, ...] = ()
    why: tuple[str, ...] = ()
    until: datetime | None = None


def decide(rollout: Rollout, stages: Sequence[Stage], facts: Facts) -> Decision:
    """The next thing to do."""
    number = next((n for n in range(len(stages)) if n not in facts.baked), len(stages))
    if facts.stopped:
        return _roll_back(stages, facts)
    if why := (*_ordered(facts), *alarms_since_begun(facts), *_failures(rollout, stages, facts)):
        return Decision(Do.STOP, min(number, len(stages) - 1), why=why)
    if number == len(stages):
        return Decision(Do.END, number - 1)
    stage = stages[number]
    if left := tuple(target for target in stage.targets if target.id not in facts.begun):
        verdict = may_begin(rollout, stages, facts, left[0])
        if verdict.allowed:
            return Decision(Do.DEPLOY, number, left, verdict.reasons)
        return Decision(Do.WAIT, number, (), verdict.reasons, verdict.opens)
    if number not in facts.baking:
        return Decision(Do.BAKE, number, until=facts.now + stage.bake.time)
    return _bake(number, stage, facts)


def may_begin(rollout: Rollout, stages: Sequence[Stage], facts: Facts, target: Target) -> Verdict:
    """May this target be begun now; if not, why, and when at the earliest where that is known."""
    ending = (
        *([facts.stopped] if facts.stopped else []),
        *_ordered(facts),
        *alarms_since_begun(facts),
        *_failures(rollout, stages, facts),
    )
    if ending or facts.orders.pause:
        return Verdict(False, None, ending or (f"paused: {facts.orders.pause}",))
    blockers = rollout.blockers
    return may_start(
        blockers,
        facts.now,
        frozen=facts.orders.freeze,
        alarms=_active(rollout, facts, target),
        override=facts.orders.override,
    )


def needed_points(stage: Stage, target: Target, facts: Facts) -> int:
    """How many data points the bake of the stage needs of one of its targets."""
    return 0 if facts.states.get(target.id) is State.FAILED else stage.points(target)


def _ordered(facts: Facts) -> tuple[str, ...]:
    return (facts.orders.stop,) if facts.orders.stop else ()


def alarms_since_begun(facts: Facts) -> tuple[str, ...]:
    """Alarms that have fired since their target, for a neighbour since the first target, was begun."""
    if not facts.begun:
        return ()
    first = min(facts.begun.values())
    targets = {name for name in facts.seen if facts.seen[name].is_target}
    return tuple(
        f"alarm {alarm} of {name} fired at {at:%Y-%m-%d %H:%M:%S %Z}"
        for name, seen in facts.seen.items()
        for alarm, at in seen.fired
        if (since := facts.begun.get(name) if name in targets else first) and since < at <= facts.now
    )


def _active(rollout: Rollout, facts: Facts, target: Target) -> list[str]:
    """Alarms that keep the target from being begun: its own, the neighbours', those of what was begun."""
    names = {target.id, *facts.begun, *(neighbour.name for neighbour in rollout.neighbours)}
    return [
        f"{alarm} of {name}"
        for name, seen in facts.seen.items()
        if name in names
        for alarm, state in seen.states.items()
        if state == ALARM
    ]


def _failures(rollout: Rollout, stages: Sequence[Stage], facts: Facts) -> tuple[str, ...]:
    failed = [name for name, state in facts.states.items() if state is State.FAILED]
    if not failed:
        return ()
    first = next(number for number, stage in enumerate(stages) if stage.kind is Kind.FIRST)
    if first not in facts.baked:
        return tuple(f"{name} failed before the first wave has baked" for name in failed)
    if len(failed) > rollout.failures:
        return (f"{' and '.join(failed)} failed; tolerated are {rollout.failures}",)
    for stage in stages:
        if all(target.id in failed for target in stage.targets):
            return (f"no target of {stage.name} stands",)
    return ()


def _bake(number: int, stage: Stage, facts: Facts) -> Decision:
    finding = _judged(number, stage, facts)
    if finding.health is Health.UNHEALTHY:
        return Decision(Do.STOP, number, why=finding.reasons)
    if finding.health is Health.HEALTHY:
        skipped = facts.orders.skips.get(number, "")
        return Decision(Do.PASS, number, why=(f"bake skipped: {skipped}",) if skipped else ())
    return Decision(Do.WAIT, number, why=finding.reasons, until=finding.again)


def _judged(number: int, stage: Stage, facts: Facts) -> Finding:
    seen = [each for name, each in facts.seen.items() if name in facts.begun or not each.is_target]
    began = facts.baking[number]
    if number in facts.orders.skips:
        finding = judge(Bake(began - began, 0, began - began), began, facts.now, seen)
        alarmed = any(ALARM in each.states.values() for each in seen)
        return finding if alarmed else Finding(Health.HEALTHY)
    return judge(stage.bake, began, facts.now, seen)


def _roll_back(stages: Sequence[Stage], facts: Facts) -> Decision:
    """The last group that was begun and is not back yet; what cannot go back does not hold up the others."""
    numbers = {target.id: number for number, stage in enumerate(stages) for target in stage.targets}
    for group in _groups(stages, facts):
        return Decision(Do.ROLL_BACK, numbers[group[0].id], group, (facts.stopped,))
    return Decision(Do.END, 0, why=(facts.stopped,))


def _groups(stages: Sequence[Stage], facts: Facts) -> Iterator[tuple[Target, ...]]:
    for group in rollback_order(stages, facts.begun):
        if left := tuple(target for target in group if facts.states.get(target.id) not in ENDED):
            yield left


def obeyed(orders: Orders, does: Does, why: str, stage: int) -> Orders:
    """The orders after one more; `stage` is the number of the stage under way."""
    if does is Does.PAUSE:
        return replace(orders, pause=why)
    if does is Does.RESUME:
        return replace(orders, pause="")
    if does is Does.STOP:
        return replace(orders, stop=why)
    if does is Does.SKIP:
        return replace(orders, skips={**orders.skips, stage: why})
    return replace(orders, override=why)
