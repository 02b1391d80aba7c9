"""The time zone of all pages, chosen once in the sidebar, and every format of a time.

The choice is in the page's address, and the session keeps it for the next page. A test checks that no other
module of the app formats a time.
"""

from datetime import UTC, datetime, tzinfo
from functools import cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import pandas as pd
import streamlit as st

from app.shared import address
from ops.logs.search.time_ranges import zone_of

PARAMETER = "zone"
_KEY, _LAST, _ENTERED = "time-zone", "time zone", "time zone at entry"


def choose() -> None:
    """Show the choice of the time zone: UTC and the browser's first, then all others."""
    default = default_name()
    address.follow(PARAMETER, _KEY, default, _names())
    first = ["UTC", st.context.timezone or "UTC"]
    options = list(dict.fromkeys([*(name for name in first if name in _names()), *sorted(_names())]))
    chosen: str = st.selectbox("Time zone", options, key=_KEY)
    address.keep(PARAMETER, _KEY, default, chosen, _names())


def name() -> str:
    """Return the name of the time zone of this page: `UTC` or `Europe/Berlin`."""
    default, given = default_name(), address.current().get(PARAMETER, "")
    chosen: str = given if given in _names() else default
    st.session_state[_LAST] = chosen
    return chosen


def zone() -> tzinfo:
    return zone_of(name())


def default_name() -> str:
    """Return the time zone that this page has without a parameter: the one in which it was opened."""
    page = urlsplit(st.context.url or "").path
    entered: tuple[str, str] = st.session_state.get(_ENTERED, ("", "UTC"))
    if entered[0] != page:
        entered = page, st.session_state.get(_LAST, "UTC")
        st.session_state[_ENTERED] = entered
    return entered[1]


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones() | {"UTC"})


def titled(title: str) -> str:
    """Return the title of a column of times: `Created (UTC)`."""
    return f"{title} ({name()})"


def cell(moment: datetime | None) -> str:
    """Format a time in a column that `titled` names: `2026-11-23 14:05:09`, or a dash for None."""
    return f"{moment.astimezone(zone()):%Y-%m-%d %H:%M:%S}" if moment else "–"


def stamp(moment: datetime | None, where: tzinfo | None = None) -> str:
    """Format a time: `2026-11-23 14:05:09 UTC+01:00`, or a dash for None."""
    if moment is None:
        return "–"
    local = moment.astimezone(where or zone())
    return f"{local:%Y-%m-%d %H:%M:%S} {_offset(local)}"


def clock(moment: datetime, where: tzinfo | None = None) -> str:
    """Format a time of these hours: `14:05:09 UTC`."""
    local = moment.astimezone(where or zone())
    return f"{local:%H:%M:%S} {_offset(local)}"


def of_log(moment: datetime) -> str:
    """Format the time before a line of a task's log: `14:05:09`."""
    return f"{moment.astimezone(zone()):%H:%M:%S}"


def day(moment: datetime | None) -> str:
    """Format a day: `2026-11-23`, or nothing for None."""
    return f"{moment.astimezone(zone()):%Y-%m-%d}" if moment else ""


def brief(moment: datetime, where: tzinfo, *, date: bool) -> str:
    """Format the time of a log event: `14:05:09.250`, and with the date `11-23 14:05:09.250`."""
    local = moment.astimezone(where)
    return f"{local:{'%m-%d ' if date else ''}%H:%M:%S}.{local.microsecond // 1000:03d}"


def precise(moment: datetime, where: tzinfo) -> str:
    """Format a time with milliseconds: `2026-11-23 14:05:09.250`."""
    local = moment.astimezone(where)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"


def span(start: datetime, end: datetime, where: tzinfo) -> str:
    """Format a range: `23 Nov 14:05:09 to 15:00:00`, with both dates if they differ."""
    first, last = start.astimezone(where), end.astimezone(where)
    same_day = first.date() == last.date()
    return f"{first:%d %b %H:%M:%S} to {last:{'' if same_day else '%d %b '}%H:%M:%S}"


def with_weekday(moment: datetime) -> str:
    """Format a time in its own time zone, which another column names: `Tue 2026-11-24 09:00`."""
    return f"{moment:%a %Y-%m-%d %H:%M}"


def localized(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its columns of times in the time zone of the page, which their titles name.

    A time without a zone is in UTC.
    """
    times = frame.select_dtypes(include=["datetime", "datetimetz"])
    for column in times:
        aware = times[column] if times[column].dt.tz else times[column].dt.tz_localize("UTC")
        frame[column] = aware.dt.tz_convert(zone()).dt.tz_localize(None)
    return frame.rename(columns={column: titled(str(column)) for column in times})


def on_axis(moment: datetime, where: tzinfo) -> str:
    """Return a time for a chart whose scale is UTC: the local time, marked as UTC; a naive time is in UTC.

    Vega knows only UTC and the browser's time zone.
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{aware.astimezone(where).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _offset(local: datetime) -> str:
    offset = f"{local:%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}" if local.utcoffset() else "UTC"
