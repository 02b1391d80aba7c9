"""Panels that refresh themselves, and the page once when what they show has ended."""

from collections.abc import Callable

import streamlit as st


def show_refreshing(
    draw: Callable[[], bool], *, every: float | None, then: Callable[[], object] = lambda: None
) -> None:
    """Draw a panel now and again every `every` seconds; None draws it once.

    `draw` returns whether what it shows has ended. If it returns True in a panel that refreshes itself, call
    `then` and rerun the page, which draws the panel once.
    """

    @st.fragment(run_every=every)
    def panel() -> None:
        if draw() and every is not None:
            then()
            st.rerun()

    panel()
