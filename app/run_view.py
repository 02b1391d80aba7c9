"""One run, live: its state machine as a graph, its timeline, what the task says, and stopping it."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from app import statuses
from app.charts import timeline
from app.components import confirm_plan, errors_shown, plain, show_error, wait_for
from app.session import Workbench
from app.statemachine import graph
from app.words import ago, duration, utc
from ops.aws.executions import Execution
from ops.snapshots import runs
from ops.snapshots.catalogue import Deployed
from ops.snapshots.report import from_log
from ops.snapshots.suggest import as_toml, suggest

WATCH_S = 2
PANEL_HEIGHT = 760
LOG_HEIGHT = 260
SHOWN_ERRORS = 3
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
                st.cache_data.clear()
                st.rerun()

    panel()


def _show(bench: Workbench, pipeline: Deployed, watched: runs.Watched, usual: timedelta | None) -> None:
    execution = watched.execution
    log = _log(bench, pipeline, watched.task) if watched.task else ""
    _headline(bench, pipeline, execution, usual)
    if execution.status in ("FAILED", "TIMED_OUT"):
        _failure(execution, log)
    drawing, detail = st.columns(2, gap="medium")
    with drawing.container(height=PANEL_HEIGHT):
        st.graphviz_chart(graph(watched.definition, execution, datetime.now(UTC)), width="stretch")
    with detail.container(height=PANEL_HEIGHT):
        st.altair_chart(timeline(execution, datetime.now(UTC)), width="stretch")
        st.markdown("**What the task says**")
        st.code(
            log if watched.task else "The task has not started.",
            language=None,
            height=LOG_HEIGHT,
            wrap_lines=True,
        )


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
        if execution.status == "RUNNING" and st.button("Stop run", icon=":material/stop_circle:"):
            _stop(bench, pipeline, execution.name)


def _failure(execution: Execution, log: str) -> None:
    """The step that failed, why, and the errors that the task's own words name."""
    failed = execution.failed_step
    where = f"**{plain(failed.name)}** failed. " if failed else ""
    reason = failed.cause or failed.error if failed else execution.cause or execution.error
    said = [line for line in log.splitlines() if "ERROR:" in line][:SHOWN_ERRORS]
    report = from_log(line.partition("  ")[2] for line in log.splitlines())
    unproven = [check.words for check in report.failed][:SHOWN_CHECKS]
    st.error(
        "\n\n".join([f"{where}{plain(reason)}", *map(plain, [*said, *unproven])]), icon=":material/error:"
    )
    if report.unlisted:
        with st.expander("Suggested policy for what is not listed"):
            st.caption("Read each line, correct it, then put it into the policy: Change pipeline.")
            st.code(as_toml(suggest(report)), language="toml")
    if execution.cause:
        with st.expander("What Step Functions said"):
            st.code(f"{execution.error}\n{execution.cause}", language=None, wrap_lines=True)


@st.dialog("Stop this run", width="large")
def _stop(bench: Workbench, pipeline: Deployed, name: str) -> None:
    st.markdown("Nothing is shared. What the run has made is deleted by a clean-up of its own.")
    work = confirm_plan(bench, runs.plan_stop(bench.cloud, pipeline, name), button="Stop run")
    if work is None:
        return
    wait_for(work, 15)
    if error := work.error or (work.outcome and work.outcome.error):
        show_error(error)
        return
    st.cache_data.clear()
    st.rerun()
