"""The tab Pipeline: a live diagram with the throughput, delay, and errors of each stage."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

import streamlit as st

from app.log_export import data
from app.log_export.canaries import show_canaries
from app.shared.components import empty_state, plain, show_error
from app.shared.flow.component import show_flow
from app.shared.flow.model import Flow, FlowEdge, FlowNode
from app.shared.refreshing import refreshing
from app.shared.session import Workbench
from app.shared.statuses import STEPS
from app.shared.words import ago, count, duration
from ops.errors import SlipwayError
from ops.logs.export.health import ExportHealth, ExportPipeline, ExportStage
from ops.logs.export.installed import Export
from ops.text.sizes import size

LIVE_S = 10.0
SUMMARIES = {
    ExportHealth.HEALTHY: ":material/check_circle: **The export is healthy.**",
    ExportHealth.IDLE: ":material/pause_circle: **No logs in the last 15 minutes.**",
    ExportHealth.DELAYED: ":material/schedule: **The export is delayed.**",
    ExportHealth.FAILING: ":material/error: **The export is failing.**",
    ExportHealth.UNKNOWN: ":material/help: **The health of the export is unknown.**",
}

FILLS = {
    ExportHealth.HEALTHY: STEPS["succeeded"],
    ExportHealth.IDLE: STEPS["pending"],
    ExportHealth.DELAYED: STEPS["aborted"],
    ExportHealth.FAILING: STEPS["failed"],
    ExportHealth.UNKNOWN: STEPS["skipped"],
}
HEIGHT = 170  # of a stage: title, health, throughput, message, and the last hour


def show_pipeline(bench: Workbench, export: Export) -> None:
    """Show the pipeline, refreshed every LIVE_S seconds while the page is open."""

    @refreshing(LIVE_S)
    def panel() -> None:
        try:
            pipeline = data.pipeline(bench, export, export.stack.id)
        except SlipwayError as error:
            show_error(error)
            return
        _show(pipeline)
        if pipeline.canaries:
            show_canaries(bench, pipeline.canaries, datetime.now(UTC), "pipeline")

    panel()


def show_no_pipeline() -> None:
    empty_state(
        "No log export is deployed",
        "Once deployed, its pipeline appears here: log groups → stream → processor → delivery → bucket, with "
        "the throughput and delay of each stage.",
    )
    st.button(
        "Deploy log export",
        key="deploy-export",
        type="primary",
        icon=":material/rocket_launch:",
        on_click=partial(st.session_state.update, view="Deployment"),
    )


def _show(pipeline: ExportPipeline) -> None:
    st.markdown(f"{SUMMARIES[pipeline.health]} {_details(pipeline)}")
    show_flow(
        pipeline_flow(pipeline.stages),
        key="log-pipeline",
        label="Stages of the log export",
        height=HEIGHT,
        selectable=False,
    )
    for alarm in pipeline.active_alarms:
        duration_text = duration(datetime.now(UTC) - alarm.since.astimezone(UTC))
        st.error(
            f"{plain(alarm.description or alarm.name)} (for {duration_text})", icon=":material/notifications:"
        )
    for note in pipeline.notes:
        st.warning(plain(note), icon=":material/visibility_off:")
    alarms = (
        f"{len(pipeline.active_alarms)} of {count(len(pipeline.alarms), 'alarm')} in ALARM state"
        if pipeline.alarms
        else ""
    )
    st.caption(
        " · ".join(
            filter(
                None,
                (
                    "Rates cover the last 15 minutes, charts the last hour",
                    alarms,
                    f"read {ago(pipeline.at, datetime.now(UTC))}",
                ),
            )
        )
    )


def _details(pipeline: ExportPipeline) -> str:
    """Describe the unhealthy stages, or else the delivery."""
    unhealthy = [
        stage for stage in pipeline.stages if stage.health in (ExportHealth.FAILING, ExportHealth.DELAYED)
    ]
    if unhealthy:
        return " ".join(f"{stage.title}: {plain(stage.message)}" for stage in unhealthy)
    delivery = next((stage for stage in pipeline.stages if stage.title == "Delivery"), None)
    if delivery is None or not delivery.per_second:
        return ""
    delay = f", {duration(timedelta(seconds=delivery.lag_s))} delay" if delivery.lag_s is not None else ""
    return f"{_rate(delivery)} to the bucket{delay}."


def pipeline_flow(stages: Sequence[ExportStage]) -> Flow:
    """Return the stages from the log groups to the bucket, with health, throughput, and delay."""
    nodes = tuple(_node(stage) for stage in stages)
    edges = tuple(FlowEdge(before.id, after.id, taken=True) for before, after in pairwise(nodes))
    everything = frozenset(node.id for node in nodes)
    return Flow(nodes, edges, everything, everything)


def _node(stage: ExportStage) -> FlowNode:
    delay = f"{duration(timedelta(seconds=stage.lag_s))} delay" if stage.lag_s is not None else ""
    health = " · ".join(filter(None, [stage.health.value.capitalize(), delay]))
    return FlowNode(
        id=stage.title,
        title=stage.title,
        fill=FILLS[stage.health],
        notes=tuple(filter(None, [health, _rate(stage), stage.resource, stage.message])),
        values=stage.per_minute,
    )


def _rate(stage: ExportStage) -> str:
    if stage.per_second is None:
        return ""
    if stage.unit == "calls":
        return f"{stage.per_second * 60:,.1f} invocations/min"
    return f"{size(round(stage.per_second))}/s"
