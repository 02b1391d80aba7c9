"""Charts that are rendered once and cached for all sessions, and texts in graphs."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import streamlit as st

CLOCK_STEP_S = 2


def show_chart(draw: Callable[..., Any], *args: Any, empty: str = "", **options: Any) -> Any:
    """Show the Altair chart `draw(*args)`. Its specification is cached, because creating it is slow.

    A chart without data is replaced by the text `empty`, which says why there is none.
    """
    spec = _spec(draw, f"{draw.__module__}.{draw.__qualname__}", args)
    if empty and not _has_data(spec):
        return st.caption(empty)
    return st.vega_lite_chart(spec=spec, **options)


def _has_data(spec: Mapping[str, Any]) -> bool:
    """Return whether the chart has rows; of a layered chart, whether its first layer has."""
    first = spec if "data" in spec else spec["layer"][0]
    return bool(first["data"]["values"])


@st.cache_data(max_entries=200, show_spinner=False)
def _spec(_draw: Callable[..., Any], name: str, args: tuple[Any, ...]) -> dict[str, Any]:
    spec: dict[str, Any] = _draw(*args).to_dict()
    return spec


def shared_clock(now: datetime) -> datetime:
    """Round the time down, so that sessions that rerun at about the same time share a chart."""
    return now.replace(second=now.second - now.second % CLOCK_STEP_S, microsecond=0)


def dot_text(text: str) -> str:
    """Return untrusted text as a string of Graphviz's DOT language: quotes, escapes, and entities escaped."""
    lines = text.splitlines() or [""]
    shown = ["".join(c if c.isprintable() else "�" for c in line) for line in lines]
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in shown]
    return '"' + "\\n".join(escaped) + '"'
