"""What a rollout does next: the one set of rules that the simulator and the controller follow.

Pure: a rollout, its stages, and the facts at one moment give one decision. The caller carries it out, updates
the facts, and asks again. The same facts always give the same decision.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from ops.rollouts.rules.blockers import StartCheck, check_start
from ops.rollouts.rules.evidence import ALARM, Bake, BakeHealth, HealthAssessment, Observation, assess_health
from ops.rollouts.rules.gates import deciding, hooks
from ops.rollouts.rules.gates.hooks import HookRecord, HookStep
from ops.rollouts.rules.model import Rollout, RolloutStage, RolloutTarget, StageKind
from ops.rollouts.rules.waves import rollback_order
from ops.rollouts.rules.windows.zones import by_blockers, target_blockers


class TargetState(StrEnum):
    """The state of a target in a run, as stored. A target that was not started has none."""

    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    FAILED = "failed"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    STUCK = "cannot roll back"


ROLLBACK_ENDED = (TargetState.ROLLED_BACK, TargetState.STUCK)


class OperatorCommand(StrEnum):
    """The commands that an operator can give a run, as stored. SKIP ends the bake of the current stage.

    APPROVE answers what the run asks: to start a stage.
    """

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    SKIP = "skip"
    OVERRIDE = "override"
    APPROVE = "approve"


@dataclass(frozen=True)
class ManualControls:
    """The operator commands in force, each with its reason; an empty reason means not in force.

    `skips` are the numbers of the stages whose bake needs neither time nor data points. Alarms still count.
    `approvals` are by the name of the [[stage]].
    """

    pause: str = ""
    stop: str = ""
    freeze: str = ""
    override: str = ""
    skips: Mapping[int, str] = field(default_factory=dict)
    approvals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RolloutFacts:
    """Everything that a decision depends on, at one moment.

    `started` is when each target was started, `bake_started` when each stage started to bake. `observations`
    cover the started targets, the targets of the next stage, and the neighbors. `stopped` is why the whole
    rollout is being rolled back.
    """

    now: datetime
    started: Mapping[str, datetime] = field(default_factory=dict)
    states: Mapping[str, TargetState] = field(default_factory=dict)
    bake_started: Mapping[int, datetime] = field(default_factory=dict)
    baked: frozenset[int] = frozenset()
    stopped: str = ""
    controls: ManualControls = ManualControls()
    observations: Mapping[str, Observation] = field(default_factory=dict)
    asked: Mapping[str, datetime] = field(default_factory=dict)  # for approvals, by the name of the [[stage]]
    hooks: Mapping[str, HookRecord] = field(default_factory=dict)  # the called ones, by ID


class DecisionKind(StrEnum):
    """The kinds of decision, as stored and as the state machine reads them."""

    DEPLOY = "deploy"  # start the targets, each as soon as its start is allowed
    WAIT = "wait"  # until then, or until the facts change
    BAKE = "bake"  # start the stage's bake
    PASS = "pass"  # the stage has baked
    STOP = "stop"  # stop the rollout; everything is rolled back
    ROLL_BACK = "roll back"  # roll back the targets
    END = "end"  # nothing is left to do
    ASK = "ask"  # ask for an approval
    HOOK = "hook"  # call a hook
    PAUSE = "pause"  # pause the rollout, because a hook failed


@dataclass(frozen=True)
class Decision:
    """The next step of a rollout. `stage` is an index into the stages; `until` is None when unknown.

    `gate` is the name of the [[stage]] that needs an approval, `hook` the ID of a hook.
    """

    kind: DecisionKind
    stage: int
    targets: tuple[RolloutTarget, ...] = ()
    reasons: tuple[str, ...] = ()
    until: datetime | None = None
    gate: str = ""
    hook: str = ""


def decide(rollout: Rollout, stages: Sequence[RolloutStage], facts: RolloutFacts) -> Decision:
    """Return the next step."""
    number = next((n for n in range(len(stages)) if n not in facts.baked), len(stages))
    if facts.stopped:
        return _roll_back(stages, facts)
    if reasons := _reasons_to_stop(rollout, stages, facts):
        return Decision(DecisionKind.STOP, min(number, len(stages) - 1), reasons=reasons)
    if step := hooks.after(stages, number, facts.hooks, facts.now):
        return _hook(number - 1, step, facts)
    if number == len(stages):
        return Decision(DecisionKind.END, number - 1)
    stage = stages[number]
    if remaining := tuple(target for target in stage.targets if target.id not in facts.started):
        return _start(rollout, stages, number, remaining, facts)
    if number not in facts.bake_started:
        return Decision(DecisionKind.BAKE, number, until=facts.now + stage.bake.time)
    return _bake(number, stage, facts)


def _start(
    rollout: Rollout,
    stages: Sequence[RolloutStage],
    number: int,
    remaining: Sequence[RolloutTarget],
    facts: RolloutFacts,
) -> Decision:
    """Return the next step of a stage with targets to start: its approval, or the targets."""
    if step := deciding.approval(stages, number, facts.asked, facts.controls.approvals, facts.now):
        kind = DecisionKind(step.kind)
        return Decision(kind, number, reasons=(step.reason,), until=step.until, gate=step.gate)
    ready, check = _startable(rollout, stages, facts, _ready(remaining))
    if not check.allowed:
        return Decision(DecisionKind.WAIT, number, (), check.reasons, check.opens_at)
    if hook := hooks.before(stages, number, facts.hooks, facts.now):
        return _hook(number, hook, facts)
    return Decision(DecisionKind.DEPLOY, number, ready, check.reasons)


def _hook(number: int, step: HookStep, facts: RolloutFacts) -> Decision:
    """Return the decision at a hook. While the run is paused, no hook is called."""
    if facts.controls.pause and step.kind in (deciding.GateKind.HOOK, deciding.GateKind.PAUSE):
        return Decision(DecisionKind.WAIT, number, reasons=(f"paused: {facts.controls.pause}",))
    kind = DecisionKind(step.kind)
    return Decision(kind, number, reasons=(step.reason,), until=step.until, hook=step.hook)


def _ready(remaining: Sequence[RolloutTarget]) -> tuple[RolloutTarget, ...]:
    """Return the stage's targets that are next: a stack comes after those that it depends on."""
    order = min(target.order for target in remaining)
    return tuple(target for target in remaining if target.order == order)


