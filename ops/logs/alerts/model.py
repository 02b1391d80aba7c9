"""An alert and its state: one JSON object in the bucket, which the export's function reads and writes. Pure.

The function is `ops.functions.log_alerts`; it has the rules by which windows are judged.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from ops.errors import InputError
from ops.logs.export.ledger.model import DELIVERY_DELAY
from ops.logs.search.time_ranges import relative_text
from ops.text.durations import parse_duration

VERSION = 1
FOLDER = "alerts/"  # below the dataset's prefix
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
# Windows that divide a day; the schedule of the function is the shortest.
WINDOWS = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60, 180, 360, 720, 1440))
LONGEST_SEARCH = 2000  # characters
HIGHEST = 10**12


class AlertStatus(StrEnum):
    """The result of the last judged window."""

    OK = "ok"
    FIRING = "firing"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        return "OK" if self is AlertStatus.OK else self.value.capitalize()


@dataclass(frozen=True)
class AlertRule:
    """What an alert counts and when it fires: `over` or `under` the threshold, per window."""

    name: str
    search: str
    window: timedelta
    comparison: str
    threshold: int
    topic: str
    link: str = ""  # the address of the page Logs, for notices

    @property
    def condition(self) -> str:
        """When it fires, as text."""
        side = "more" if self.comparison == "over" else "fewer"
        events = "event" if self.threshold == 1 else "events"
        return f"{side} than {self.threshold:,} {events} in {relative_text(self.window)}"

    def check(self) -> None:
        """Raise InputError for a value that cannot be used."""
        if not NAME.fullmatch(self.name):
            raise InputError(
                f"The name {self.name!r} is not valid.",
                field="name",
                hint="Use 1 to 60 lowercase letters, digits, hyphens, and underscores.",
            )
        if self.window not in WINDOWS:
            raise InputError(
                f"A window of {relative_text(self.window)} is not possible.",
                field="every",
                hint=f"Use one of: {', '.join(map(relative_text, WINDOWS))}.",
            )
        lowest = 0 if self.comparison == "over" else 1  # a count is never under 0
        if not lowest <= self.threshold <= HIGHEST:
            raise InputError(
                f"The threshold {self.threshold:,} is not possible.",
                field="threshold",
                hint=f"Use a number from {lowest} to {HIGHEST:,}.",
            )
        if len(self.search) > LONGEST_SEARCH:
            raise InputError(
                f"The search has {len(self.search):,} characters; at most {LONGEST_SEARCH:,} are possible.",
                field="search",
                hint="Shorten it.",
            )


@dataclass(frozen=True)
class Judgement:
    """The last judged window. `events` is None if they were not counted; `partly` says why there may
    be more.
    """

    start: datetime
    end: datetime
    status: AlertStatus
    since: datetime
    events: int | None
    partly: str = ""


@dataclass(frozen=True)
class Alert:
    """An alert with its state. `last` is None until a window was judged; `unsent` counts waiting notices."""

    rule: AlertRule
    paused: bool
    judged_until: datetime
    delay: timedelta = DELIVERY_DELAY
    last: Judgement | None = None
    unsent: int = 0

    @property
    def status(self) -> str:
        """The status as text; a paused alert has the one from before as well (`last`)."""
        if self.paused:
            return "Paused"
        return self.last.status.label if self.last else "Not started"

    def is_late(self, now: datetime) -> bool:
        """Return whether windows are waiting to be judged for longer than the schedule explains."""
        due = self.judged_until + self.rule.window + self.delay
        return not self.paused and now > due + 3 * WINDOWS[0]


def parse_window(text: str) -> timedelta:
    """Parse `5m` or `1d`. Raises InputError."""
    window = parse_duration(text)
    if window not in WINDOWS:
        raise InputError(
            f"A window of {text!r} is not possible.",
            field="every",
            hint=f"Use one of: {', '.join(map(relative_text, WINDOWS))}.",
        )
    return window


def new_document(rule: AlertRule, dataset: str, query: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the object of a new alert; the last complete window is the first to be judged."""
    document = {
        "version": VERSION,
        "name": rule.name,
        "search": rule.search,
        "every_s": round(rule.window.total_seconds()),
        "comparison": rule.comparison,
        "threshold": rule.threshold,
        "topic": rule.topic,
        "link": rule.link,
        "dataset": dataset,
        "delay_s": round(DELIVERY_DELAY.total_seconds()),
        "paused": False,
        "query": query,
        "state": {"judged_until": "", "notices": []},
    }
    return _from_now(document, now)


def paused(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "paused": True}


def resumed(document: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the object of an alert that continues with the last complete window."""
    return {**_from_now(document, now), "paused": False} if document["paused"] else document


def _from_now(document: dict[str, Any], now: datetime) -> dict[str, Any]:
    every = document["every_s"]
    end = int(now.timestamp() - document["delay_s"]) // every * every
    start = datetime.fromtimestamp(end - every, UTC)
    until = max(start.strftime("%Y-%m-%dT%H:%M:%SZ"), document["state"]["judged_until"])  # same format: sorts
    return {**document, "state": {**document["state"], "judged_until": until}}


def encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def decode(key: str, body: bytes) -> dict[str, Any]:
    """Return the object. Raises InputError if it is not one of an alert."""
    try:
        document: dict[str, Any] = json.loads(body)
        if document["version"] == VERSION:
            parse_alert(document)
            return document
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{key} is not an alert.",
            hint="Delete the object, and create the alert again.",
            detail=repr(error),
        ) from error
    raise InputError(f"{key} was written by another version of Slipway.", hint="Update Slipway.")


def parse_alert(document: dict[str, Any]) -> Alert:
    """Return the alert of an object."""
    rule = AlertRule(
        document["name"],
        document["search"],
        timedelta(seconds=document["every_s"]),
        document["comparison"],
        document["threshold"],
        document["topic"],
        document["link"],
    )
    state = document["state"]
    alert = Alert(
        rule,
        bool(document["paused"]),
        datetime.fromisoformat(state["judged_until"]),
        timedelta(seconds=document["delay_s"]),
        unsent=len(state["notices"]),
    )
    return replace(alert, last=parse_judgement(state, state["since"])) if "window" in state else alert


def parse_judgement(state: dict[str, Any], since: str) -> Judgement:
    start, end = state["window"]
    return Judgement(
        datetime.fromisoformat(start),
        datetime.fromisoformat(end),
        AlertStatus(state["status"]),
        datetime.fromisoformat(since),
        state["events"],
        state["partly"],
    )
