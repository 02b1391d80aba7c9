"""Rollouts drawn: the grid of accounts × regions that fills, the stages on a time axis. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import altair as alt

from app.shared.statuses import ROLLOUT_STAGES, ROLLOUT_TARGETS, Fill
from ops.rollouts.rules.decisions import State
from ops.rollouts.runs import TargetState
from ops.rollouts.simulator import Did

CELL = 46
BAR_HEIGHT = 26
LABEL = 170
GAP = 0.06  # of a cell, between two
NOT_BEGUN = "not begun"

# What a simulated target's last deed leaves it in.
LEFT = {
    Did.STARTED: State.DEPLOYING,
    Did.DEPLOYED: State.DEPLOYED,
    Did.FAILED: State.FAILED,
    Did.ROLLING_BACK: State.ROLLING_BACK,
    Did.ROLLED_BACK: State.ROLLED_BACK,
    Did.STUCK: State.STUCK,
}


@dataclass(frozen=True)
class Cell:
    """One target in the grid."""

    account: str
    region: str
    stack: str
    stage: str
    state: str
    why: str = ""


@dataclass(frozen=True)
class Bar:
    """A part of a stage on the time axis: waiting, deploying or baking."""

    stage: str
    part: str
    start: datetime
    end: datetime


def cells(targets: Sequence[TargetState], stages: Sequence[str], names: Mapping[str, str]) -> list[Cell]:
    """The targets of a run; `names` are the accounts' by id."""
    return [
        Cell(
            names.get(each.target.account, each.target.account),
            each.target.region,
            each.target.stack,
            stages[each.stage],
            each.state or NOT_BEGUN,
            each.why,
        )
        for each in targets
    ]


def grid(found: Sequence[Cell]) -> alt.LayerChart:
    """Accounts × regions in the order of the waves; word and colour say the state."""
    stacks = {cell.stack for cell in found}
    rows: list[dict[str, Any]] = [
        {
            "Account": f"{cell.account} · {cell.stack}" if len(stacks) > 1 else cell.account,
            "Region": cell.region,
            "Stage": cell.stage,
            "State": cell.state,
            "Stack": cell.stack,
            "Why": cell.why[:300],
        }
        for cell in found
    ]
    shown = [state for state in ROLLOUT_TARGETS if any(row["State"] == state for row in rows)]
    within = alt.expr("bandwidth('x')")  # on a narrow screen a word ends with its cell
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
        tooltip=["Account:N", "Region:N", "Stack:N", "Stage:N", "State:N", "Why:N"],
    )
    boxes = base.mark_rect(cornerRadius=6).encode(
        color=alt.Color("State:N", scale=_scale(shown, ROLLOUT_TARGETS), legend=None)
    )
    words = base.mark_text(fontSize=12, limit=within).encode(
        text="State:N", color=alt.Color("State:N", scale=_text_scale(shown), legend=None)
    )
    chart: alt.LayerChart = (
        alt.layer(boxes, words).resolve_scale(color="independent").properties(height=alt.Step(CELL))
    )
    return chart


def calendar(bars: Sequence[Bar], now: datetime | None = None) -> alt.LayerChart | alt.FacetChart:
    """A row for each stage; `now` draws a line."""
    rows = [
        {"Stage": bar.stage, "Part": bar.part, "Start": _text(bar.start), "End": _text(bar.end)}
        for bar in bars
    ]
    shown = [part for part in ROLLOUT_STAGES if any(row["Part"] == part for row in rows)]
    drawn = (
        alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
        .mark_bar(cornerRadius=3)
        .encode(
            x=alt.X("Start:T", title="UTC", scale=alt.Scale(type="utc"), axis=alt.Axis(format="%a %d %H:%M")),
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
                alt.Tooltip("utcdayhoursminutes(Start):T", title="from (UTC)"),
                alt.Tooltip("utcdayhoursminutes(End):T", title="to (UTC)"),
            ],
        )
    )
    layers = [drawn]
    if now:  # a layer of nothing would be a picture that nobody can be told of
        line = alt.Chart(alt.Data(values=[{"Now": _text(now)}]))  # type: ignore[no-untyped-call]
        layers.append(line.mark_rule(color="#c62f3b", strokeDash=[4, 3]).encode(x="Now:T"))
    chart: alt.LayerChart | alt.FacetChart = alt.layer(*layers).properties(height=alt.Step(BAR_HEIGHT))
    return chart


def _scale(shown: Sequence[str], fills: Mapping[str, Fill]) -> alt.Scale:
    return alt.Scale(domain=list(shown), range=[fills[name].background for name in shown])


def _text_scale(shown: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(shown), range=[ROLLOUT_TARGETS[name].text for name in shown])


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