def _startable(
    rollout: Rollout, stages: Sequence[RolloutStage], facts: RolloutFacts, ready: Sequence[RolloutTarget]
) -> tuple[tuple[RolloutTarget, ...], StartCheck]:
    """Return the targets that may be started now, and the check of them; if none may, what all wait for.

    Of the targets that the same blockers hold, the first decides. Each target is checked again at its start.
    """
    groups = by_blockers(rollout, ready)
    checks = [check_target_start(rollout, stages, facts, group[0]) for group in groups]
    allowed = any(check.allowed for check in checks)
    decisive = [check for check in checks if check.allowed is allowed]
    targets = [
        target for group, check in zip(groups, checks, strict=True) if check.allowed for target in group
    ]
    opens = min((check.opens_at for check in decisive if check.opens_at), default=None)
    reasons = tuple(dict.fromkeys(reason for check in decisive for reason in check.reasons))
    return tuple(targets), StartCheck(allowed, opens, reasons)


def check_target_start(
    rollout: Rollout, stages: Sequence[RolloutStage], facts: RolloutFacts, target: RolloutTarget
) -> StartCheck:
    """Return whether the target may be started now, and otherwise why not and the earliest start."""
    ending = (
        *([facts.stopped] if facts.stopped else []),
        *_reasons_to_stop(rollout, stages, facts),
    )
    if ending or facts.controls.pause:
        return StartCheck(False, None, ending or (f"paused: {facts.controls.pause}",))
    return check_start(
        target_blockers(rollout, target),
        facts.now,
        frozen=facts.controls.freeze,
        alarms=_active_alarms(rollout, facts, target),
        override=facts.controls.override,
    )


def required_points(stage: RolloutStage, target: RolloutTarget, facts: RolloutFacts) -> int:
    """Return how many data points the bake of the stage needs from one of its targets."""
    return 0 if facts.states.get(target.id) is TargetState.FAILED else stage.points(target)


def _reasons_to_stop(
    rollout: Rollout, stages: Sequence[RolloutStage], facts: RolloutFacts
) -> tuple[str, ...]:
    commanded = (facts.controls.stop,) if facts.controls.stop else ()
    return (
        *commanded,
        *alarms_since_start(facts),
        *_failures(rollout, stages, facts),
    )


def alarms_since_start(facts: RolloutFacts) -> tuple[str, ...]:
    """Return the alarms that fired after their target was started; for a neighbor, after the first target."""
    if not facts.started:
        return ()
    first = min(facts.started.values())
    targets = {name for name in facts.observations if facts.observations[name].is_target}
    return tuple(
        f"alarm {alarm} of {name} fired at {at:%Y-%m-%d %H:%M:%S %Z}"
        for name, observation in facts.observations.items()
        for alarm, at in observation.fired
        if (since := facts.started.get(name) if name in targets else first) and since < at <= facts.now
    )


def _active_alarms(rollout: Rollout, facts: RolloutFacts, target: RolloutTarget) -> list[str]:
    """Return the active alarms that block the target: its own, the neighbors', and the started targets'."""
    names = {target.id, *facts.started, *(neighbor.name for neighbor in rollout.neighbors)}
    return [
        f"{alarm} of {name}"
        for name, observation in facts.observations.items()
        if name in names
        for alarm, state in observation.alarm_states.items()
        if state == ALARM
    ]


