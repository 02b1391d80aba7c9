"""The faults and orders of a simulation as a person writes them, a line each.

    fail TARGET · stuck TARGET · late TARGET 3h (or `never`) · alarm TARGET-OR-NEIGHBOUR +5h 30m ·
    freeze +5h 2h · pause +1h · resume +2h · stop +3h · skip +1h · override +1h

A time after `+` counts from the begin of the rollout.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from ops.errors import InputError
from ops.rollouts.rules.decisions import Does
from ops.rollouts.rules.reader import length
from ops.rollouts.rules.rollout import Rollout
from ops.rollouts.simulator import Alarm, Order, Script

HINT = "Write for instance: alarm 111111111111/eu-west-1/shop +5h 30m"
_COUNTS = {"fail": (1,), "stuck": (1,), "late": (2,), "alarm": (2, 3), "freeze": (2,)}


def parse_script(lines: Iterable[str], begin: datetime, targets: Collection[str], rollout: Rollout) -> Script:
    """The script of the lines. Raises InputError that says what is wrong with which."""
    known = {*targets, *(neighbour.name for neighbour in rollout.neighbours)}
    script = Script()
    for line in lines:
        if line.strip():
            script = _with(script, line, begin, known)
    return script


def _with(script: Script, line: str, begin: datetime, known: Collection[str]) -> Script:
    word, *rest = line.split()
    if word in _COUNTS:
        if len(rest) not in _COUNTS[word]:
            raise _wrong(line, "has too few or too many words")
        if word != "freeze" and rest[0] not in known:
            raise _wrong(line, f"names {rest[0]}, which is no target and no neighbour")
        return _FAULTS[word](script, line, rest, begin)
    if word in tuple(Does):
        if not rest:
            raise _wrong(line, "says not when")
        order = Order(_at(line, rest[0], begin), Does(word), " ".join(rest[1:]) or "as simulated")
        return replace(script, orders=(*script.orders, order))
    raise _wrong(line, f"begins with {word!r}, which is not known")


def _fail(script: Script, line: str, rest: list[str], begin: datetime) -> Script:
    return replace(script, fails=script.fails | {rest[0]})


def _stuck(script: Script, line: str, rest: list[str], begin: datetime) -> Script:
    return replace(script, stuck=script.stuck | {rest[0]})


def _late(script: Script, line: str, rest: list[str], begin: datetime) -> Script:
    late = timedelta.max if rest[1] == "never" else _length(line, rest[1])
    return replace(script, late={**script.late, rest[0]: late})


def _alarm(script: Script, line: str, rest: list[str], begin: datetime) -> Script:
    lasts = _length(line, rest[2]) if len(rest) > 2 else timedelta(minutes=30)
    alarm = Alarm(rest[0], _at(line, rest[1], begin), lasts)
    return replace(script, alarms=(*script.alarms, alarm))


def _freeze(script: Script, line: str, rest: list[str], begin: datetime) -> Script:
    at = _at(line, rest[0], begin)
    return replace(script, freezes=(*script.freezes, (at, at + _length(line, rest[1]))))


_FAULTS: dict[str, Callable[[Script, str, list[str], datetime], Script]] = {
    "fail": _fail,
    "stuck": _stuck,
    "late": _late,
    "alarm": _alarm,
    "freeze": _freeze,
}


def _at(line: str, text: str, begin: datetime) -> datetime:
    if not text.startswith("+"):
        raise _wrong(line, f"has {text!r} where a time such as +5h is needed")
    return begin + _length(line, text[1:])


def _length(line: str, text: str) -> timedelta:
    if (found := length(text)) is None:
        raise _wrong(line, f"has {text!r}, which is no length of time")
    return found


def _wrong(line: str, why: str) -> InputError:
    return InputError(f"The fault {line.strip()!r} {why}.", field="fault", hint=HINT)
