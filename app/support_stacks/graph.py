"""The pipelines, buckets, keys and stacks of an inventory as a graph in the DOT language. Pure."""

from collections.abc import Iterable, Iterator

from app.shared.dot import quoted
from app.shared.statuses import VERDICTS
from ops.support_stacks.liveness import ResourceType, UsageGraph, UsageState, UsageVerdict

GRAY = "#84918f"  # readable on white and on black
SETTINGS = (
    'graph [rankdir=LR, bgcolor="transparent", nodesep=0.18, ranksep=0.7]',
    'node [shape=box, style="rounded,filled", penwidth=0, fontname="Helvetica", fontsize=12]',
    f'edge [color="{GRAY}", arrowsize=0.6]',
)
MAX_NAME_LENGTH = 44


def dot(graph: UsageGraph, shown: Iterable[UsageVerdict]) -> str:
    """Return pipelines, buckets, keys and stacks from left to right, each with the color of its state."""
    verdicts = {verdict.key: verdict for verdict in shown}
    lines = [*SETTINGS, *_pipelines(verdicts.values())]
    lines += [_box(verdict) for verdict in verdicts.values()]
    lines += [line for verdict in verdicts.values() for line in _edges(graph, verdict, verdicts)]
    return "\n".join(["digraph {", *(f"  {line}" for line in dict.fromkeys(lines)), "}"])


def _pipelines(verdicts: Iterable[UsageVerdict]) -> Iterator[str]:
    users = {user.arn: user for verdict in verdicts for user in verdict.users}
    for user in users.values():
        label = f"{_short(user.name)}\n{user.region}"
        style = 'fillcolor="#d8dce3", fontcolor="#3c4454", shape=cds'
        yield f"{quoted(user.arn)} [label={quoted(label)}, {style}]"


def _box(verdict: UsageVerdict) -> str:
    look, fill = VERDICTS[verdict.state]
    resource_type = verdict.kind.rpartition("::")[2]
    label = f"{resource_type} · {look.word}\n{_short(verdict.id)}\n{verdict.region}"
    return (
        f"{quoted(verdict.key)} [label={quoted(label)}, "
        f'fillcolor="{fill.background}", fontcolor="{fill.text}"]'
    )


def _edges(graph: UsageGraph, verdict: UsageVerdict, shown: dict[str, UsageVerdict]) -> Iterator[str]:
    if verdict.kind is ResourceType.BUCKET:
        for user in verdict.users:
            yield f"{quoted(user.arn)} -> {quoted(verdict.key)}"
    if verdict.kind is not ResourceType.STACK and verdict.stack:
        for other in shown.values():
            if other.stack != verdict.stack:
                continue
            if other.kind is ResourceType.STACK and verdict.kind is _last_before_stack(graph, verdict.stack):
                yield f"{quoted(verdict.key)} -> {quoted(other.key)} [arrowhead=none]"
            if other.kind is ResourceType.KEY and verdict.kind is ResourceType.BUCKET:
                yield f"{quoted(verdict.key)} -> {quoted(other.key)} [arrowhead=none]"


def _last_before_stack(graph: UsageGraph, stack: str) -> ResourceType:
    kinds = {verdict.kind for verdict in graph.inside_stack(stack)}
    return ResourceType.KEY if ResourceType.KEY in kinds else ResourceType.BUCKET


def _short(text: str) -> str:
    """Shorten a long name in the middle: its end distinguishes it from others."""
    return text if len(text) <= MAX_NAME_LENGTH else f"{text[:14]}…{text[-28:]}"


def drawable_verdicts(graph: UsageGraph) -> list[UsageVerdict]:
    """Return the verdicts to draw: all except stacks and keys that are left alone."""
    return [
        v for v in graph.verdicts if v.state is not UsageState.LEFT_ALONE or v.kind is ResourceType.BUCKET
    ]
