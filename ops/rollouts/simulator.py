"""A rollout on a simulated clock: what happens when, with the faults and operator commands of a scenario.

The world is simulated here; `decisions` decides what is done in it, as in the controller. Alarms and commands
take effect as they occur. Targets that are being deployed at that moment finish first.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ops.rollouts.rules.decisions import (
    Decision,
    DecisionKind,
    ManualControls,
    RolloutFacts,
    TargetState,
    apply_command,
    check_target_start,
    decide,
    required_points,
)
from ops.rollouts.rules.evidence import ALARM, OK, DataPoint, Observation
from ops.rollouts.rules.gates.hooks import HookRecord, HookState
from ops.rollouts.rules.model import Rollout, RolloutStage, RolloutTarget
from ops.rollouts.scenarios import Scenario


@dataclass(frozen=True)
class TargetDurations:
    """How long one target takes."""

    deploy: timedelta = timedelta(minutes=10)
    roll_back: timedelta = timedelta(minutes=10)


DEFAULT_DURATIONS, NO_FAULTS = TargetDurations(), Scenario()
FOREVER = timedelta.max


class ActionKind(StrEnum):
    """What happens in a simulation; the values are part of the JSON output."""

    WAITED = "waits"
    STARTED = "starts"
    DEPLOYED = "deployed"
    FAILED = "failed"
    BAKING = "bakes"
    LOOKED = "looked"
    BAKED = "baked"
    ORDERED = "ordered"
    STOPPED = "stops"
    ROLLING_BACK = "rolls back"
    ROLLED_BACK = "rolled back"
    STUCK = "cannot roll back"
    ASKED = "asks"
    APPROVED = "approved"
    OUTAGE = "outage"
    CALLED = "called"
    HOOK_FAILED = "hook failed"
    PAUSED = "pauses"


@dataclass(frozen=True)
class SimulatedAction:
    """One entry of a simulation's timeline.

    `until` is the end of a wait or a bake, if known; `target` is empty for a whole stage.
    """

    at: datetime
    did: ActionKind
    stage: RolloutStage
    target: str = ""
    why: str = ""
    until: datetime | None = None


class SimulationOutcome(StrEnum):
    """How a simulation ends; the values are part of the JSON output."""

    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled back"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class SimulationResult:
    """A completed simulation. `ended` is when the last action ended."""

    outcome: SimulationOutcome
    ended: datetime
    actions: tuple[SimulatedAction, ...]

    @property
    def last_actions(self) -> dict[str, ActionKind]:
        """The last action on each target that had any."""
        return {action.target: action.did for action in self.actions if action.target}


def simulate(
    rollout: Rollout,
    stages: Sequence[RolloutStage],
    start: datetime,
    *,
    durations: TargetDurations = DEFAULT_DURATIONS,
    scenario: Scenario = NO_FAULTS,
) -> SimulationResult:
    """Simulate a whole rollout that starts at `start`."""
    return _Simulation(rollout, stages, start.astimezone(UTC), durations, scenario).run()


@dataclass
class _Simulation:
    rollout: Rollout
    stages: Sequence[RolloutStage]
    now: datetime
    durations: TargetDurations
    scenario: Scenario
    actions: list[SimulatedAction] = field(default_factory=list)
    started: dict[str, datetime] = field(default_factory=dict)
    states: dict[str, TargetState] = field(default_factory=dict)
    bake_started: dict[int, datetime] = field(default_factory=dict)
    baked: set[int] = field(default_factory=set)
    stopped: str = ""
    controls: ManualControls = field(default_factory=ManualControls)
    commands_applied: int = 0  # how many of the scenario's commands have taken effect
    stage: int = 0  # the current one
    asked: dict[str, datetime] = field(default_factory=dict)  # when, by gate
    hooks: dict[str, HookRecord] = field(default_factory=dict)  # the last call of each
    gate: str = ""  # what waits for an approval
    running: deque[tuple[datetime, RolloutTarget]] = field(
        default_factory=deque
    )  # with its end, the next first

    def run(self) -> SimulationResult:
        while True:
            self._wait_for_controller()
            self._apply_commands()
            decision = decide(self.rollout, self.stages, self._facts())
            self.stage, self.gate = decision.stage, decision.gate
            if decision.kind is DecisionKind.END:
                return self._end(
                    SimulationOutcome.ROLLED_BACK if self.stopped else SimulationOutcome.SUCCEEDED
                )
            if not self._carry_out(decision):
                return self._end(SimulationOutcome.BLOCKED)

    def _end(self, outcome: SimulationOutcome) -> SimulationResult:
        ended = self.actions[-1].at if outcome is SimulationOutcome.BLOCKED else self.now
        return SimulationResult(outcome, ended, tuple(self.actions))

    def _carry_out(self, decision: Decision) -> bool:
        """Carry out the decision; return False when the rollout can never continue."""
        why = "; ".join(decision.reasons)
        if decision.kind is DecisionKind.DEPLOY:
            self._deploy(decision)
        elif decision.kind is DecisionKind.BAKE:
            self._record(ActionKind.BAKING, until=decision.until)
            self.bake_started[decision.stage] = self.now
        elif decision.kind is DecisionKind.PASS:
            self._record(ActionKind.BAKED, why=why)
            self.baked.add(decision.stage)
        elif decision.kind is DecisionKind.STOP:
            self._record(ActionKind.STOPPED, why=why)
            self.stopped = why
        elif decision.kind is DecisionKind.ROLL_BACK:
            self._roll_back(decision)
        elif decision.kind is DecisionKind.WAIT:
            return self._wait(decision)
        elif decision.kind is DecisionKind.HOOK:
            self._call(decision.hook)
        elif decision.kind is DecisionKind.PAUSE:
            self._record(ActionKind.PAUSED, why=why)
            self.controls = replace(self.controls, pause=why)
            self.hooks[decision.hook] = replace(self.hooks[decision.hook], state=HookState.HELD)
        else:
            self._record(ActionKind.ASKED, why=why, until=decision.until)
            self.asked[decision.gate] = self.now
        return True

    def _call(self, hook: str) -> None:
        """Call a hook, which takes no time."""
        failed, before = hook in self.scenario.failing_hooks, self.hooks.get(hook)
        self._record(ActionKind.HOOK_FAILED if failed else ActionKind.CALLED, why=hook)
        state = HookState.FAILED if failed else HookState.SUCCEEDED
        self.hooks[hook] = HookRecord(state, self.now, before.attempt + 1 if before else 1, "simulated")

    def _outage_end(self) -> datetime | None:
        return max((end for start, end in self.scenario.outages if start <= self.now < end), default=None)

    def _wait_for_controller(self) -> None:
        """While its Region does not answer, the controller decides nothing; then it continues."""
        while end := self._outage_end():
            self._record(ActionKind.OUTAGE, until=end)
            self.now = end

    def _record(
        self, kind: ActionKind, target: str = "", why: str = "", until: datetime | None = None
    ) -> None:
        self.actions.append(SimulatedAction(self.now, kind, self.stages[self.stage], target, why, until))

    def _wait(self, decision: Decision) -> bool:
        """Advance to the end of the wait or to the next event; return False when neither ever comes."""
        started = self.bake_started.get(decision.stage)
        until = decision.until
        if started is None or self.now > started:  # the start of a bake is recorded already
            expected_end = until or min(self._blocker_ends(), default=None)
            self._record(
                ActionKind.WAITED if started is None else ActionKind.LOOKED,
                why="; ".join(decision.reasons),
                until=expected_end,
            )
        moments = [moment for moment in self._events() if moment > self.now]
        moment = min([*moments, *([until] if until else [])], default=None)
        self.now = moment or self.now
        return moment is not None

    def _blocker_ends(self) -> list[datetime]:
        """Return the ends of the active freezes and alarms."""
        alarms = [alarm.at + alarm.duration for alarm in self.scenario.alarms if alarm.is_active(self.now)]
        return alarms + [end for start, end in self.scenario.freezes if start <= self.now < end]

    def _events(self) -> Iterator[datetime]:
        """Yield the moments at which something in the scenario changes the facts."""
        yield from (command.at for command in self.scenario.commands)
        for alarm in self.scenario.alarms:
            yield from (alarm.at, alarm.at + alarm.duration)
        for period in (*self.scenario.freezes, *self.scenario.outages):
            yield from period
        yield from self._approvals_at().values()

    def _approvals_at(self) -> dict[str, datetime]:
        """Return when people approve what they were asked, by gate."""
        if self.scenario.approves_after == FOREVER:
            return {}
        open_gates = self.asked.keys() - self.controls.approvals.keys()
        return {gate: self.asked[gate] + self.scenario.approves_after for gate in open_gates}

    def _apply_commands(self) -> None:
        """Apply the commands that were given by now."""
        commands = sorted(self.scenario.commands, key=lambda command: command.at)
        while self.commands_applied < len(commands) and commands[self.commands_applied].at <= self.now:
            command = commands[self.commands_applied]
            self.commands_applied += 1
            controls = apply_command(
                self.controls,
                command.command,
                command.reason,
                self.stage,
                (self.gate if self.gate in self.asked else ""),
            )
            self.controls = controls
            self._record(ActionKind.ORDERED, why=f"{command.command}: {command.reason}")
        for gate, at in sorted(self._approvals_at().items()):
            if at <= self.now:
                self.controls = replace(
                    self.controls, approvals={**self.controls.approvals, gate: "simulated"}
                )
                self._record(ActionKind.APPROVED, why=gate)

    def _deploy(self, decision: Decision) -> None:
        """Start each target when there is room and its start is allowed; leave the others for later."""
        for target in decision.targets:
            if len(self.running) >= self.stages[decision.stage].at_once(self.rollout):
                self._finish_deployment()
            self._apply_commands()
            if self._outage_end():
                break
            if not check_target_start(self.rollout, self.stages, self._facts(), target).allowed:
                continue
            self.started[target.id] = self.now
            self.states[target.id] = TargetState.DEPLOYING
            self._record(ActionKind.STARTED, target.id)
            self.running.append((self.now + self.durations.deploy, target))
        while self.running:
            self._finish_deployment()

    def _finish_deployment(self) -> None:
        """Advance to the end of the next deployment."""
        self.now, target = self.running.popleft()
        failed = target.id in self.scenario.failing
        self.states[target.id] = TargetState.FAILED if failed else TargetState.DEPLOYED
        self._record(ActionKind.FAILED if failed else ActionKind.DEPLOYED, target.id)

    def _roll_back(self, decision: Decision) -> None:
        for target in decision.targets:
            if len(self.running) >= self.stages[decision.stage].at_once(self.rollout):
                self._finish_rollback()
            if self._outage_end():
                break
            self.states[target.id] = TargetState.ROLLING_BACK
            self._record(ActionKind.ROLLING_BACK, target.id)
            self.running.append((self.now + self.durations.roll_back, target))
        while self.running:
            self._finish_rollback()

    def _finish_rollback(self) -> None:
        self.now, target = self.running.popleft()
        stuck = target.id in self.scenario.stuck
        self.states[target.id] = TargetState.STUCK if stuck else TargetState.ROLLED_BACK
        self._record(ActionKind.STUCK if stuck else ActionKind.ROLLED_BACK, target.id)

    def _facts(self) -> RolloutFacts:
        frozen = any(start <= self.now < end for start, end in self.scenario.freezes)
        facts = RolloutFacts(
            now=self.now,
            started=self.started,
            states=self.states,
            bake_started=self.bake_started,
            baked=frozenset(self.baked),
            stopped=self.stopped,
            controls=replace(self.controls, freeze="simulated" if frozen else ""),
        )
        observations = {observation.name: observation for observation in self._observe(facts)}
        return replace(facts, observations=observations, asked=self.asked, hooks=dict(self.hooks))

    def _observe(self, facts: RolloutFacts) -> Iterator[Observation]:
        """Yield the observations of the started targets, the next stage's targets, and the neighbors."""
        bake_started = self.bake_started.get(self.stage)
        next_stage = next((n for n in range(len(self.stages)) if n not in self.baked), self.stage)
        for number, stage in enumerate(self.stages):
            for target in stage.targets:
                if target.id in self.started or number == next_stage:
                    is_baking = bake_started is not None and number == self.stage
                    required = required_points(stage, target, facts) if is_baking else 0
                    delay = self.scenario.late_evidence.get(target.id, timedelta(0))
                    arrived = bake_started is not None and self.now - bake_started >= delay
                    points = (DataPoint(self.now, required),) if arrived else ()
                    yield self._observation(target.id, target.alarms, required, points, is_target=True)
        for neighbor in self.rollout.neighbors:
            yield self._observation(neighbor.name, (neighbor.alarm,), 0, (), is_target=False)

    def _observation(
        self,
        name: str,
        alarms: tuple[str, ...],
        required: int,
        points: tuple[DataPoint, ...],
        *,
        is_target: bool,
    ) -> Observation:
        simulated = [alarm for alarm in self.scenario.alarms if alarm.source == name and alarms]
        active = any(alarm.is_active(self.now) for alarm in simulated)
        states = dict.fromkeys(alarms, ALARM if active else OK)
        fired = tuple((alarms[0], alarm.at) for alarm in simulated if alarm.at <= self.now)
        return Observation(name, required, points, alarms, states, fired, is_target)
