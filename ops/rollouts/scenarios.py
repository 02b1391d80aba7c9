"""The faults and operator commands of a simulation as text, one per line.

    fail TARGET · stuck TARGET · late TARGET 3h (or `never`) · alarm TARGET-OR-NEIGHBOR +5h 30m ·
    freeze +5h 2h · pause +1h · resume +2h · stop +3h · skip +1h · override +1h · approve +1h ·
    approval 3h (or `never`) · outage +5h 2h · hook STAGE/before/1

A time with `+` is relative to the start of the rollout.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ops.errors import InputError
from ops.rollouts.rules.decisions import OperatorCommand
from ops.rollouts.rules.gates.hooks import all_hooks
from ops.rollouts.rules.model import Rollout
from ops.text.durations import parse_duration

HINT = "Write a line such as: alarm 111111111111/eu-west-1/shop +5h 30m"
_ARGUMENT_COUNTS = {
    **{"fail": (1,), "stuck": (1,), "late": (2,), "alarm": (2, 3), "freeze": (2,), "outage": (2,)},
    "approval": (1,),
}
_ON_TARGETS = ("fail", "stuck", "late", "alarm")


@dataclass(frozen=True)
class SimulatedAlarm:
    """An alarm that fires in a simulation. `source` is the id of a target, or the name of a neighbor."""

    source: str
    at: datetime
    duration: timedelta

    def is_active(self, now: datetime) -> bool:
        return self.at <= now < self.at + self.duration


@dataclass(frozen=True)
class SimulatedCommand:
    at: datetime
    command: OperatorCommand
    reason: str


@dataclass(frozen=True)
class Scenario:
    """The faults and operator commands of a simulation, with targets by id.

    `late_evidence` is how long the evidence of a target takes to arrive, and `approves_after` how long people
    take to approve what they are asked; timedelta.max means forever. During an outage, the home Region does
    not answer: nothing is decided and nothing is started.
    """

    failing: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()  # cannot be rolled back
    late_evidence: Mapping[str, timedelta] = field(default_factory=dict)
    alarms: tuple[SimulatedAlarm, ...] = ()
    freezes: tuple[tuple[datetime, datetime], ...] = ()
    commands: tuple[SimulatedCommand, ...] = ()
    outages: tuple[tuple[datetime, datetime], ...] = ()
    approves_after: timedelta = timedelta(0)
    failing_hooks: frozenset[str] = frozenset()  # by ID


def parse_scenario(
    lines: Iterable[str], start: datetime, targets: Collection[str], rollout: Rollout
) -> Scenario:
    """Parse the lines. Raises InputError with the line and the mistake."""
    known = {*targets, *(neighbor.name for neighbor in rollout.neighbors)}
    hooks = [hook.id for _, hook in all_hooks(rollout)]
    scenario = Scenario()
    for line in lines:
        if line.split()[:1] == ["hook"]:
            scenario = _hook(scenario, line, hooks)
        elif line.strip():
            scenario = _with_line(scenario, line, start, known)
    return scenario


def unreached(scenario: Scenario, end: datetime) -> list[str]:
    """Return the alarms, freezes, and commands that start after the end: they had no effect."""
    times = [
        *((alarm.at, f"alarm {alarm.source}") for alarm in scenario.alarms),
        *((start, "freeze") for start, _ in scenario.freezes),
        *((start, "outage") for start, _ in scenario.outages),
        *((command.at, str(command.command)) for command in scenario.commands),
    ]
    return [f"{name} at {at:%Y-%m-%d %H:%M} UTC" for at, name in sorted(times) if at > end]


def _with_line(scenario: Scenario, line: str, start: datetime, known: Collection[str]) -> Scenario:
    keyword, *arguments = line.split()
    if keyword in _ARGUMENT_COUNTS:
        if len(arguments) not in _ARGUMENT_COUNTS[keyword]:
            raise _mistake(line, "has the wrong number of arguments")
        if keyword in _ON_TARGETS and arguments[0] not in known:
            raise _mistake(line, f"contains {arguments[0]}, which is neither a target nor a neighbor")
        return _FAULTS[keyword](scenario, line, arguments, start)
    if keyword in tuple(OperatorCommand):
        if not arguments:
            raise _mistake(line, "has no time")
        command = SimulatedCommand(
            _time(line, arguments[0], start),
            OperatorCommand(keyword),
            " ".join(arguments[1:]) or "simulated",
        )
        return replace(scenario, commands=(*scenario.commands, command))
    raise _mistake(line, f"starts with {keyword!r}, which is not a known fault or command")


def _fail(scenario: Scenario, line: str, arguments: list[str], start: datetime) -> Scenario:
    return replace(scenario, failing=scenario.failing | {arguments[0]})


def _hook(scenario: Scenario, line: str, hooks: Collection[str]) -> Scenario:
    """Let a hook fail. Its ID may hold spaces, as the name of its stage."""
    hook = line.strip().removeprefix("hook").strip()
    if hook not in hooks:
        raise _mistake(line, f"contains {hook!r}, which is no hook of the rollout")
    return replace(scenario, failing_hooks=scenario.failing_hooks | {hook})


def _stuck(scenario: Scenario, line: str, arguments: list[str], start: datetime) -> Scenario:
    return replace(scenario, stuck=scenario.stuck | {arguments[0]})


def _late(scenario: Scenario, line: str, arguments: list[str], start: datetime) -> Scenario:
    delay = timedelta.max if arguments[1] == "never" else _duration(line, arguments[1])
    return replace(scenario, late_evidence={**scenario.late_evidence, arguments[0]: delay})


def _alarm(scenario: Scenario, line: str, arguments: list[str], start: datetime) -> Scenario:
    duration = _duration(line, arguments[2]) if len(arguments) > 2 else timedelta(minutes=30)
    alarm = SimulatedAlarm(arguments[0], _time(line, arguments[1], start), duration)
    return replace(scenario, alarms=(*scenario.alarms, alarm))


def _freeze(scenario: Scenario, line: str, arguments: list[str], start: datetime) -> Scenario:
    at = _time(line, arguments[0], start)
    return replace(scenario, freezes=(*scenario.freezes, (at, at + _duration(line, arguments[1]))))


def _outage(scenario: Scenario, line: str, arguments: list[str], start: datetime) -> Scenario:
    at = _time(line, arguments[0], start)
    return replace(scenario, outages=(*scenario.outages, (at, at + _duration(line, arguments[1]))))


def _approval(scenario: Scenario, line: str, arguments: list[str], start: datetime) -> Scenario:
    after = timedelta.max if arguments[0] == "never" else _duration(line, arguments[0])
    return replace(scenario, approves_after=after)


_FAULTS: dict[str, Callable[[Scenario, str, list[str], datetime], Scenario]] = {
    "fail": _fail,
    "stuck": _stuck,
    "late": _late,
    "alarm": _alarm,
    "freeze": _freeze,
    "outage": _outage,
    "approval": _approval,
}


def _time(line: str, text: str, start: datetime) -> datetime:
    if not text.startswith("+"):
        raise _mistake(line, f"has {text!r} where a time such as +5h is required")
    return start + _duration(line, text[1:])


def _duration(line: str, text: str) -> timedelta:
    if (duration := parse_duration(text)) is None:
        raise _mistake(line, f"has {text!r}, which is not a duration")
    return duration


def _mistake(line: str, problem: str) -> InputError:
    return InputError(f"The line {line.strip()!r} {problem}.", field="fault", hint=HINT)
