"""The graph of a run's state machine, in DOT for `st.graphviz_chart`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from app.shared.dot import quoted
from app.shared.statuses import STEPS
from app.shared.words import duration
from app.snapshots.charts import STEP_LABELS
from ops.aws.stepfunctions.history import (
    FAILED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    WAITING,
    Definition,
    Execution,
    StepState,
    inner_machines,
    next_states,
    walk_states,
)

GRAY = "#84918f"  # readable on white and on black

TAKES_TIME = ("Task", "Wait", "Parallel", "Map")
FEW_CATCHES = 2

_SETTINGS = (
    'graph [rankdir=TB, bgcolor="transparent", nodesep=0.2, ranksep=0.25]',
    'node [shape=box, style="rounded,filled", penwidth=0, margin="0.2,0.06"]',
    'node [fontname="Helvetica", fontsize=15, margin="0.12,0.06"]',
    f'edge [color="{GRAY}", fontcolor="{GRAY}", arrowsize=0.7]',
)

State = Mapping[str, Any]


def graph(definition: Definition, execution: Execution, now: datetime | None = None) -> str:
    """Return the graph, each state colored by its status. `now` defaults to the current time.

    Edges of catchers are dashed. Targets that many catchers share would clutter the graph: they get one edge
    from "any error", and edges from the states that failed.
    """
    now = now or datetime.now(UTC)
    steps = {step.name: step for step in execution.steps}
    lines = [*_SETTINGS, *_boxes(definition, steps, now), *_edges(definition, steps)]
    return "\n".join(["digraph {", *(f"  {line}" for line in lines), "}"])


def _boxes(definition: Definition, steps: Mapping[str, StepState], now: datetime) -> Iterator[str]:
    """Yield the node of every state. Inner state machines are in a frame, below their state."""
    for name, state in definition["States"].items():
        box = _box(steps[name], now)
        if not inner_machines(state):
            yield box
            continue
        yield f"subgraph {quoted(f'cluster {name}')} {{"
        yield f'style="rounded,dashed"; color="{GRAY}"'
        yield box
        for inner in inner_machines(state):
            yield from _boxes(inner, steps, now)
        yield "}"


def _box(step: StepState, now: datetime) -> str:
    fill = STEPS[step.status]
    label = "\n".join(filter(None, [step.name, _note(step, now)]))
    shape = ', shape=diamond, style=filled, margin="0.05,0"' if step.kind == "Choice" else ""
    look = f'fillcolor="{fill.background}", fontcolor="{fill.text}"{shape}'
    return f"{quoted(step.name)} [label={quoted(label)}, {look}]"


def _note(step: StepState, now: datetime) -> str:
    """Return the second line of a node: its status and duration, so that color is not the only sign."""
    if step.status == PENDING:
        return ""
    if step.status == WAITING and step.polls:
        return f"waiting, poll {step.polls}"
    took = duration((step.ended or now) - step.started) if step.started and step.kind in TAKES_TIME else ""
    if step.status == SUCCEEDED:
        return took
    if step.status in (RUNNING, WAITING):
        retry = f"retry {step.retries}" if step.retries else ""
        return ", ".join(filter(None, [STEP_LABELS[step.status].lower(), retry, took]))
    status = STEP_LABELS[step.status].lower()
    return f"{status} after {took}" if took else status


def _edges(definition: Definition, steps: Mapping[str, StepState]) -> Iterator[str]:
    states = {name: state for name, state, _ in walk_states(definition)}
    catches = {
        name: _unique(catch["Next"] for catch in state.get("Catch", ())) for name, state in states.items()
    }
    sources = Counter(target for targets in catches.values() for target in targets)
    shared = [target for target, count in sources.items() if count > FEW_CATCHES]
    for name, state in states.items():
        for first in (inner["StartAt"] for inner in inner_machines(state)):
            yield _edge(name, first)
        for target in _unique(next_states(state, errors=False)):
            yield from (_edge(last, target) for last in _last(name, state))
        for target in catches[name]:
            if target not in shared or steps[name].status == FAILED:
                yield _edge(name, target, "style=dashed")
    for target in shared:
        source = f"any error, then {target}"
        yield f'{quoted(source)} [label="any error", shape=plaintext, style="", fontcolor="{GRAY}"]'
        yield _edge(source, target, "style=dashed")


def _last(name: str, state: State) -> list[str]:
    """Return where the next edge starts: the ends of the inner state machines, or the state itself."""
    ends = [
        last
        for machine in inner_machines(state)
        for inner, inner_state in machine["States"].items()
        if inner_state.get("End") or inner_state["Type"] == "Succeed"
        for last in _last(inner, inner_state)
    ]
    return ends or [name]


def _edge(source: str, target: str, attributes: str = "") -> str:
    return f"{quoted(source)} -> {quoted(target)}" + (f" [{attributes}]" if attributes else "")


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
