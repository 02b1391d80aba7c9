"""One step of a run: its duration compared with the usual, error, attempts, input, output, and log lines."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from app.shared import time_zone
from app.shared.components import plain, show_lines
from app.shared.words import code, count, duration, visible
from app.snapshots.charts import STEP_LABELS
from ops.aws.logs.streams import Line
from ops.aws.stepfunctions.history import FAILED, Execution, StepState
from ops.aws.stepfunctions.visits import Attempt, Visit
from ops.snapshots.runs.usual import Usual

LOG_HEIGHT = 300
SHOWN_ATTEMPTS = 5


def chosen_step(execution: Execution, name: str) -> StepState | None:
    """Return the step of that name; otherwise the one that failed, is in progress, or took longest."""
    named = next((step for step in execution.steps if step.name == name), None)
    started = [step for step in execution.steps if step.started]
    slowest = max(started, key=_seconds, default=None)
    return named or execution.failed_step or next(iter(execution.current), slowest)


def _seconds(step: StepState) -> float:
    return (step.ended - step.started).total_seconds() if step.started and step.ended else 0.0


def lines_of(lines: Sequence[Line], step: StepState, now: datetime) -> list[Line]:
    """Return the lines that were logged during the step."""
    if step.started is None:
        return []
    return [line for line in lines if step.started <= line.at <= (step.ended or now)]


def show_step(step: StepState, visit: Visit, usual: Usual, lines: Sequence[Line]) -> None:
    """Show a step. `lines` are the task logs of the run."""
    now = datetime.now(UTC)
    st.markdown(f"**{plain(step.name)}** · {STEP_LABELS[step.status]}")
    if step.started is None:
        st.caption(_not_run(step, usual))
        return
    st.caption(
        f"{duration((step.ended or now) - step.started)}{_against(step, usual)} · "
        f"started {time_zone.stamp(step.started)}"
    )
    if step.error:
        st.error(f"{plain(step.error)}: {plain(step.cause)}", icon=":material/error:")
    _show_attempts(visit.attempts)
    logged = lines_of(lines, step, now)
    if logged:
        text = "\n".join(f"{time_zone.of_log(line.at)}  {line.message.rstrip()}" for line in logged)
        with st.expander(f"Task logs during this step ({len(logged)})", expanded=step.status == FAILED):
            show_lines(visible(text), LOG_HEIGHT)
    for title, text in (("Input", visit.input), ("Output", visit.output)):
        if text:
            with st.expander(title):
                st.code(visible(_indented(text)), language="json", wrap_lines=True, height=LOG_HEIGHT)


def _not_run(step: StepState, usual: Usual) -> str:
    expected = usual.steps.get(step.name)
    usually = f" Usually takes {duration(expected)}." if expected else ""
    return f"This run has not entered the step.{usually}"


def _against(step: StepState, usual: Usual) -> str:
    expected = usual.steps.get(step.name)
    return f" (usually {duration(expected)}, {count(usual.runs, 'run')})" if expected else ""


def _show_attempts(attempts: Sequence[Attempt]) -> None:
    failed = [attempt for attempt in attempts if attempt.error]
    if not failed:
        return
    st.markdown(f"{count(len(attempts), 'attempt')}, {len(failed)} not successful:")
    rows = [f"- {time_zone.stamp(one.started)}: {code(one.error)} {plain(one.cause)}" for one in failed]
    st.markdown("\n".join(rows[-SHOWN_ATTEMPTS:]))
    if len(rows) > SHOWN_ATTEMPTS:
        st.caption(f"The last {SHOWN_ATTEMPTS} of {len(rows)} are shown.")


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
