"""Dialogs that stay open whatever is drawn anew behind them.

Streamlit closes a dialog when the script, or the fragment that opened it, runs again without opening it: a
page that follows a run would take the words from under whoever writes in one.
https://docs.streamlit.io/develop/api-reference/execution-flow/st.dialog
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import NoReturn, ParamSpec
from urllib.parse import urlsplit

import streamlit as st

from app.shared.components import errors_shown, show_error, wait_for
from app.shared.work import Work

OPEN = "open-dialog"
SHORT_PLAN_S = 15
P = ParamSpec("P")


@dataclass(frozen=True)
class _Open:
    title: str
    body: Callable[[], None]
    page: str


def dialog(title: str) -> Callable[[Callable[P, None]], Callable[P, NoReturn]]:
    """Makes a function the body of a dialog; calling it opens the dialog, which ends the run of the script.

    It stays open until it is dismissed or its body calls `close_dialog`. The page calls `show_dialog`.
    """

    def decorate(body: Callable[P, None]) -> Callable[P, NoReturn]:
        @wraps(body)
        def opens(*args: P.args, **kwargs: P.kwargs) -> NoReturn:
            st.session_state[OPEN] = _Open(title, partial(body, *args, **kwargs), _page())
            st.rerun()

        return opens

    return decorate


def show_dialog() -> None:
    """Draws the dialog that is open on this page, if one is; each page with dialogs calls it first."""
    found: _Open | None = st.session_state.get(OPEN)
    if found is None:
        return
    if found.page != _page():
        _forget()
        return
    body = errors_shown()(found.body)
    st.dialog(found.title, width="large", on_dismiss=_forget)(body)()


def close_dialog() -> NoReturn:
    """Closes the open dialog and draws the page anew."""
    _forget()
    st.rerun()


def close_when_done(work: Work | None, then: Callable[[], object] = st.cache_data.clear) -> None:
    """For a plan that ends soon, once it was begun: waits for it, shows what failed or closes the dialog."""
    if work is None:
        return
    wait_for(work, SHORT_PLAN_S)
    if error := work.error or (work.outcome and work.outcome.error):
        show_error(error)
        return
    then()
    close_dialog()


def _forget() -> None:
    st.session_state.pop(OPEN, None)


def _page() -> str:
    return urlsplit(st.context.url or "").path
