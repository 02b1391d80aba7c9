"""Charts of the ledger: events by hour and outcome, and the savings of a retention. Pure."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

import altair as alt

from app.shared.time_zone import on_axis

# The stacking order and the tooltip distinguish the outcomes without color.
OUTCOMES = {"exported": "#4c78a8", "failed": "#f2a900", "missing": "#c0392b"}

Hour = tuple[datetime, int, int, int, int]  # hour, ingested, exported, failed, missing


def ledger_chart(hours: Sequence[Hour], zone: tzinfo) -> alt.Chart:
    """Return a chart with a stacked bar per hour."""
    rows = [
        {"Hour": on_axis(hour, zone), "Outcome": outcome, "Events": count}
        for hour, _, *counts in hours
        for outcome, count in zip(OUTCOMES, counts, strict=True)
        if count
    ]
    scale = alt.Scale(domain=list(OUTCOMES), range=list(OUTCOMES.values()))
    tooltip: list[Any] = [
        alt.Tooltip("Hour:T", timeUnit="utcyearmonthdatehoursminutes", title="Hour"),
        "Outcome:N",
        alt.Tooltip("Events:Q", format=","),
    ]
    chart: alt.Chart = (
        alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
        .mark_bar()
        .encode(
            x=alt.X("utchours(Hour):T", title=str(zone), scale=alt.Scale(type="utc")),
            y=alt.Y("Events:Q", title="Events"),
            color=alt.Color("Outcome:N", scale=scale, legend=alt.Legend(title=None, orient="top")),
            order=alt.Order("Outcome:N"),
            tooltip=tooltip,
        )
        .properties(height=220)
    )
    return chart


def savings_chart(savings: Sequence[tuple[int, float]]) -> alt.Chart:
    """Return a bar for each retention, in days, with the dollars that it saves each month."""
    rows = [{"Retention": f"{days} days", "Savings": round(dollars, 2)} for days, dollars in savings]
    chart: alt.Chart = (
        alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
        .mark_bar(cornerRadiusEnd=3, color="#1a7f4b")
        .encode(
            x=alt.X("Savings:Q", title="Savings per month ($)"),
            y=alt.Y("Retention:N", sort=None, title=None),
            tooltip=["Retention:N", alt.Tooltip("Savings:Q", format="$,.2f")],
        )
        .properties(height=alt.Step(24))
    )
    return chart
