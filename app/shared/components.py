"""Pieces that every page shares: errors, empty states, plans, progress, choosing a place."""

import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import code, visible
from app.shared.work import Work
from ops.aws.cloud import Place
from ops.errors import AwsError, SlipwayError
from ops.operations import Operation
from ops.plan import Plan, Status

MESSAGES_HEIGHT, PADDING, LINE = 180, 44, 23  # pixels
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
        with st.expander("What AWS said" if isinstance(error, AwsError) else "The whole message"):
            st.code(visible(error.detail), language=None, wrap_lines=True)


@contextmanager
def errors_shown() -> Iterator[None]:
    """Shows a SlipwayError in the place where it arises; the rest of the page goes on."""
    try:
        yield
    except SlipwayError as error:
        show_error(error)


# After Markdown has taken the escapes away, Streamlit makes icons of :material/…: and :streamlit:, and links
# of what begins like an address: a joiner that nobody sees keeps it from that.
_TAKEN_LATER = re.compile(r"\\:(?=material/|streamlit)|https?(?=\\:)|www(?=\\\.)", re.IGNORECASE)


def plain(text: str) -> str:
    """Text from outside for Markdown: what Markdown gives a meaning is escaped, hidden characters
    are shown."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~:$&" else c for c in visible(text))
    return _TAKEN_LATER.sub("\\g<0>\u2060", escaped)


@st.cache_resource(max_entries=1000, show_spinner=False)
def forget_once(what: str) -> None:
    """Drops what the pages have read, once for all who watch: `what` names that which has ended, and when."""
    st.cache_data.clear()


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
    show_table(rows)
    with st.expander("Permissions that this needs"):
        st.code("\n".join(plan.actions), language=None)


def show_work(work: Work) -> None:
    """Each step of a plan under way: its state and the last things it said."""
    for step in work.plan.steps:
        status = work.status(step.id)
        st.markdown(f"{ICONS[status]} · {plain(step.does)}")
        if messages := work.messages(step.id):
            show_lines("\n".join(messages[-200:]), MESSAGES_HEIGHT)
    if error := work.error or (work.outcome and work.outcome.error):
        show_error(error)


def show_lines(text: str, most_height: int) -> None:
    """Lines as they are, at most so many pixels high. A container scrolls, unlike code, by keyboard too."""
    full = text.count("\n") * LINE > most_height - PADDING
    with st.container(height=most_height if full else "content", border=False):
        st.code(text, language=None, wrap_lines=True)


def confirm_plan(bench: Workbench, plan: Plan, *, button: str) -> Work | None:
    """Inside a dialog: the plan, the typed confirmation where it asks for one, the button that executes."""
    show_plan(plan)
    typed = ""
    if plan.confirm:
        typed = st.text_input(f"Type {plain(plan.confirm)} to confirm", key=f"confirm-{plan.fingerprint}")
    ready = typed == plan.confirm
    if refusal := plan.operation.refusal(bench.actor.role):
        st.caption(refusal)
    off = not ready or bool(refusal)
    if not st.button(button, type="primary", disabled=off, key=f"execute-{plan.fingerprint}"):
        return None
    return start(bench, plan, confirmed=typed)


def start(bench: Workbench, plan: Plan, *, confirmed: str = "") -> Work:
    """The one way from a page to a change, as whoever is at the page. Raises NotAllowed."""
    return bench.works.start(plan, actor=bench.actor, audit=bench.audit, confirmed=confirmed)


def operation_button(bench: Workbench, operation: Operation, label: str, **look: Any) -> bool:
    """A button of what changes something; off for those who may not, with the reason as its help."""
    refusal = operation.refusal(bench.actor.role)
    if refusal:
        look |= {"disabled": True, "help": refusal}
    return st.button(label, **look)


def wait_for(work: Work, seconds: float) -> Work:
    """Gives a short plan the time to end, so that the page can show its result at once."""
    deadline = time.monotonic() + seconds
    while work.running and time.monotonic() < deadline:
        time.sleep(0.05)
    return work
