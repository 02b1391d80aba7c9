"""The faults and operator commands of a simulation, as text."""

from datetime import UTC, datetime, timedelta

import pytest

from ops.errors import InputError
from ops.rollouts.rules.decisions import OperatorCommand
from ops.rollouts.rules.rollout import parse
from ops.rollouts.scenarios import Scenario, SimulatedAlarm, SimulatedCommand, parse_scenario, unreached
from tests.ops.rollouts.samples import FILE, SHOP, C

BEGIN = datetime(2026, 7, 6, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
TARGET, NEIGHBOUR = "1/r/s", f"{C}/eu-west-1/billing/health"
ROLLOUT = parse(SHOP, FILE)


def scenario(*lines: str) -> Scenario:
    return parse_scenario(lines, BEGIN, [TARGET], ROLLOUT)


def test_faults_and_operator_commands_are_parsed() -> None:
    assert scenario(f"fail {TARGET}", "", f"stuck {TARGET}", f"late {TARGET} never") == Scenario(
        failing=frozenset({TARGET}), stuck=frozenset({TARGET}), late_evidence={TARGET: timedelta.max}
    )
    assert scenario(f"alarm {NEIGHBOUR} +5h 2h", f"alarm {TARGET} +1h").alarms == (
        SimulatedAlarm(NEIGHBOUR, BEGIN + 5 * HOUR, 2 * HOUR),
        SimulatedAlarm(TARGET, BEGIN + HOUR, HOUR / 2),
    )
    assert scenario("freeze +1d 2h", "stop +1h wrong version") == Scenario(
        freezes=((BEGIN + 24 * HOUR, BEGIN + 26 * HOUR),),
        commands=(SimulatedCommand(BEGIN + HOUR, OperatorCommand.STOP, "wrong version"),),
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("explode", "not a known fault or command"),
        ("fail", "wrong number of arguments"),
        ("fail x/y/z", "neither a target nor a neighbor"),
        (f"alarm {TARGET} 5h", "where a time"),
        (f"late {TARGET} soon", "not a duration"),
        ("pause", "has no time"),
    ],
)
def test_a_mistake_names_the_line(line: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        scenario(line)
    assert line in str(caught.value) and caught.value.hint


def test_faults_after_the_end_are_listed() -> None:
    lines = (f"alarm {TARGET} +5h", f"alarm {NEIGHBOUR} +15h", "freeze +20h 2h", "pause +16h", "stop +1h")
    assert unreached(scenario(*lines), BEGIN + 14 * HOUR) == [
        f"alarm {NEIGHBOUR} at 2026-07-06 23:00 UTC",
        "pause at 2026-07-07 00:00 UTC",
        "freeze at 2026-07-07 04:00 UTC",
    ]
    assert unreached(scenario(f"fail {TARGET}", *lines), BEGIN + 30 * HOUR) == []
