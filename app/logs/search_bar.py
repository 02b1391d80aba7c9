"""The header of the Logs page: search bar, time range, recent searches, and link."""

import math
import re
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import streamlit as st

from app.logs import data as logs_data
from app.logs import state as logs_state
from app.logs.state import View
from app.shared import address, time_zone
from app.shared.components import plain, show_error
from app.shared.session import Workbench
from app.shared.words import count, visible
from ops.errors import InputError, QueryError
from ops.logs.lake.listing import REMEMBERED_S
from ops.logs.search.estimate import Estimate
from ops.logs.search.insights.recognition import looks_like_insights
from ops.logs.search.time_ranges import between
from ops.text.sizes import size

RANGES = {
    "15m": "15 minutes",
    "1h": "1 hour",
    "3h": "3 hours",
    "12h": "12 hours",
    "1d": "1 day",
    "7d": "7 days",
    "30d": "30 days",
}
RUN_NEXT = "logs_run_next"  # session state: whether the user, and not a link, asks for the next SQL to run
TITLES = {
    "events": "Events",
    "patterns": "Patterns",
    "deltas": "Deltas",
    "sql": "SQL",
    "dashboard": "Dashboard",
    "alerts": "Alerts",
}
STYLE = Path(__file__).with_name("page.css")
NOW = "logs_now"
RECENT = 20
HELP = """
| Search | Finds events that |
|---|---|
| `timeout` `time*out` | contain the word, in any case; `*` is any text without spaces |
| `"could not connect"` | contain the phrase |
| `/status=5\\d\\d/` | match the regular expression (RE2) |
| `"Case"c` `/Case/c` | match case-sensitively |
| `a b` `a OR b` `a AND (b OR c)` | match both, either, or as the parentheses say |
| `NOT debug` `-level:debug` | do not match |
| `level:error` `level:>=warn` `group:/aws/lambda/*` | have the value in the field |
| `status:>=500` `status:500..599` `user:ada` | have it in the message: JSON, `user=ada`, or `user: ada` |
| `$.user.name:ada` `$.error:*` | have the value, or any value, in the JSON field |

Fields: account, region, group, stream, level, pattern, id, message. Operators are in capitals.
Values of the same field next to each other are alternatives. URLs and times are text, not fields.

| Key | Does |
|---|---|
| `/` | focuses the search bar |
| `j` `k` | select the next or previous event |
| `Enter` | opens or closes the selected event |
| `c` | opens it with its context |
"""


def current() -> View:
    """Return the view of the page's URL."""
    return logs_state.from_address(address.current(), time_zone.name())


def go(view: View, *, afresh: bool = True) -> None:
    """Set the page's URL to the view; `afresh` moves relative ranges to now."""
    address.go(logs_state.to_address(view, time_zone.default_name()))
    if afresh:
        st.session_state[NOW] = together(datetime.now(UTC))


def rerun_if_changed(view: View) -> None:
    """Rerun the page if a control of a panel, which reruns alone, has changed the URL."""
    if current() != view:
        st.rerun()


def now() -> datetime:
    """Return the end of relative ranges, which stays the same until the next search."""
    moment: datetime = st.session_state.setdefault(NOW, together(datetime.now(UTC)))
    return moment


def together(moment: datetime, step_s: float = REMEMBERED_S) -> datetime:
    """Round up to a full step, so that the same searches within it share one result.

    Listings are remembered for as long, so new objects are not found later than without rounding.
    """
    return datetime.fromtimestamp(math.ceil(moment.timestamp() / step_s) * step_s, UTC)


def show_views(view: View) -> None:
    """Show the choice of the view."""
    st.session_state["logs_view"] = view.view
    st.radio(  # the selected option of a segmented control has too little contrast in the dark theme
        "View",
        logs_state.VIEWS,
        horizontal=True,
        key="logs_view",
        format_func=TITLES.__getitem__,
        label_visibility="collapsed",
        on_change=_looked,
        args=(view,),
    )


