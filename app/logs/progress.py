"""How the questions of the page Logs stand: one line, with *Stop* while any runs."""

import time
from datetime import timedelta

import streamlit as st

from app.logs.data import Asking
from app.logs.questions import GivenUp, Question
from app.logs.search_bar import show_query_error
from app.shared.components import plain, show_error
from app.shared.words import count, duration, visible
from ops.aws.athena import Stopped
from ops.errors import InputError
from ops.logs.engines.estimate import Estimate
from ops.logs.engines.loading import Cancelled

AT_ONCE_S = 0.7  # what is answered within this time shows no progress
LOOK_S = 0.5
STOPPED = (Cancelled, Stopped, GivenUp)


def live(asking: Asking) -> bool:
    """Whether, after a moment, some of what was asked is still to be waited for."""
    asking.release_others()
    asking.wait(AT_ONCE_S)
    return asking.busy


def settled(asking: Asking, *, live: bool) -> None:
    """Runs the whole page where it looks again and need not, or the other way round."""
    if live != asking.busy:
        st.rerun()


def show_standing(asking: Asking, expected: Estimate) -> None:
    """What runs, how far it is and how long it takes; then what it took and cost, and what was remarked."""
    left = [one for one in asking.asked if not asking.waiting(one) and not one.answered]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", height=40, border=False):
        if asking.busy:
            _show_running(asking, expected)
        elif left and all(_was_stopped(one) for one in left):
            st.markdown(":material/stop_circle: Stopped. What was read is kept.", width="content")
            _show_again(asking)
        elif left:
            st.markdown(":material/error: Not everything could be answered.", width="content")
            _show_again(asking)
        else:
            _show_ended(asking)
    _show_notes(asking)


def _show_running(asking: Asking, expected: Estimate) -> None:
    running = next(one for one in asking.asked if asking.waiting(one))
    begun = min(one.began for one in asking.asked if asking.waiting(one))
    took = timedelta(seconds=time.monotonic() - begun)
    about = duration(timedelta(seconds=max(1, round(expected.cost.seconds))))
    says = running.standing.says if running.standing else "Waiting for its turn"
    text = f"{says} · {duration(took)} of about {about}"
    share = running.standing.share if running.standing else None
    st.progress(share or 0.0, plain(text), width="stretch")
    st.button("Stop", icon=":material/stop:", key="logs_stop", on_click=asking.stop)


def _show_again(asking: Asking) -> None:
    st.button(
        "Try again", icon=":material/refresh:", key="logs_again", on_click=asking.again, type="tertiary"
    )


def _show_ended(asking: Asking) -> None:
    seconds = max((one.took_s for one in asking.asked), default=0.0)
    dollars = sum(one.dollars for one in asking.asked)
    cost = f", \\${dollars:.5f}" if asking.engine == "athena" else ""
    st.caption(f"Answered in {seconds:.1f} s{cost}.", width="content")


def _show_notes(asking: Asking) -> None:
    notes = list(dict.fromkeys(note for one in asking.asked for note in one.notes))
    if notes:
        with st.expander(
            f"{count(len(notes), 'remark')} on what was read", icon=":material/warning:", key="logs_notes"
        ):
            st.code(visible("\n".join(notes[:200])), language=None, wrap_lines=True)


def shown(asking: Asking, question: Question, height: int, sql: str = "") -> bool:
    """Whether its answer is there; else a placeholder, or the error in its place."""
    if question.answered:
        return True
    if asking.waiting(question):
        st.skeleton(height=height)
    elif question.error and not _was_stopped(question):
        if isinstance(question.error, InputError):
            show_query_error(question.error, sql)
        else:
            show_error(question.error)
    return False


def _was_stopped(question: Question) -> bool:
    return question.running or isinstance(question.error, STOPPED)
