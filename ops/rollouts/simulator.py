"""A rollout on a fake clock: what happens when, with the faults of a script.

Alarms are noticed as they fire. What is being deployed then is let finish, and everything is rolled back.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ops.rollouts.blockers import HORIZON, may_start
from ops.rollouts.evidence import ALARM, OK, DataPoint, Health, Seen, judge
from ops.rollouts.rollout import Rollout
from ops.rollouts.waves import Kind, Stage, Target, rollback_order


@dataclass(frozen=True)
class Pace:
    """How long one target takes."""

    deploy: timedelta = timedelta(minutes=10)
    roll_back: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class Alarm:
    """`on` is the id of a target that has an alarm, or a neighbour's name."""

    on: str
    at: datetime
    lasts: timedelta

    def is_active(self, now: datetime) -> bool:
        return self.at <= now < self.at + self.lasts


@dataclass(frozen=True)
class Script:
    """What goes wrong. Targets by id; `late` is how long their evidence takes, timedelta.max for ever."""

    fails: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()  # cannot roll back
    late: Mapping[str, timedelta] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
    freezes: tuple[tuple[datetime, datetime], ...] = ()


NORMAL, CLEAN = Pace(), Script()


class Did(StrEnum):
    WAITED = "waits"
    STARTED = "starts"
    DEPLOYED = "deployed"
    FAILED = "failed"
    BAKING = "bakes"
    LOOKED = "looked"
    BAKED = "baked"
    STOPPED = "stops"
    ROLLING_BACK = "rolls back"
    ROLLED_BACK = "rolled back"
    STUCK = "cannot roll back"


@dataclass(frozen=True)
class Action:
    """`until` is the end of a wait or a bake, as far as is known; `target` is empty for a whole stage."""

    at: datetime
    did: Did
    stage: Stage
    target: str = ""
    why: str = ""
    until: datetime | None = None


class Outcome(StrEnum):
    DONE = "done"
    ROLLED_BACK = "rolled back"
    BLOCKED = "blocked for ever"


@dataclass(frozen=True)
class Run:
    """`ended` is when the last action ended; `left` names each target's last deed, if it had any."""

    outcome: Outcome
    ended: datetime
    actions: tuple[Action, ...]

    @property
    def left(self) -> dict[str, Did]:
        return {action.target: action.did for action in self.actions if action.target}


class _Stop(Exception):
    """Stop and roll back; says why."""


class _Blocked(Exception):
    """It may never go on."""


def simulate(
    rollout: Rollout,
    stages: Sequence[Stage],
    start: datetime,
    *,
    pace: Pace = NORMAL,
    script: Script = CLEAN,
) -> Run:
    """The whole rollout, begun at `start`."""
    return _Simulation(rollout, stages, start.astimezone(UTC), pace, script).run()


