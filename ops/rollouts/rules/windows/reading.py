"""Reads the blockers of a rollout file: closed windows, holidays, and the reason of an emergency."""

from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from ops.rollouts.rules.blockers import DAYS, Blockers, OneTimeWindow, WeeklyWindow
from ops.rollouts.rules.tables import REASON
from ops.rollouts.rules.windows.zones import LOCAL
from ops.text.toml_tables import TomlTable

CLOCK = {"like": r"([01]\d|2[0-3]):[0-5]\d|24:00", "means": "a time such as 09:30"}


def blockers(root: TomlTable) -> Blockers:
    """Return the content of [blockers] and [emergency]."""
    table, emergency = root.table("blockers"), root.table("emergency")
    table.check_keys("zone", "holidays", "window")
    emergency.check_keys("reason")
    zone = _zone(table, "UTC")
    holidays = table.values.get("holidays", [])
    if not isinstance(holidays, list) or not all(type(day) is date for day in holidays):
        raise table.mistake("holidays", "is not a list of dates.", "Write [2026-12-25], without quotes.")
    reason = emergency.text("reason", **REASON) if "emergency" in root else ""
    return with_windows(Blockers((), (), frozenset(holidays), zone, reason), table)


def with_windows(blockers: Blockers, table: TomlTable) -> Blockers:
    """Return the blockers with the windows of the table added."""
    windows = [_window(window, blockers.zone) for window in table.tables("window")]
    weekly = (window for window in windows if isinstance(window, WeeklyWindow))
    periods = (window for window in windows if isinstance(window, OneTimeWindow))
    return replace(blockers, weekly=(*blockers.weekly, *weekly), periods=(*blockers.periods, *periods))


def _window(table: TomlTable, zone: str) -> WeeklyWindow | OneTimeWindow:
    if "start" in table:
        table.check_keys("start", "end", "zone")
        start, end = (_local_time(table, key) for key in ("start", "end"))
        if end <= start:
            raise table.mistake("end", "is not after start.", "Swap the two, or correct one.")
        return OneTimeWindow(start, end, _zone(table, zone))
    table.check_keys("days", "from", "to", "zone")
    days = table.texts("days", like="|".join(DAYS), means=f"one of {', '.join(DAYS)}")
    if not days:
        raise table.mistake("days", "lists no day.", 'Write days = ["fri"], or start and end.')
    start_text, end_text = (table.text(key, **CLOCK) for key in ("from", "to"))
    if start_text == "24:00":
        raise table.mistake(
            "from", "is '24:00', which is only valid as an end.", "Write 00:00 of the next day."
        )
    end_time = time.fromisoformat("00:00" if end_text == "24:00" else end_text)
    numbers = tuple(sorted(DAYS.index(day) for day in days))
    return WeeklyWindow(numbers, time.fromisoformat(start_text), end_time, _zone(table, zone))


def _zone(table: TomlTable, default: str) -> str:
    """Return the name of a time zone, or that it is the zone of each target."""
    return LOCAL if table.values.get("zone", default) == LOCAL else table.zone("zone", default)


def _local_time(table: TomlTable, key: str) -> datetime:
    """Return a date and time in the local time of the window's zone."""
    value: Any = table.values.get(key)
    if not isinstance(value, datetime) or value.tzinfo:
        raise table.mistake(
            key,
            "is not a local date and time.",
            "Write a value such as 2026-11-26T08:00:00, without quotes or an offset.",
        )
    return value
