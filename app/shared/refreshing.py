"""Panels that refresh themselves, and the page once when what they show has ended."""

from collections.abc import Callable
from functools import wraps

import streamlit as st

from app.shared.access import current_actor
from ops.errors import NotAllowed


def refreshing(every: float | None) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Make a function a panel that runs again every `every` seconds; None only with the page.

    It stops when the user's session has ended or their last role was removed, and the page shows why.
    """

    def decorate(draw: Callable[[], None]) -> Callable[[], None]:
        @st.fragment(run_every=every)
        @wraps(draw)
        def panel() -> None:
            try:
                current_actor()
            except NotAllowed:
                st.rerun()
            draw()

        return panel

    return decorate


def show_refreshing(
    draw: Callable[[], bool], *, every: float | None, then: Callable[[], object] = lambda: None
) -> None:
    """Draw a panel now and again every `every` seconds; None draws it once.

    `draw` returns whether what it shows has ended. If it returns True in a panel that refreshes itself, call
    `then` and rerun the page, which draws the panel once.
    """

    @refreshing(every)
    def panel() -> None:
        if draw() and every is not None:
            then()
            st.rerun()

    panel()
