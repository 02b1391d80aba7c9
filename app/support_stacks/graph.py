"""Pipelines, the buckets they keep artifacts in, their keys and stacks, as a picture: DOT. Pure."""

from collections.abc import Iterable, Iterator

from app.shared.statuses import VERDICTS
from ops.support_stacks.liveness import Graph, Kind, State, Verdict

GREY = "#84918f"  # seen on white and on black
SETTINGS = (
    'graph [rankdir=LR, bgcolor="transparent", nodesep=0.18, ranksep=0.7]',
    'node [shape=box, style="rounded,filled", penwidth=0, fontname="Helvetica", fontsize=12]',
    f'edge [color="{GREY}", arrowsize=0.6]',
)
LONGEST = 44


def dot(graph: Graph, shown: Iterable[Verdict]) -> str:
    """From left to right: pipelines, buckets, keys, stacks; each coloured by its verdict."""
    verdicts = {verdict.key: verdict for verdict in shown}
    lines = [*SETTINGS, *_pipelines(verdicts.values())]
    lines += [_box(verdict) for verdict in verdicts.values()]
    lines += [line for verdict in verdicts.values() for line in _edges(graph, verdict, verdicts)]
    return "\n".join(["digraph {", *(f"  {line}" for line in dict.fromkeys(lines)), "}"])


def _pipelines(verdicts: Iterable[Verdict]) -> Iterator[str]:
    users = {user.arn: user for verdict in verdicts for user in verdict.users}
    for user in users.values():
        label = f"{_short(user.name)}\n{user.region}"
        look = 'fillcolor="#d8dce3", fontcolor="#3c4454", shape=cds'
        yield f"{_quoted(user.arn)} [label={_quoted(label)}, {look}]"


def _box(verdict: Verdict) -> str:
    look, fill = VERDICTS[verdict.state]
    kind = verdict.kind.rpartition("::")[2].lower()
    label = f"{kind} · {look.word}\n{_short(verdict.id)}\n{verdict.region}"
    return (
        f"{_quoted(verdict.key)} [label={_quoted(label)}, "
        f'fillcolor="{fill.background}", fontcolor="{fill.text}"]'
    )


def _edges(graph: Graph, verdict: Verdict, shown: dict[str, Verdict]) -> Iterator[str]:
    if verdict.kind is Kind.BUCKET:
        for user in verdict.users:
            yield f"{_quoted(user.arn)} -> {_quoted(verdict.key)}"
    if verdict.kind is not Kind.STACK and verdict.stack:
        for other in shown.values():
            if other.stack != verdict.stack:
                continue
            if other.kind is Kind.STACK and verdict.kind is _last_before_stack(graph, verdict.stack):
                yield f"{_quoted(verdict.key)} -> {_quoted(other.key)} [arrowhead=none]"
            if other.kind is Kind.KEY and verdict.kind is Kind.BUCKET:
                yield f"{_quoted(verdict.key)} -> {_quoted(other.key)} [arrowhead=none]"


def _last_before_stack(graph: Graph, stack: str) -> Kind:
    kinds = {verdict.kind for verdict in graph.of_stack(stack)}
    return Kind.KEY if Kind.KEY in kinds else Kind.BUCKET


def _short(text: str) -> str:
    """The end of a long name is what tells it from others."""
    return text if len(text) <= LONGEST else f"{text[:14]}…{text[-28:]}"


def _quoted(text: str) -> str:
    """Text from outside as a DOT string: nothing in it ends the string, is an escape or an entity."""
    lines = text.split("\n")
    shown = ["".join(c if c.isprintable() else "�" for c in line) for line in lines]
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in shown]
    return '"' + "\\n".join(escaped) + '"'


def worth_drawing(graph: Graph) -> list[Verdict]:
    """Everything but look-alikes; an ordinary stack's bucket stays, it is part of the picture."""
    return [v for v in graph.verdicts if v.state is not State.LEFT_ALONE or v.kind is Kind.BUCKET]
