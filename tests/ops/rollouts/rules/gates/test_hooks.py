"""Hooks of stages: how they are written, what they keep from starting, and whole runs with failures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ops.errors import InputError
from ops.rollouts.rules.decisions import DecisionKind, ManualControls, RolloutFacts, decide
from ops.rollouts.rules.gates.hooks import HookRecord, HookState
from ops.rollouts.rules.gates.model import FailureAction, HookKind
from ops.rollouts.rules.model import Rollout
from ops.rollouts.rules.rollout import parse
from ops.rollouts.scenarios import parse_scenario
from ops.rollouts.simulator import ActionKind, SimulationOutcome, SimulationResult, simulate
from tests.ops.rollouts.samples import FILE, A, B, stages_of

MONDAY = datetime(2026, 7, 6, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
BETA, PRODUCTION = f"{A}/eu-west-1/shop", f"{B}/eu-west-1/shop"
LOAD, CHECK, SMOKE = "beta/after/1", "beta/after/2", "production/before/1"
HOOKS = """hooks.after = [
  { state_machine = "slipway-hook-load" },
  { url = "https://shop.example.com/health", failure = "pause" },
]"""


def rollout(hooks: str = HOOKS) -> Rollout:
    return parse(
        f"""[what]\nstack = "shop"\ntemplate = "t"\n[evidence]\nnone = "a test"
