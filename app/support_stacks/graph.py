"""Pictures of an inventory: pipelines, buckets, keys and stacks as a graph in the DOT language, and orphaned
resources by Region. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence

import altair as alt

from app.shared.charts import dot_text
from app.shared.statuses import STEPS, VERDICTS
from ops.support_stacks.liveness import ResourceType, UsageGraph, UsageState, UsageVerdict

GRAY = "#84918f"  # readable on white and on black
SETTINGS = (
    'graph [rankdir=LR, bgcolor="transparent", nodesep=0.18, ranksep=0.7]',
    'node [shape=box, style="rounded,filled", penwidth=0, fontname="Helvetica", fontsize=12]',
    f'edge [color="{GRAY}", arrowsize=0.6]',
)
MAX_NAME_LENGTH = 44
NOT_READ = "Not read"
GAP = alt.Scale(paddingInner=0.06, paddingOuter=0)


def dot(graph: UsageGraph, shown: Iterable[UsageVerdict]) -> str:
    """Return pipelines, buckets, keys and stacks from left to right, each with the color of its state."""
    verdicts = {verdict.key: verdict for verdict in shown}
    lines = [*SETTINGS, *_pipelines(verdicts.values())]
    lines += [_box(verdict) for verdict in verdicts.values()]
    lines += [line for verdict in verdicts.values() for line in _edges(graph, verdict, verdicts)]
    return "\n".join(["digraph {", *(f"  {line}" for line in dict.fromkeys(lines)), "}"])


def region_grid(counts: Sequence[tuple[str, str, str, int]]) -> alt.LayerChart:
    """Return a grid of accounts × Regions: (account, Region, text of the cell, orphaned resources).

    A cell with orphaned resources is orange, one that could not be read gray.
    """
    rows = [
        {
            "Account": account,
            "Region": region,
            "Text": text,
            "Orphaned": orphaned,
            "State": _state(text, orphaned),
        }
        for account, region, text, orphaned in counts
    ]
    fills = {
        "Orphaned": VERDICTS[UsageState.ORPHANED][1],
        "None": STEPS["succeeded"],
        NOT_READ: STEPS["skipped"],
    }
    base = alt.Chart(alt.Data(values=rows)).encode(  # type: ignore[no-untyped-call]
        x=alt.X("Region:N", title=None, scale=GAP, axis=alt.Axis(orient="top", labelAngle=0, labelLimit=110)),
        y=alt.Y("Account:N", sort=None, title=None, scale=GAP, axis=alt.Axis(labelLimit=170)),
        tooltip=["Account:N", "Region:N", "Text:N"],
    )

    def colored(colors: list[str]) -> alt.Color:
        return alt.Color("State:N", scale=alt.Scale(domain=list(fills), range=colors), legend=None)

    boxes = base.mark_rect(cornerRadius=5).encode(color=colored([fill.background for fill in fills.values()]))
    words = base.mark_text(fontSize=13, limit=alt.expr("bandwidth('x')")).encode(
        text="Text:N", color=colored([fill.text for fill in fills.values()])
    )
    chart: alt.LayerChart = (
        alt.layer(boxes, words).resolve_scale(color="independent").properties(height=alt.Step(40))
    )
    return chart


def _state(text: str, orphaned: int) -> str:
    if orphaned:
        return "Orphaned"
    return NOT_READ if text == NOT_READ else "None"


def region_counts(graph: UsageGraph) -> list[tuple[str, str, str, int]]:
    """Return the cells of `region_grid` for the Regions with resources of CDK pipelines, or unread ones."""
    unread = {(gap.account, gap.region) for gap in graph.inventory.gaps}
    used = {(verdict.account, verdict.region) for verdict in graph.verdicts}
    regions = sorted({region for _, region in used | unread if region})
    cells = []
    for account, name in graph.inventory.accounts.items():
        for region in regions:
            orphaned = sum(
                (verdict.account, verdict.region) == (account, region)
                for verdict in graph.with_state(UsageState.ORPHANED)
            )
            missing = {(account, region), (account, "")} & unread
            text = str(orphaned) if orphaned else NOT_READ if missing else "0"
            cells.append((name, region, text, orphaned))
    return cells


def _pipelines(verdicts: Iterable[UsageVerdict]) -> Iterator[str]:
    users = {user.arn: user for verdict in verdicts for user in verdict.users}
    for user in users.values():
        label = f"{_short(user.name)}\n{user.region}"
        style = 'fillcolor="#d8dce3", fontcolor="#3c4454", shape=cds'
        yield f"{dot_text(user.arn)} [label={dot_text(label)}, {style}]"


def _box(verdict: UsageVerdict) -> str:
    look, fill = VERDICTS[verdict.state]
    resource_type = verdict.kind.rpartition("::")[2]
    label = f"{resource_type} · {look.word}\n{_short(verdict.id)}\n{verdict.region}"
    return (
        f"{dot_text(verdict.key)} [label={dot_text(label)}, "
        f'fillcolor="{fill.background}", fontcolor="{fill.text}"]'
    )


def _edges(graph: UsageGraph, verdict: UsageVerdict, shown: dict[str, UsageVerdict]) -> Iterator[str]:
    if verdict.kind is ResourceType.BUCKET:
        for user in verdict.users:
            yield f"{dot_text(user.arn)} -> {dot_text(verdict.key)}"
    if verdict.kind is not ResourceType.STACK and verdict.stack:
        for other in shown.values():
            if other.stack != verdict.stack:
                continue
            if other.kind is ResourceType.STACK and verdict.kind is _last_before_stack(graph, verdict.stack):
                yield f"{dot_text(verdict.key)} -> {dot_text(other.key)} [arrowhead=none]"
            if other.kind is ResourceType.KEY and verdict.kind is ResourceType.BUCKET:
                yield f"{dot_text(verdict.key)} -> {dot_text(other.key)} [arrowhead=none]"


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
