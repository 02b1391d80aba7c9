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
from ops.logs.export.health import Health, Pipeline, Stage
from ops.logs.export.installed import Export

HERE = Path(__file__).parent
LIVE_S = 10.0
WORDS = {
    Health.FLOWING: ":material/check_circle: **Logs flow.**",
    Health.QUIET: ":material/pause_circle: **Nothing has come in in the last 15 minutes.**",
    Health.BEHIND: ":material/schedule: **The export is behind.**",
    Health.FAILING: ":material/error: **The export fails.**",
    Health.UNKNOWN: ":material/help: **How the export does is not known.**",
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
            found = data.pipeline(bench, export, export.stack.id)
        except SlipwayError as error:
            show_error(error)
            return
        _show(found)

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


def _show(found: Pipeline) -> None:
    st.markdown(f"{WORDS[found.health]} {_sentence(found)}")
    _diagram(data={"stages": [_drawn(stage) for stage in found.stages]}, key="log-pipeline")
    for alarm in found.ringing:
        long = duration(datetime.now(UTC) - alarm.since.astimezone(UTC))
        st.error(f"{plain(alarm.description or alarm.name)} (for {long})", icon=":material/notifications:")
    for note in found.notes:
        st.warning(plain(note), icon=":material/visibility_off:")
    alarms = (
        f"{count(len(found.alarms), 'alarm')}, {len(found.ringing) or 'none'} ringing" if found.alarms else ""
    )
    st.caption(
        " · ".join(
            filter(
                None,
                (
                    "Rates are of the last 15 minutes, lines of the last hour",
                    alarms,
                    f"read {ago(found.at, datetime.now(UTC))}",
                ),
            )
        )
    )


def _sentence(found: Pipeline) -> str:
    """What to look at first: the stages that are not well, else the delivery."""
    ill = [stage for stage in found.stages if stage.health in (Health.FAILING, Health.BEHIND)]
    if ill:
        return " ".join(f"{stage.title}: {plain(stage.says)}" for stage in ill)
    delivery = next((stage for stage in found.stages if stage.title == "Delivery"), None)
    if delivery is None or not delivery.a_second:
        return ""
    late = f", {duration(timedelta(seconds=delivery.late_s))} behind" if delivery.late_s is not None else ""
    return f"{_rate(delivery)} into the bucket{late}."


def _drawn(stage: Stage) -> dict[str, Any]:
    late = f"{duration(timedelta(seconds=stage.late_s))} behind" if stage.late_s is not None else ""
    return {
        "title": stage.title,
        "resource": stage.resource,
        "health": stage.health.value,
        "says": stage.says,
        "rate": _rate(stage),
        "late": late,
        "each_minute": list(stage.each_minute),
    }


def _rate(stage: Stage) -> str:
    if stage.a_second is None:
        return ""
    if stage.unit == "calls":
        return f"{stage.a_second * 60:,.1f} calls/min"
    return f"{size(round(stage.a_second))}/s"
