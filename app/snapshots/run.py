"""One run, live: its state machine as a graph, its timeline, what the task says, and stopping it."""

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
from app.shared.session import Workbench
from app.shared.words import ago, duration, utc
from app.snapshots import pipeline_steps as steps
from app.snapshots.charts import timeline
from app.snapshots.state_machine import graph
from ops.aws.stepfunctions.history import Execution
from ops.operations import Operation
from ops.snapshots.pipeline.catalogue import Deployed
from ops.snapshots.policy.suggest import as_toml, suggest
from ops.snapshots.report import from_log
from ops.snapshots.runs import control as runs

WATCH_S = 2
PANEL_HEIGHT = 900
LOG_HEIGHT = 340
SHOWN_ERRORS = 3
_ERROR = re.compile(r"\bERROR(:| \d+ )")  # as psql and as MySQL's client say it
SHOWN_CHECKS = 10


@st.cache_data(ttl=WATCH_S - 0.5, show_spinner=False)
def _watched(_bench: Workbench, _pipeline: Deployed, arn: str, name: str) -> runs.Watched:
    """However many sessions watch, AWS is asked once an interval."""
    return runs.watch(_bench.cloud, _pipeline, name)


@st.cache_data(ttl=WATCH_S - 0.5, show_spinner=False)
def _log(_bench: Workbench, _pipeline: Deployed, task: str) -> str:
    lines = runs.task_log(_bench.cloud, _pipeline, task)
    return "\n".join(f"{line.at:%H:%M:%S}  {line.message.rstrip()}" for line in lines)


def show_run(bench: Workbench, pipeline: Deployed, name: str, *, live: bool, usual: timedelta | None) -> None:
    """The run of that name; redraws itself alone while it is under way, then the page once."""

    @st.fragment(run_every=WATCH_S if live else None)
    def panel() -> None:
        with errors_shown():
            watched = _watched(bench, pipeline, runs.execution_arn(pipeline, name), name)
            _show(bench, pipeline, watched, usual)
            if live and watched.execution.status != "RUNNING":
                clear_caches_once(f"{watched.execution.arn} {watched.execution.stopped}")
                st.rerun()

    panel()


def _show(bench: Workbench, pipeline: Deployed, watched: runs.Watched, usual: timedelta | None) -> None:
    execution = watched.execution
    log = _log(bench, pipeline, watched.task) if watched.task else ""
    _headline(bench, pipeline, execution, usual)
    if execution.status in ("FAILED", "TIMED_OUT"):
        _failure(pipeline, execution, log)
    drawing, detail = st.columns([5, 4], gap="small")
    with drawing.container(height=PANEL_HEIGHT):
        st.graphviz_chart(graph(watched.definition, execution, datetime.now(UTC)), width="stretch")
    with detail.container(height=PANEL_HEIGHT):
        show_chart(timeline, execution, shared_clock(datetime.now(UTC)), width="stretch")
        st.markdown("**What the task says**")
        show_lines(log if watched.task else "The task has not started.", LOG_HEIGHT)


def _headline(bench: Workbench, pipeline: Deployed, execution: Execution, usual: timedelta | None) -> None:
    now = datetime.now(UTC)
    took = duration((execution.stopped or now) - execution.started)
    if execution.status == "RUNNING" and usual:
        took += f" of about {duration(usual)}"
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
    if execution.status == "RUNNING" and usual:
        st.progress(*_progress(now - execution.started, usual))


def _progress(took: timedelta, usual: timedelta) -> tuple[float, str]:
    """Against the last runs; a run that takes longer says so and does not pretend to be done."""
    left = usual - took
    words = f"about {duration(left)} left" if left > timedelta(0) else "longer than the last runs"
    return min(took / usual if usual else 1.0, 0.99), words


def _failure(pipeline: Deployed, execution: Execution, log: str) -> None:
    """The step that failed, why, and the errors that the task's own words name."""
    failed = execution.failed_step
    where = f"**{plain(failed.name)}** failed. " if failed else ""
    reason = runs.why(execution)
    said = errors_of(log)
    report = from_log(line.partition("  ")[2] for line in log.splitlines())
    unproven = [check.words for check in report.failed][:SHOWN_CHECKS]
    st.error(
        "\n\n".join([f"{where}{plain(reason)}", *map(plain, [*said, *unproven])]), icon=":material/error:"
    )
    if report.unlisted:
        with st.expander("Suggested policy for what is not listed"):
            st.caption("Read each line and correct it: the form shows all before anything is deployed.")
            if st.button("Put it into the policy", icon=":material/edit_note:"):
                steps.propose(pipeline, suggest(report))
            st.code(as_toml(suggest(report)), language="toml")
    if execution.cause:
        with st.expander("What Step Functions said"):
            st.code(f"{execution.error}\n{execution.cause}", language=None, wrap_lines=True)


def errors_of(log: str) -> list[str]:
    """The first errors that a task's client has named: psql's and MySQL's."""
    return [line for line in log.splitlines() if _ERROR.search(line)][:SHOWN_ERRORS]


@dialog("Stop this run")
def _stop(bench: Workbench, pipeline: Deployed, name: str) -> None:
    st.markdown("Nothing is shared. What the run has made is deleted by a clean-up of its own.")
    close_when_done(confirm_plan(bench, runs.plan_stop(bench.cloud, pipeline, name), button="Stop run"))