[[stage]]\nname = "beta"\nwhere = {{ accounts = ["{A}"], regions = ["eu-west-1"] }}\nbake = "1h"
{hooks}
[[stage]]\nname = "production"\nwhere = {{ accounts = ["{B}"], regions = ["eu-west-1"] }}\nbake = "2h"
hooks.before = [{{ lambda = "slipway-hook-smoke", timeout = "3m" }}]""",
        FILE,
    )


ROLLOUT = rollout()
STAGES = stages_of(ROLLOUT)
BAKED = RolloutFacts(MONDAY, started={BETA: MONDAY - 2 * HOUR}, baked=frozenset({0}))


def with_hooks(**states: HookState) -> RolloutFacts:
    ids = {"load": LOAD, "check": CHECK, "smoke": SMOKE}
    records = {ids[name]: HookRecord(state, MONDAY, output="why") for name, state in states.items()}
    return replace(BAKED, hooks=records)


def test_the_file_names_what_is_called() -> None:
    beta, production = (ring.hooks for ring in ROLLOUT.rings)
    (smoke,) = production.before
    assert (smoke.id, smoke.kind, smoke.timeout) == (SMOKE, HookKind.LAMBDA, timedelta(minutes=3))
    assert smoke.failure is FailureAction.ROLL_BACK
    assert [(hook.id, hook.failure) for hook in beta.after] == [
        (LOAD, FailureAction.ROLL_BACK),
        (CHECK, FailureAction.PAUSE),
    ]


@pytest.mark.parametrize(
    ("hook", "mistake"),
    [
        ('lambda = "smoke"', "not a name that starts with slipway-hook-"),
        ('lambda = "slipway-hook-a:1"', "not a name that starts with slipway-hook-"),
        ('lambda = "slipway-hook-a", url = "https://a.example"', "needs exactly one of"),
        ("", "needs exactly one of"),
        ('lambda = "slipway-hook-a", timeout = "5m"', "is out of range"),
        ('lambda = "slipway-hook-a", timeout = "0m"', "is out of range"),
        ('lambda = "slipway-hook-a", failure = "ignore"', "is 'ignore'"),
        ('url = "http://shop.example.com"', "not a URL that starts with https://"),
        ('url = "https://a:b@shop.example.com"', "is 'https://a:b@shop.example.com'"),
        ('url = "https://169.254.169.254/latest"', "is not a public address"),
        ('url = "https://[::1]/"', "is not a public address"),
        ('url = "https://"', "not a URL"),
    ],
)
def test_what_may_not_be_called_is_refused(hook: str, mistake: str) -> None:
    with pytest.raises(InputError) as caught:
        rollout(f"hooks.before = [{{ {hook} }}]")
    assert mistake in str(caught.value)


def test_hooks_are_called_in_order_and_the_next_stage_waits_for_them() -> None:
    done, running = HookState.SUCCEEDED, HookState.IN_PROGRESS
    calls = [
        (decision.kind, decision.hook, decision.stage)
        for facts in (BAKED, with_hooks(load=done), with_hooks(load=done, check=done))
        for decision in [decide(ROLLOUT, STAGES, facts)]
    ]
    assert calls == [
        (DecisionKind.HOOK, LOAD, 0),
        (DecisionKind.HOOK, CHECK, 0),
        (DecisionKind.HOOK, SMOKE, 1),
    ]
    waits = decide(ROLLOUT, STAGES, with_hooks(load=running))
    assert (waits.kind, waits.until, waits.targets) == (DecisionKind.WAIT, MONDAY + HOUR, ())
    ready = decide(ROLLOUT, STAGES, with_hooks(load=done, check=done, smoke=done))
    assert ready.kind is DecisionKind.DEPLOY and ready.targets[0].id == PRODUCTION


def test_a_failed_hook_rolls_back_with_its_reason_and_so_does_a_timeout() -> None:
    failed = decide(ROLLOUT, STAGES, with_hooks(load=HookState.FAILED))
    assert (failed.kind, failed.reasons) == (
        DecisionKind.STOP,
        (f"hook {LOAD} (slipway-hook-load) failed: why",),
    )
    late = replace(with_hooks(load=HookState.IN_PROGRESS), now=MONDAY + HOUR)
    silent = replace(late, hooks={LOAD: replace(late.hooks[LOAD], output="")})
    timed_out = decide(ROLLOUT, STAGES, silent)
    assert timed_out.kind is DecisionKind.STOP and "no result within 60 min" in timed_out.reasons[0]


def test_a_hook_may_pause_instead_and_is_called_again_when_the_run_is_resumed() -> None:
    failed = with_hooks(load=HookState.SUCCEEDED, check=HookState.FAILED)
    pauses = decide(ROLLOUT, STAGES, failed)
    assert (pauses.kind, pauses.hook) == (DecisionKind.PAUSE, CHECK)
    held = with_hooks(load=HookState.SUCCEEDED, check=HookState.HELD)
    paused = decide(ROLLOUT, STAGES, replace(held, controls=ManualControls(pause="failed")))
    assert (paused.kind, paused.reasons) == (DecisionKind.WAIT, ("paused: failed",))
    assert decide(ROLLOUT, STAGES, held).hook == CHECK


def run(*faults: str) -> SimulationResult:
    scenario = parse_scenario(faults, MONDAY, [BETA, PRODUCTION], ROLLOUT)
    return simulate(ROLLOUT, STAGES, MONDAY, scenario=scenario)


def test_a_simulation_calls_every_hook_once() -> None:
    result = run()
    assert [a.why for a in result.actions if a.did is ActionKind.CALLED] == [LOAD, CHECK, SMOKE]
    assert result.outcome is SimulationOutcome.SUCCEEDED


def test_a_simulated_failure_rolls_back_or_pauses() -> None:
    back = run(f"hook {SMOKE}")
    assert back.outcome is SimulationOutcome.ROLLED_BACK
    assert back.last_actions == {BETA: ActionKind.ROLLED_BACK}
    paused = run(f"hook {CHECK}")
    assert paused.outcome is SimulationOutcome.BLOCKED and paused.last_actions == {BETA: ActionKind.DEPLOYED}
    resumed = run(f"hook {CHECK}", "resume +9h")
    assert [a.did for a in resumed.actions].count(ActionKind.HOOK_FAILED) == 2
    with pytest.raises(InputError, match="no hook of the rollout"):
        run("hook beta/before/1")
