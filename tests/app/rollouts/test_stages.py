"""The diagram of a run's stages: status, deployed targets, and the gate of the current stage."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from app.rollouts.stages import FILLS, stage_flow, stage_status
from ops.rollouts.rules.blockers import Blockers
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.gates.hooks import HookState
from ops.rollouts.rules.gates.model import Hook, HookKind, Hooks
from ops.rollouts.rules.model import Ring, RolloutStage, RolloutTarget, StageKind, WaveOrder, WaveRule
from ops.rollouts.runs import RunDetails, RunHook, RunSummary, RunTarget

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BAKE = Bake(timedelta(minutes=30), 0, timedelta(0))
DEPLOYED = TargetState.DEPLOYED


@dataclass
class _Document:
    """The part of a document that the diagram needs."""

    stages: list[RolloutStage] = field(default_factory=list)


def run(states: str, *, status: str = "RUNNING", **more: Any) -> RunDetails:
    """Return a run with a stage for each word; a letter is a target: - (not started) or its state's first."""
    by_letter = {"-": None, "i": TargetState.DEPLOYING, "d": DEPLOYED, "f": TargetState.FAILED,
                 "b": TargetState.ROLLED_BACK, "s": TargetState.STUCK}  # fmt: skip
    target = RolloutTarget("111111111111", "eu-west-1", "shop", {}, (), None, 0)
    stages, targets = [], []
    for number, word in enumerate(states.split()):
        stages.append(RolloutStage(StageKind.LATER, number + 1, (target,) * len(word), BAKE))
        targets += [RunTarget(target, number, by_letter[letter], None, None, "") for letter in word]
    details = RunDetails(
        RunSummary("shop-1", "shop", status, NOW, None, "Ada"),
        cast(Any, _Document(stages)),
        tuple(targets), 0, "", "", None, "", "", {}, frozenset(), "", "", (),
    )  # fmt: skip
    return replace(details, **more)


@pytest.mark.parametrize(
    ("details", "statuses"),
    [
        (run("i- --"), ["In progress", "Not started"]),
        (run("-- --", does="wait"), ["Waiting", "Not started"]),
        (run("d- --", paused="lunch"), ["Paused", "Not started"]),
        (run("dd --", baking={0: NOW}), ["Baking", "Not started"]),
        (run("dd i-", stage=1, baking={0: NOW}, baked=frozenset([0])), ["Succeeded", "In progress"]),
        (run("dd dd", stage=1, status="DONE"), ["Succeeded", "Succeeded"]),
        (run("df --", stopped="alarm"), ["Failed", "Skipped"]),
        (run("bb --", status="ROLLED_BACK", stopped="alarm"), ["Rolled back", "Skipped"]),
        (run("bs --", status="STUCK", stopped="alarm"), ["Needs attention", "Skipped"]),
    ],
)
def test_the_status_of_each_stage(details: RunDetails, statuses: list[str]) -> None:
    assert [stage_status(details, number) for number in range(2)] == statuses
    assert set(statuses) <= set(FILLS)


def test_the_current_stage_names_its_gate_and_the_time_left() -> None:
    until = NOW + timedelta(minutes=5)
    first, second = stage_flow(run("-- --", does="wait", why="weekend window", until=until), NOW).nodes
    assert first.notes == ("Waiting", "0 of 2 targets", "5 min 00 s left · weekend window")
    assert second.notes == ("Not started", "0 of 2 targets", "Bake 30 min 00 s")
    assert (first.current, second.current) == (True, False)


def test_hooks_are_shown_before_the_first_wave_and_after_the_last() -> None:
    def hook(id_: str) -> Hook:
        return Hook(id_, HookKind.LAMBDA, "slipway-hook-smoke", timedelta(minutes=1))

    hooks = Hooks((hook("b/before/1"),), (hook("b/after/1"), hook("b/after/2")))
    ring = Ring("b", BAKE, 1, 0, Blockers(), WaveRule(WaveOrder.SHARES), lambda: 1, hooks=hooks)
    details = run("d d", stage=1, baked=frozenset([0, 1]), does="wait", why="hook b/after/2 is in progress")
    stages = [replace(stage, ring=ring) for stage in details.document.stages]
    states = (HookState.SUCCEEDED, HookState.SUCCEEDED, HookState.IN_PROGRESS)
    called = tuple(
        RunHook(one.id, one.calls, "b", state, "")
        for one, state in zip((*hooks.before, *hooks.after), states, strict=True)
    )
    shown = replace(details, document=cast(Any, _Document(stages)), hooks=called)
    first, last = stage_flow(shown, NOW).nodes
    assert first.notes == ("Succeeded", "1 of 1 target", "Hook before: Succeeded")
    assert last.notes[0] == "Waiting" and last.notes[-1] == "Hooks after: Succeeded, In progress"


def test_the_arrow_to_a_stage_that_has_started_is_taken() -> None:
    drawn = stage_flow(run("dd i- --", stage=1, baked=frozenset([0])), NOW)
    assert [(edge.source, edge.target, edge.taken) for edge in drawn.edges] == [
        ("0", "1", True),
        ("1", "2", False),
    ]
