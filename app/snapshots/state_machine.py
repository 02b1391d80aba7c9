"""The diagram of a run's state machine: its main path first, the branches that were not taken folded."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from app.shared.flow.model import Flow, FlowEdge, FlowNode
from app.shared.statuses import STEPS
from app.shared.words import duration
from app.snapshots.charts import STEP_LABELS
from ops.aws.stepfunctions.history import (
    FAILED,
    PENDING,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    WAITING,
    Definition,
    Execution,
    StepState,
    inner_machines,
    next_states,
    walk_states,
)
from ops.snapshots.runs.usual import Usual

TAKES_TIME = ("Task", "Wait", "Parallel", "Map")
FEW_CATCHES = 2
ANY_ERROR = "any error: "  # the ID of a label, before the name of the state that it leads to

State = Mapping[str, Any]


def machine_flow(definition: Definition, execution: Execution, usual: Usual, now: datetime) -> Flow:
    """Return the diagram, each state colored by its status.

    Edges of catchers are dashed. Targets that many catchers share would clutter it: they get one edge from
    "Any error", and edges from the states that failed.
    """
    steps = {step.name: step for step in execution.steps}
    entered = {step.name for step in execution.steps if step.status not in (PENDING, SKIPPED)}
    main = frozenset(main_path(definition, entered, usual.steps))
    edges = [*_regular_edges(definition), *_error_edges(definition, steps)]
    labels = {edge.target: edge.source for edge in edges if edge.source.startswith(ANY_ERROR)}
    nodes: list[FlowNode] = []
    for name, step in steps.items():
        if name in labels:
            nodes.append(FlowNode(labels[name], "Any error", STEPS[PENDING], label=True))
        nodes.append(_box(step, usual, now))
    drawn = tuple(FlowEdge(e.source, e.target, e.dashed, {e.source, e.target} <= entered) for e in edges)
    return Flow(tuple(nodes), drawn, main, main | entered)


def main_path(definition: Definition, entered: Collection[str], usual: Collection[str]) -> list[str]:
    """Return the states on the way to success, with those of inner state machines.

    A choice leads to a state that the run has entered; otherwise to one that runs usually enter; otherwise to
    its default.
    """
    path: list[str] = []
    name, states = definition["StartAt"], definition["States"]
    while name and name not in path:
        path.append(name)
        for inner in inner_machines(states[name]):
            path += main_path(inner, entered, usual)
        possible = [state for state in next_states(states[name], errors=False) if state not in path]
        preferred = [state for state in possible if state in entered] or [s for s in possible if s in usual]
        default = [state for state in possible if state == states[name].get("Default")]
        name = next(iter([*preferred, *default, *possible]), "")
    return path


def _box(step: StepState, usual: Usual, now: datetime) -> FlowNode:
    note = _note(step, usual, now)
    return FlowNode(
        step.name,
        step.name,
        STEPS[step.status],
        notes=(note,) if note else (),
        choice=step.kind == "Choice",
        current=step.status in (RUNNING, WAITING),
    )


def _note(step: StepState, usual: Usual, now: datetime) -> str:
    """Return the line below the title: status and duration, so that color is not the only sign."""
    if step.status == PENDING:
        expected = usual.steps.get(step.name)
        return f"about {duration(expected)}" if expected and step.kind in TAKES_TIME else ""
    took = duration((step.ended or now) - step.started) if step.started and step.kind in TAKES_TIME else ""
    status = STEP_LABELS[step.status]
    if step.status == SUCCEEDED:
        return took or status
    if step.status == WAITING and step.polls:
        return f"{status}, poll {step.polls}, {took}"
    if step.status in (RUNNING, WAITING):
        retry = f"retry {step.retries}" if step.retries else ""
        return ", ".join(filter(None, [status, retry, took]))
    return f"{status} after {took}" if took else status


def _regular_edges(definition: Definition) -> Iterator[FlowEdge]:
    for name, state, _ in walk_states(definition):
        for first in (inner["StartAt"] for inner in inner_machines(state)):
            yield FlowEdge(name, first)
        for target in _unique(next_states(state, errors=False)):
            yield from (FlowEdge(last, target) for last in _last(name, state))


def _error_edges(definition: Definition, steps: Mapping[str, StepState]) -> Iterator[FlowEdge]:
    catches = {
        name: _unique(catch["Next"] for catch in state.get("Catch", ()))
        for name, state, _ in walk_states(definition)
    }
    sources = Counter(target for targets in catches.values() for target in targets)
    shared = {target for target, number in sources.items() if number > FEW_CATCHES}
    failed = [
        FlowEdge(name, target, dashed=True)
        for name, targets in catches.items()
        for target in targets
        if target not in shared or steps[name].status == FAILED
    ]
    yield from failed
    for target in sorted(shared - {edge.target for edge in failed}):
        yield FlowEdge(ANY_ERROR + target, target, dashed=True)


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


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
