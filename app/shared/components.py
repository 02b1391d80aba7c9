"""Components that pages share: errors, empty states, plans, and the choice of account and region."""

import re
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import streamlit as st

from app.shared import address
from app.shared.plans.runs import PlanRun
from app.shared.session import Workbench
from app.shared.words import code, count, sentence, visible
from ops.aws.cloud import Place
from ops.errors import AwsError, SlipwayError
from ops.operations import Operation
from ops.own_log import record_failure
from ops.plan import AuditedCall, Plan, Status, Step, perform

T = TypeVar("T")
MESSAGES_HEIGHT, PADDING, LINE = 180, 44, 23  # pixels
DESTRUCTIVE = ":material/delete_forever:"
SHOWN_STEPS = 30  # of a plan, above which they are shown on demand
SHOWN_DETAILS = 30  # lines of changes, above which they are shown on demand
ICONS = {
    None: "schedule",
    Status.RUNNING: "progress_activity",
    Status.DONE: "check_circle",
    Status.ALREADY: "check_circle",
    Status.SKIPPED: "skip_next",
    Status.FAILED: "error",
    Status.NOT_RUN: "block",
}


def show_error(error: BaseException) -> None:
    """Show what failed, why, and what to do, with the raw message in an expander.

    A failure is logged too; the id that is shown finds it in the log.
    """
    id = record_failure(error)
    reference = (
        f"\n\nError ID: **{id}**. Search Slipway's log for it to see where the error occurred." if id else ""
    )
    if not isinstance(error, SlipwayError):
        message = f"Internal error in Slipway: {code(repr(error))}{reference}"
        st.error(message, icon=":material/bug_report:")
        with st.expander("Details"):
            st.code("".join(traceback.format_exception(error)), language=None)
        return
    st.error(f"{plain(str(error))}\n\n{plain(error.hint)}{reference}", icon=":material/error:")
    if error.detail and error.detail not in str(error):
        with st.expander("AWS error message" if isinstance(error, AwsError) else "Error details"):
            st.code(visible(error.detail), language=None, wrap_lines=True)


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show a SlipwayError in place and continue with the rest of the page."""
    try:
        yield
    except SlipwayError as error:
        show_error(error)


# After Markdown has removed the escapes, Streamlit still turns :material/…: and :streamlit: into icons, and
# URLs into links. A zero-width word joiner prevents that.
_STREAMLIT_SYNTAX = re.compile(r"\\:(?=material/|streamlit)|https?(?=\\:)|www(?=\\\.)", re.IGNORECASE)


def plain(text: str) -> str:
    """Escape untrusted text for Markdown, and make hidden characters visible."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~:$&" else c for c in visible(text))
    return _STREAMLIT_SYNTAX.sub("\\g<0>\u2060", escaped)


@st.cache_resource(max_entries=1000, show_spinner=False)
def clear_caches_once(event: str) -> None:
    """Clear the data cache once per event for all sessions. `event` names what has ended, and when."""
    st.cache_data.clear()


def empty_state(title: str, text: str) -> None:
    """Show what is missing and how to add it. The page adds a button for the action."""
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.caption(text)


def choose_place(bench: Workbench) -> Place:
    """Show select boxes for account and region; the address has what is chosen."""
    places = bench.cloud.places
    with st.container(horizontal=True, vertical_alignment="bottom"):
        accounts = {place.account.name: place.account for place in places}
        account = accounts[
            address.choose(
                st.selectbox,
                "Account",
                list(accounts),
                name="account",
                clears=("region", "database", "run", "step"),
                width=220,
            )
        ]
        regions = [place.region for place in places if place.account == account]
        region = address.choose(
            st.selectbox, "Region", regions, name="region", clears=("database", "run", "step"), width=220
        )
    return Place(account, region)


def show_plan(plan: Plan) -> None:
    """Show the steps as a list with their reasons, what cannot be undone, and the changes in detail."""
    if plan.destructive:
        number = sum(step.destructive for step in plan.steps)
        verb = "deletes or replaces" if number == 1 else "delete or replace"
        st.warning(
            f"{count(number, 'step')} of {len(plan.steps)} {verb} something. This cannot be undone.",
            icon=":material/warning:",
        )
    parts = [part for part in plan.parts if part]
    items = [item for part in parts for item in _part_items(part)]
    st.markdown("\n".join(items[:SHOWN_STEPS]))
    if more := items[SHOWN_STEPS:]:
        with st.expander(f"{count(len(more), 'more step')}"):
            st.markdown("\n".join(more))
    details = {step.does: step.details for step in plan.steps if step.details}
    if lines := [line for changes in details.values() for line in changes]:
        with st.expander(f"Resource changes ({len(lines)})", expanded=len(lines) <= SHOWN_DETAILS):
            for does, changes in details.items():
                st.markdown("\n".join([f"**{plain(does)}**\n", *(f"- {plain(line)}" for line in changes)]))
    with st.expander("Required IAM permissions"):
        st.code("\n".join(plan.actions), language=None)


