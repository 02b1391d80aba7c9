"""Pieces that every page shares: errors, empty states, plans, progress, choosing a place."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import streamlit as st

from app.session import Workbench
from app.words import code
from app.work import Work
from ops.aws.cloud import Place
from ops.errors import SlipwayError
from ops.plan import Plan, Status

ICONS = {
    None: ":material/schedule: waiting",
    Status.RUNNING: ":material/progress_activity: running",
    Status.DONE: ":material/check_circle: done",
    Status.ALREADY: ":material/check_circle: already done",
    Status.SKIPPED: ":material/skip_next: skipped",
    Status.FAILED: ":material/error: failed",
    Status.NOT_RUN: ":material/block: not run",
}


def show_error(error: BaseException) -> None:
    """What failed, why, what to do next; the raw message folded away."""
    if not isinstance(error, SlipwayError):
        st.error(f"Something in Slipway itself failed: {code(repr(error))}", icon=":material/bug_report:")
        with st.expander("Details"):
            st.code("".join(traceback.format_exception(error)), language=None)
        return
    st.error(f"{plain(str(error))}\n\n{plain(error.hint)}", icon=":material/error:")
    if error.detail and error.detail not in str(error):
        with st.expander("What AWS said"):
            st.code(error.detail, language=None, wrap_lines=True)


@contextmanager
def errors_shown() -> Iterator[None]:
    """Shows a SlipwayError in the place where it arises; the rest of the page goes on."""
    try:
        yield
    except SlipwayError as error:
        show_error(error)


def plain(text: str) -> str:
    """Text from outside for a Markdown element: every character that Markdown gives a meaning is escaped."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~:$&" else c for c in text)


def empty_state(title: str, text: str) -> None:
    """What would be here, and how to fill it. The action follows as a button of the page."""
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.caption(text)


def choose_place(bench: Workbench) -> Place:
    """Account and region, kept in the address so that a link leads to the same view."""
    places = bench.cloud.places
    with st.container(horizontal=True, vertical_alignment="bottom"):
        accounts = list(dict.fromkeys(place.account for place in places))
        name = _choose("Account", "account", [account.name for account in accounts])
        account = next(account for account in accounts if account.name == name)
        region = _choose("Region", "region", [place.region for place in places if place.account == account])
    return Place(account, region)


def _choose(label: str, parameter: str, options: list[str]) -> str:
    """A choice that begins with the address's and is written back to it; else the first."""
    if st.session_state.get(parameter) not in options:
        wanted = st.query_params.get(parameter)
        st.session_state[parameter] = wanted if wanted in options else options[0]
    chosen: str = st.selectbox(label, options, key=parameter, width=220)
    if st.query_params.get(parameter) != chosen:
        st.query_params[parameter] = chosen
    return chosen


def show_plan(plan: Plan) -> None:
    """The plan as a table: what will be done, on what, on which evidence."""
    rows = [
        {
            "Step": step.does,
            "Resource": f"{step.resource.kind} {step.resource.id}",
            "Account": step.resource.account,
            "Region": step.resource.region,
            "Why": step.evidence,
        }
        for step in plan.steps
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    with st.expander("Permissions that this needs"):
        st.code("\n".join(plan.actions), language=None)


def show_work(work: Work) -> None:
    """Each step of a plan under way: its state and the last things it said."""
    for step in work.plan.steps:
        status = work.status(step.id)
        st.markdown(f"{ICONS[status]} · {plain(step.does)}")
        if messages := work.messages(step.id):
            st.code("\n".join(messages[-200:]), language=None, height=180, wrap_lines=True)
    if error := work.error or (work.outcome and work.outcome.error):
        show_error(error)


def confirm_plan(bench: Workbench, plan: Plan, *, button: str) -> Work | None:
    """Inside a dialog: the plan, the typed confirmation where it asks for one, the button that executes."""
    show_plan(plan)
    typed = ""
    if plan.confirm:
        typed = st.text_input(f"Type {plain(plan.confirm)} to confirm", key=f"confirm-{plan.fingerprint}")
    ready = typed == plan.confirm
    if not st.button(button, type="primary", disabled=not ready, key=f"execute-{plan.fingerprint}"):
        return None
    return bench.works.start(plan, actor=bench.actor, audit=bench.audit, confirmed=typed)


def wait_for(work: Work, seconds: float) -> Work:
    """Gives a short plan the time to end, so that the page can show its result at once."""
    deadline = time.monotonic() + seconds
    while work.running and time.monotonic() < deadline:
        time.sleep(0.05)
    return work
