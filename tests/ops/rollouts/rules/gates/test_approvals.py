"""Approvals of stages: what they keep from starting, and whole runs with them and with an outage."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.rollouts.rules.decisions import (
    DecisionKind,
    ManualControls,
    OperatorCommand,
    RolloutFacts,
    apply_command,
    decide,
)
from ops.rollouts.rules.gates.deciding import may_approve, required_role
from ops.rollouts.rules.rollout import parse
from ops.rollouts.scenarios import Scenario, SimulatedAlarm, parse_scenario
from ops.rollouts.simulator import ActionKind, SimulationOutcome, SimulationResult, simulate
from tests.ops.rollouts.samples import FILE, A, B, hours, relaxed, stages_of

MONDAY = datetime(2026, 7, 6, 8, tzinfo=UTC)
HOUR, EXPIRES, NEVER = timedelta(hours=1), timedelta(days=2), timedelta.max
BETA, PRODUCTION = f"{A}/eu-west-1/shop", f"{B}/eu-west-1/shop"

ROLLOUT = parse(
    f"""[what]
stack = "shop"
template = "t"
[evidence]
none = "a test"
[alarms]
target = ["health"]
[[stage]]
name = "beta"
where = {{ accounts = ["{A}"], regions = ["eu-west-1"] }}
bake = "1h"
[[stage]]
name = "production"
where = {{ accounts = ["{B}"], regions = ["eu-west-1"] }}
bake = "2h"
approval = {{ role = "administrator", expires = "2d" }}
""",
    FILE,
)
STAGES = stages_of(ROLLOUT)
BAKED = RolloutFacts(MONDAY, started={BETA: MONDAY - 2 * HOUR}, baked=frozenset({0}))


def test_a_person_is_asked_waited_for_and_not_forever() -> None:
    asks = decide(ROLLOUT, STAGES, BAKED)
    line = "production needs the approval of an administrator"
    assert (asks.kind, asks.gate, asks.reasons) == (DecisionKind.ASK, "production", (line,))
    asked = replace(BAKED, asked={"production": MONDAY})
    waits = decide(ROLLOUT, STAGES, replace(asked, now=MONDAY + EXPIRES - HOUR))
    assert (waits.kind, waits.until, waits.targets) == (DecisionKind.WAIT, MONDAY + EXPIRES, ())
    expired = decide(ROLLOUT, STAGES, replace(asked, now=MONDAY + EXPIRES))
    assert expired.kind is DecisionKind.STOP
    assert expired.reasons == (f"{line}, which nobody gave by 2026-07-08 08:00 UTC",)
    approved = replace(asked, controls=ManualControls(approvals={"production": "Ada"}))
    assert decide(ROLLOUT, STAGES, approved).kind is DecisionKind.DEPLOY


def test_an_approval_is_of_what_was_asked() -> None:
    controls = apply_command(ManualControls(), OperatorCommand.APPROVE, "seen", 1, "production")
    assert controls.approvals == {"production": "seen"}
    assert apply_command(controls, OperatorCommand.APPROVE, "seen", 1) == controls


@pytest.mark.parametrize("role", ["", "viewer", "operator", "root"])
def test_a_lower_role_may_not_approve(role: str) -> None:
    required = required_role(ROLLOUT, "production")
    assert required == "administrator" and not may_approve(role, required)
    assert may_approve("administrator", required) and may_approve("administrator", "operator")
    assert required_role(ROLLOUT, "unknown") == "administrator"


def run(**scenario: object) -> SimulationResult:
    return simulate(ROLLOUT, STAGES, MONDAY, scenario=Scenario(**scenario))  # type: ignore[arg-type]


def starts(result: SimulationResult) -> list[datetime]:
    return [action.at for action in result.actions if action.did is ActionKind.STARTED]


def test_while_the_home_region_fails_nothing_starts_and_then_alarms_count() -> None:
    outage = (MONDAY + HOUR / 2, MONDAY + 10 * HOUR)
    result = run(outages=(outage,))
    assert result.outcome is SimulationOutcome.SUCCEEDED and starts(result)[1] >= outage[1]
    alarm = SimulatedAlarm(BETA, MONDAY + 2 * HOUR, HOUR)  # fires and recovers meanwhile
    back = run(outages=(outage,), alarms=(alarm,))
    (stop,) = [action for action in back.actions if action.did is ActionKind.STOPPED]
    assert stop.at == outage[1] and f"alarm health of {BETA} fired" in stop.why


def test_faults_are_written_as_lines() -> None:
    parsed = parse_scenario(["approval never", "outage +5h 2h"], MONDAY, [BETA], ROLLOUT)
    assert (parsed.approves_after, parsed.outages) == (NEVER, ((MONDAY + 5 * HOUR, MONDAY + 7 * HOUR),))


@relaxed
@given(hours(0, 72) | st.just(NEVER), hours(0, 60), hours(0, 40))
def test_no_stage_starts_unapproved_or_during_an_outage(
    approves: timedelta, later: timedelta, lasts: timedelta
) -> None:
    outage = (MONDAY + later, MONDAY + later + lasts)
    result = run(approves_after=approves, outages=(outage,))
    approved = [action.at for action in result.actions if action.did is ActionKind.APPROVED]
    assert not any(outage[0] <= at < outage[1] for at in starts(result))
    assert (len(starts(result)) == 2) <= bool(approved)
    if approves == NEVER:
        assert result.outcome is SimulationOutcome.ROLLED_BACK
        assert [a.target for a in result.actions if a.did is ActionKind.ROLLED_BACK] == [BETA]
