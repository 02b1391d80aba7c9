"""Judge alerts on exported logs: a search whose events are counted in windows, a threshold, and a topic.

The schedule invokes it every few minutes. For each alert, it counts the events of every window that is due,
and writes the result with a condition: a second invocation for the same window, at the same time or later,
changes nothing. If the status changes, a notice is part of the same write; it is removed after it was sent.
So no notice is lost, and one is sent twice only if an invocation ends between sending and removing it.

With `test`, it counts the last complete window of one alert, and writes and sends nothing.
"""

import json
import os
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.functions.log_alerts.counting import Lake, count_events
from ops.functions.log_alerts.judging import (
    Record,
    Window,
    claimed,
    due,
    iso,
    judged,
    last_complete,
    status_of,
    without_notice,
)
from ops.functions.log_alerts.notices import body, subject
from ops.functions.log_alerts.store import (
    FOLDER,
    Overtaken,
    StoredAlert,
    change_alert,
    list_alerts,
    read_alert,
    write_alert,
)
from ops.functions.shared.athena import config, make_client
from ops.functions.shared.records import log

WORKERS = 4  # alerts in parallel; Athena runs about 20 concurrent queries per account by default
QUERY_S = 100.0  # of one query, then it is canceled
RESERVE_S = 20.0  # kept for the writes after a query
TOPICS = tuple(filter(None, os.environ["TOPICS"].split(",")))  # that alerts may notify
# A lifecycle rule of the bucket may delete what was not written for a day; not an alert that is paused.
KEPT_FRESH = timedelta(hours=12)

sns = make_client("sns", config=config)


class AlertsFailed(Exception):
    """Some alerts were not judged, or their notices not sent; the next run retries them."""


def handler(event: Record, context: Any) -> Record:
    """Judge every alert, or with `test` count for the alert of that name. Raises AlertsFailed at the end."""
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_S
    if "test" in event:
        return _test(f"{FOLDER}{event['test']}.json", deadline)
    report: Record = {"windows": 0, "notices": 0, "not_begun": 0, "failed": {}}
    lake = Lake()
    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(lambda listed: _attend(listed[0], listed[1], lake, deadline), list_alerts()))
    for key, windows, notices, begun, failure in results:
        report["windows"] += windows
        report["notices"] += notices
        report["not_begun"] += not begun
        if failure:
            report["failed"][key] = failure
    log("INFO", "Alerts judged", **report)
    if report["failed"]:
        raise AlertsFailed(json.dumps(report)[:100_000])
    return report


def _test(key: str, deadline: float) -> Record:
    alert = read_alert(key).alert
    window = last_complete(datetime.now(UTC), alert["every_s"], alert["delay_s"])
    count = count_events(alert, window, Lake(), min(deadline, time.monotonic() + QUERY_S))
    return {
        "window": [iso(window.start), iso(window.end)],
        "status": status_of(count, alert["comparison"], alert["threshold"]),
        "events": count.events,
        "partly": count.partly,
    }


def _attend(key: str, written: datetime, lake: Lake, deadline: float) -> tuple[str, int, int, bool, str]:
    """Judge the windows of one alert that are due, and send its notices. A failure stops no other alert."""
    alert = _Attended(key, lake, deadline)
    failure = ""
    try:
        alert.run(written)
    except Overtaken:
        pass  # another invocation judges it, or a person has changed or deleted it
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"[:1000]
    return key, alert.windows, alert.notices, alert.begun, failure or alert.failure


class _Attended:
    """One alert in one invocation."""

    def __init__(self, key: str, lake: Lake, deadline: float) -> None:
        self.key, self.lake, self.deadline = key, lake, deadline
        self.attempt = uuid.uuid4().hex
        self.windows = self.notices = 0
        self.begun = True
        self.failure = ""

    def run(self, written: datetime) -> None:
        stored = read_alert(self.key)
        now = datetime.now(UTC)
        if taken := claimed(stored.alert, now, self._next()):
            stored = self._send(write_alert(stored, taken))
        while window := due(stored.alert, datetime.now(UTC)):
            if time.monotonic() + QUERY_S > self.deadline:
                self.begun = False
                return
            stored = self._send(self._judge(stored, window))
        if not self.windows and now - written > KEPT_FRESH:
            write_alert(stored, {**stored.alert, "state": {**stored.alert["state"], "attempt": self._next()}})

    def _judge(self, stored: StoredAlert, window: Window) -> StoredAlert:
        count = count_events(stored.alert, window, self.lake, time.monotonic() + QUERY_S)
        stored = write_alert(stored, judged(stored.alert, window, count, datetime.now(UTC), self._next()))
        self.windows += 1
        return stored

    def _send(self, stored: StoredAlert) -> StoredAlert:
        """Send the notices that the last write has claimed, and remove each that was sent."""
        mine = stored.alert["state"]["attempt"]
        for notice in [one for one in stored.alert["state"]["notices"] if one["by"] == mine]:
            try:
                _publish(stored.alert, notice)
            except Exception as error:  # it stays in the alert, and is sent by a later invocation
                self.failure = f"Notice not sent: {type(error).__name__}: {error}"[:1000]
                continue
            self.notices += 1
            stored = change_alert(stored, self._removal(notice["id"]))
        return stored

    def _removal(self, id_: str) -> Callable[[Record], Record | None]:
        return lambda alert: without_notice(alert, id_, self._next())

    def _next(self) -> str:
        """Return a name for the next write, which identifies it in the object."""
        self.attempt = uuid.uuid4().hex
        return self.attempt


def _publish(alert: Record, notice: Record) -> None:
    if alert["topic"] not in TOPICS:
        raise PermissionError(f"The export stack does not allow notices to {alert['topic']}")
    sns.publish(TopicArn=alert["topic"], Subject=subject(alert, notice), Message=body(alert, notice))
