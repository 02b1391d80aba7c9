"""PutLogEvents as AWS answers it: its limits, what it refuses by time, ids, and the metrics of what came in.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import cloudwatch_logs

from ops.embedded.context import Context
from ops.embedded.services import flow_metrics

SEAMS = (
    "ministack.services.cloudwatch_logs._log_groups",
    "ministack.services.cloudwatch_logs._put_log_events",
    "ministack.services.cloudwatch_logs._append_log_events",
    "ministack.services.cloudwatch_logs._fanout_to_subscription_filters",
    "ministack.services.cloudwatch_logs._fanout_to_live_tail_sessions",
)
BATCH_EVENTS = 10_000
BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26  # bytes that count for each event besides its message
OLDEST_MS = 14 * 86_400_000
NEWEST_MS = 2 * 3_600_000
SPAN_MS = 86_400_000

Event = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Listener = Callable[[str, str, list[Event]], None]

_stored = threading.local()
_listeners: list[Listener] = []


def install(context: Context) -> None:
    append = cloudwatch_logs._append_log_events
    cloudwatch_logs._append_log_events = lambda stream, events: _append(append, stream, events)
    cloudwatch_logs._put_log_events = _put
    cloudwatch_logs._fanout_to_subscription_filters = _taken_in


def when_stored(listener: Listener) -> None:
    """Calls `listener` with group, stream and stored events, in the request's account and region."""
    _listeners.append(listener)


def event_id(timestamp_ms: int) -> str:
    """56 digits that sort by time, as CloudWatch's."""
    return f"{max(timestamp_ms, 0):013d}{uuid.uuid4().int % 10**43:043d}"


def size(events: Sequence[Event]) -> int:
    """Bytes as CloudWatch counts and charges them."""
    return sum(len(event["message"].encode()) + EVENT_OVERHEAD for event in events)


def _append(original: Callable[[Any, Any], None], stream: Any, events: list[Event]) -> None:
    """Every event has an id; those stored are remembered for the fan-out that follows."""
    for event in events:
        event.setdefault("eventId", event_id(event["timestamp"]))
    _stored.events = events
    original(stream, events)


def _taken_in(group: str, stream: str, events: list[Event]) -> None:
    """What was stored is counted and goes to the subscriptions. The emulator passes events without ids."""
    stored = _stored.__dict__.pop("events", None) or []
    if len(stored) == len(events):
        events = stored
    if not events:
        return
    for dimensions in ({"LogGroupName": group}, {}):
        flow_metrics.count("AWS/Logs", dimensions, "None", IncomingLogEvents=len(events))
        flow_metrics.count("AWS/Logs", dimensions, "Bytes", IncomingBytes=size(events))
    for listener in _listeners:
        listener(group, stream, events)


def take_in(group: str, stream: str, lines: Sequence[tuple[datetime, str]]) -> None:
    """Takes in events of the past as if each had come in when it happened. `lines` are in order of time."""
    found = cloudwatch_logs._log_groups[group]["streams"][stream]
    for hour, several in groupby(lines, key=lambda line: line[0].replace(minute=0, second=0, microsecond=0)):
        events = [_event(at, message) for at, message in several]
        cloudwatch_logs._append_log_events(found, events)
        with flow_metrics.at(hour.timestamp()):
            cloudwatch_logs._fanout_to_subscription_filters(group, stream, events)


def _event(at: datetime, message: str) -> Event:
    timestamp = int(at.timestamp() * 1000)
    return {"timestamp": timestamp, "message": message, "ingestionTime": timestamp}


def _put(data: dict[str, Any]) -> Answer:
    group, stream, events = data.get("logGroupName"), data.get("logStreamName"), data.get("logEvents", [])
    found = cloudwatch_logs._log_groups.get(group)
    if found is None or stream not in found["streams"]:
        what = "log group" if found is None else "log stream"
        return _refused("ResourceNotFoundException", f"The specified {what} does not exist.")
    for event in events:
        event["message"] = _valid(event["message"])
    if problem := _problem(events):
        return _refused("InvalidParameterException", problem)
    now = int(time.time() * 1000)
    accepted, rejected = _by_time(events, now, found.get("retentionInDays"))
    stored = [
        {"timestamp": event["timestamp"], "message": event["message"], "ingestionTime": now}
        for event in accepted
    ]
    cloudwatch_logs._append_log_events(found["streams"][stream], stored)
    cloudwatch_logs._fanout_to_subscription_filters(group, stream, stored)
    cloudwatch_logs._fanout_to_live_tail_sessions(group, stream, stored)
    answer: dict[str, Any] = {"nextSequenceToken": event_id(now)}
    return _answer(json_response({**answer, "rejectedLogEventsInfo": rejected} if rejected else answer))


def _valid(message: str) -> str:
    """Half of a surrogate pair is no character: it becomes the replacement character."""
    try:
        message.encode()
    except UnicodeEncodeError:
        return message.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return message


def _problem(events: Sequence[Event]) -> str:
    if len(events) > BATCH_EVENTS:
        return f"Log events in a single PutLogEvents request may be at most {BATCH_EVENTS}."
    if (total := size(events)) > BATCH_BYTES:
        return f"Upload too large: {total} bytes exceeds limit of {BATCH_BYTES}"
    times = [event["timestamp"] for event in events]
    if any(later < earlier for earlier, later in pairwise(times)):
        return "Log events in a single PutLogEvents request must be in chronological order."
    if times and times[-1] - times[0] > SPAN_MS:
        return "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    return ""


def _by_time(
    events: Sequence[Event], now: int, retention_days: int | None
) -> tuple[Sequence[Event], dict[str, int]]:
    """What is kept, and AWS's word on the rest: events are in order, so the ends are cut off."""
    oldest = now - OLDEST_MS
    kept = (retention_days or 10_000) * SPAN_MS
    expired = sum(event["timestamp"] < now - kept for event in events)
    too_old = sum(event["timestamp"] < oldest for event in events)
    new = sum(event["timestamp"] > now + NEWEST_MS for event in events)
    rejected = {}
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if new:
        rejected["tooNewLogEventStartIndex"] = len(events) - new
    return events[max(expired, too_old) : len(events) - new], rejected


def _refused(code: str, message: str) -> Answer:
    return _answer(error_response_json(code, message, 400))


def _answer(made: Any) -> Answer:
    status, headers, body = made
    return status, headers, body