@dataclass
class _Simulation:
    rollout: Rollout
    stages: Sequence[Stage]
    now: datetime
    pace: Pace
    script: Script
    actions: list[Action] = field(default_factory=list)
    touched: dict[str, Target] = field(default_factory=dict)
    running: deque[tuple[datetime, Target]] = field(default_factory=deque)  # with its end, the next first
    failed: set[str] = field(default_factory=set)
    proven: bool = False

    def run(self) -> Run:
        stage = self.stages[0]
        try:
            for stage in self.stages:
                self._deploy(stage)
                self._bake(stage)
                self.proven = self.proven or stage.kind is Kind.FIRST
        except _Blocked:
            return self._end(Outcome.BLOCKED)
        except _Stop as stop:
            self._say(Did.STOPPED, stage, why=str(stop))
            self._drain(stage)
            self._roll_back()
            return self._end(Outcome.ROLLED_BACK)
        return self._end(Outcome.DONE)

    def _end(self, outcome: Outcome) -> Run:
        ended = self.actions[-1].at if outcome is Outcome.BLOCKED else self.now
        return Run(outcome, ended, tuple(self.actions))

    def _say(
        self, did: Did, stage: Stage, target: str = "", why: str = "", until: datetime | None = None
    ) -> None:
        self.actions.append(Action(self.now, did, stage, target, why, until))

    def _deploy(self, stage: Stage) -> None:
        for target in stage.targets:
            if len(self.running) >= self.rollout.at_once:
                self._finish_one(stage)
            self._await_permission(stage, target)
            self.touched[target.id] = target
            self._say(Did.STARTED, stage, target.id)
            self.running.append((self.now + self.pace.deploy, target))
        while self.running:
            self._finish_one(stage)
        if all(target.id in self.failed for target in stage.targets):
            raise _Stop(f"no target of {stage.name} stands")

    def _await_permission(self, stage: Stage, target: Target) -> None:
        """Until nothing blocks the target; what is being deployed finishes meanwhile."""
        while True:
            frozen = any(begin <= self.now < end for begin, end in self.script.freezes)
            active = [alarm for alarm in self._alarms(target) if alarm.is_active(self.now)]
            names = [alarm.on for alarm in active]
            verdict = may_start(self.rollout.blockers, self.now, frozen=frozen, alarms=names)
            if verdict.allowed:
                return
            ends = [alarm.at + alarm.lasts for alarm in active]
            ends += [end for begin, end in self.script.freezes if begin <= self.now < end]
            until = verdict.opens or min(ends, default=None)
            self._say(Did.WAITED, stage, why="; ".join(verdict.reasons), until=until)
            limit = until or self.now + HORIZON
            while self.running and self.running[0][0] <= limit:
                self._finish_one(stage)
            self._advance(limit)
            if until is None:
                raise _Blocked

    def _finish_one(self, stage: Stage) -> None:
        """To the end of the deployment that ends next."""
        self._advance(self.running[0][0])
        target = self._take_finished(stage)
        if target.id not in self.failed:
            return
        if not self.proven:
            raise _Stop(f"{target.id} failed before the first wave has baked")
        if len(self.failed) > self.rollout.failures:
            raise _Stop(f"{target.id} failed; tolerated are {self.rollout.failures}")

    def _take_finished(self, stage: Stage) -> Target:
        self.now, target = self.running.popleft()
        if target.id in self.script.fails:
            self.failed.add(target.id)
        self._say(Did.FAILED if target.id in self.failed else Did.DEPLOYED, stage, target.id)
        return target

    def _bake(self, stage: Stage) -> None:
        began = self.now
        self._say(Did.BAKING, stage, until=began + stage.bake.time)
        while True:
            finding = judge(stage.bake, began, self.now, self._seen(stage, began))
            if finding.health is Health.UNHEALTHY:
                raise _Stop("; ".join(finding.reasons))
            if finding.health is Health.HEALTHY:
                return self._say(Did.BAKED, stage)
            if self.now > began:
                self._say(Did.LOOKED, stage, why="; ".join(finding.reasons), until=finding.again)
            self._advance(finding.again or self.now)

    def _seen(self, stage: Stage, began: datetime) -> Iterator[Seen]:
        """What can be read now about every target so far and about the neighbours."""
        here = {target.id for target in stage.targets} - self.failed
        for target in self.touched.values():
            needed = stage.points(target) if target.id in here else 0
            came = self.now - began >= self.script.late.get(target.id, timedelta(0))
            points = (DataPoint(self.now, needed),) if came else ()
            yield self._seen_of(target.id, target.alarms, needed, points)
        for neighbour in self.rollout.neighbours:
            yield self._seen_of(neighbour.name, (neighbour.alarm,), 0, ())

    def _seen_of(
        self, name: str, alarms: tuple[str, ...], needed: int, points: tuple[DataPoint, ...]
    ) -> Seen:
        active = any(alarm.on == name and alarm.is_active(self.now) for alarm in self.script.alarms)
        return Seen(name, needed, points, alarms, dict.fromkeys(alarms, ALARM if active else OK))

    def _alarms(self, *also: Target) -> list[Alarm]:
        """The script's alarms that matter: of every target so far, of `also`, and of the neighbours."""
        names = {target.id for target in (*self.touched.values(), *also) if target.alarms}
        names |= {neighbour.name for neighbour in self.rollout.neighbours}
        return [alarm for alarm in self.script.alarms if alarm.on in names]

    def _advance(self, to: datetime) -> None:
        """Time passes, up to the first alarm."""
        fired = [alarm for alarm in self._alarms() if self.now < alarm.at <= to] if self.touched else []
        if fired:
            first = min(fired, key=lambda alarm: alarm.at)
            self.now = first.at
            raise _Stop(f"alarm of {first.on}")
        self.now = to

    def _drain(self, stage: Stage) -> None:
        while self.running:
            self._take_finished(stage)

    def _roll_back(self) -> None:
        stage_of = {target.id: stage for stage in self.stages for target in stage.targets}
        for group in rollback_order(self.stages, self.touched):
            stage = stage_of[group[0].id]
            for target in group:
                if len(self.running) >= self.rollout.at_once:
                    self._finish_rollback(stage)
                self._say(Did.ROLLING_BACK, stage, target.id)
                self.running.append((self.now + self.pace.roll_back, target))
            while self.running:
                self._finish_rollback(stage)

    def _finish_rollback(self, stage: Stage) -> None:
        self.now, target = self.running.popleft()
        stuck = target.id in self.script.stuck
        self._say(Did.STUCK if stuck else Did.ROLLED_BACK, stage, target.id)
