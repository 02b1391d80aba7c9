"""What all cards have in common: the frame with the job's title and badge."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from app.shared.statuses import Badge
from app.shared.words import count

SHOWN = 3  # pipelines, rollouts, or exports in a card
MIN_WIDTH = 215  # pixels: four cards side by side on a laptop
HEIGHT = 260  # pixels, before anything is read
TREND_HEIGHT = 36  # pixels
NOT_READ = Badge("Not read", "visibility_off", "gray")
NOT_SET_UP = Badge("Not set up", "add_circle", "gray")


@contextmanager
def card(page: Callable[[], st.Page], badge: Badge) -> Iterator[None]:
    title = page().title
    with st.container(
        border=True, height="stretch", gap="small", key=f"card-{title.lower().replace(' ', '-')}"
    ):
        with st.container(
            horizontal=True,
            horizontal_alignment="distribute",
            vertical_alignment="center",
            gap=None,
        ):
            st.page_link(page(), label=f"**{title}**")
            st.markdown(badge.markdown, width="content")
        yield


def show_more(number: int, noun: str) -> None:
    if number > SHOWN:
        st.caption(f"and {count(number - SHOWN, 'more ' + noun)}")


def show_trend(title: str, values: Sequence[float], unit: str) -> None:
    """Show a bar for each value. The chart of `st.metric` has points without a name for screen readers."""
    if len(values) < 2:
        return
    numbers = [{"place": place, "value": value} for place, value in enumerate(values)]
    spec = {
        "description": title,
        "data": {"values": numbers},
        "mark": {"type": "bar", "aria": False, "cornerRadiusEnd": 2},
        "encoding": {
            "x": {"field": "place", "type": "ordinal", "axis": None},
            "y": {"field": "value", "type": "quantitative", "axis": None},
            "tooltip": {"field": "value", "type": "quantitative", "format": ",.1f", "title": unit},
        },
        "config": {"view": {"stroke": None}},
        "padding": {"left": 0, "right": 0, "top": 2, "bottom": 2},
    }
    st.vega_lite_chart(spec=spec, height=TREND_HEIGHT)
