"""The log export's pipeline as a live picture: what goes through each stage, how late it is, what fails."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from app.log_export import data
from app.shared.components import empty_state, plain, show_error
from app.shared.session import Workbench
from app.shared.words import ago, count, duration, size
from ops.errors import SlipwayError
from ops.logs.export.health import ExportHealth, ExportPipeline, ExportStage
from ops.logs.export.installed import Export

HERE = Path(__file__).parent
LIVE_S = 10.0
WORDS = {
    ExportHealth.HEALTHY: ":material/check_circle: **Logs flow.**",
    ExportHealth.IDLE: ":material/pause_circle: **Nothing has come in in the last 15 minutes.**",
    ExportHealth.DELAYED: ":material/schedule: **The export is behind.**",
    ExportHealth.FAILING: ":material/error: **The export fails.**",
    ExportHealth.UNKNOWN: ":material/help: **How the export does is not known.**",
}

_diagram = st.components.v2.component(
    "slipway_log_pipeline",
    html='<div class="pipeline"><ol aria-label="Stages of the log export"></ol></div>',
    css=(HERE / "pipeline.css").read_text("utf-8"),
    js=(HERE / "pipeline.js").read_text("utf-8"),
)


def show_pipeline(bench: Workbench, export: Export) -> None:
    """Drawn anew every ten seconds, for as long as somebody looks."""

    @st.fragment(run_every=LIVE_S)
    def panel() -> None:
        try:
            pipeline = data.pipeline(bench, export, export.stack.id)
        except SlipwayError as error:
            show_error(error)
            return
        _show(pipeline)

    panel()


def show_no_pipeline() -> None:
    empty_state(
        "No log export is deployed in these accounts and regions",
        "It would be drawn here: log groups → stream → processor → delivery → bucket, with what goes through "
        "each stage and how late it is.",
    )
    st.button(
        "Deploy the export",
        key="deploy-export",
        type="primary",
        icon=":material/rocket_launch:",
        on_click=partial(st.session_state.update, view="Deployment"),
    )


def _show(pipeline: ExportPipeline) -> None:
    st.markdown(f"{WORDS[pipeline.health]} {_sentence(pipeline)}")
    _diagram(data={"stages": [_drawn(stage) for stage in pipeline.stages]}, key="log-pipeline")
    for alarm in pipeline.ringing:
        duration_text = duration(datetime.now(UTC) - alarm.since.astimezone(UTC))
        st.error(
            f"{plain(alarm.description or alarm.name)} (for {duration_text})", icon=":material/notifications:"
        )
    for note in pipeline.notes:
        st.warning(plain(note), icon=":material/visibility_off:")
    alarms = (
        f"{count(len(pipeline.alarms), 'alarm')}, {len(pipeline.ringing) or 'none'} ringing"
        if pipeline.alarms
        else ""
    )
    st.caption(
        " · ".join(
            filter(
                None,
                (
                    "Rates are of the last 15 minutes, lines of the last hour",
                    alarms,
                    f"read {ago(pipeline.at, datetime.now(UTC))}",
                ),
            )
        )
    )


def _sentence(pipeline: ExportPipeline) -> str:
    """What to look at first: the stages that are not well, else the delivery."""
    unhealthy = [
        stage for stage in pipeline.stages if stage.health in (ExportHealth.FAILING, ExportHealth.DELAYED)
    ]
    if unhealthy:
        return " ".join(f"{stage.title}: {plain(stage.message)}" for stage in unhealthy)
    delivery = next((stage for stage in pipeline.stages if stage.title == "Delivery"), None)
    if delivery is None or not delivery.per_second:
        return ""
    late = f", {duration(timedelta(seconds=delivery.lag_s))} behind" if delivery.lag_s is not None else ""
    return f"{_rate(delivery)} into the bucket{late}."


def _drawn(stage: ExportStage) -> dict[str, Any]:
    late = f"{duration(timedelta(seconds=stage.lag_s))} behind" if stage.lag_s is not None else ""
    return {
        "title": stage.title,
        "resource": stage.resource,
        "health": stage.health.value,
        "says": stage.message,
        "rate": _rate(stage),
        "late": late,
        "each_minute": list(stage.per_minute),
    }


def _rate(stage: ExportStage) -> str:
    if stage.per_second is None:
        return ""
    if stage.unit == "calls":
        return f"{stage.per_second * 60:,.1f} calls/min"
    return f"{size(round(stage.per_second))}/s"
