"""The components for the list of events and the facets. They render log text as text nodes only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from app.logs.result_table import value_at
from app.shared.time_zone import brief, precise
from ops.logs.lake.lines.prefixes import prefix_length
from ops.logs.search.clicks import chosen_values
from ops.logs.search.exploration import LogEvent, ValueCount
from ops.logs.search.folding import folded
from ops.logs.search.message_filter import parts_of
from ops.logs.search.model import Filter, Not, Search, Term, leaves

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
CHOICES = ("time", "level", "group", "stream", "account", "region", "pattern")  # columns of every event
BRIEF = ("time", "level")
LONGEST_CELL = 500
UNKNOWN = "Unknown"  # the label of events without a level

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


@dataclass(frozen=True)
class Rows:
    """The rows of the list, from number `first` of `total`; the others are fetched when scrolled to."""

    events: Sequence[LogEvent]
    first: int = 0
    total: int = 0
    newer: bool = False
    more: bool = False


def show_events(
    rows: Rows,
    search: Search,
    *,
    zone: tzinfo,
    wrap: bool,
    columns: Sequence[str],
    opened: str,
    context: Sequence[LogEvent] | None,
) -> Mapping[str, Any]:
    """Show the list, and return what the user did.

    `toggled` is a key, or empty to close; `filter` a click on a value; `newer` and `more` ask for the
    neighboring page, and `seek` for the events from a number on.
    """
    scope = search.scope
    show = partial(_row, zone=zone, date=scope.end - scope.start > timedelta(days=1))
    keys = [event.key for event in rows.events[:1]] + [event.key for event in rows.events[-1:]]
    data = {
        "rows": [show(event, columns, facts=event.key == opened) for event in rows.events],
        "columns": [name.removeprefix("$.") for name in columns],
        "first": rows.first,
        "total": rows.total,
        "version": f"{' '.join(keys)} {len(rows.events)}",
        "open": opened,
        "context": None if context is None else [show(event, BRIEF) for event in context],
        "wrap": wrap,
        "newer": rows.newer,
        "more": rows.more,
        "marks": marks(search),
    }
    clicked: Mapping[str, Any] = _events(
        data=_clean(data),
        key="logs_events",
        on_toggled_change=_nothing,
        on_filter_change=_nothing,
        on_newer_change=_nothing,
        on_more_change=_nothing,
        on_seek_change=_nothing,
    )
    return clicked


def show_facets(counts: Mapping[str, Sequence[ValueCount]], search: Search) -> Mapping[str, Any]:
    """Show the counts by field, and return the click: `filter` if a value was clicked."""
    chosen = {(one.field, one.value) for one in chosen_values(search.condition)}
    data = [
        {
            "field": field,
            "title": title,
            "values": [
                {
                    "value": count.value,
                    "label": count.value or UNKNOWN,
                    "events": count.events,
                    "count": short(count.events),
                    "chosen": (field, count.value) in chosen,
                }
                for count in counts.get(field, ())
                if count.value or field == "level"  # an empty value of another field cannot be a filter
            ],
        }
        for field, title in TITLES.items()
    ]
    clicked: Mapping[str, Any] = _facets(
        data=_clean({"facets": data, "open": list(OPEN)}), key="logs_facets", on_filter_change=_nothing
    )
    return clicked


def marks(search: Search) -> list[str]:
    """Return the texts to highlight, folded."""
    terms = [leaf for leaf in leaves(search.condition, positive=True) if isinstance(leaf, Term)]
    texts = [text for term in terms if term.kind != "regex" for text in parts_of(term.kind, term.text)]
    return sorted({folded(text) for text in texts if text})


def short(number: int) -> str:
    """Format a count: `950`, `12.3 k`, `4.5 M`."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def changed_filter(clicked: Mapping[str, Any]) -> Filter | Not:
    """Return the filter for a click on a value."""
    one = Filter(str(clicked["field"]), str(clicked["value"]))
    return Not(one) if clicked["negated"] else one


def _row(
    event: LogEvent, columns: Sequence[str], *, zone: tzinfo, date: bool, facts: bool = False
) -> dict[str, Any]:
    message = event.message[:LONGEST]
    values = {
        "time": brief(event.ts, zone, date=date), "level": event.level, "group": event.group,
        "stream": event.stream, "account": event.account, "region": event.region, "pattern": event.pattern,
    }  # fmt: skip
    row: dict[str, Any] = {
        "key": event.key,
        "time": precise(event.ts, zone),
        "level": event.level,
        "cells": [
            [name.removeprefix("$."), _text(values[name] if name in values else value_at(message, name))]
            for name in columns
        ],
        "message": message,
        "skip": prefix_length(message, event.ts, event.level),
    }
    if facts:
        given = (
            ("level", event.level), ("account", event.account), ("region", event.region),
            ("group", event.group), ("stream", event.stream), ("pattern", event.pattern), ("id", event.id),
        )  # fmt: skip
        row["facts"] = [[field, value] for field, value in given if value]
    return row


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:LONGEST_CELL]


def _clean(data: Any) -> Any:
    """Replace lone surrogates, which UTF-8 cannot encode."""
    text = json.dumps(data, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace").decode("utf-8"))


def _nothing() -> None:
    """Do nothing: without a callback, Streamlit does not send the click."""
