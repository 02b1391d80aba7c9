"""The card of the log export: what it receives, its lag, and its alarms."""

from datetime import timedelta

import streamlit as st

from app.overview.cards.frame import NOT_READ, NOT_SET_UP, SHOWN, card, show_more, show_trend
from app.shared import navigation
from app.shared.components import plain
from app.shared.statuses import Badge
from app.shared.words import ago, count, duration
from ops.logs.export.canary import CanaryState
from ops.logs.export.health import ExportHealth, ExportPipeline
from ops.status.facts import Status
from ops.text.sizes import size

HEALTH = {
    ExportHealth.HEALTHY: Badge("Healthy", "check_circle", "green"),
    ExportHealth.IDLE: Badge("Idle", "pause_circle", "gray"),
    ExportHealth.DELAYED: Badge("Delayed", "schedule", "orange"),
    ExportHealth.FAILING: Badge("Failing", "error", "red"),
    ExportHealth.UNKNOWN: Badge("Unknown", "help", "gray"),
}


def show(status: Status) -> None:
    pipelines = status.export_pipelines
    with card(navigation.log_export, _badge(status)):
        if not pipelines:
            unread = any(reading.error for reading in status.exports)
            st.caption(
                "Some regions could not be read." if unread else "No log export is deployed. Deploy one."
            )
            return
        for pipeline in pipelines[:SHOWN]:
            _show_export(pipeline)
        show_more(len(pipelines), "export")


def _badge(status: Status) -> Badge:
    found = {pipeline.health for pipeline in status.export_pipelines}
    order = (ExportHealth.FAILING, ExportHealth.DELAYED, ExportHealth.UNKNOWN)
    worst = next((health for health in order if health in found), None)
    if any(pipeline.active_alarms for pipeline in status.export_pipelines):
        worst = ExportHealth.FAILING
    if worst:
        return HEALTH[worst]
    if any(reading.error for reading in status.exports):
        return NOT_READ
    return next((HEALTH[health] for health in ExportHealth if health in found), NOT_SET_UP)


def _canary(pipeline: ExportPipeline) -> str:
    """Return the age of the oldest canary, and how many stopped."""
    canaries = pipeline.canaries
    if canaries is None:
        return ""
    if canaries.error:
        return "canaries not read"
    written = [canary.written for canary in canaries.found if canary.written]
    if not written:
        return "no canary yet"
    stopped = len(canaries.in_state(CanaryState.STOPPED, pipeline.at))
    age = f"oldest canary {ago(min(written), pipeline.at)}"
    return f"{age}, {stopped} stopped" if stopped else age


def _show_export(pipeline: ExportPipeline) -> None:
    first = next((stage for stage in pipeline.stages if stage.per_minute), None)
    rate = "Unknown" if first is None or first.per_second is None else f"{size(round(first.per_second))}/s"
    title = f"{plain(pipeline.export.stack.name)}: received"
    st.metric(title, rate)
    if first:
        show_trend(title, first.per_minute, "bytes per minute")
    lags = [stage.lag_s for stage in pipeline.stages if stage.lag_s is not None]
    lag = f"lag {duration(timedelta(seconds=max(lags)))}" if lags else "lag unknown"
    alarms = f"{len(pipeline.active_alarms)} of {count(len(pipeline.alarms), 'alarm')} active"
    st.caption(" · ".join(filter(None, (lag, alarms, _canary(pipeline)))))
    st.page_link(
        navigation.log_export(),
        label="Count missing events",
        icon=":material/receipt_long:",
        query_params={"view": "Ledger"},
    )