def _part_items(steps: Sequence[Step[object]]) -> list[str]:
    """Return an item of a Markdown list for each step; the first one has the title of a nested plan."""
    title = f"**{plain(steps[0].part)}**\n\n" if steps[0].part else ""
    items = [step_item(step) for step in steps]
    return [f"{title}{items[0]}", *items[1:]]


def step_item(step: Step[object]) -> str:
    """Return an item of a Markdown list: what the step does, why, and to which resource."""
    resource = step.resource
    where = " · ".join((f"{resource.kind} {resource.id}", resource.account, resource.region))
    does = f"{DESTRUCTIVE} **{plain(step.does)}**" if step.destructive else f"**{plain(step.does)}**"
    reason = f"  \n  {plain(sentence(step.evidence))}" if step.evidence else ""
    return f"- {does}{reason}  \n  :small[:gray[{plain(where)}]]"


def show_plan_progress(run: PlanRun) -> None:
    """Show the status and the latest messages of each step, by nested plan."""
    for steps in run.plan.parts:
        if steps[0].part:
            st.markdown(f"**{plain(steps[0].part)}**")
        for step in steps:
            status = run.status(step.id)
            label = status.label if status else "Waiting"
            st.markdown(f":material/{ICONS[status]}: {label} · {plain(step.does)}")
            if messages := run.messages(step.id):
                show_lines("\n".join(messages[-200:]), MESSAGES_HEIGHT)
    if error := run.error or (run.outcome and run.outcome.error):
        show_error(error)


def show_lines(text: str, max_height: int, language: str | None = None) -> None:
    """Show lines of text in a scrollable container, because `st.code` does not scroll by keyboard.

    `max_height` is in pixels.
    """
    scrolls = text.count("\n") * LINE > max_height - PADDING
    with st.container(height=max_height if scrolls else "content", border=False):
        st.code(text, language=language, wrap_lines=True)


def confirm_plan(bench: Workbench, plan: Plan, *, button: str) -> PlanRun | None:
    """Show the plan, the input that confirms it, if any, and the button that executes it."""
    show_plan(plan)
    typed = ""
    if plan.confirm:
        typed = st.text_input(f"Type {plain(plan.confirm)} to confirm", key=f"confirm-{plan.fingerprint}")
    ready = typed == plan.confirm
    if not plan.confirm:
        ready = confirm_destruction(plan)
    if refusal := plan.operation.refusal(bench.actor.role):
        st.caption(refusal)
    disabled = not ready or bool(refusal)
    if not st.button(button, type="primary", disabled=disabled, key=f"execute-{plan.fingerprint}"):
        return None
    return start(bench, plan, confirmed=typed)


def confirm_destruction(plan: Plan) -> bool:
    """Show a checkbox if the plan deletes or replaces something; return whether the plan may run."""
    if not plan.destructive:
        return True
    return st.checkbox("Delete or replace these resources", key=f"confirm-{plan.fingerprint}")


def start(bench: Workbench, plan: Plan, *, confirmed: str = "") -> PlanRun:
    """Execute the plan in the background as the current user. Raises NotAllowed.

    Pages make changes only through this function and `perform_call`; a test enforces it.
    """
    return bench.plan_runs.start(plan, actor=bench.actor, audit=bench.audit, confirmed=confirmed)


def perform_call(bench: Workbench, call: AuditedCall[T]) -> T:
    """Make one call as the current user, and return its value. Raises NotAllowed, and the call's error."""
    return perform(call, actor=bench.actor, audit=bench.audit)


def operation_button(bench: Workbench, operation: Operation, label: str, **options: Any) -> bool:
    """Show a button for an operation. It is disabled if the user's role does not allow the operation."""
    refusal = operation.refusal(bench.actor.role)
    if refusal:
        options |= {"disabled": True, "help": refusal}
    return st.button(label, **options)


def wait_for(run: PlanRun, seconds: float) -> PlanRun:
    """Wait for a short plan to finish, so that the page can show its result right away."""
    deadline = time.monotonic() + seconds
    while run.running and time.monotonic() < deadline:
        time.sleep(0.05)
    return run
