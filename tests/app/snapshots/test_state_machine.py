"""The graph of a state machine: colors, notes, edges, and hostile names."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.shared.statuses import STEPS
from app.snapshots.state_machine import graph
from ops.aws.stepfunctions.history import Execution, StepState, walk_states
from ops.snapshots.pipeline import machine

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


def draw(definition: dict[str, Any], **steps: dict[str, Any]) -> str:
    return graph(definition, execution(definition, **steps), NOW)


def box(dot: str, name: str) -> str:
    return next(line for line in dot.splitlines() if line.strip().startswith(f'"{name}" ['))


def label(dot: str, name: str) -> str:
    found = re.search(r'label="((?:[^"\\]|\\.)*)"', box(dot, name))
    assert found
    return found[1]


def edges(dot: str) -> set[tuple[str, str, bool]]:
    """Return (from, to, dashed) of every edge."""
    found = re.findall(r'"([^"]+)" -> "([^"]+)"(.*)', dot)
    return {(source, target, "dashed" in rest) for source, target, rest in found}


def test_the_graph_is_vertical_and_transparent() -> None:
    dot = draw(SMALL)
    assert dot.startswith("digraph {\n")
    assert dot.endswith("\n}")
    assert 'graph [rankdir=TB, bgcolor="transparent"' in dot


@pytest.mark.parametrize("status", list(STEPS))
def test_every_status_has_its_colors(status: str) -> None:
    look = STEPS[status]
    assert f'fillcolor="{look.background}", fontcolor="{look.text}"' in box(
        draw(SMALL, Make={"status": status, "started": START}), "Make"
    )


@pytest.mark.parametrize(
    ("step", "note"),
    [
        ({"status": "pending"}, ""),
        ({"status": "skipped"}, "skipped"),
        ({"status": "waiting", "polls": 3, "started": START}, "waiting, poll 3"),
        ({"status": "running", "started": START}, "in progress, 1 min 40 s"),
        ({"status": "running", "retries": 2, "started": START}, "in progress, retry 2, 1 min 40 s"),
        ({"status": "succeeded", "started": START, "ended": START + timedelta(seconds=12)}, "12 s"),
        ({"status": "failed", "started": START, "ended": START + timedelta(seconds=12)}, "failed after 12 s"),
        ({"status": "aborted", "started": START, "ended": NOW}, "stopped after 1 min 40 s"),
    ],
)
def test_the_line_under_the_name(step: dict[str, Any], note: str) -> None:
    assert label(draw(SMALL, Make=step), "Make") == ("Make\\n" + note if note else "Make")


def test_notes_of_wait_and_choice_states() -> None:
    dot = draw(
        SMALL,
        Pause={"status": "waiting", "started": START},
        Choose={"status": "succeeded", "started": START, "ended": START},
    )
    assert label(dot, "Pause") == "Pause\\nwaiting, 1 min 40 s"
    assert label(dot, "Choose") == "Choose"
    assert "shape=diamond" in box(dot, "Choose")
    assert "shape=diamond" not in box(dot, "Make")


def test_edges_are_solid_and_those_of_catchers_dashed() -> None:
    assert edges(draw(SMALL)) == {
        ("Choose", "Make", False),
        ("Choose", "Pause", False),
        ("Make", "Pause", False),
        ("Make", "Tidy", True),
        ("Pause", "Done", False),
    }


def test_two_choices_of_one_state_are_one_edge() -> None:
    assert draw(SMALL).count('"Choose" -> "Make"') == 1


def test_a_catcher_of_many_is_drawn_once_and_from_the_state_that_failed() -> None:
    definition = machine.definition()
    tidy = "Clean up after failure"
    calm = {edge for edge in edges(draw(definition)) if edge[1] == tidy}
    assert calm == {(f"any error, then {tidy}", tidy, True)}
    failed = draw(definition, Sanitize={"status": "failed", "started": START, "ended": NOW})
    assert {edge for edge in edges(failed) if edge[1] == tidy} == calm | {("Sanitize", tidy, True)}
    assert failed.count('label="any error"') == 1


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


def test_inner_state_machines_are_in_a_frame() -> None:
    lines = [line.strip() for line in draw(PARALLEL).splitlines()]
    depth, depths = 0, {}
    for line in lines:
        if found := re.match(r'"([^"]+)" \[label', line):
            depths[found[1]] = depth
        depth += line.startswith('subgraph "cluster ')
        depth -= line == "}" and depth > 0
    assert depths == {"Both": 1, "A": 1, "B": 2, "C": 2, "D": 2, "Done": 0}


def test_edges_enter_every_branch_and_continue_from_their_ends() -> None:
    assert edges(draw(PARALLEL)) == {
        ("Both", "A", False),
        ("Both", "B", False),
        ("B", "C", False),
        ("C", "D", False),
        ("A", "Done", False),
        ("D", "Done", False),
    }


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ('say "hi"', 'say \\"hi\\"'),
        ("back\\slash\\", "back\\\\slash\\\\"),
        ('end\\"]; x [label="', 'end\\\\\\"]; x [label=\\"'),
        ("two\nlines\r\nthree", "two\\nlines\\nthree"),
        ("\\N \\G", "\\\\N \\\\G"),
        ("&lt;b&gt; <b>", "&amp;lt;b&amp;gt; <b>"),
        ("nul\0bell\a", "nul�bell�"),
        ("} digraph {", "} digraph {"),
    ],
)
def test_a_hostile_name_stays_a_name(name: str, quoted: str) -> None:
    definition = {"StartAt": name, "States": {name: {"Type": "Task", "Next": "B"}, "B": {"Type": "Succeed"}}}
    lines = graph(definition, execution(definition), NOW).splitlines()
    assert len(lines) == 9  # begin, four settings, two boxes, one edge, end
    assert lines[5].startswith(f'  "{quoted}" [label="{quoted}", fillcolor=')
    assert lines[7] == f'  "{quoted}" -> "B"'
