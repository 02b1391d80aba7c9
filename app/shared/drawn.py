"""Charts on a page: drawn once for all who look at the same."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import streamlit as st

STEP_S = 2  # of a clock that many look at


def show_chart(draw: Callable[..., Any], *args: Any, **look: Any) -> Any:
    """`st.altair_chart` of `draw(*args)`: to draw takes ten times as long as to show what was drawn."""
    return st.vega_lite_chart(spec=_spec(draw, f"{draw.__module__}.{draw.__qualname__}", args), **look)


@st.cache_data(max_entries=200, show_spinner=False)
def _spec(_draw: Callable[..., Any], name: str, args: tuple[Any, ...]) -> dict[str, Any]:
    spec: dict[str, Any] = _draw(*args).to_dict()
    return spec


def shared(now: datetime) -> datetime:
    """The moment as all see it who look within STEP_S."""
    return now.replace(second=now.second - now.second % STEP_S, microsecond=0)
