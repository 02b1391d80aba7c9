"""Whole rollouts on a fake clock: the stories one by one, then any fault at any time."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.rollouts.calendar import expected_calendar
from ops.rollouts.rules.blockers import Blockers, WeeklyWindow, check_start
from ops.rollouts.rules.decisions import OperatorCommand
from ops.rollouts.rules.rollout import Rollout, parse
from ops.rollouts.rules.waves import RolloutStage, StageKind
from ops.rollouts.scenarios import Scenario, SimulatedAlarm, SimulatedCommand
from ops.rollouts.simulator import (
    ActionKind,
    SimulationOutcome,
    SimulationResult,
    TargetDurations,
    simulate,
)
from tests.ops.rollouts.samples import FILE, SHOP, A, B, C, hours, relaxed, rollouts, some, stages_of

MONDAY = datetime(2026, 7, 6, 8, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DURATIONS = TargetDurations(10 * MINUTE, 20 * MINUTE)
BOX = f"{A}/eu-north-1/shop-one-box"
NORTH_A, NORTH_B = f"{A}/eu-north-1/shop", f"{B}/eu-north-1/shop"
WEST_A, WEST_B = f"{A}/eu-west-1/shop", f"{B}/eu-west-1/shop"
EAST_A, EAST_B = f"{A}/us-east-1/shop", f"{B}/us-east-1/shop"
EVERY = (BOX, NORTH_A, NORTH_B, WEST_A, WEST_B, EAST_A, EAST_B)
NEIGHBOUR = f"{C}/eu-west-1/billing/health"
NEVER = timedelta.max
ROLLED_BACK = (ActionKind.ROLLED_BACK, ActionKind.STUCK)

# Monday 8:00 UTC: one-box until 9:10, first wave until Tuesday 11:20, wave 2 until 13:30, wave 3 until 15:40.
ROLLOUT = parse(SHOP, FILE)
STAGES = stages_of(ROLLOUT)
SECOND_WAVE, THIRD_WAVE, END = (
    MONDAY + timedelta(hours=h, minutes=m) for h, m in [(27, 20), (29, 30), (31, 40)]
)


def run(scenario: Scenario, rollout: Rollout = ROLLOUT) -> SimulationResult:
    return simulate(rollout, STAGES, MONDAY, durations=DURATIONS, scenario=scenario)


def targets(result: SimulationResult, *kinds: ActionKind) -> list[str]:
    return [action.target for action in result.actions if action.did in kinds]


def stops(result: SimulationResult) -> list[tuple[datetime, str]]:
    return [(action.at, action.why) for action in result.actions if action.did is ActionKind.STOPPED]


def test_a_clean_rollout_takes_its_bakes_and_is_done() -> None:
    result = run(Scenario())
    assert (result.outcome, result.ended) == (SimulationOutcome.SUCCEEDED, END)
    assert targets(result, ActionKind.STARTED) == list(EVERY)
    assert result.last_actions == dict.fromkeys(EVERY, ActionKind.DEPLOYED)
    bakes = [(action.at, action.until) for action in result.actions if action.did is ActionKind.BAKING]
    assert bakes[0] == (MONDAY + 10 * MINUTE, MONDAY + 70 * MINUTE)
    assert bakes[1] == (MONDAY + 80 * MINUTE, SECOND_WAVE)


def test_targets_of_a_stage_go_at_once_up_to_the_limit() -> None:
    result = run(Scenario(), replace(ROLLOUT, at_once=1))
    started = {action.target: action.at for action in result.actions if action.did is ActionKind.STARTED}
    assert started[NORTH_B] - started[NORTH_A] == DURATIONS.deploy
    assert len({action.at for action in run(Scenario()).actions if action.target == NORTH_A}) == 2


def assert_rolled_back(result: SimulationResult, *names: str) -> None:
    """The targets, in that order, and no other."""
    assert result.outcome is SimulationOutcome.ROLLED_BACK
    assert targets(result, ActionKind.ROLLING_BACK) == list(names)
    assert targets(result, *ROLLED_BACK) == list(names)


def test_a_failure_before_the_first_wave_has_baked_is_not_tolerated() -> None:
    result = run(Scenario(failing=frozenset({NORTH_A})))
    assert stops(result) == [(MONDAY + 80 * MINUTE, f"{NORTH_A} failed before the first wave had baked")]
    assert_rolled_back(result, NORTH_B, NORTH_A, BOX)


def test_failures_are_tolerated_up_to_the_limit() -> None:
    result = run(Scenario(failing=frozenset({WEST_A})))
    assert result.outcome is SimulationOutcome.SUCCEEDED
    assert result.last_actions == dict.fromkeys(EVERY, ActionKind.DEPLOYED) | {WEST_A: ActionKind.FAILED}
    result = run(Scenario(failing=frozenset({WEST_A, EAST_A})))
    assert stops(result)[0][1] == f"{WEST_A} and {EAST_A} failed; limits.failures is 1"
    assert_rolled_back(result, EAST_B, EAST_A, WEST_B, WEST_A, NORTH_B, NORTH_A, BOX)


def test_a_wave_of_which_nothing_stands_stops_however_much_is_tolerated() -> None:
    result = run(Scenario(failing=frozenset({WEST_A, WEST_B})), replace(ROLLOUT, failures=9))
    assert stops(result)[0][1] == "every target of wave 2 failed"


# Where an alarm fires in the bake of which stage, and what has been deployed by then.
ALARMS = {
    "one-box": (BOX, MONDAY + 11 * MINUTE, 1),
    "first wave": (NORTH_B, MONDAY + 5 * HOUR, 3),
    "middle wave": (WEST_A, SECOND_WAVE + HOUR, 5),
    "last wave": (EAST_B, END - MINUTE, 7),
    "the last moment": (EAST_B, END, 7),
    "an earlier wave": (NORTH_A, THIRD_WAVE + HOUR, 7),
    "the one-box, much later": (BOX, SECOND_WAVE + HOUR, 5),
    "a neighbor": (NEIGHBOUR, SECOND_WAVE + HOUR, 5),
}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_stops_and_rolls_everything_back(name: str) -> None:
    on, at, deployed = ALARMS[name]
    result = run(Scenario(alarms=(SimulatedAlarm(on, at, MINUTE),)))
    name = "billing/health" if on == NEIGHBOUR else "shop-health-us" if on == EAST_B else "shop-health"
    assert stops(result) == [(at, f"alarm {name} of {on} fired at {at:%Y-%m-%d %H:%M:%S} UTC")]
    assert_rolled_back(result, *reversed(EVERY[:deployed]))


def test_an_alarm_while_targets_deploy_lets_them_finish_and_starts_no_more() -> None:
    one_by_one = replace(ROLLOUT, at_once=1)
    at = MONDAY + 75 * MINUTE  # the first wave's first target is being deployed
    result = run(Scenario(alarms=(SimulatedAlarm(BOX, at, MINUTE),)), one_by_one)
    assert [moment for moment, _ in stops(result)] == [MONDAY + 80 * MINUTE]
    done = [(action.at, action.target) for action in result.actions if action.did is ActionKind.DEPLOYED]
    assert done[1:] == [(MONDAY + 80 * MINUTE, NORTH_A)]
    begun = [action.at for action in result.actions if action.did is ActionKind.ROLLING_BACK]
    assert begun == [MONDAY + 80 * MINUTE, MONDAY + 100 * MINUTE]
    assert_rolled_back(result, NORTH_A, BOX)


def test_a_wave_is_rolled_back_after_the_one_that_came_after_it() -> None:
    result = run(Scenario(alarms=(SimulatedAlarm(WEST_A, THIRD_WAVE - MINUTE, MINUTE),)))
    begun = {action.target: action.at for action in result.actions if action.did is ActionKind.ROLLING_BACK}
    assert begun[WEST_A] == begun[WEST_B] == THIRD_WAVE - MINUTE
    assert begun[NORTH_A] == begun[NORTH_B] == begun[WEST_A] + DURATIONS.roll_back
    assert begun[BOX] == begun[WEST_A] + 2 * DURATIONS.roll_back
    assert result.ended == begun[BOX] + DURATIONS.roll_back


def test_an_alarm_of_a_target_that_was_not_touched_only_keeps_it_waiting() -> None:
    result = run(Scenario(alarms=(SimulatedAlarm(EAST_A, THIRD_WAVE - HOUR, 3 * HOUR),)))
    assert (result.outcome, result.ended) == (SimulationOutcome.SUCCEEDED, END + 2 * HOUR)
    (wait,) = [action for action in result.actions if action.did is ActionKind.WAITED]
    assert (wait.at, wait.until) == (THIRD_WAVE, THIRD_WAVE + 2 * HOUR)
    assert wait.why == f"alarm shop-health of {EAST_A} is active"


def test_an_alarm_of_a_neighbour_before_the_start_only_delays_it() -> None:
    result = run(Scenario(alarms=(SimulatedAlarm(NEIGHBOUR, MONDAY - HOUR, 2 * HOUR),)))
    assert (result.outcome, result.ended) == (SimulationOutcome.SUCCEEDED, END + HOUR)


def test_an_alarm_of_a_neighbour_while_a_window_is_awaited_changes_nothing() -> None:
    closed = WeeklyWindow((0,), datetime.min.time(), datetime.min.time(), "UTC")  # Monday
    alarm = SimulatedAlarm(NEIGHBOUR, MONDAY + HOUR, HOUR)
    result = run(Scenario(alarms=(alarm,)), replace(ROLLOUT, blockers=Blockers(weekly=(closed,))))
    assert (result.outcome, result.ended) == (SimulationOutcome.SUCCEEDED, END + 16 * HOUR)


def test_an_alarm_that_an_emergency_ignored_at_the_start_still_fails_the_bake() -> None:
    emergency = replace(ROLLOUT, blockers=Blockers(override="CVE"))
    result = run(Scenario(alarms=(SimulatedAlarm(BOX, MONDAY - HOUR, 9 * HOUR),)), emergency)
    assert stops(result) == [(MONDAY + 10 * MINUTE, f"{BOX}: alarm shop-health is active")]
    assert_rolled_back(result, BOX)


def test_evidence_that_is_late_is_awaited() -> None:
    result = run(Scenario(late_evidence={WEST_B: 3 * HOUR}))
    assert result.outcome is SimulationOutcome.SUCCEEDED
    looks = [action for action in result.actions if action.did is ActionKind.LOOKED]
    assert {look.why for look in looks} == {f"{WEST_B}: 0 of 1 data points"}
    assert looks[0].at == THIRD_WAVE and result.ended == END + HOUR


def test_evidence_that_never_comes_rolls_back() -> None:
    result = run(Scenario(late_evidence={NORTH_B: NEVER}))
    assert stops(result) == [(SECOND_WAVE + 5 * HOUR, f"{NORTH_B}: 0 of 1000 data points")]
    assert_rolled_back(result, NORTH_B, NORTH_A, BOX)


def test_no_evidence_is_awaited_of_a_failure_that_is_tolerated() -> None:
    result = run(Scenario(failing=frozenset({WEST_A}), late_evidence={WEST_A: NEVER}))
    assert (result.outcome, result.ended) == (SimulationOutcome.SUCCEEDED, END)


def test_a_target_that_cannot_roll_back_is_named_and_the_others_go_on() -> None:
    result = run(
        Scenario(stuck=frozenset({NORTH_A}), alarms=(SimulatedAlarm(WEST_A, SECOND_WAVE + HOUR, MINUTE),))
    )
    assert_rolled_back(result, WEST_B, WEST_A, NORTH_B, NORTH_A, BOX)
    assert targets(result, ActionKind.STUCK) == [NORTH_A]
    assert (
        result.last_actions[NORTH_A] is ActionKind.STUCK
        and result.last_actions[BOX] is ActionKind.ROLLED_BACK
    )


def test_a_freeze_stops_what_has_not_started_but_no_bake() -> None:
    freeze = (MONDAY + HOUR, THIRD_WAVE)
    result = run(Scenario(freezes=(freeze,)))
    assert result.outcome is SimulationOutcome.SUCCEEDED
    started = [action.at for action in result.actions if action.did is ActionKind.STARTED]
    assert not any(freeze[0] <= at < freeze[1] for at in started) and started[1] == THIRD_WAVE


def test_a_window_that_opens_later_is_awaited() -> None:
    closed = Blockers(
        weekly=(WeeklyWindow((1,), datetime.min.time(), datetime.min.time(), "UTC"),)
    )  # Tuesday
    result = run(Scenario(), replace(ROLLOUT, blockers=closed))
    assert result.ended == datetime(2026, 7, 8, 0, tzinfo=UTC) + (END - SECOND_WAVE)


def command(kind: OperatorCommand, at: datetime, why: str = "Ada says so") -> SimulatedCommand:
    return SimulatedCommand(at, kind, why)


def test_a_pause_keeps_the_next_wave_waiting_and_no_bake() -> None:
    resumed = SECOND_WAVE + 2 * HOUR
    result = run(
        Scenario(
            commands=(
                command(OperatorCommand.PAUSE, MONDAY + 2 * HOUR),
                command(OperatorCommand.RESUME, resumed),
            )
        )
    )
    assert (result.outcome, result.ended) == (SimulationOutcome.SUCCEEDED, END + 2 * HOUR)
    (wait,) = [action for action in result.actions if action.did is ActionKind.WAITED]
    assert (wait.at, wait.why) == (SECOND_WAVE, "paused: Ada says so")


def test_what_is_paused_and_never_resumed_waits_but_an_alarm_rolls_it_back() -> None:
    pause = command(OperatorCommand.PAUSE, MONDAY + 2 * HOUR)
    assert run(Scenario(commands=(pause,))).outcome is SimulationOutcome.BLOCKED
    alarm = SimulatedAlarm(NORTH_A, SECOND_WAVE + HOUR, HOUR)
    assert_rolled_back(run(Scenario(commands=(pause,), alarms=(alarm,))), NORTH_B, NORTH_A, BOX)


def test_stop_and_roll_back_comes_at_once() -> None:
    result = run(Scenario(commands=(command(OperatorCommand.STOP, MONDAY + 5 * HOUR, "wrong version"),)))
    assert stops(result) == [(MONDAY + 5 * HOUR, "wrong version")]
    assert_rolled_back(result, NORTH_B, NORTH_A, BOX)


def test_a_skipped_bake_ends_at_once_and_says_why() -> None:
    at = MONDAY + 2 * HOUR
    result = run(
        Scenario(commands=(command(OperatorCommand.SKIP, at, "seen enough"),), late_evidence={NORTH_A: NEVER})
    )
    baked = [(action.at, action.why) for action in result.actions if action.did is ActionKind.BAKED]
    assert baked[1] == (at, "bake skipped: seen enough")


def test_no_skip_hides_an_alarm() -> None:
    at = MONDAY + 2 * HOUR
    scenario = Scenario(
        commands=(command(OperatorCommand.SKIP, at),), alarms=(SimulatedAlarm(NORTH_A, at, HOUR),)
    )
    assert_rolled_back(run(scenario), NORTH_B, NORTH_A, BOX)


def test_an_override_opens_what_is_closed() -> None:
    at = MONDAY + 3 * HOUR
    result = run(
        Scenario(commands=(command(OperatorCommand.OVERRIDE, at, "CVE"),)), replace(ROLLOUT, blockers=ALWAYS)
    )
    assert result.outcome is SimulationOutcome.SUCCEEDED
    assert next(action.at for action in result.actions if action.did is ActionKind.STARTED) == at


ALWAYS = Blockers(weekly=(WeeklyWindow(tuple(range(7)), datetime.min.time(), datetime.min.time(), "UTC"),))


def test_what_never_opens_is_blocked_and_touches_nothing() -> None:
    result = run(Scenario(), replace(ROLLOUT, blockers=ALWAYS))
    assert (result.outcome, result.ended, result.last_actions) == (SimulationOutcome.BLOCKED, MONDAY, {})
    assert result.actions[-1].until is None


def test_a_calendar_has_the_expected_times_of_every_stage() -> None:
    entries = expected_calendar(ROLLOUT, STAGES, MONDAY, durations=DURATIONS)
    assert [(entry.stage, entry.starts) for entry in entries] == list(
        zip(STAGES, [MONDAY, MONDAY + 70 * MINUTE, SECOND_WAVE, THIRD_WAVE], strict=True)
    )
    assert entries[3].deployed == THIRD_WAVE + DURATIONS.deploy
    assert entries[3].baked == END


def test_a_calendar_respects_windows_and_says_why() -> None:
    friday = datetime(2026, 7, 10, 8, tzinfo=UTC)
    box, first, *_ = expected_calendar(ROLLOUT, STAGES, friday, durations=DURATIONS)
    assert (box.waits, first.starts) == ((), friday + 70 * MINUTE)
    # Closed on Friday from 14:00 and on Saturday from 14:00 in Berlin: 12:00 UTC, to 22:00 UTC.
    second = expected_calendar(ROLLOUT, STAGES, friday, durations=DURATIONS)[2]
    assert second.starts == datetime(2026, 7, 11, 11, 20, tzinfo=UTC)
    third = expected_calendar(ROLLOUT, STAGES, friday, durations=DURATIONS)[3]
    assert third.starts == datetime(2026, 7, 11, 22, tzinfo=UTC)
    assert [wait.why for wait in third.waits] == ["closed fri, sat 14:00–24:00 (Europe/Berlin)"]


def test_a_calendar_of_what_never_opens_is_empty() -> None:
    entries = expected_calendar(replace(ROLLOUT, blockers=ALWAYS), STAGES, MONDAY)
    assert [entry.starts for entry in entries] == [None] * 4 and entries[0].waits


def test_an_alarm_of_one_target_does_not_hold_up_the_others_of_its_wave() -> None:
    rollout = parse(
        SHOP.replace('unit = "ou-ab12-11111111"', f'accounts = ["{A}", "{B}", "{C}"]').replace(
            "at_once = 2", "at_once = 1"
        ),
        FILE,
    )
    alarm = SimulatedAlarm(NORTH_B, MONDAY + 75 * MINUTE, 60 * MINUTE)
    scenario = Scenario(alarms=(alarm,))
    result = simulate(rollout, stages_of(rollout), MONDAY, durations=DURATIONS, scenario=scenario)
    started = {action.target: action.at for action in result.actions if action.did is ActionKind.STARTED}
    assert started[NORTH_A] == MONDAY + 70 * MINUTE
    assert started[f"{C}/eu-north-1/shop"] == MONDAY + 80 * MINUTE
    assert started[NORTH_B] == MONDAY + 135 * MINUTE


MOMENTS = hours(-5, 200).map(lambda after: MONDAY + after)
FREEZES = st.lists(st.tuples(MOMENTS, hours(0, 90)), max_size=1)
ORDERS = st.lists(
    st.builds(SimulatedCommand, MOMENTS, st.sampled_from(OperatorCommand), st.just("so it is")), max_size=3
)


@cache
def alarms_on(count: int) -> st.SearchStrategy[list[tuple[int, datetime, timedelta]]]:
    """On which of so many, by number. Kept: to make a strategy takes longer than to simulate a rollout."""
    return st.lists(st.tuples(st.integers(0, count - 1), MOMENTS, hours(0, 90)), max_size=3)


@cache
def late_ones(count: int) -> st.SearchStrategy[dict[int, timedelta]]:
    late = st.dictionaries(st.integers(0, count - 1), hours(0, 60) | st.just(NEVER), max_size=2)
    return st.just(dict[int, timedelta]()) | late


@st.composite
def scenarios(draw: st.DrawFn, rollout: Rollout) -> Scenario:
    names = [target.id for stage in stages_of(rollout) for target in stage.targets]
    on = [*names, rollout.neighbors[0].name]
    return Scenario(
        failing=frozenset(names[each] for each in draw(some(len(names)))),
        stuck=frozenset(names[each] for each in draw(some(len(names)))),
        late_evidence={names[each]: late for each, late in draw(late_ones(len(names))).items()},
        alarms=tuple(SimulatedAlarm(on[each], at, lasts) for each, at, lasts in draw(alarms_on(len(on)))),
        freezes=tuple((begin, begin + length) for begin, length in draw(FREEZES)),
        commands=tuple(draw(ORDERS)),
    )


def active(scenario: Scenario, now: datetime, names: Sequence[str]) -> list[str]:
    return [alarm.source for alarm in scenario.alarms if alarm.source in names and alarm.is_active(now)]


@relaxed
@given(rollouts(), st.data())
def test_the_rules_hold_whatever_happens(rollout: Rollout, data: st.DataObject) -> None:
    scenario = data.draw(scenarios(rollout))
    stages = stages_of(rollout)
    order = [target.id for stage in stages for target in stage.targets]
    result = simulate(rollout, stages, MONDAY, durations=DURATIONS, scenario=scenario)
    started, back = targets(result, ActionKind.STARTED), targets(result, ActionKind.ROLLING_BACK)

    times = [action.at for action in result.actions]
    assert times == sorted(times)
    assert_started_in_order(stages, started, {alarm.source for alarm in scenario.alarms})
    assert sorted(targets(result, ActionKind.DEPLOYED, ActionKind.FAILED)) == sorted(started)
    assert set(targets(result, ActionKind.STUCK)) <= scenario.stuck

    # Everything or nothing: what was touched, and only that, is rolled back, the last first.
    touched = [name for name in reversed(order) if name in started]
    assert back == (touched if result.outcome is SimulationOutcome.ROLLED_BACK else [])
    assert sorted(targets(result, *ROLLED_BACK)) == sorted(back)
    assert (result.outcome is SimulationOutcome.SUCCEEDED) <= (sorted(started) == sorted(order))

    assert_nothing_starts_that_must_not(rollout, scenario, result)
    assert_one_region_until_it_is_proven(result)


def assert_started_in_order(
    stages: Sequence[RolloutStage], started: Sequence[str], alarmed: Collection[str]
) -> None:
    """One stage after the other, and in the order of the file except for targets with alarms of their own."""
    numbers = {target.id: number for number, stage in enumerate(stages) for target in stage.targets}
    assert [numbers[name] for name in started] == sorted(numbers[name] for name in started)
    quiet = [name for name in started if name not in alarmed]
    assert quiet == [name for name in numbers if name not in alarmed][: len(quiet)]


def assert_nothing_starts_that_must_not(
    rollout: Rollout, scenario: Scenario, result: SimulationResult
) -> None:
    neighbor = rollout.neighbors[0].name
    touched: dict[str, datetime] = {}
    running: set[str] = set()
    ordered: dict[str, str] = {}
    for action in result.actions:
        if action.did is ActionKind.ORDERED:
            ordered |= {"pause": ""} if action.why.startswith("resume") else {action.why.split(":")[0]: "yes"}
        elif action.did is ActionKind.STARTED:
            assert not ordered.get("pause") and not ordered.get("stop")
            frozen = "yes" if any(begin <= action.at < end for begin, end in scenario.freezes) else ""
            alarms = active(scenario, action.at, [action.target, neighbor])
            override = ordered.get("override", "")
            assert check_start(
                rollout.blockers, action.at, frozen=frozen, alarms=alarms, override=override
            ).allowed
            for alarm in scenario.alarms:  # never forward after an alarm
                since = (
                    min(touched.values(), default=None)
                    if alarm.source == neighbor
                    else touched.get(alarm.source)
                )
                assert since is None or not since < alarm.at <= action.at
            touched[action.target] = action.at
            running.add(action.target)
            assert len(running) <= rollout.at_once
        elif action.did in (ActionKind.DEPLOYED, ActionKind.FAILED):
            running.discard(action.target)


def assert_one_region_until_it_is_proven(result: SimulationResult) -> None:
    regions: set[str] = set()
    for action in result.actions:
        if action.did is ActionKind.BAKED and action.stage.kind is StageKind.FIRST:
            break
        if action.did is ActionKind.STARTED:
            regions.add(action.target.split("/")[1])
    assert len(regions) <= 1


@relaxed
@given(rollouts(), hours(0, 200))
def test_the_calendar_is_the_order_of_the_stages(rollout: Rollout, later: timedelta) -> None:
    stages = stages_of(rollout)
    entries = expected_calendar(rollout, stages, MONDAY + later, durations=DURATIONS)
    before = MONDAY + later
    for stage, entry in zip(stages, entries, strict=True):
        if entry.starts is None:
            break
        assert entry.starts >= before and check_start(rollout.blockers, entry.starts).allowed
        assert entry.deployed and entry.baked
        assert entry.deployed >= entry.starts + DURATIONS.deploy
        assert entry.baked == entry.deployed + stage.bake.time
        before = entry.baked
