"""One run, updated live: the diagram of its state machine, one step, the timeline, and Stop run."""

import re
from datetime import UTC, datetime, timedelta

import streamlit as st

from app.shared import address, statuses, time_zone
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
from app.shared.flow.component import show_flow
from app.shared.refreshing import show_refreshing
from app.shared.session import Workbench
from app.shared.words import ago, count, duration, listed
from app.snapshots import pipeline_steps as steps
from app.snapshots.charts import timeline
from app.snapshots.state_machine import machine_flow
from app.snapshots.step import chosen_step, show_step
from ops.aws.logs.streams import Line
from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.aws.stepfunctions.history import Execution
from ops.aws.stepfunctions.visits import Visit
from ops.errors import SlipwayError
from ops.operations import Operation
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.policy.suggest import open_reviews, suggest_treatments, suggestions_as_toml
from ops.snapshots.report import report_from_log
from ops.snapshots.runs import control as runs
from ops.snapshots.runs.usual import Usual, last_successful, read_usual

REFRESH_S = 2
LOG_HEIGHT = 340
SHOWN_ERRORS = 3
_ERROR = re.compile(r"\bERROR(:| \d+ )")  # in the output of psql and of the MySQL client
SHOWN_CHECKS = 10


@st.cache_data(ttl=REFRESH_S - 0.5, show_spinner=False)
def _read_run(_bench: Workbench, _pipeline: DeployedPipeline, arn: str, name: str) -> runs.RunDetails:
    """Read the run. All sessions share one read per interval."""
    return runs.read_run(_bench.cloud, _pipeline, name)


@st.cache_data(ttl=REFRESH_S - 0.5, show_spinner=False)
def _log(_bench: Workbench, _pipeline: DeployedPipeline, task: str) -> list[Line]:
    return runs.task_log(_bench.cloud, _pipeline, task)


@st.cache_data(max_entries=100, show_spinner=False)
def _usual(_bench: Workbench, _pipeline: DeployedPipeline, _names: list[str], arns: tuple[str, ...]) -> Usual:
    """Read the last successful runs, once: a run that has ended does not change."""
    return read_usual(_bench.cloud, _pipeline, _names)


def _usual_before(bench: Workbench, pipeline: DeployedPipeline, before: list[ExecutionSummary]) -> Usual:
    names = last_successful(before)
    try:
        return _usual(bench, pipeline, names, tuple(runs.execution_arn(pipeline, name) for name in names))
    except SlipwayError:  # the run itself can be shown without
        return Usual()


def show_run(
    bench: Workbench, pipeline: DeployedPipeline, name: str, *, summaries: list[ExecutionSummary]
) -> None:
    """Show one of the runs. While it is in progress, only this panel refreshes; then the page refreshes once.

    `summaries` are all runs, newest first.
    """
    number = next(number for number, summary in enumerate(summaries) if summary.name == name)
    live = summaries[number].status == "RUNNING"
    usual = _usual_before(bench, pipeline, summaries[number + 1 :])

    def panel() -> bool:
        with errors_shown():
            run = _read_run(bench, pipeline, runs.execution_arn(pipeline, name), name)
            _show(bench, pipeline, run, usual)
            if live and run.execution.status != "RUNNING":
                clear_caches_once(f"{run.execution.arn} {run.execution.stopped}")
                return True
        return False

    show_refreshing(panel, every=REFRESH_S if live else None)


def _show(bench: Workbench, pipeline: DeployedPipeline, run: runs.RunDetails, usual: Usual) -> None:
    execution, now = run.execution, datetime.now(UTC)
    lines = _log(bench, pipeline, run.task) if run.task else []
    log = "\n".join(f"{time_zone.of_log(line.at)}  {line.message.rstrip()}" for line in lines)
    _headline(bench, pipeline, execution, usual)
    st.code(execution.arn, language=None, wrap_lines=True)  # to copy
    if execution.status in ("FAILED", "TIMED_OUT"):
        _failure(pipeline, execution, log)
    step = chosen_step(execution, address.current().get("step", ""))
    clicked = show_flow(
        machine_flow(run.definition, execution, usual, now),
        key="run-flow",
        label=f"Steps of {execution.name}",
        selected=step.name if step else "",
    )
    if clicked and (step is None or clicked != step.name):
        address.push({"step": clicked})
        st.rerun(scope="fragment")
    left, right = st.columns([4, 5], gap="medium")
    with left:
        if step:
            show_step(step, run.visits.get(step.name, Visit()), usual, lines)
    with right:
        show_chart(
            timeline,
            execution,
            shared_clock(now),
            time_zone.zone(),
            empty="No chart: no step has started yet.",
            width="stretch",
        )
        st.markdown("**Task logs**")
        show_lines(log if run.task else "The task has not started.", LOG_HEIGHT)


def _headline(bench: Workbench, pipeline: DeployedPipeline, execution: Execution, usual: Usual) -> None:
    now = datetime.now(UTC)
    took = duration((execution.stopped or now) - execution.started)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        look = statuses.run(execution.status)
        st.markdown(
            f"{look.markdown} **{plain(execution.name)}** · {took} · "
            f"started {ago(execution.started, now)} ({time_zone.stamp(execution.started)})",
            width="content",
        )
        if execution.status == "RUNNING" and operation_button(
            bench, Operation.STOP_REFRESH, "Stop run", icon=":material/stop_circle:"
        ):
            _stop(bench, pipeline, execution.name)
    if (left := usual.left(execution, now)) is not None:
        st.progress(*progress(now - execution.started, left, usual.runs, now))


def progress(took: timedelta, left: timedelta, known_runs: int, now: datetime) -> tuple[float, str]:
    """Return the completed part, below 1, and the expected end."""
    part = min(took / (took + left) if took + left else 0.0, 0.99)
    if not left:
        return part, "Longer than previous runs"
    basis = f"usual of the last {count(known_runs, 'successful run')}"
    return part, f"About {duration(left)} left, until {time_zone.clock(now + left)} ({basis})"


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
            st.caption("Review each column, then deploy the policy.")
            suggestions = suggest_treatments(report)
            if reviews := open_reviews(suggestions):
                st.warning(
                    f"{count(len(reviews), 'column')} cannot be judged: choose a treatment "
                    f"before you deploy the policy. {plain(listed(reviews[:SHOWN_CHECKS]))}",
                    icon=":material/rate_review:",
                )
            if st.button("Review suggestions", icon=":material/rate_review:"):
                steps.open_review(pipeline, execution.name)
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
