"""Charts of rollouts: the grid of targets (accounts × regions), and the timeline of stages. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import altair as alt

from app.shared.statuses import ROLLOUT_STAGES, ROLLOUT_TARGETS, Fill
from app.shared.time_zone import on_axis
from ops.rollouts.rules import labels
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.runs import RunTarget
from ops.rollouts.simulator import ActionKind

CELL = 46
BAR_HEIGHT = 26
LABEL = 170
GAP = 0.06  # between two cells, as a fraction of a cell

# The state of a target after its last action in a simulation.
STATE_AFTER = {
    ActionKind.STARTED: TargetState.DEPLOYING,
    ActionKind.DEPLOYED: TargetState.DEPLOYED,
    ActionKind.FAILED: TargetState.FAILED,
    ActionKind.ROLLING_BACK: TargetState.ROLLING_BACK,
    ActionKind.ROLLED_BACK: TargetState.ROLLED_BACK,
    ActionKind.STUCK: TargetState.STUCK,
}


@dataclass(frozen=True)
class Cell:
    """One target in the grid. `state` is a key of `statuses.ROLLOUT_TARGETS`."""

    account: str
    region: str
    stack: str
    stage: str
    state: str
    why: str = ""


@dataclass(frozen=True)
class Bar:
    """A part of a stage on the timeline. `part` is a key of `statuses.ROLLOUT_STAGES`."""

    stage: str
    part: str
    start: datetime
    end: datetime


def cells(targets: Sequence[RunTarget], stages: Sequence[str], names: Mapping[str, str]) -> list[Cell]:
    """Return the cells for the targets of a run. `names` are account names by id."""
    return [
        Cell(
            names.get(run_target.target.account, run_target.target.account),
            run_target.target.region,
            run_target.target.stack,
            stages[run_target.stage],
            labels.target_state(run_target.state),
            run_target.why,
        )
        for run_target in targets
    ]


def grid(targets: Sequence[Cell]) -> alt.LayerChart:
    """Return accounts × regions in the order of the waves; word and color show the status."""
    stacks = {cell.stack for cell in targets}
    rows: list[dict[str, Any]] = [
        {
            "Account": f"{cell.account} · {cell.stack}" if len(stacks) > 1 else cell.account,
            "Region": cell.region,
            "Stage": cell.stage,
            "Status": cell.state,
            "Stack": cell.stack,
            "Reason": cell.why[:300],
        }
        for cell in targets
    ]
    shown = [state for state in ROLLOUT_TARGETS if any(row["Status"] == state for row in rows)]
    within = alt.expr("bandwidth('x')")  # on a narrow screen, words are cut at the end of their cell
    base = alt.Chart(alt.Data(values=rows)).encode(  # type: ignore[no-untyped-call]
        x=alt.X(
            "Region:N",
            sort=None,
            title=None,
            scale=alt.Scale(paddingInner=GAP, paddingOuter=0),
            axis=alt.Axis(
                orient="top",
                labelAlign="center",
                labelAngle=0,
                labelFlush=False,
                labelLimit=within,
                labelOverlap=False,
            ),
        ),
        y=alt.Y(
            "Account:N",
            sort=None,
            title=None,
            scale=alt.Scale(paddingInner=GAP, paddingOuter=0),
            axis=alt.Axis(labelLimit=LABEL),
        ),
        tooltip=["Account:N", "Region:N", "Stack:N", "Stage:N", "Status:N", "Reason:N"],
    )
    boxes = base.mark_rect(cornerRadius=6).encode(
        color=alt.Color("Status:N", scale=_scale(shown, ROLLOUT_TARGETS), legend=None)
    )
    colors = alt.Scale(domain=list(shown), range=[ROLLOUT_TARGETS[name].text for name in shown])
    words = base.mark_text(fontSize=12, limit=within).encode(
        text="Status:N", color=alt.Color("Status:N", scale=colors, legend=None)
    )
    chart: alt.LayerChart = (
        alt.layer(boxes, words).resolve_scale(color="independent").properties(height=alt.Step(CELL))
    )
    return chart


def calendar(
    bars: Sequence[Bar], now: datetime | None = None, zone: tzinfo = UTC
) -> alt.LayerChart | alt.FacetChart:
    """Return the timeline with one row for each stage, and a line at `now`."""
    rows = [
        {
            "Stage": bar.stage,
            "Part": bar.part,
            "Start": on_axis(bar.start, zone),
            "End": on_axis(bar.end, zone),
        }
        for bar in bars
    ]
    shown = [part for part in ROLLOUT_STAGES if any(row["Part"] == part for row in rows)]
    bars_layer = (
        alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
        .mark_bar(cornerRadius=3)
        .encode(
            x=alt.X(
                "Start:T", title=str(zone), scale=alt.Scale(type="utc"), axis=alt.Axis(format="%a %d %H:%M")
            ),
            x2="End:T",
            y=alt.Y("Stage:N", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL)),
            color=alt.Color(
                "Part:N",
                scale=_scale(shown, ROLLOUT_STAGES),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=[
                "Stage:N",
                "Part:N",
                alt.Tooltip("utcdayhoursminutes(Start):T", title="From"),
                alt.Tooltip("utcdayhoursminutes(End):T", title="To"),
            ],
        )
    )
    layers = [bars_layer]
    if now:  # an empty layer would have no text alternative
        line = alt.Chart(alt.Data(values=[{"Now": on_axis(now, zone)}]))  # type: ignore[no-untyped-call]
        layers.append(line.mark_rule(color="#c62f3b", strokeDash=[4, 3]).encode(x="Now:T"))
    chart: alt.LayerChart | alt.FacetChart = alt.layer(*layers).properties(height=alt.Step(BAR_HEIGHT))
    return chart


def _scale(shown: Sequence[str], fills: Mapping[str, Fill]) -> alt.Scale:
    return alt.Scale(domain=list(shown), range=[fills[name].background for name in shown])
