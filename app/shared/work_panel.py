"""A plan of many steps as it goes on: how far, what is said, Stop after what is under way, how it ended."""

from collections.abc import Callable

import streamlit as st

from app.shared import navigation
from app.shared.components import operation_button, plain, show_work
from app.shared.session import Workbench
from app.shared.words import count
from app.shared.work import Work
from ops.plan import Status

LOOK_S = 1.0
NOT_ENDED = (None, Status.RUNNING, Status.NOT_RUN)


def show_work_panel(
    bench: Workbench, work: Work, *, key: str, thing: str, then: Callable[[], object], advice: str
) -> None:
    """Redraws itself alone; when the work ends, `then` is called once and the page is drawn anew.

    `thing` is what a step is called; `advice` is what to do when not all of them could be done.
    """
    live = work.running

    @st.fragment(run_every=LOOK_S if live else None)
    def panel() -> None:
        if live and not work.running:
            then()
            st.rerun()
        steps = work.plan.steps
        ended = sum(work.status(step.id) not in NOT_ENDED for step in steps)
        with st.container(border=True):
            with st.container(horizontal=True, horizontal_alignment="distribute"):
                st.markdown(f"**{plain(work.plan.title)}** · {ended} of {count(len(steps), thing)} ended")
                if work.stopping:
                    st.markdown(f":material/hourglass_top: stops after each {thing} under way")
                elif work.running:
                    operation_button(
                        bench,
                        work.plan.operation,
                        "Stop",
                        key=f"{key}-stop",
                        icon=":material/stop_circle:",
                        on_click=work.stop,
                    )
            st.progress(ended / max(len(steps), 1))
            with st.expander(f"{thing.capitalize()}s", expanded=work.running):
                show_work(work)
            if not work.running:
                _show_end(work, thing, advice)

    panel()


def _show_end(work: Work, thing: str, advice: str) -> None:
    if work.outcome and work.outcome.ok:
        st.success("Done.", icon=":material/check_circle:")
    elif work.outcome:
        left = [r for r in work.outcome.results if r.status not in (Status.DONE, Status.ALREADY)]
        reasons = [f"{r.step.does}: {r.reason}" for r in left if r.status is not Status.NOT_RUN]
        why = plain("; ".join(reasons[:3]) or "It was stopped.")
        st.warning(f"{count(len(left), thing)} not done. {why} {advice}", icon=":material/warning:")
    st.page_link(navigation.audit(), label="What was done, in the audit", icon=":material/history:")
