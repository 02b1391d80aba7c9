"""The list of events and the facets as components of our own: text of logs only ever becomes text nodes."""

import json
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

import streamlit as st

from ops.logs.search.exploration import Count, Event
from ops.logs.search.model import Filter, Search

HERE = Path(__file__).parent
LONGEST = 20_000  # characters of a message that the list shows; a download has it whole
TITLES = {
    "level": "Level",
    "group": "Log group",
    "account": "Account",
    "region": "Region",
    "stream": "Stream",
    "template": "Template",
}
OPEN = ("level", "group", "account")

_events = st.components.v2.component(
    "slipway_log_events",
    html='<div class="events"><div class="list" role="list" aria-label="Events"></div></div>',
    css=(HERE / "events.css").read_text("utf-8"),
    js=(HERE / "events.js").read_text("utf-8"),
)
_facets = st.components.v2.component(
    "slipway_log_facets",
    html='<div class="facets"></div>',
    css=(HERE / "facets.css").read_text("utf-8"),
    js=(HERE / "facets.js").read_text("utf-8"),
)


def show_events(
    events: Sequence[Event],
    search: Search,
    *,
    zone: tzinfo,
    wrap: bool,
    opened: str,
    context: Sequence[Event] | None,
    newer: bool,
    more: bool,
) -> Mapping[str, Any]:
    """The list; the answer holds what was clicked: `toggled` (a key, or empty to close), `filter`, `newer`,
    `more`."""
    data = {
        "rows": [_row(event, zone, facts=event.key == opened) for event in events],
        "open": opened,
        "context": None if context is None else [_row(event, zone) for event in context],
        "wrap": wrap,
        "newer": newer,
        "more": more,
        "marks": marks(search),
    }
    answer: Mapping[str, Any] = _events(
        data=_clean(data),
        key="logs_events",
        on_toggled_change=_nothing,
        on_filter_change=_nothing,
        on_newer_change=_nothing,
        on_more_change=_nothing,
    )
    return answer


def show_facets(found: Mapping[str, Sequence[Count]], search: Search) -> Mapping[str, Any]:
    """Counts by field; the answer holds `filter` when a value was clicked."""
    chosen = {(one.field, one.value) for one in search.filters if not one.negated}
    data = [
        {
            "field": field,
            "title": title,
            "values": [
                {
                    "value": one.value,
                    "label": one.value,
                    "events": one.events,
                    "count": short(one.events),
                    "chosen": (field, one.value) in chosen,
                }
                for one in found.get(field, ())
                if one.value  # what has no level cannot be asked for by one
            ],
        }
        for field, title in TITLES.items()
    ]
    answer: Mapping[str, Any] = _facets(
        data=_clean({"facets": data, "open": list(OPEN)}), key="logs_facets", on_filter_change=_nothing
    )
    return answer


def marks(search: Search) -> list[str]:
    """Texts that are highlighted, in lower case."""
    return sorted({term.pattern.lower() for term in search.terms if term.kind == "text" and not term.negated})


def short(number: int) -> str:
    """`950`, `12.3 k`, `4.5 M`."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def changed_filter(clicked: Mapping[str, Any]) -> Filter:
    """What a click on a value asks for."""
    return Filter(str(clicked["field"]), str(clicked["value"]), "=", bool(clicked["negated"]))


def _row(event: Event, zone: tzinfo, *, facts: bool = False) -> dict[str, Any]:
    local = event.ts.astimezone(zone)
    row: dict[str, Any] = {
        "key": event.key,
        "time": f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}",
        "level": event.level,
        "account": event.account,
        "region": event.region,
        "group": event.group,
        "stream": event.stream,
        "message": event.message[:LONGEST],
    }
    if facts:
        given = (
            ("level", event.level), ("account", event.account), ("region", event.region),
            ("group", event.group), ("stream", event.stream), ("template", event.template), ("id", event.id),
        )  # fmt: skip
        row["facts"] = [[field, value] for field, value in given if value]
    return row


def _clean(data: Any) -> Any:
    """Half of a surrogate pair has no UTF-8: it is shown as its escape."""
    text = json.dumps(data, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace").decode("utf-8"))


def _nothing() -> None:
    """The answer tells what was clicked; a callback makes Streamlit send it."""
