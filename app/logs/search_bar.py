"""The head of the page Logs: search bar, time range, zone, recent searches and queries, link."""

import math
import re
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from app.logs import data as logs_data
from app.logs import state as logs_state
from app.logs.state import View
from app.shared.components import plain, show_error
from app.shared.session import Workbench
from app.shared.words import count, size, visible
from ops.errors import InputError, QueryError
from ops.logs.engines.estimate import Estimate
from ops.logs.lake.listing import REMEMBERED_S
from ops.logs.search.time_ranges import between

RANGES = {
    "15m": "15 minutes",
    "1h": "1 hour",
    "3h": "3 hours",
    "12h": "12 hours",
    "1d": "1 day",
    "7d": "7 days",
    "30d": "30 days",
}
TITLES = {"events": "Events", "templates": "Templates", "sql": "SQL"}
NOW = "logs_now"
RECENT = 20
HELP = """
| write | to find events |
|---|---|
| `timeout` | that contain the word, whatever its case |
| `"could not connect"` | that contain the phrase |
| `/status=5\\d\\d/` | that match the regular expression (RE2) |
| `"Case"c` `/Case/c` | where case matters |
| `-debug` `-level:debug` | without it |
| `level:error` `group:/aws/lambda/*` | of a field: account, region, group, stream, level, template, id |
| `$.status:>=500` `$.user.name:ada` | of a JSON message, by path |

All must hold; `=` filters on one field are alternatives.
"""


def current() -> View:
    """The view that the address asks for."""
    return logs_state.from_address(st.query_params.to_dict())


def go(view: View, *, afresh: bool = True) -> None:
    """Makes the address hold the view; `afresh` moves relative ranges to now."""
    st.query_params.from_dict(logs_state.to_address(view))
    if afresh:
        st.session_state[NOW] = together(datetime.now(UTC))


def now() -> datetime:
    """The moment that relative ranges end at: it stays while the results are looked at."""
    moment: datetime = st.session_state.setdefault(NOW, together(datetime.now(UTC)))
    return moment


def together(moment: datetime, step_s: float = REMEMBERED_S) -> datetime:
    """The end of the step that the moment is in: who searches the same within it asks the same, which is
    answered once. New objects are not seen sooner either."""
    return datetime.fromtimestamp(math.ceil(moment.timestamp() / step_s) * step_s, UTC)


def show_bar(bench: Workbench, view: View) -> None:
    """Search bar, which view of the findings, time range and zone, recent searches, help."""
    if view.view != "sql":
        st.session_state["logs_query"] = view.query
        st.text_input(
            "Search",
            key="logs_query",
            placeholder='timeout "could not connect" /5\\d\\d/ level:error group:/aws/lambda/* -debug',
            icon=":material/search:",
            label_visibility="collapsed",
            on_change=_typed,
            args=(view,),
        )
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.session_state["logs_view"] = view.view
        st.radio(  # a segmented control's chosen word is too faint on the dark theme
            "View",
            logs_state.VIEWS,
            horizontal=True,
            key="logs_view",
            format_func=TITLES.__getitem__,
            label_visibility="collapsed",
            on_change=_looked,
            args=(view,),
        )
        with st.container(horizontal=True, width="content", gap="small"):
            _show_range(view)
            st.button(
                "Search again",
                icon=":material/refresh:",
                key="logs_refresh",
                help="Up to now",
                on_click=_again,
                args=(view,),
            )
            show_recent(bench, view)
            with st.popover("Help", icon=":material/help:", key="logs_help"):
                st.markdown(HELP)


def _again(view: View) -> None:
    logs_data.forget()
    go(view)


def _looked(view: View) -> None:
    go(replace(view, view=st.session_state["logs_view"] or view.view), afresh=False)


def show_engine(view: View, found: Estimate) -> None:
    """What the search reads, which engine answers and why; another one by hand."""
    names = {"auto": "Automatic", "duckdb": "DuckDB, on this machine", "athena": "Athena"}
    cost = found.cost
    engine = "Athena" if found.chosen == "athena" else "DuckDB"
    price = f", about ${cost.dollars:.4f}" if found.chosen == "athena" else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"Reads {count(cost.objects, 'object')}, {size(cost.size_bytes)}, with {engine}{price}: "
            f"{plain(found.why)}.",
            width="content",
        )
        with st.popover("Engine", type="tertiary", key="logs_engine_choice"):
            st.session_state["logs_engine"] = view.engine
            st.radio(
                "Engine",
                [name for name in names if name != "athena" or found.athena],
                key="logs_engine",
                format_func=names.__getitem__,
                on_change=_engine_chosen,
                args=(view,),
            )
            for name, one in (("DuckDB", found.duckdb), ("Athena", found.athena)):
                if one:
                    st.caption(
                        f"{name}: {count(one.objects, 'object')}, {size(one.size_bytes)}, "
                        f"about {max(1, round(one.seconds))} s, \\${one.dollars:.4f}"
                    )


