"""The component that draws a diagram: zoom, pan, follow the current step, and select a step."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app.shared.flow.layout import LIST_HEIGHT, WIDTH, Layout, layout
from app.shared.flow.model import Flow, FlowNode
from app.shared.words import visible

HERE = Path(__file__).parent
COLUMNS = (1, 2, 3, 4, 5, 6, 8)  # the browser shows the widest that fits
STEP_HEIGHT = 62  # of a box with a title of two lines and a note

_draw = st.components.v2.component(
    "slipway_flow",
    html='<div class="flow"></div>',
    css=(HERE / "flow.css").read_text("utf-8"),
    js=(HERE / "flow.js").read_text("utf-8"),
)


def show_flow(
    flow: Flow,
    *,
    key: str,
    label: str,
    selected: str = "",
    height: int = STEP_HEIGHT,
    selectable: bool = True,
) -> str:
    """Draw the diagram and return the ID of the node that was just clicked, or an empty text.

    `label` names the diagram for screen readers. `height` is the height of a box, in pixels.
    """
    data = flow_data(flow, label, selected, height) | {"selectable": selectable}
    clicked = _draw(data=data, key=key, on_selected_change=_nothing)
    found: Any = clicked.get("selected")
    return str(found) if found in {node.id for node in flow.nodes} else ""


def flow_data(flow: Flow, label: str, selected: str, height: int) -> dict[str, Any]:
    """Return the diagram for the browser: folded, and complete if something is folded."""
    order = {node.id: number for number, node in enumerate(flow.nodes)}
    views = {"folded": flow.folded} | ({"all": flow} if len(flow.shown) < len(flow.nodes) else {})
    hidden = flow.hidden_after
    return {
        "label": label,
        "selected": selected,
        "nodes": [_node(node, hidden.get(node.id, 0)) for node in flow.nodes],
        "box": [WIDTH, height, LIST_HEIGHT],
        "views": {name: _layouts(view, order, height) for name, view in views.items()},
    }


def _node(node: FlowNode, hidden: int) -> dict[str, Any]:
    return {
        "id": node.id,
        "title": visible(node.title),
        "notes": [visible(note) for note in node.notes],
        "fill": node.fill.background,
        "ink": node.fill.text,
        "look": "label" if node.label else "choice" if node.choice else "step",
        "current": node.current,
        "hidden": hidden,
        "values": list(node.values),
    }


def _layouts(flow: Flow, order: Mapping[str, int], height: int) -> list[dict[str, Any]]:
    drawn = [layout(flow, columns, height) for columns in COLUMNS]
    return [_layout(one, order) for one in drawn if one.columns == 1 or _narrowest(one, drawn)]


def _narrowest(one: Layout, drawn: Sequence[Layout]) -> bool:
    """Whether no layout with fewer columns is as wide: the diagram has not more layers."""
    return not any(1 < other.columns < one.columns and other.width == one.width for other in drawn)


def _layout(one: Layout, order: Mapping[str, int]) -> dict[str, Any]:
    return {
        "list": one.columns == 1,
        "width": one.width,
        "height": one.height,
        "corners": [[order[name], *corner] for name, corner in one.corners.items()],
        "routes": [[route.points, route.edge.dashed, route.edge.taken] for route in one.routes],
    }


def _nothing() -> None:
    """Do nothing: without a callback, Streamlit does not send the click."""