def show_bar(bench: Workbench, view: View) -> None:
    """Show the search bar, time range, recent searches, and help."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="logs_bar"):
        if view.view != "sql":
            st.session_state["logs_query"] = view.query
            st.text_input(
                "Search",
                key="logs_query",
                placeholder='level:error (timeout OR "timed out") status:>=500 group:/aws/lambda/* -debug',
                icon=":material/search:",
                label_visibility="collapsed",
                on_change=_typed,
                args=(view,),
            )
        with st.container(horizontal=True, width="content", gap="small"):
            _show_range(view)
            st.button(
                "Refresh",
                icon=":material/refresh:",
                key="logs_refresh",
                help="Search again, up to now",
                on_click=_refresh,
                args=(view,),
            )
            show_recent(bench, view)
            with st.popover("Help", icon=":material/help:", key="logs_help"):
                st.markdown(HELP)


def _refresh(view: View) -> None:
    logs_data.forget()
    go(view)


def _looked(view: View) -> None:
    go(replace(view, view=st.session_state["logs_view"] or view.view), afresh=False)


def show_engine(view: View, estimate: Estimate, dataset: str) -> None:
    """Show the data that the search reads and the chosen engine, with a selector for the engine."""
    names = {"auto": "Automatic", "duckdb": "DuckDB (this machine)", "athena": "Athena"}
    cost = estimate.cost
    engine = "Athena" if estimate.chosen == "athena" else "DuckDB"
    price = f", about ${cost.dollars:.4f}" if estimate.chosen == "athena" else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"{count(cost.objects, 'object')}, {size(cost.size_bytes)} · {engine}{price}: "
            f"{plain(estimate.why)}",
            width="content",
        )
        with st.popover("Engine", type="tertiary", key="logs_engine_choice"):
            st.caption(f"Dataset: {plain(dataset)}")
            st.session_state["logs_engine"] = view.engine
            st.radio(
                "Engine",
                [name for name in names if name != "athena" or estimate.athena],
                key="logs_engine",
                format_func=names.__getitem__,
                on_change=_engine_chosen,
                args=(view,),
            )
            for name, cost_on in (("DuckDB", estimate.duckdb), ("Athena", estimate.athena)):
                if cost_on:
                    st.caption(
                        f"{name}: {count(cost_on.objects, 'object')}, {size(cost_on.size_bytes)}, "
                        f"about {max(1, round(cost_on.seconds))} s, \\${cost_on.dollars:.4f}"
                    )


def _engine_chosen(view: View) -> None:
    go(replace(view, engine=st.session_state["logs_engine"]), afresh=False)


def show_query_error(error: QueryError | InputError, sql: str = "") -> None:
    """Show a mistake with its position."""
    place = error.marked if isinstance(error, QueryError) and error.text else _place(error, sql)
    show_error(InputError(str(error), hint=error.hint) if place == error.detail else error)
    if place:
        st.code(visible(place), language=None)


def _place(error: InputError, sql: str) -> str:
    """Return DuckDB's message with a caret if it has one; else mark the name that the message mentions."""
    if "LINE " in error.detail:
        return error.detail
    named = re.search(r'"([^"]+)"|with name (\S+)', str(error))
    name = named and (named[1] or named[2])
    if not name or not (at := re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql, re.IGNORECASE)):
        return ""
    above = sql[: at.start()].split("\n")
    return QueryError("", text=sql, line=len(above), column=len(above[-1]) + 1).marked


def show_link(view: View) -> None:
    """Show a link with absolute times, which keeps showing the same."""
    with st.popover("Link", icon=":material/link:", key="logs_link"):
        st.caption("Link to this view, with absolute times.")
        try:
            st.code(logs_state.link(st.context.url or "", view.frozen(now())), language=None, wrap_lines=True)
        except InputError as error:
            show_error(error)


def style_page() -> None:
    """Make the page compact, and hide the CSV download of tables, which writes formulas unescaped."""
    st.html(f"<style>{STYLE.read_text('utf-8')}</style>")


def show_recent(bench: Workbench, view: View) -> None:
    """Show the user's recent searches and queries."""
    recent = _recent(bench.actor.name)
    current = logs_state.recent_entry(view)
    if current and (not recent or recent[0] != current):
        if current in recent:
            recent.remove(current)
        recent.appendleft(current)
    with st.popover("Recent", icon=":material/history:", key="logs_recent"):
        if not recent:
            st.caption("No recent searches or queries.")
        for number, entry in enumerate(list(recent)):
            label = visible(" ".join((entry.query or entry.sql or entry.saved).split()))[:80]
            st.button(
                f"{'SQL · ' if entry.view == 'sql' else ''}{plain(label)} · {plain(entry.time)}",
                key=f"logs_recent_{number}",
                type="tertiary",
                on_click=go,
                args=(replace(entry, **_display(view)),),
            )


def _display(view: View) -> dict[str, Any]:
    """Return the display settings, which stay when another search is chosen."""
    return {name: getattr(view, name) for name in ("zone", "wrap", "engine", "columns", "compare")}


@st.cache_resource(max_entries=1000)
def _recent(name: str) -> "deque[View]":
    return deque(maxlen=RECENT)


def _typed(view: View) -> None:
    text = st.session_state["logs_query"].strip()
    if looks_like_insights(text):  # it is translated in the SQL view
        st.session_state[RUN_NEXT] = True
        go(replace(view, view="sql", sql=text, saved="", values={}, query="", open=""))
    else:
        go(replace(view, query=text, open=""))


def _show_range(view: View) -> None:
    last = view.range.last
    label = f"Last {RANGES.get(view.time, view.time)}" if last else _span_label(view)
    with st.popover(f"{label} · {view.zone}", icon=":material/schedule:", key="logs_time"):
        st.session_state["logs_last"] = view.time if view.time in RANGES else None
        st.pills(
            "Last",
            list(RANGES),
            key="logs_last",
            format_func=RANGES.__getitem__,
            on_change=_chosen,
            args=(view,),
        )
        _show_absolute(view)


def _span_label(view: View) -> str:
    return time_zone.span(*view.range.at(now()), view.tz)


def _show_absolute(view: View) -> None:
    start, end = (moment.astimezone(view.tz).replace(tzinfo=None) for moment in view.range.at(now()))
    known = f"{view.time}-{view.zone}-{now().timestamp():.0f}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.datetime_input("From", start, key=f"logs_from-{known}", step=60)
        last = st.datetime_input("To", end, key=f"logs_to-{known}", step=60)
        if st.button("Apply", key="logs_apply") and first and last:
            try:
                chosen = between(first.replace(tzinfo=view.tz), last.replace(tzinfo=view.tz))
                go(replace(view, time=chosen.text, open=""))
                st.rerun()
            except InputError as error:
                show_error(error)


def _chosen(view: View) -> None:
    if last := st.session_state["logs_last"]:
        go(replace(view, time=last, open=""))
