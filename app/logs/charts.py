"""The histogram of a search, and charts of saved queries. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import altair as alt
import pandas as pd

from app.shared.time_zone import on_axis
from ops.logs.search.saved.queries import Chart

Row = Mapping[str, Any]

BRUSH = "brush"
OTHER = "Unknown"
COLORS = {
    "FATAL": "#8f1d2c",
    "ERROR": "#d03f4b",
    "WARN": "#d99a2b",
    "INFO": "#3178c6",
    "DEBUG": "#8a94a6",
    "TRACE": "#b6bdc9",
    OTHER: "#9fb3b0",
}
HEIGHT = 62
MOST_SERIES = 12
MOST_BARS = 30


def histogram(
    counts: Sequence[Row],
    width: timedelta,
    start: datetime,
    end: datetime,
    zone: tzinfo,
    before: Sequence[Row] = (),
    shift: timedelta = timedelta(),
) -> Any:
    """Return bars of events by level over the whole range; dragging over them sets the selection BRUSH.

    The total of `before`, the counts of a range that ended `shift` earlier, is a line over the bars.
    """
    rows = _stacked(counts, width, zone)
    levels = [level for level in COLORS if any(row["level"] == level for row in rows)]
    domain = [on_axis(start.replace(tzinfo=None), zone), on_axis(end.replace(tzinfo=None), zone)]
    brush = alt.selection_interval(name=BRUSH, encodings=["x"])
    chart: alt.Chart = (
        alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
        .mark_rect(clip=True, aria=bool(rows))  # an empty chart must not be announced to screen readers
        .encode(
            # The times are local times of the zone, marked as UTC, so that Vega does not convert them.
            x=alt.X(
                "from:T",
                title=None,
                scale=alt.Scale(type="utc", domain=domain),
                axis=alt.Axis(
                    format=_time_format(end - start), labelOverlap=True, tickCount=8, labelPadding=2
                ),
            ),
            x2="to:T",
            y2="base:Q",
            y=alt.Y("top:Q", title=None, axis=alt.Axis(tickCount=2, format="~s", minExtent=26)),
            color=alt.Color(
                "level:N",
                scale=alt.Scale(domain=levels, range=[COLORS[level] for level in levels]),
                legend=None,  # the facet of levels has the colors
            ),
            tooltip=[
                alt.Tooltip("from:T", title="from", timeUnit="utcyearmonthdatehoursminutesseconds"),
                "level:N",
                alt.Tooltip("events:Q", format=","),
            ],
        )
        .add_params(brush)
    )
    drawn = alt.layer(chart, _line(before, width, shift, zone)) if before else chart
    return drawn.properties(height=HEIGHT, padding={"left": 0, "right": 4, "top": 2, "bottom": 0})


def _line(counts: Sequence[Row], width: timedelta, shift: timedelta, zone: tzinfo) -> alt.Chart:
    """Return the total of an earlier range as a stepped line, moved to where the bars are."""
    totals: dict[datetime, int] = {}
    for row in counts:
        totals[row["time"]] = totals.get(row["time"], 0) + row["events"]
    rows = [
        {"at": on_axis(time + shift + width / 2, zone), "events": totals[time]} for time in sorted(totals)
    ]
    line: alt.Chart = (
        alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
        .mark_line(color="#b45309", strokeDash=[4, 2], strokeWidth=1.5, interpolate="step", clip=True)
        .encode(
            x=alt.X("at:T", title=None),
            y=alt.Y("events:Q", title=None),
            tooltip=[alt.Tooltip("events:Q", format=",", title="events before")],
        )
    )
    return line


def _stacked(counts: Sequence[Row], width: timedelta, zone: tzinfo) -> list[dict[str, Any]]:
    """Return a rectangle for every interval and level, with the most severe level at the bottom."""
    order = list(COLORS)
    rows, tops = [], dict[datetime, int]()
    for row in sorted(counts, key=lambda row: (row["time"], order.index(row["level"] or OTHER))):
        base = tops.get(row["time"], 0)
        tops[row["time"]] = base + row["events"]
        rows.append(
            {
                "from": on_axis(row["time"], zone),
                "to": on_axis(row["time"] + width * 0.92, zone),
                "level": row["level"] or OTHER,
                "events": row["events"],
                "base": base,
                "top": base + row["events"],
            }
        )
    return rows


def brushed(selection: Any, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """Return the selected range in UTC, or None."""
    brush = (selection or {}).get(BRUSH, {})
    ends = brush.get("from") or brush.get("from:T") or next(iter(brush.values()), None)
    if not ends or len(ends) != 2:
        return None
    first, last = sorted(float(end) for end in ends)
    start, end = (
        datetime.fromtimestamp(moment / 1000, UTC).replace(tzinfo=zone).astimezone(UTC)
        for moment in (first, last)
    )
    start, end = start.replace(microsecond=0), end.replace(microsecond=0)
    return (start, end) if end > start else (start, start + timedelta(seconds=1))


def result_chart(frame: pd.DataFrame, chart: Chart, zone: tzinfo = UTC) -> alt.Chart | None:
    """Return a saved query's chart; None if the result is empty or does not have the columns.

    If x is a time, the chart is of x and y; else it has horizontal bars.
    """
    columns = [name for name in (chart.x, chart.y, chart.color) if name]
    if frame.empty or not set(columns) <= set(frame.columns):
        return None
    if not pd.api.types.is_datetime64_any_dtype(frame[chart.x]):
        return _bars(frame, chart)
    if not pd.api.types.is_numeric_dtype(frame[chart.y]):
        return None
    shown = frame[columns]
    shown = shown.dropna(subset=[chart.x])
    shown = shown.assign(**{chart.x: [on_axis(moment, zone) for moment in shown[chart.x]]})
    if chart.color:
        most = shown.groupby(chart.color)[chart.y].sum().nlargest(MOST_SERIES).index
        shown = shown[shown[chart.color].isin(most)]
    base = alt.Chart(shown)
    marked = {"line": base.mark_line(point=True), "area": base.mark_area(), "bar": base.mark_bar()}[
        chart.kind
    ]
    encoding: dict[str, Any] = {
        "x": alt.X(field=chart.x, type="temporal", title=str(zone), scale=alt.Scale(type="utc")),
        "y": alt.Y(field=chart.y, type="quantitative"),
    }
    if chart.color:
        encoding["color"] = alt.Color(field=chart.color, type="nominal", legend=alt.Legend(title=None))
    encoded: alt.Chart = marked.encode(**encoding)
    return encoded


def _bars(frame: pd.DataFrame, chart: Chart) -> alt.Chart | None:
    numbers = [name for name in (chart.x, chart.y) if pd.api.types.is_numeric_dtype(frame[name])]
    if not numbers:
        return None
    number = numbers[0]
    name = chart.y if number == chart.x else chart.x
    bars: alt.Chart = (
        alt.Chart(frame[[number, name]].nlargest(MOST_BARS, number))
        .mark_bar()
        .encode(
            x=alt.X(field=number, type="quantitative"),
            y=alt.Y(field=name, type="nominal", title=None, sort=None, axis=alt.Axis(labelLimit=320)),
        )
    )
    return bars


def _time_format(span: timedelta) -> str:
    if span <= timedelta(minutes=10):
        return "%H:%M:%S"
    return "%H:%M" if span <= timedelta(days=1) else "%d %b %H:%M" if span <= timedelta(days=4) else "%d %b"
