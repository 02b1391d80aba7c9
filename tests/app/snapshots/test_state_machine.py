"""The diagram of a state machine: main path, folded branches, colors, notes, and edges."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.shared.flow.model import Flow, FlowNode
from app.shared.statuses import STEPS
from app.snapshots.state_machine import ANY_ERROR, machine_flow, main_path
from ops.aws.stepfunctions.history import Execution, StepState, walk_states
from ops.snapshots.pipeline import machine
from ops.snapshots.runs.usual import Usual

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOW = START + timedelta(seconds=100)
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "Tidy"}]

SMALL: dict[str, Any] = {
    "StartAt": "Choose",
    "States": {
        "Choose": {
            "Type": "Choice",
            "Choices": [{"Next": "Make"}, {"Next": "Make"}],
            "Default": "Pause",
        },
        "Make": {"Type": "Task", "Catch": CATCH, "Next": "Pause"},
        "Pause": {"Type": "Wait", "Next": "Done"},
        "Done": {"Type": "Succeed"},
        "Tidy": {"Type": "Task", "End": True},
    },
}


def execution(definition: dict[str, Any], **steps: dict[str, Any]) -> Execution:
    """Return an execution with the given steps; the others are pending."""
    found = tuple(
        StepState(name, state["Type"], branch=branch, **steps.get(name, {}))
        for name, state, branch in walk_states(definition)
    )
    return Execution("arn:run", "run", "RUNNING", START, None, "", "", "{}", "", found)


def draw(definition: dict[str, Any], usual: Usual | None = None, **steps: dict[str, Any]) -> Flow:
    return machine_flow(definition, execution(definition, **steps), usual or Usual(), NOW)


def box(drawn: Flow, name: str) -> FlowNode:
    return next(node for node in drawn.nodes if node.id == name)


def edges(drawn: Flow) -> set[tuple[str, str, bool]]:
    """Return (from, to, dashed) of every edge."""
    return {(edge.source, edge.target, edge.dashed) for edge in drawn.edges}


@pytest.mark.parametrize("status", list(STEPS))
def test_every_status_has_its_colors(status: str) -> None:
    node = box(draw(SMALL, Make={"status": status, "started": START}), "Make")
    assert node.fill == STEPS[status]
    assert node.current == (status in ("running", "waiting"))


@pytest.mark.parametrize(
    ("step", "note"),
    [
        ({"status": "pending"}, "about 20 s"),
        ({"status": "skipped"}, "Skipped"),
        ({"status": "waiting", "polls": 3, "started": START}, "Waiting, poll 3, 1 min 40 s"),
        ({"status": "running", "started": START}, "In progress, 1 min 40 s"),
        ({"status": "running", "retries": 2, "started": START}, "In progress, retry 2, 1 min 40 s"),
        ({"status": "succeeded", "started": START, "ended": START + timedelta(seconds=12)}, "12 s"),
        ({"status": "failed", "started": START, "ended": START + timedelta(seconds=12)}, "Failed after 12 s"),
        ({"status": "aborted", "started": START, "ended": NOW}, "Stopped after 1 min 40 s"),
    ],
)
def test_the_line_under_the_name(step: dict[str, Any], note: str) -> None:
    usual = Usual(1, {"Make": timedelta(seconds=20)})
    assert box(draw(SMALL, usual, Make=step), "Make").notes == (note,)


def test_a_choice_looks_different_and_a_pending_step_has_no_note() -> None:
    drawn = draw(SMALL)
    assert [node.id for node in drawn.nodes if node.choice] == ["Choose"]
    assert box(drawn, "Make").notes == ()


def test_edges_of_catchers_are_dashed_and_two_choices_of_one_state_are_one_edge() -> None:
    drawn = draw(SMALL)
    assert len(drawn.edges) == 5
    assert edges(drawn) == {
        ("Choose", "Make", False),
        ("Choose", "Pause", False),
        ("Make", "Pause", False),
        ("Make", "Tidy", True),
        ("Pause", "Done", False),
    }


def test_a_catcher_of_many_is_drawn_once_and_from_the_state_that_failed() -> None:
    definition = machine.definition()
    tidy = "Clean up after failure"
    calm = {edge for edge in edges(draw(definition)) if edge[1] == tidy}
    assert calm == {(ANY_ERROR + tidy, tidy, True)}
    failed = draw(definition, Sanitize={"status": "failed", "started": START, "ended": NOW})
    assert {edge for edge in edges(failed) if edge[1] == tidy} == {("Sanitize", tidy, True)}


def test_every_transition_of_the_snapshot_machine_is_drawn() -> None:
    states = machine.definition()["States"]
    ways = {
        (name, target, False)
        for name, state in states.items()
        for target in [
            *(state[key] for key in ("Next", "Default") if key in state),
            *(choice["Next"] for choice in state.get("Choices", ())),
        ]
    }
    assert {edge for edge in edges(draw(machine.definition())) if not edge[2]} == ways


def test_the_main_path_follows_the_run_then_usual_runs_then_defaults() -> None:
    assert main_path(SMALL, (), ()) == ["Choose", "Pause", "Done"]  # the default
    assert main_path(SMALL, (), ("Make",)) == ["Choose", "Make", "Pause", "Done"]
    assert main_path(SMALL, ("Choose", "Pause"), ("Make",)) == ["Choose", "Pause", "Done"]


def test_the_main_path_of_a_loop_leaves_it() -> None:
    loop = {
        "StartAt": "Ask",
        "States": {
            "Ask": {"Type": "Task", "Next": "Ready?"},
            "Ready?": {"Type": "Choice", "Choices": [{"Next": "Done"}], "Default": "Ask"},
            "Done": {"Type": "Succeed"},
        },
    }
    assert main_path(loop, ("Ask", "Ready?"), ()) == ["Ask", "Ready?", "Done"]


def test_branches_that_are_not_taken_are_folded() -> None:
    drawn = draw(machine.definition())
    assert "Done" in drawn.shown and "Failed" not in drawn.shown and "Copy with own key" not in drawn.shown
    assert drawn.hidden_after["Re-encrypt?"] == 2
    failed = draw(SMALL, Tidy={"status": "succeeded", "started": START, "ended": NOW})
    assert "Tidy" in failed.shown  # entered, though not on the way to success


def test_an_edge_is_taken_when_both_its_states_were_entered() -> None:
    entered = {"status": "succeeded", "started": START, "ended": NOW}
    drawn = draw(SMALL, Choose=entered, Pause=entered)
    assert {(edge.source, edge.target) for edge in drawn.edges if edge.taken} == {("Choose", "Pause")}


PARALLEL: dict[str, Any] = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "A", "States": {"A": {"Type": "Task", "End": True}}},
                {
                    "StartAt": "B",
                    "States": {
                        "B": {
                            "Type": "Map",
                            "ItemProcessor": {
                                "StartAt": "C",
                                "States": {"C": {"Type": "Task", "Next": "D"}, "D": {"Type": "Succeed"}},
                            },
                            "End": True,
                        }
                    },
                },
            ],
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}


def test_edges_enter_every_branch_and_continue_from_their_ends() -> None:
    drawn = draw(PARALLEL)
    assert edges(drawn) == {
        ("Both", "A", False),
        ("Both", "B", False),
        ("B", "C", False),
        ("C", "D", False),
        ("A", "Done", False),
        ("D", "Done", False),
    }
    assert drawn.main == {"Both", "A", "B", "C", "D", "Done"}
