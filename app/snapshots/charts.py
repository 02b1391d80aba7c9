"""The timeline chart of a run."""

from datetime import UTC, datetime
from typing import Any

import altair as alt

from app.shared.statuses import STEPS
from ops.aws.stepfunctions.history import Execution, StepState

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
BAR_HEIGHT = 22
LABEL_WIDTH = 220


def timeline(execution: Execution, now: datetime | None = None) -> alt.Chart:
    """Return a chart with a bar for every started step, in order. A step in progress extends to `now`.

    `now` defaults to the current time.
    """
    now = now or datetime.now(UTC)
    entered = sorted((step for step in execution.steps if step.started), key=_started)
    rows = [_row(step, now) for step in entered]
    statuses = [status for status in STEPS if any(step.status == status for step in entered)]
    labels = [STEP_LABELS[status] for status in statuses]
    scale = alt.Scale(domain=labels, range=[STEPS[status].background for status in statuses])
    # The outline makes very short steps visible.
    chart: alt.Chart = (
        alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
        .mark_bar(strokeWidth=2)
        .encode(
            x=alt.X("Started:T", title="UTC", scale=alt.Scale(type="utc")),
            x2="Ended:T",
            y=alt.Y("Step:N", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL_WIDTH)),
            color=alt.Color("Status:N", scale=scale, legend=alt.Legend(title=None, orient="top")),
            stroke=alt.Stroke("Status:N", scale=scale, legend=None),
            tooltip=["Step:N", "Status:N", alt.Tooltip("Seconds:Q", format=",.1f")],
        )
        .properties(height=alt.Step(BAR_HEIGHT))
    )
    return chart


def _row(step: StepState, now: datetime) -> dict[str, Any]:
    started = _started(step)
    ended = max(started, step.ended or now)  # the clock of AWS can be ahead of the local one
    return {
        "Step": step.name,
        "Status": STEP_LABELS[step.status],
        "Started": _text(started),
        "Ended": _text(ended),
        "Seconds": (ended - started).total_seconds(),
    }


def _started(step: StepState) -> datetime:
    assert step.started
    return step.started


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
