"""The stages of a run as a diagram, with the gate that the current one waits for. Pure."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise

from app.shared.flow.model import Flow, FlowEdge, FlowNode
from app.shared.statuses import STEPS
from app.shared.words import count, duration
from ops.rollouts.rules import labels
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.runs import RunDetails

HEIGHT = 124  # of a box: a title of two lines, and five lines of notes

FILLS: Mapping[str, str] = {
    "Not started": "pending",
    "In progress": "running",
    "Baking": "running",
    "Waiting": "waiting",
    "Paused": "waiting",
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Needs attention": "failed",
    "Rolled back": "aborted",
    "Skipped": "skipped",
}


def stage_flow(details: RunDetails, now: datetime) -> Flow:
    """Return the stages in their order, with status, deployed targets, and what the current one waits for."""
    nodes = tuple(_node(details, number, now) for number in range(len(details.document.stages)))
    edges = tuple(
        FlowEdge(before.id, after.id, taken=after.fill not in (STEPS["pending"], STEPS["skipped"]))
        for before, after in pairwise(nodes)
    )
    everything = frozenset(node.id for node in nodes)
    return Flow(nodes, edges, everything, everything)


def stage_status(details: RunDetails, number: int) -> str:
    """Return the status of a stage, a key of `FILLS`."""
    states = [target.state for target in details.targets if target.stage == number]
    running = details.summary.status == "RUNNING"
    if TargetState.STUCK in states:
        return "Needs attention"
    if any(state in (TargetState.ROLLED_BACK, TargetState.ROLLING_BACK) for state in states):
        return "Rolled back" if TargetState.ROLLING_BACK not in states else "In progress"
    if TargetState.FAILED in states:
        return "Failed"
    if running and not details.stopped and number == details.stage and number in details.baked:
        return "Paused" if details.paused else "Waiting"  # for the hooks after it
    deployed = all(state is TargetState.DEPLOYED for state in states)
    if number in details.baked or (deployed and (number < details.stage or details.summary.status == "DONE")):
        return "Succeeded"
    if not running or details.stopped:
        return "Skipped" if not any(states) else "Failed"
    if number != details.stage:
        return "Not started"
    if details.paused:
        return "Paused"
    if number in details.baking:
        return "Baking"
    return "Waiting" if details.does == "wait" else "In progress"


def _node(details: RunDetails, number: int, now: datetime) -> FlowNode:
    stage, status = details.document.stages[number], stage_status(details, number)
    current = details.summary.status == "RUNNING" and not details.stopped and number == details.stage
    done = sum(t.stage == number and t.state is TargetState.DEPLOYED for t in details.targets)
    notes = [status, f"{done} of {count(len(stage.targets), 'target')}"]
    if current:
        notes.append(_gate(details, now))
    elif status == "Not started":
        notes.append(f"Bake {duration(stage.bake.time)}")
    notes += _hook_notes(details, number)
    return FlowNode(
        id=str(number),
        title=stage.name.capitalize(),
        fill=STEPS[FILLS[status]],
        notes=tuple(filter(None, notes)),
        current=current,
    )


def _hook_notes(details: RunDetails, number: int) -> list[str]:
    """Return the states of the hooks: those before on the first wave, those after on the last one."""
    ring = details.document.stages[number].ring
    if ring is None:
        return []
    numbers = [n for n, stage in enumerate(details.document.stages) if stage.ring == ring]
    states = {hook.id: labels.hook_state(hook.state) for hook in details.hooks}
    places = (("before", numbers[0], ring.hooks.before), ("after", numbers[-1], ring.hooks.after))
    return [
        f"Hook{'s' if len(hooks) > 1 else ''} {place}: {', '.join(states[hook.id] for hook in hooks)}"
        for place, wave, hooks in places
        if hooks and wave == number
    ]


def _gate(details: RunDetails, now: datetime) -> str:
    """Return what the current stage waits for, and how much longer."""
    left = f"{duration(details.until - now)} left" if details.until else ""
    return " · ".join(filter(None, [left, details.paused or details.why]))
