"""The progress of a background plan with many steps: progress bar, step messages, Stop button, and result."""

from collections.abc import Callable

import streamlit as st

from app.shared import navigation
from app.shared.components import operation_button, plain, show_plan_progress
from app.shared.plans.runs import PlanRun
from app.shared.refreshing import show_refreshing
from app.shared.session import Workbench
from app.shared.words import count
from ops.plan import Status

REFRESH_S = 1.0


def show_plan_panel(
    bench: Workbench, run: PlanRun, *, key: str, thing: str, then: Callable[[], object], advice: str
) -> None:
    """Show a plan run. The panel refreshes itself; after the run, it calls `then` once and reruns the page.

    `thing` is the noun for a part of the plan: a step, or a nested plan. `advice` is shown if some steps did
    not succeed.
    """

    def panel() -> bool:
        parts = run.plan.parts
        finished = sum(run.finished(steps) for steps in parts)
        with st.container(border=True):
            with st.container(horizontal=True, horizontal_alignment="distribute"):
                st.markdown(f"**{plain(run.plan.title)}** · {finished} of {count(len(parts), thing)}")
                if run.stopping:
                    st.markdown(f":material/hourglass_top: Stopping: finishing each {thing} in progress…")
                elif run.running:
                    operation_button(
                        bench,
                        run.plan.operation,
                        "Stop",
                        key=f"{key}-stop",
                        icon=":material/stop_circle:",
                        on_click=run.stop,
                    )
            st.progress(finished / max(len(parts), 1))
            with st.expander(f"{thing.capitalize()}s", expanded=run.running):
                show_plan_progress(run)
            if not run.running:
                _show_result(run, thing, advice)
        return not run.running

    followed = run.followed  # a short run can end before it is drawn for the first time
    show_refreshing(panel, every=None if followed else REFRESH_S, then=lambda: run.follow(then))


def _show_result(run: PlanRun, thing: str, advice: str) -> None:
    if run.outcome and run.outcome.ok:
        st.success("Succeeded.", icon=":material/check_circle:")
    elif run.outcome:
        unfinished = [r for r in run.outcome.results if r.status not in (Status.DONE, Status.ALREADY)]
        reasons = [f"{r.step.does}: {r.reason}" for r in unfinished if r.status is not Status.NOT_RUN]
        why = plain("; ".join(reasons[:3]) or "Stopped by a user.")
        parts = {r.step.part or r.step.id for r in unfinished}
        st.warning(f"{count(len(parts), thing)} did not complete. {why} {advice}", icon=":material/warning:")
    st.page_link(navigation.audit(), label="Show in the audit log", icon=":material/history:")