def _engine_chosen(view: View) -> None:
    go(replace(view, engine=st.session_state["logs_engine"]), afresh=False)


def show_query_error(error: QueryError | InputError, sql: str = "") -> None:
    """A mistake at its place."""
    place = error.marked if isinstance(error, QueryError) and error.text else _place(error, sql)
    show_error(InputError(str(error), hint=error.hint) if place == error.detail else error)
    if place:
        st.code(visible(place), language=None)


def _place(error: InputError, sql: str) -> str:
    """DuckDB's own words with a caret where it says a place; else where the name that it says stands."""
    if "LINE " in error.detail:
        return error.detail
    named = re.search(r'"([^"]+)"|with name (\S+)', str(error))
    name = named and (named[1] or named[2])
    if not name or not (at := re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql, re.IGNORECASE)):
        return ""
    above = sql[: at.start()].split("\n")
    return QueryError("", text=sql, line=len(above), column=len(above[-1]) + 1).marked


def show_link(view: View) -> None:
    """A link that shows the same tomorrow."""
    with st.popover("Link", icon=":material/link:", key="logs_link"):
        st.caption("Holds everything that is shown, with fixed times.")
        try:
            st.code(logs_state.link(st.context.url or "", view.frozen(now())), language=None, wrap_lines=True)
        except InputError as error:
            show_error(error)


def hide_plain_export() -> None:
    """A table's own CSV holds cells as they are, formulas too; the page's is safe to open."""
    st.html("<style>[data-testid=stElementToolbar] [aria-label='Download as CSV'] { display: none; }</style>")


def show_recent(bench: Workbench, view: View) -> None:
    """The last searches and queries of whoever is at the page."""
    recent = _recent(bench.actor.name)
    mine = logs_state.asked(view)
    if mine and (not recent or recent[0] != mine):
        if mine in recent:
            recent.remove(mine)
        recent.appendleft(mine)
    with st.popover("Recent", icon=":material/history:", key="logs_recent"):
        if not recent:
            st.caption("Your last searches and queries will be listed here.")
        for number, one in enumerate(list(recent)):
            what = visible(" ".join((one.query or one.sql or one.saved).split()))[:80]
            st.button(
                f"{'SQL · ' if one.view == 'sql' else ''}{plain(what)} · {plain(one.time)}",
                key=f"logs_recent_{number}",
                type="tertiary",
                on_click=go,
                args=(replace(one, zone=view.zone, wrap=view.wrap, engine=view.engine),),
            )


@st.cache_resource(max_entries=1000)
def _recent(name: str) -> "deque[View]":
    return deque(maxlen=RECENT)


def _typed(view: View) -> None:
    go(replace(view, query=st.session_state["logs_query"].strip(), open=""))


def _show_range(view: View) -> None:
    last = view.range.last
    label = f"Last {RANGES.get(view.time, view.time)}" if last else _span_label(view)
    with st.popover(f"{label} · {view.zone}", icon=":material/schedule:", key="logs_time"):
        st.session_state["logs_last"] = view.time if view.time in RANGES else None
        st.pills(
            "The last",
            list(RANGES),
            key="logs_last",
            format_func=RANGES.__getitem__,
            on_change=_chosen,
            args=(view,),
        )
        _show_absolute(view)
        zones = list(dict.fromkeys(["UTC", st.context.timezone or "UTC", view.zone]))
        st.session_state["logs_zone"] = view.zone
        st.selectbox(
            "Time zone",
            zones,
            key="logs_zone",
            accept_new_options=True,
            on_change=_zoned,
            args=(view,),
            help="UTC, your browser's, or any name such as Europe/Berlin",
        )


def _span_label(view: View) -> str:
    start, end = (moment.astimezone(view.tz) for moment in view.range.at(now()))
    same_day = start.date() == end.date()
    return f"{start:%d %b %H:%M:%S} to {end:{'%H:%M:%S' if same_day else '%d %b %H:%M:%S'}}"


def _show_absolute(view: View) -> None:
    start, end = (moment.astimezone(view.tz).replace(tzinfo=None) for moment in view.range.at(now()))
    known = f"{view.time}-{view.zone}-{now():%H%M%S}"
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
    if wanted := st.session_state["logs_last"]:
        go(replace(view, time=wanted, open=""))


def _zoned(view: View) -> None:
    go(replace(view, zone=st.session_state["logs_zone"] or "UTC"), afresh=False)
