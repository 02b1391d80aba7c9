"""Count the events of a window with Athena. The SQL comes with the alert, in pieces between what changes.

Those are the time range, and the partitions of each table: dates and hours, and the accounts and Regions that
have objects. So an account that is added later is counted without a change to the alert.
"""

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from ops.functions.log_alerts.judging import Count, Record, Window
from ops.functions.log_alerts.store import BUCKET, PREFIX, s3
from ops.functions.shared.athena import AthenaFailed, run

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
LATENESS = timedelta(hours=1)  # of events in objects that are partitioned by arrival
PLACED = ("json", "raw")  # the formats that are partitioned by account and Region too
FOLDERS = (*PLACED, "cloudwatch")


class Lake:
    """What the bucket holds, listed at most once per invocation."""

    def __init__(self) -> None:
        self._failed: dict[str, bool] = {}

    @cached_property
    def places(self) -> dict[str, tuple[list[str], list[str]]]:
        """The accounts and Regions that have objects, by format."""
        places = {}
        for kind in PLACED:
            accounts = _subfolders(f"{PREFIX}{kind}/", "account=")
            regions = {
                region
                for account in accounts
                for region in _subfolders(f"{PREFIX}{kind}/account={account}/", "region=")
            }
            places[kind] = accounts, sorted(regions)
        return places

    @cached_property
    def _error_types(self) -> list[str]:
        return _subfolders(f"{PREFIX}errors/", "")

    def has_failed(self, window: Window, delay: timedelta) -> bool:
        """Return whether records that arrived from the window's start to the delay after it failed."""
        hour = hour_of(window.start)
        hours = []
        while hour < window.end + delay:
            hours.append(hour)
            hour += HOUR
        return any(
            self._has_failed_in(f"{kind}/{at:date=%Y-%m-%d/hour=%H/}")
            for kind in self._error_types
            for at in hours
        )

    def _has_failed_in(self, folder: str) -> bool:
        if folder not in self._failed:
            listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}errors/{folder}", MaxKeys=1)
            self._failed[folder] = bool(listed.get("Contents"))
        return self._failed[folder]


def count_events(alert: Record, window: Window, lake: Lake, deadline: float) -> Count:
    """Count the matching events. Where the count is missing or incomplete, `partly` has the reason."""
    query = alert["query"]
    try:
        rows = run(statement(query["sql"], window, lake), deadline, query["parameters"])
        events = int(str(rows[0][0]))
        failed = lake.has_failed(window, timedelta(seconds=alert["delay_s"]))
    except AthenaFailed as error:
        return Count(None, f"The query failed: {error}"[:1000])
    except Exception as error:  # denied, throttled, unreachable: the events are not known, whatever it was
        return Count(None, f"The query failed: {type(error).__name__}: {error}"[:1000])
    return Count(events, "Some records of this time failed to be exported. Replay them." if failed else "")


def statement(pieces: list[str | Record], window: Window, lake: Lake) -> str:
    """Return the SQL with the window's values in place of the names between the pieces."""
    return "".join(
        piece if isinstance(piece, str) else _value(piece["name"], window, lake) for piece in pieces
    )


def _value(name: str, window: Window, lake: Lake) -> str:
    if name in FOLDERS:
        return partitions(name, window, lake)
    moment: datetime = getattr(window, name)
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.000'"


def partitions(kind: str, window: Window, lake: Lake) -> str:
    """Return the condition on the partitions that may hold events of the window."""
    first = hour_of(window.start)
    last = hour_of(window.end - INSTANT + (timedelta() if kind in PLACED else LATENESS))
    conditions = [
        f"\"date\" BETWEEN '{first:%Y-%m-%d}' AND '{last:%Y-%m-%d}'",
        f"(\"date\" > '{first:%Y-%m-%d}' OR hour >= '{first:%H}')",
        f"(\"date\" < '{last:%Y-%m-%d}' OR hour <= '{last:%H}')",
    ]
    if kind in PLACED:
        for column, values in zip(("account", "region"), lake.places[kind], strict=True):
            conditions.append(f"{column} IN ({', '.join(map(_literal, values or ['']))})")
    return " AND ".join(conditions)


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _subfolders(prefix: str, begins: str) -> list[str]:
    pages: Any = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix, Delimiter="/")
    names = [entry["Prefix"][len(prefix) : -1] for page in pages for entry in page.get("CommonPrefixes", [])]
    return [name.removeprefix(begins) for name in names if name.startswith(begins)]


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
