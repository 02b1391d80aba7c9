"""The components for the list of events and the facets. They render log text as text nodes only."""

import json
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

import streamlit as st

from ops.logs.search.exploration import LogEvent, ValueCount
from ops.logs.search.model import Filter, Search

HERE = Path(__file__).parent
LONGEST = 20_000  # characters of a message in the list; a download has the whole message
TITLES = {
    "level": "Level",
    "group": "Log group",
    "account": "Account",
    "region": "Region",
    "stream": "Stream",
    "pattern": "Pattern",
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
    events: Sequence[LogEvent],
    search: Search,
    *,
    zone: tzinfo,
    wrap: bool,
    opened: str,
    context: Sequence[LogEvent] | None,
    newer: bool,
    more: bool,
) -> Mapping[str, Any]:
    """Show the list; return the click: `toggled` (a key, or empty to close), `filter`, `newer`, or `more`."""
    data = {
        "rows": [_row(event, zone, facts=event.key == opened) for event in events],
        "open": opened,
        "context": None if context is None else [_row(event, zone) for event in context],
        "wrap": wrap,
        "newer": newer,
        "more": more,
        "marks": marks(search),
    }
    clicked: Mapping[str, Any] = _events(
        data=_clean(data),
        key="logs_events",
        on_toggled_change=_nothing,
        on_filter_change=_nothing,
        on_newer_change=_nothing,
        on_more_change=_nothing,
    )
    return clicked


def show_facets(counts: Mapping[str, Sequence[ValueCount]], search: Search) -> Mapping[str, Any]:
    """Show the counts by field, and return the click: `filter` if a value was clicked."""
    chosen = {(one.field, one.value) for one in search.filters if not one.negated}
    data = [
        {
            "field": field,
            "title": title,
            "values": [
                {
                    "value": count.value,
                    "label": count.value,
                    "events": count.events,
                    "count": short(count.events),
                    "chosen": (field, count.value) in chosen,
                }
                for count in counts.get(field, ())
                if count.value  # an empty value, such as no level, cannot be a filter
            ],
        }
        for field, title in TITLES.items()
    ]
    clicked: Mapping[str, Any] = _facets(
        data=_clean({"facets": data, "open": list(OPEN)}), key="logs_facets", on_filter_change=_nothing
    )
    return clicked


def marks(search: Search) -> list[str]:
    """Return the texts to highlight, in lower case."""
    return sorted({term.text.lower() for term in search.terms if term.kind == "text" and not term.negated})


def short(number: int) -> str:
    """Format a count: `950`, `12.3 k`, `4.5 M`."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def changed_filter(clicked: Mapping[str, Any]) -> Filter:
    """Return the filter for a click on a value."""
    return Filter(str(clicked["field"]), str(clicked["value"]), "=", bool(clicked["negated"]))


def _row(event: LogEvent, zone: tzinfo, *, facts: bool = False) -> dict[str, Any]:
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
            ("group", event.group), ("stream", event.stream), ("pattern", event.pattern), ("id", event.id),
        )  # fmt: skip
        row["facts"] = [[field, value] for field, value in given if value]
    return row


def _clean(data: Any) -> Any:
    """Replace lone surrogates, which UTF-8 cannot encode."""
    text = json.dumps(data, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace").decode("utf-8"))


def _nothing() -> None:
    """Do nothing: without a callback, Streamlit does not send the click."""
