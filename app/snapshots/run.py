"""One run, updated live: the graph of its state machine, the timeline, the task logs, and Stop run."""

import re
from datetime import UTC, datetime, timedelta

import streamlit as st

from app.shared import statuses
from app.shared.charts import shared_clock, show_chart
from app.shared.components import (
    clear_caches_once,
    confirm_plan,
    errors_shown,
    operation_button,
    plain,
    show_lines,
)
from app.shared.dialogs import close_when_done, dialog
from app.shared.refreshing import show_refreshing
from app.shared.session import Workbench
from app.shared.words import ago, count, duration, listed, utc
from app.snapshots import pipeline_steps as steps
from app.snapshots.charts import timeline
from app.snapshots.state_machine import graph
from ops.aws.stepfunctions.history import Execution
from ops.operations import Operation
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.policy.suggest import open_reviews, suggest_treatments, suggestions_as_toml
from ops.snapshots.report import report_from_log
from ops.snapshots.runs import control as runs

REFRESH_S = 2
PANEL_HEIGHT = 900
LOG_HEIGHT = 340
SHOWN_ERRORS = 3
_ERROR = re.compile(r"\bERROR(:| \d+ )")  # in the output of psql and of the MySQL client
SHOWN_CHECKS = 10


@st.cache_data(ttl=REFRESH_S - 0.5, show_spinner=False)
def _read_run(_bench: Workbench, _pipeline: DeployedPipeline, arn: str, name: str) -> runs.RunDetails:
    """Read the run. All sessions share one read per interval."""
    return runs.read_run(_bench.cloud, _pipeline, name)


@st.cache_data(ttl=REFRESH_S - 0.5, show_spinner=False)
def _log(_bench: Workbench, _pipeline: DeployedPipeline, task: str) -> str:
    lines = runs.task_log(_bench.cloud, _pipeline, task)
    return "\n".join(f"{line.at:%H:%M:%S}  {line.message.rstrip()}" for line in lines)


def show_run(
    bench: Workbench, pipeline: DeployedPipeline, name: str, *, live: bool, typical: timedelta | None
) -> None:
    """Show a run. While it is in progress, only this panel refreshes; then the page refreshes once."""

    def panel() -> bool:
        with errors_shown():
            run = _read_run(bench, pipeline, runs.execution_arn(pipeline, name), name)
            _show(bench, pipeline, run, typical)
            if live and run.execution.status != "RUNNING":
                clear_caches_once(f"{run.execution.arn} {run.execution.stopped}")
                return True
        return False

    show_refreshing(panel, every=REFRESH_S if live else None)


def _show(
    bench: Workbench, pipeline: DeployedPipeline, run: runs.RunDetails, typical: timedelta | None
) -> None:
    execution = run.execution
    log = _log(bench, pipeline, run.task) if run.task else ""
    _headline(bench, pipeline, execution, typical)
    if execution.status in ("FAILED", "TIMED_OUT"):
        _failure(pipeline, execution, log)
    drawing, detail = st.columns([5, 4], gap="small")
    with drawing.container(height=PANEL_HEIGHT):
        st.graphviz_chart(graph(run.definition, execution, datetime.now(UTC)), width="stretch")
    with detail.container(height=PANEL_HEIGHT):
        show_chart(timeline, execution, shared_clock(datetime.now(UTC)), width="stretch")
        st.markdown("**Task logs**")
        show_lines(log if run.task else "The task has not started.", LOG_HEIGHT)


def _headline(
    bench: Workbench, pipeline: DeployedPipeline, execution: Execution, typical: timedelta | None
) -> None:
    now = datetime.now(UTC)
    took = duration((execution.stopped or now) - execution.started)
    if execution.status == "RUNNING" and typical:
        took += f" of about {duration(typical)}"
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        look = statuses.run(execution.status)
        st.markdown(
            f"{look.markdown} **{plain(execution.name)}** · {took} · "
            f"started {ago(execution.started, now)} ({utc(execution.started)})",
            width="content",
        )
        if execution.status == "RUNNING" and operation_button(
            bench, Operation.STOP_REFRESH, "Stop run", icon=":material/stop_circle:"
        ):
            _stop(bench, pipeline, execution.name)
    if execution.status == "RUNNING" and typical:
        st.progress(*_progress(now - execution.started, typical))


def _progress(took: timedelta, typical: timedelta) -> tuple[float, str]:
    """Return the progress compared with previous runs. It stays below 100% if the run takes longer."""
    left = typical - took
    text = f"about {duration(left)} left" if left > timedelta(0) else "longer than previous runs"
    return min(took / typical if typical else 1.0, 0.99), text


def _failure(pipeline: DeployedPipeline, execution: Execution, log: str) -> None:
    """Show the failed step, its cause, the errors in the task logs, and the failed checks."""
    failed = execution.failed_step
    where = f"**{plain(failed.name)}** failed. " if failed else ""
    reason = runs.failure_reason(execution)
    errors = errors_of(log)
    report = report_from_log(line.partition("  ")[2] for line in log.splitlines())
    failed_checks = [check.message for check in report.failed][:SHOWN_CHECKS]
    st.error(
        "\n\n".join([f"{where}{plain(reason)}", *map(plain, [*errors, *failed_checks])]),
        icon=":material/error:",
    )
    if report.unlisted:
        with st.expander("Suggested policy for unlisted columns"):
            st.caption("Review each line. The form shows the complete policy before you deploy it.")
            suggestions = suggest_treatments(report)
            if reviews := open_reviews(suggestions):
                st.warning(
                    f"{count(len(reviews), 'column')} cannot be judged: replace “review” by a treatment "
                    f"before you deploy the policy. {plain(listed(reviews[:SHOWN_CHECKS]))}",
                    icon=":material/rate_review:",
                )
            if st.button("Apply suggestions", icon=":material/edit_note:"):
                steps.open_with_suggestions(pipeline, suggestions)
            st.code(suggestions_as_toml(suggestions), language="toml")
    if execution.cause:
        with st.expander("Error details"):
            st.code(f"{execution.error}\n{execution.cause}", language=None, wrap_lines=True)


def errors_of(log: str) -> list[str]:
    """Return the first errors that the database client logged."""
    return [line for line in log.splitlines() if _ERROR.search(line)][:SHOWN_ERRORS]


@dialog("Stop run")
def _stop(bench: Workbench, pipeline: DeployedPipeline, name: str) -> None:
    st.markdown("No snapshot is shared. A clean-up run deletes the temporary resources.")
    close_when_done(confirm_plan(bench, runs.plan_stop(bench.cloud, pipeline, name), button="Stop run"))
