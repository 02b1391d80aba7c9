"""Dialogs that stay open when the page behind them is rerun.

Streamlit closes a dialog when the script, or the fragment that opened it, is rerun without opening it again.
On a page that refreshes itself, users would lose what they are typing in the dialog.
https://docs.streamlit.io/develop/api-reference/execution-flow/st.dialog
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import NoReturn, ParamSpec
from urllib.parse import urlsplit

import streamlit as st

from app.shared.components import confirm_plan, errors_shown, plain, show_error, wait_for
from app.shared.plans.runs import PlanRun
from app.shared.session import Workbench
from ops.plan import Plan

OPEN = "open-dialog"
SHORT_PLAN_S = 15
P = ParamSpec("P")


@dataclass(frozen=True)
class _Open:
    title: str
    body: Callable[[], None]
    page: str


def dialog(title: str) -> Callable[[Callable[P, None]], Callable[P, NoReturn]]:
    """Decorate a function as the body of a dialog. Calling it opens the dialog and reruns the script.

    The dialog stays open until it is dismissed or its body calls `close_dialog`. The page must call
    `show_dialog`.
    """

    def decorate(body: Callable[P, None]) -> Callable[P, NoReturn]:
        @wraps(body)
        def open_dialog(*args: P.args, **kwargs: P.kwargs) -> NoReturn:
            st.session_state[OPEN] = _Open(title, partial(body, *args, **kwargs), _page())
            st.rerun()

        return open_dialog

    return decorate


def confirm(bench: Workbench, plan: Plan, action: str) -> NoReturn:
    """Open the dialog that shows and confirms the plan; its title and its button are the action."""
    dialog(action)(_show_confirmation)(bench, plan, action)


def _show_confirmation(bench: Workbench, plan: Plan, action: str) -> None:
    st.markdown(f"**{plain(plan.title)}**")
    if confirm_plan(bench, plan, button=action):
        close_dialog()


def show_dialog() -> None:
    """Show the dialog that is open on this page, if any. A page with dialogs calls this function first."""
    current: _Open | None = st.session_state.get(OPEN)
    if current is None:
        return
    if current.page != _page():
        _forget()
        return
    body = errors_shown()(current.body)
    st.dialog(current.title, width="large", on_dismiss=_forget)(body)()


def close_dialog() -> NoReturn:
    """Close the dialog and rerun the page."""
    _forget()
    st.rerun()


def close_when_done(run: PlanRun | None, then: Callable[[], object] = st.cache_data.clear) -> None:
    """Wait for a short plan, if it was started; then show its error, or call `then` and close the dialog."""
    if run is None:
        return
    wait_for(run, SHORT_PLAN_S)
    if error := run.error or (run.outcome and run.outcome.error):
        show_error(error)
        return
    then()
    close_dialog()


def _forget() -> None:
    st.session_state.pop(OPEN, None)


def _page() -> str:
    return urlsplit(st.context.url or "").path
