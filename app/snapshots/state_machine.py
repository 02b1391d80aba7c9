"""A run's state machine as a picture: DOT for `st.graphviz_chart`. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from app.shared.statuses import STEPS
from app.shared.words import duration
from ops.aws.stepfunctions.history import (
    ABORTED,
    FAILED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    WAITING,
    Definition,
    Execution,
    StepState,
    following,
    inside,
    walk,
)

GREY = "#84918f"  # seen on white and on black

TAKES_TIME = ("Task", "Wait", "Parallel", "Map")
FEW_CATCHES = 2

_SETTINGS = (
    'graph [rankdir=TB, bgcolor="transparent", nodesep=0.2, ranksep=0.25]',
    'node [shape=box, style="rounded,filled", penwidth=0, margin="0.2,0.06"]',
    'node [fontname="Helvetica", fontsize=15, margin="0.12,0.06"]',
    f'edge [color="{GREY}", fontcolor="{GREY}", arrowsize=0.7]',
)

State = Mapping[str, Any]


def graph(definition: Definition, execution: Execution, now: datetime | None = None) -> str:
    """The machine from top to bottom, each state coloured by its status. `now`: the wall clock by default.

    Catchers of a state are dashed. Those that many states share would hide everything else: they are drawn
    once, from "any error", and from the states that did fail.
    """
    now = now or datetime.now(UTC)
    steps = {step.name: step for step in execution.steps}
    lines = [*_SETTINGS, *_boxes(definition, steps, now), *_edges(definition, steps)]
    return "\n".join(["digraph {", *(f"  {line}" for line in lines), "}"])


def _boxes(definition: Definition, steps: Mapping[str, StepState], now: datetime) -> Iterator[str]:
    """Every state; one with machines inside stands at the head of a frame around them."""
    for name, state in definition["States"].items():
        box = _box(steps[name], now)
        if not inside(state):
            yield box
            continue
        yield f"subgraph {_quoted(f'cluster {name}')} {{"
        yield f'style="rounded,dashed"; color="{GREY}"'
        yield box
        for inner in inside(state):
            yield from _boxes(inner, steps, now)
        yield "}"


def _box(step: StepState, now: datetime) -> str:
    fill = STEPS[step.status]
    label = "\n".join(filter(None, [step.name, _note(step, now)]))
    shape = ', shape=diamond, style=filled, margin="0.05,0"' if step.kind == "Choice" else ""
    look = f'fillcolor="{fill.background}", fontcolor="{fill.text}"{shape}'
    return f"{_quoted(step.name)} [label={_quoted(label)}, {look}]"


def _note(step: StepState, now: datetime) -> str:
    """The line under the name: how it stands, in words where the colour alone would have to say it."""
    if step.status == PENDING:
        return ""
    if step.status == WAITING and step.polls:
        return f"waiting, look {step.polls}"
    took = duration((step.ended or now) - step.started) if step.started and step.kind in TAKES_TIME else ""
    if step.status == SUCCEEDED:
        return took
    if step.status in (RUNNING, WAITING):
        retry = f"retry {step.retries}" if step.retries else ""
        return ", ".join(filter(None, [step.status, retry, took]))
    word = "stopped" if step.status == ABORTED else step.status
    return f"{word} after {took}" if took else word


def _edges(definition: Definition, steps: Mapping[str, StepState]) -> Iterator[str]:
    states = {name: state for name, state, _ in walk(definition)}
    catches = {
        name: _unique(catch["Next"] for catch in state.get("Catch", ())) for name, state in states.items()
    }
    sources = Counter(target for targets in catches.values() for target in targets)
    shared = [target for target, count in sources.items() if count > FEW_CATCHES]
    for name, state in states.items():
        for first in (inner["StartAt"] for inner in inside(state)):
            yield _edge(name, first)
        for target in _unique(following(state, errors=False)):
            yield from (_edge(last, target) for last in _last(name, state))
        for target in catches[name]:
            if target not in shared or steps[name].status == FAILED:
                yield _edge(name, target, "style=dashed")
    for target in shared:
        source = f"any error, then {target}"
        yield f'{_quoted(source)} [label="any error", shape=plaintext, style="", fontcolor="{GREY}"]'
        yield _edge(source, target, "style=dashed")


def _last(name: str, state: State) -> list[str]:
    """Where the way on leaves the state: the ends of the machines inside, if there are any."""
    ends = [
        last
        for machine in inside(state)
        for inner, inner_state in machine["States"].items()
        if inner_state.get("End") or inner_state["Type"] == "Succeed"
        for last in _last(inner, inner_state)
    ]
    return ends or [name]


def _edge(source: str, target: str, attributes: str = "") -> str:
    return f"{_quoted(source)} -> {_quoted(target)}" + (f" [{attributes}]" if attributes else "")


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _quoted(text: str) -> str:
    """Text from outside as a DOT string: nothing in it ends the string, is an escape or an entity."""
    lines = text.splitlines() or [""]
    shown = ["".join(character if character.isprintable() else "�" for character in line) for line in lines]
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in shown]
    return '"' + "\\n".join(escaped) + '"'
