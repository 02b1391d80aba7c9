"""The rules of an alert: which window is due, what a count means, and when a notice is sent. Pure.

An alert divides time into windows of its length, without gaps. A window is due when it has ended and the
delivery delay has passed. The alert's state has the end of the last judged window, so the next one begins
there: a window is judged once, because the state is written only if it has not changed since it was read.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]

OK, FIRING, UNKNOWN = "ok", "firing", "unknown"
OVER, UNDER = "over", "under"
CLAIM = timedelta(minutes=15)  # an invocation that claimed a notice has ended by then
MOST_NOTICES = 100  # that wait to be sent; then the oldest is dropped


@dataclass(frozen=True)
class Window:
    """A half-open time range in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Count:
    """The number of events in a window; None if they were not counted.

    `partly` says why there may be more events than that; empty if all were counted.
    """

    events: int | None
    partly: str = ""


def last_complete(now: datetime, every_s: int, delay_s: int) -> Window:
    """Return the last window that is completely delivered."""
    seconds = int(now.timestamp() - delay_s) // every_s * every_s
    end = datetime.fromtimestamp(seconds, UTC)
    return Window(end - timedelta(seconds=every_s), end)


def due(alert: Record, now: datetime) -> Window | None:
    """Return the next window to judge, or None if it is too early or the alert is paused."""
    if alert["paused"]:
        return None
    start = parse_iso(alert["state"]["judged_until"])
    end = start + timedelta(seconds=alert["every_s"])
    return Window(start, end) if end + timedelta(seconds=alert["delay_s"]) <= now else None


def status_of(count: Count, comparison: str, threshold: int) -> str:
    """Return the status. Where more events may exist than were counted, only a certain one is not unknown."""
    if count.events is None:
        return UNKNOWN
    if comparison == OVER:
        certain, status = count.events > threshold, FIRING
        other = OK
    else:
        certain, status = count.events >= threshold, OK
        other = FIRING
    if certain:
        return status
    return UNKNOWN if count.partly else other


def judged(alert: Record, window: Window, count: Count, now: datetime, attempt: str) -> Record:
    """Return the alert after the window was judged, with a notice to send if its status has changed.

    That an alert is OK from the beginning is not worth a notice. The invocation `attempt` claims the notice.
    """
    before = alert["state"]
    status = status_of(count, alert["comparison"], alert["threshold"])
    changed = status != before.get("status", OK)
    state = {
        "judged_until": iso(window.end),
        "window": [iso(window.start), iso(window.end)],
        "status": status,
        "since": before["since"] if "since" in before and not changed else iso(window.start),
        "events": count.events,
        "partly": count.partly,
        "notices": before.get("notices", []),
        "attempt": attempt,
    }
    if changed:
        notice = {
            "id": f"{state['judged_until']} {status}",
            "status": status,
            "before": before.get("status", OK),
            "window": state["window"],
            "events": count.events,
            "partly": count.partly,
            "claimed": iso(now),
            "by": attempt,
        }
        state["notices"] = [*state["notices"], notice][-MOST_NOTICES:]
    return {**alert, "state": state}


def claimed(alert: Record, now: datetime, attempt: str) -> Record | None:
    """Return the alert with every notice that nobody is sending claimed by `attempt`; None if there is none.

    The invocation that claimed a notice before has failed to send it, or has ended before it could remove it.
    """
    waiting = alert["state"].get("notices", [])
    free = [notice for notice in waiting if parse_iso(notice["claimed"]) + CLAIM <= now]
    if not free:
        return None
    taken = [
        {**notice, "claimed": iso(now), "by": attempt} if notice in free else notice for notice in waiting
    ]
    return {**alert, "state": {**alert["state"], "notices": taken, "attempt": attempt}}


def without_notice(alert: Record, id_: str, attempt: str) -> Record | None:
    """Return the alert without a notice that was sent; None if it does not have it."""
    waiting = alert["state"].get("notices", [])
    rest = [notice for notice in waiting if notice["id"] != id_]
    if len(rest) == len(waiting):
        return None
    return {**alert, "state": {**alert["state"], "notices": rest, "attempt": attempt}}


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
