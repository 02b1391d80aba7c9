"""A rollout on a fake clock: what happens when, with the faults and orders of a script.

The world is made up here; what is done in it is decided by `decisions`, as in the engine. Alarms and orders
are noticed as they come. What is being deployed then is let finish.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ops.rollouts.rules.decisions import (
    Decision,
    Do,
    Does,
    Facts,
    Orders,
    State,
    decide,
    may_begin,
    needed_points,
    obeyed,
)
from ops.rollouts.rules.evidence import ALARM, OK, DataPoint, Seen
from ops.rollouts.rules.rollout import Rollout
from ops.rollouts.rules.waves import Stage, Target


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
class Order:
    at: datetime
    does: Does
    why: str


@dataclass(frozen=True)
class Script:
    """What goes wrong, and what people order. Targets by id; `late` is how long their evidence takes,
    timedelta.max for ever."""

    fails: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()  # cannot roll back
    late: Mapping[str, timedelta] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
    freezes: tuple[tuple[datetime, datetime], ...] = ()
    orders: tuple[Order, ...] = ()


NORMAL, CLEAN = Pace(), Script()


class Did(StrEnum):
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
    begun: dict[str, datetime] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    baking: dict[int, datetime] = field(default_factory=dict)
    baked: set[int] = field(default_factory=set)
    stopped: str = ""
    orders: Orders = field(default_factory=Orders)
    ordered: int = 0  # how many of the script's orders have come
    stage: int = 0  # the one under way
    running: deque[tuple[datetime, Target]] = field(default_factory=deque)  # with its end, the next first

    def run(self) -> Run:
        while True:
            self._obey()
            decision = decide(self.rollout, self.stages, self._facts())
            self.stage = decision.stage
            if decision.do is Do.END:
                return self._end(Outcome.ROLLED_BACK if self.stopped else Outcome.DONE)
            if not self._carry_out(decision):
                return self._end(Outcome.BLOCKED)

    def _end(self, outcome: Outcome) -> Run:
        ended = self.actions[-1].at if outcome is Outcome.BLOCKED else self.now
        return Run(outcome, ended, tuple(self.actions))

    def _carry_out(self, decision: Decision) -> bool:
        """Whether it goes on at all."""
        why = "; ".join(decision.why)
        if decision.do is Do.DEPLOY:
            self._deploy(decision)
        elif decision.do is Do.BAKE:
            self._say(Did.BAKING, until=decision.until)
            self.baking[decision.stage] = self.now
        elif decision.do is Do.PASS:
            self._say(Did.BAKED, why=why)
            self.baked.add(decision.stage)
        elif decision.do is Do.STOP:
            self._say(Did.STOPPED, why=why)
            self.stopped = why
        elif decision.do is Do.ROLL_BACK:
            self._roll_back(decision)
        else:
            return self._wait(decision)
        return True

    def _say(self, did: Did, target: str = "", why: str = "", until: datetime | None = None) -> None:
        self.actions.append(Action(self.now, did, self.stages[self.stage], target, why, until))

    def _wait(self, decision: Decision) -> bool:
        """Until its end or the next thing that happens; False when neither ever comes."""
        began = self.baking.get(decision.stage)
        until = decision.until
        if began is None or self.now > began:  # the begin of a bake was said
            expected = until or min(self._ends(), default=None)
            self._say(
                Did.WAITED if began is None else Did.LOOKED, why="; ".join(decision.why), until=expected
            )
        moments = [moment for moment in self._happenings() if moment > self.now]
        moment = min([*moments, *([until] if until else [])], default=None)
        self.now = moment or self.now
        return moment is not None

    def _ends(self) -> list[datetime]:
        """When what is in force now ends: freezes and alarms."""
        alarms = [alarm.at + alarm.lasts for alarm in self.script.alarms if alarm.is_active(self.now)]
        return alarms + [end for begin, end in self.script.freezes if begin <= self.now < end]

    def _happenings(self) -> Iterator[datetime]:
        """When something of the script happens that a decision may depend on."""
        yield from (order.at for order in self.script.orders)
        for alarm in self.script.alarms:
            yield from (alarm.at, alarm.at + alarm.lasts)
        yield from (moment for freeze in self.script.freezes for moment in freeze)

    def _obey(self) -> None:
        """The orders that have come by now."""
        come = sorted(self.script.orders, key=lambda order: order.at)
        while self.ordered < len(come) and come[self.ordered].at <= self.now:
            order = come[self.ordered]
            self.ordered += 1
            self.orders = obeyed(self.orders, order.does, order.why, self.stage)
            self._say(Did.ORDERED, why=f"{order.does}: {order.why}")

    def _deploy(self, decision: Decision) -> None:
        """Each target as soon as there is room and it may begin; those that may not are left for later."""
        for target in decision.targets:
            if len(self.running) >= self.rollout.at_once:
                self._finish_one()
            self._obey()
            if not may_begin(self.rollout, self.stages, self._facts(), target).allowed:
                break
            self.begun[target.id] = self.now
            self.states[target.id] = State.DEPLOYING
            self._say(Did.STARTED, target.id)
            self.running.append((self.now + self.pace.deploy, target))
        while self.running:
            self._finish_one()

    def _finish_one(self) -> None:
        """To the end of the deployment that ends next."""
        self.now, target = self.running.popleft()
        failed = target.id in self.script.fails
        self.states[target.id] = State.FAILED if failed else State.DEPLOYED
        self._say(Did.FAILED if failed else Did.DEPLOYED, target.id)

    def _roll_back(self, decision: Decision) -> None:
        for target in decision.targets:
            if len(self.running) >= self.rollout.at_once:
                self._finish_rollback()
            self.states[target.id] = State.ROLLING_BACK
            self._say(Did.ROLLING_BACK, target.id)
            self.running.append((self.now + self.pace.roll_back, target))
        while self.running:
            self._finish_rollback()

    def _finish_rollback(self) -> None:
        self.now, target = self.running.popleft()
        stuck = target.id in self.script.stuck
        self.states[target.id] = State.STUCK if stuck else State.ROLLED_BACK
        self._say(Did.STUCK if stuck else Did.ROLLED_BACK, target.id)

    def _facts(self) -> Facts:
        frozen = any(begin <= self.now < end for begin, end in self.script.freezes)
        facts = Facts(
            now=self.now,
            begun=self.begun,
            states=self.states,
            baking=self.baking,
            baked=frozenset(self.baked),
            stopped=self.stopped,
            orders=replace(self.orders, freeze="as scripted" if frozen else ""),
        )
        return replace(facts, seen={each.name: each for each in self._seen(facts)})

    def _seen(self, facts: Facts) -> Iterator[Seen]:
        """What can be read now about the targets that matter and about the neighbours."""
        began = self.baking.get(self.stage)
        next_stage = next((n for n in range(len(self.stages)) if n not in self.baked), self.stage)
        for number, stage in enumerate(self.stages):
            for target in stage.targets:
                if target.id in self.begun or number == next_stage:
                    here = began is not None and number == self.stage
                    needed = needed_points(stage, target, facts) if here else 0
                    late = self.script.late.get(target.id, timedelta(0))
                    came = began is not None and self.now - began >= late
                    points = (DataPoint(self.now, needed),) if came else ()
                    yield self._seen_of(target.id, target.alarms, needed, points, is_target=True)
        for neighbour in self.rollout.neighbours:
            yield self._seen_of(neighbour.name, (neighbour.alarm,), 0, (), is_target=False)

    def _seen_of(
        self,
        name: str,
        alarms: tuple[str, ...],
        needed: int,
        points: tuple[DataPoint, ...],
        *,
        is_target: bool,
    ) -> Seen:
        mine = [alarm for alarm in self.script.alarms if alarm.on == name and alarms]
        active = any(alarm.is_active(self.now) for alarm in mine)
        states = dict.fromkeys(alarms, ALARM if active else OK)
        fired = tuple((alarms[0], alarm.at) for alarm in mine if alarm.at <= self.now)
        return Seen(name, needed, points, alarms, states, fired, is_target)
