"""Charts of a pipeline: the timeline of a run, the durations of runs, and the sizes of snapshots. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import altair as alt

from app.shared import statuses
from app.shared.statuses import STEPS
from app.shared.time_zone import on_axis
from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.aws.stepfunctions.history import Execution, StepState
from ops.snapshots.pipeline.catalog import SanitizedSnapshot

# How the status of a step is shown.
STEP_LABELS = {
    "pending": "Not started",
    "running": "In progress",
    "waiting": "Waiting",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "skipped": "Skipped",
    "aborted": "Stopped",
}
RUNS = tuple({look.word: look for look in statuses.RUNS.values()}.values())
RUN_COLORS = {
    "green": STEPS["succeeded"].background,
    "red": STEPS["failed"].background,
    "orange": STEPS["aborted"].background,
    "blue": STEPS["running"].background,
    "gray": STEPS["skipped"].background,
}
BAR_HEIGHT = 22
HISTORY_HEIGHT = 160
LABEL_WIDTH = 220


def timeline(execution: Execution, now: datetime | None = None, zone: tzinfo = UTC) -> alt.Chart:
    """Return a chart with a bar for every started step, in order. A step in progress extends to `now`.

    `now` defaults to the current time.
    """
    now = now or datetime.now(UTC)
    entered = sorted((step for step in execution.steps if step.started), key=_started)
    rows = [_row(step, now, zone) for step in entered]
    statuses = [status for status in STEPS if any(step.status == status for step in entered)]
    labels = [STEP_LABELS[status] for status in statuses]
    scale = alt.Scale(domain=labels, range=[STEPS[status].background for status in statuses])
    # The outline makes very short steps visible.
    chart: alt.Chart = (
        alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
        .mark_bar(strokeWidth=2)
        .encode(
            x=alt.X("Started:T", title=str(zone), scale=alt.Scale(type="utc")),
            x2="Ended:T",
            y=alt.Y("Step:N", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL_WIDTH)),
            color=alt.Color("Status:N", scale=scale, legend=alt.Legend(title=None, orient="top")),
            stroke=alt.Stroke("Status:N", scale=scale, legend=None),
            tooltip=["Step:N", "Status:N", alt.Tooltip("Seconds:Q", format=",.1f")],
        )
        .properties(height=alt.Step(BAR_HEIGHT))
    )
    return chart


def durations(runs: Sequence[ExecutionSummary], zone: tzinfo = UTC) -> alt.Chart:
    """Return a bar for every run that has ended, oldest first."""
    rows = [
        {
            "Run": run.name,
            "Status": statuses.run(run.status).word,
            "Started": on_axis(run.started, zone),
            "Minutes": (run.stopped - run.started).total_seconds() / 60,
        }
        for run in reversed(runs)
        if run.stopped
    ]
    return _bars(rows, "Minutes", "Duration (min)", {look.word: RUN_COLORS[look.color] for look in RUNS})


def sizes(snapshots: Sequence[SanitizedSnapshot], zone: tzinfo = UTC) -> alt.Chart:
    """Return a bar for the size of every snapshot, oldest first."""
    rows = [
        {
            "Run": item.run,
            "Status": "Shared" if item.shared_with else "Not shared",
            "Started": on_axis(item.snapshot.created, zone),
            "GiB": item.snapshot.size_gib,
        }
        for item in reversed(snapshots)
        if item.snapshot.created and item.snapshot.size_gib
    ]
    return _bars(rows, "GiB", "Size (GiB)", {"Shared": RUN_COLORS["green"], "Not shared": RUN_COLORS["gray"]})


def _bars(rows: list[dict[str, Any]], value: str, title: str, colors: Mapping[str, str]) -> alt.Chart:
    shown = [word for word in colors if any(row["Status"] == word for row in rows)]
    scale = alt.Scale(domain=shown, range=[colors[word] for word in shown])
    chart: alt.Chart = (
        alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("Run:N", sort=None, title=None, axis=alt.Axis(labels=False, ticks=False)),
            y=alt.Y(f"{value}:Q", title=title),
            color=alt.Color("Status:N", scale=scale, legend=alt.Legend(title=None, orient="top")),
            tooltip=[
                "Run:N",
                "Status:N",
                alt.Tooltip(f"{value}:Q", format=",.1f"),
                alt.Tooltip("utcyearmonthdatehoursminutes(Started):T", title="Date"),
            ],
        )
        .properties(height=HISTORY_HEIGHT)
    )
    return chart


def _row(step: StepState, now: datetime, zone: tzinfo) -> dict[str, Any]:
    started = _started(step)
    ended = max(started, step.ended or now)  # the clock of AWS can be ahead of the local one
    return {
        "Step": step.name,
        "Status": STEP_LABELS[step.status],
        "Started": on_axis(started, zone),
        "Ended": on_axis(ended, zone),
        "Seconds": (ended - started).total_seconds(),
    }


def _started(step: StepState) -> datetime:
    assert step.started
    return step.started
