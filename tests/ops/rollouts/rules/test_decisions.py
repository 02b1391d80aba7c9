"""What a rollout does next, fact by fact; the simulator's tests show whole runs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.rollouts.rules.blockers import StartCheck
from ops.rollouts.rules.decisions import (
    Decision,
    DecisionKind,
    ManualControls,
    OperatorCommand,
    RolloutFacts,
    TargetState,
    alarms_since_start,
    apply_command,
    check_target_start,
    decide,
    required_points,
)
from ops.rollouts.rules.evidence import DataPoint, Observation
from ops.rollouts.rules.rollout import parse
from tests.ops.rollouts.samples import FILE, SHOP, stages_of

ROLLOUT = parse(SHOP, FILE)
STAGES = stages_of(ROLLOUT)
BOX, FIRST, SECOND = STAGES[:3]
NEIGHBOR = ROLLOUT.neighbors[0].name
STARTED = datetime(2026, 7, 1, 8, tzinfo=UTC)  # a Wednesday, no window
BAKED = STARTED + timedelta(days=2)
SECOND_, HOUR = timedelta(seconds=1), timedelta(hours=1)
ids = [[target.id for target in stage.targets] for stage in STAGES]


def observation(name: str, state: str = "OK", **more: Any) -> Observation:
    return Observation(name, alarm_states={"health": state}, expected_alarms=("health",), **more)


def facts(stages: int, **more: Any) -> RolloutFacts:
    """The facts after so many stages were started and baked; `more` replaces some."""
    started = [name for stage in ids[:stages] for name in stage]
    return replace(
        RolloutFacts(
            now=BAKED,
            started=dict.fromkeys(started, STARTED),
            states=dict.fromkeys(started, TargetState.DEPLOYED),
            bake_started={number: STARTED for number in range(stages)},
            baked=frozenset(range(stages)),
            observations={name: observation(name) for name in started},
        ),
        **more,
    )


def seen(*observations: Observation) -> dict[str, Observation]:
    return {each.name: each for each in observations}


def reasons(facts: RolloutFacts) -> tuple[str, ...]:
    """The reasons for which the rollout stops."""
    decision = decide(ROLLOUT, STAGES, facts)
    assert decision.kind is DecisionKind.STOP
    return decision.reasons


def test_each_stage_is_deployed_baked_and_passed_before_the_next() -> None:
    decision = decide(ROLLOUT, STAGES, facts(0))
    assert (decision.kind, decision.stage, decision.targets) == (DecisionKind.DEPLOY, 0, BOX.targets)
    decision = decide(ROLLOUT, STAGES, facts(1, bake_started={}, baked=frozenset()))
    assert (decision.kind, decision.stage) == (DecisionKind.BAKE, 0)
    assert decision.until == BAKED + BOX.bake.time
    decision = decide(ROLLOUT, STAGES, facts(1, now=STARTED, baked=frozenset()))
    end = STARTED + BOX.bake.time
    reason = f"baking until {end:%Y-%m-%d %H:%M:%S} UTC"
    assert decision == Decision(DecisionKind.WAIT, 0, reasons=(reason,), until=end)
    decision = decide(ROLLOUT, STAGES, facts(1, baked=frozenset()))
    assert (decision.kind, decision.stage, decision.reasons) == (DecisionKind.PASS, 0, ())
    assert decide(ROLLOUT, STAGES, facts(1)).targets == FIRST.targets
    assert decide(ROLLOUT, STAGES, facts(len(STAGES))) == Decision(DecisionKind.END, len(STAGES) - 1)


def test_only_the_targets_that_were_not_started_are_deployed() -> None:
    partly = facts(1)
    partly = replace(partly, started={**partly.started, ids[1][0]: STARTED})
    assert [target.id for target in decide(ROLLOUT, STAGES, partly).targets] == ids[1][1:]


@pytest.mark.parametrize("name", [ids[0][0], NEIGHBOR], ids=["target", "neighbor"])
def test_a_skipped_bake_still_stops_on_an_active_alarm(name: str) -> None:
    baking = facts(1, baked=frozenset(), now=STARTED, controls=ManualControls(skips={0: "urgent"}))
    assert decide(ROLLOUT, STAGES, baking).reasons == ("bake skipped: urgent",)
    alarmed = replace(baking, observations=seen(observation(name, "ALARM", is_target=name != NEIGHBOR)))
    reason = f"{name}: alarm health is active"
    assert decide(ROLLOUT, STAGES, alarmed) == Decision(DecisionKind.STOP, 0, reasons=(reason,))
    without_data = seen(observation(name, "INSUFFICIENT_DATA", is_target=name != NEIGHBOR))
    assert decide(ROLLOUT, STAGES, replace(baking, observations=without_data)).kind is DecisionKind.PASS


def test_a_skip_is_of_one_stage() -> None:
    baking = facts(1, baked=frozenset(), now=STARTED, controls=ManualControls(skips={1: "urgent"}))
    assert decide(ROLLOUT, STAGES, baking).kind is DecisionKind.WAIT


def test_the_bake_needs_the_data_points_of_the_started_targets() -> None:
    (box,) = ids[0]
    point = DataPoint(STARTED, 1)
    needing = Observation(box, required_points=2, data_points=(point,))
    later = observation(ids[1][0], required_points=100)
    baking = facts(1, baked=frozenset(), observations=seen(needing, later))
    assert reasons(baking) == (f"{box}: 1 of 2 data points",)
    enough = replace(needing, data_points=(point, point))
    assert (
        decide(ROLLOUT, STAGES, replace(baking, observations=seen(enough, later))).kind is DecisionKind.PASS
    )


@pytest.mark.parametrize(
    ("fired", "counts"),
    [(-SECOND_, False), (timedelta(0), False), (SECOND_, True), (HOUR, True), (HOUR + SECOND_, False)],
)
def test_an_alarm_counts_from_after_the_start_until_now(fired: timedelta, counts: bool) -> None:
    (box,) = ids[0]
    at = STARTED + fired
    now = facts(1, now=STARTED + HOUR, observations=seen(observation(box, fired=(("health", at),))))
    expected = (f"alarm health of {box} fired at {at:%Y-%m-%d %H:%M:%S} UTC",) if counts else ()
    assert alarms_since_start(now) == expected


def test_an_alarm_of_a_neighbor_counts_from_the_first_start_and_of_a_target_from_its_own() -> None:
    (box,), first = ids[0], ids[1][0]
    fired = (("health", STARTED + HOUR),)
    started = {box: STARTED, first: STARTED + 2 * HOUR}
    neighbor = observation(NEIGHBOR, fired=fired, is_target=False)
    found = facts(0, started=started, observations=seen(observation(first, fired=fired), neighbor))
    assert [line.split(" fired")[0] for line in alarms_since_start(found)] == [f"alarm health of {NEIGHBOR}"]
    assert alarms_since_start(replace(found, started={})) == ()
    not_started = replace(found, started={box: STARTED}, observations=seen(observation(first, fired=fired)))
    assert alarms_since_start(not_started) == ()


def test_an_active_alarm_of_the_target_its_neighbors_or_the_started_targets_blocks_the_start() -> None:
    target, other = FIRST.targets[0], ids[2][0]
    for name, blocks in ((target.id, True), (NEIGHBOR, True), (ids[0][0], True), (other, False)):
        alarmed = facts(1, observations=seen(observation(name, "ALARM", is_target=name != NEIGHBOR)))
        check = check_target_start(ROLLOUT, STAGES, alarmed, target)
        assert check.allowed is not blocks
        assert check.reasons == ((f"alarm health of {name} is active",) if blocks else ())


def test_pause_and_freeze_hold_the_next_stage_and_an_override_only_the_freeze() -> None:
    paused = facts(1, controls=ManualControls(pause="lunch", override="urgent"))
    decision = decide(ROLLOUT, STAGES, paused)
    assert (decision.kind, decision.reasons, decision.until) == (DecisionKind.WAIT, ("paused: lunch",), None)
    frozen = facts(1, controls=ManualControls(freeze="sale"))
    decision = decide(ROLLOUT, STAGES, frozen)
    assert (decision.kind, decision.reasons) == (DecisionKind.WAIT, ("all rollouts are frozen: sale",))
    urgent = facts(1, controls=ManualControls(freeze="sale", override="urgent"))
    decision = decide(ROLLOUT, STAGES, urgent)
    assert (decision.kind, decision.reasons) == (DecisionKind.DEPLOY, ("all rollouts are frozen: sale",))


def test_a_window_holds_the_next_stage_until_it_opens() -> None:
    closed = datetime(2026, 7, 3, 20, tzinfo=UTC)  # a Friday evening
    decision = decide(ROLLOUT, STAGES, facts(1, now=closed))
    open_again = datetime(2026, 7, 4, 22, tzinfo=UTC)
    reason = "closed fri, sat 14:00–24:00 (Europe/Berlin)"
    opens = datetime(2026, 7, 3, 22, tzinfo=UTC)
    assert decision == Decision(DecisionKind.WAIT, 1, (), (reason,), opens)
    assert decide(ROLLOUT, STAGES, facts(1, now=open_again)).kind is DecisionKind.DEPLOY


def test_a_rollout_that_ends_starts_no_target() -> None:
    target = FIRST.targets[0]
    failing = failed(3, *ids[2][:2], baked=frozenset({0, 1}))
    for ending, reason in (
        (facts(1, stopped="an alarm"), "an alarm"),
        (facts(1, controls=ManualControls(stop="no")), "no"),
        (failing, f"{' and '.join(ids[2][:2])} failed; limits.failures is 1"),
        (facts(1, controls=ManualControls(pause="lunch")), "paused: lunch"),
    ):
        assert check_target_start(ROLLOUT, STAGES, ending, target) == StartCheck(False, None, (reason,))


def failed(stages: int, *names: str, **more: Any) -> RolloutFacts:
    found = facts(stages, **more)
    return replace(found, states={**found.states, **dict.fromkeys(names, TargetState.FAILED)})


def test_before_the_first_wave_has_baked_every_failure_stops() -> None:
    name = ids[1][0]
    assert reasons(failed(2, name, baked=frozenset({0}))) == (
        f"{name} failed before the first wave had baked",
    )


def test_later_as_many_failures_are_tolerated_as_the_file_says() -> None:
    one, two = ids[2][:2]
    baked = frozenset({0, 1})
    assert decide(ROLLOUT, STAGES, failed(3, one, baked=baked)).kind is DecisionKind.PASS
    strict = replace(ROLLOUT, failures=0)
    decision = decide(strict, STAGES, failed(3, one, baked=baked))
    assert decision.reasons == (f"{one} failed; limits.failures is 0",)
    both = failed(3, one, two, baked=baked)
    assert reasons(both) == (f"{one} and {two} failed; limits.failures is 1",)
    tolerant = replace(ROLLOUT, failures=2)
    assert decide(tolerant, STAGES, both).reasons == (f"every target of {SECOND.name} failed",)


def test_a_failed_target_needs_no_data_points() -> None:
    target = FIRST.targets[0]
    assert required_points(FIRST, target, facts(2)) == 1000
    assert required_points(FIRST, target, failed(2, target.id)) == 0


def test_stopping_comes_before_everything_and_names_the_current_stage() -> None:
    decision = decide(ROLLOUT, STAGES, facts(1, controls=ManualControls(stop="no", pause="lunch")))
    assert (decision.kind, decision.stage, decision.reasons) == (DecisionKind.STOP, 1, ("no",))
    last = decide(ROLLOUT, STAGES, facts(len(STAGES), controls=ManualControls(stop="no")))
    assert last.stage == len(STAGES) - 1


def test_a_stopped_rollout_rolls_back_the_last_stage_first_and_ends() -> None:
    stopped = facts(2, stopped="an alarm")
    decision = decide(ROLLOUT, STAGES, stopped)
    assert (decision.kind, decision.stage, decision.reasons) == (DecisionKind.ROLL_BACK, 1, ("an alarm",))
    assert [target.id for target in decision.targets] == ids[1][::-1]
    states = {ids[1][0]: TargetState.ROLLED_BACK, ids[1][1]: TargetState.ROLLING_BACK}
    decision = decide(ROLLOUT, STAGES, replace(stopped, states=states))
    assert [target.id for target in decision.targets] == ids[1][1:]
    states[ids[1][1]] = TargetState.STUCK  # does not hold up the others
    decision = decide(ROLLOUT, STAGES, replace(stopped, states=states))
    assert (decision.stage, [target.id for target in decision.targets]) == (0, ids[0])
    states[ids[0][0]] = TargetState.ROLLED_BACK
    decision = decide(ROLLOUT, STAGES, replace(stopped, states=states))
    assert (decision.kind, decision.stage, decision.reasons) == (DecisionKind.END, 0, ("an alarm",))


def test_each_command_changes_its_own_control() -> None:
    none = ManualControls()
    assert apply_command(none, OperatorCommand.PAUSE, "why", 2) == ManualControls(pause="why")
    assert apply_command(ManualControls(pause="why"), OperatorCommand.RESUME, "go", 2) == none
    assert apply_command(none, OperatorCommand.STOP, "why", 2) == ManualControls(stop="why")
    assert apply_command(none, OperatorCommand.OVERRIDE, "why", 2) == ManualControls(override="why")
    skipped = apply_command(ManualControls(skips={1: "a"}), OperatorCommand.SKIP, "b", 2)
    assert skipped == ManualControls(skips={1: "a", 2: "b"})
