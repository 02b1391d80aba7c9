"""Faults and orders of a simulation as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from ops.errors import InputError
from ops.rollouts.rules.decisions import Does
from ops.rollouts.rules.rollout import parse
from ops.rollouts.scripts import parse_script
from ops.rollouts.simulator import Alarm, Order, Script
from tests.ops.rollouts.samples import FILE, SHOP, C

BEGIN = datetime(2026, 7, 6, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
TARGET, NEIGHBOUR = "1/r/s", f"{C}/eu-west-1/billing/health"
ROLLOUT = parse(SHOP, FILE)


def script(*lines: str) -> Script:
    return parse_script(lines, BEGIN, [TARGET], ROLLOUT)


def test_faults_and_orders_are_read() -> None:
    assert script(f"fail {TARGET}", "", f"stuck {TARGET}", f"late {TARGET} never") == Script(
        fails=frozenset({TARGET}), stuck=frozenset({TARGET}), late={TARGET: timedelta.max}
    )
    assert script(f"alarm {NEIGHBOUR} +5h 2h", f"alarm {TARGET} +1h").alarms == (
        Alarm(NEIGHBOUR, BEGIN + 5 * HOUR, 2 * HOUR),
        Alarm(TARGET, BEGIN + HOUR, HOUR / 2),
    )
    assert script("freeze +1d 2h", "stop +1h wrong version") == Script(
        freezes=((BEGIN + 24 * HOUR, BEGIN + 26 * HOUR),),
        orders=(Order(BEGIN + HOUR, Does.STOP, "wrong version"),),
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("explode", "is not known"),
        ("fail", "too few"),
        ("fail x/y/z", "no target and no neighbour"),
        (f"alarm {TARGET} 5h", "where a time"),
        (f"late {TARGET} soon", "no length of time"),
        ("pause", "says not when"),
    ],
)
def test_a_mistake_names_the_line(line: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        script(line)
    assert line in str(caught.value) and caught.value.hint