def _failures(rollout: Rollout, stages: Sequence[RolloutStage], facts: RolloutFacts) -> tuple[str, ...]:
    failed = [name for name, state in facts.states.items() if state is TargetState.FAILED]
    if not failed:
        return ()
    first = next(number for number, stage in enumerate(stages) if stage.kind is StageKind.FIRST)
    if first not in facts.baked:
        return tuple(f"{name} failed before the first wave had baked" for name in failed)
    if blocked := _blocked_by_failures(stages, facts):
        return blocked
    if not rollout.rings and len(failed) > rollout.failures:
        return (f"{' and '.join(failed)} failed; limits.failures is {rollout.failures}",)
    for number, ring in enumerate(rollout.rings):
        in_ring = [target.id for stage in stages for target in stage.targets if target.ring == number]
        if len(names := [name for name in failed if name in in_ring]) > ring.failures:
            return (f"{' and '.join(names)} failed; failures of stage {ring.name} is {ring.failures}",)
    for stage in stages:
        if all(target.id in failed for target in stage.targets):
            return (f"every target of {stage.name} failed",)
    return ()


def _blocked_by_failures(stages: Sequence[RolloutStage], facts: RolloutFacts) -> tuple[str, ...]:
    """A failed stack is not tolerated while other stacks of its account have to come after it."""
    return tuple(
        f"{target.id} failed, and {after.id}, which comes after it, was not started"
        for stage in stages
        for target in stage.targets
        if facts.states.get(target.id) is TargetState.FAILED
        for after in stage.targets
        if after.order > target.order and after.account == target.account and after.id not in facts.started
    )[:1]


def _bake(number: int, stage: RolloutStage, facts: RolloutFacts) -> Decision:
    assessment = _assess(number, stage, facts)
    if assessment.health is BakeHealth.UNHEALTHY:
        return Decision(DecisionKind.STOP, number, reasons=assessment.reasons)
    if assessment.health is BakeHealth.HEALTHY:
        skipped = facts.controls.skips.get(number, "")
        return Decision(DecisionKind.PASS, number, reasons=(f"bake skipped: {skipped}",) if skipped else ())
    return Decision(DecisionKind.WAIT, number, reasons=assessment.reasons, until=assessment.next_check)


def _assess(number: int, stage: RolloutStage, facts: RolloutFacts) -> HealthAssessment:
    observations = [
        observation
        for name, observation in facts.observations.items()
        if name in facts.started or not observation.is_target
    ]
    started = facts.bake_started[number]
    if number in facts.controls.skips:
        nothing_required = Bake(started - started, 0, started - started)
        assessment = assess_health(nothing_required, started, facts.now, observations)
        alarmed = any(ALARM in observation.alarm_states.values() for observation in observations)
        return assessment if alarmed else HealthAssessment(BakeHealth.HEALTHY)
    return assess_health(stage.bake, started, facts.now, observations)


def _roll_back(stages: Sequence[RolloutStage], facts: RolloutFacts) -> Decision:
    """Roll back the last started group that is not rolled back yet; stuck targets do not hold up others."""
    numbers = {target.id: number for number, stage in enumerate(stages) for target in stage.targets}
    for group in _groups(stages, facts):
        return Decision(DecisionKind.ROLL_BACK, numbers[group[0].id], group, (facts.stopped,))
    return Decision(DecisionKind.END, 0, reasons=(facts.stopped,))


def _groups(stages: Sequence[RolloutStage], facts: RolloutFacts) -> Iterator[tuple[RolloutTarget, ...]]:
    for group in rollback_order(stages, facts.started):
        if remaining := tuple(
            target for target in group if facts.states.get(target.id) not in ROLLBACK_ENDED
        ):
            yield remaining


def apply_command(
    controls: ManualControls, command: OperatorCommand, reason: str, stage: int, gate: str = ""
) -> ManualControls:
    """Return the controls after a command. `stage` is the index of the current stage.

    `gate` is what waits for an approval; without one, an approval has no effect.
    """
    if command is OperatorCommand.APPROVE:
        return replace(controls, approvals={**controls.approvals, gate: reason}) if gate else controls
    if command is OperatorCommand.PAUSE:
        return replace(controls, pause=reason)
    if command is OperatorCommand.RESUME:
        return replace(controls, pause="")
    if command is OperatorCommand.STOP:
        return replace(controls, stop=reason)
    if command is OperatorCommand.SKIP:
        return replace(controls, skips={**controls.skips, stage: reason})
    return replace(controls, override=reason)
