"""PutLogEvents as AWS implements it: limits, rejection by time, event IDs, and ingestion metrics.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count, groupby, pairwise
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import cloudwatch_logs

from ops.embedded.context import OverlayContext
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
EVENT_OVERHEAD = 26  # bytes that CloudWatch adds to each event's message
OLDEST_MS = 14 * 86_400_000
NEWEST_MS = 2 * 3_600_000
SPAN_MS = 86_400_000

Event = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Listener = Callable[[str, str, list[Event]], None]

_arrivals = count(time.time_ns())  # ascends across restarts as well
_last_stored = threading.local()
_listeners: list[Listener] = []


def install(context: OverlayContext) -> None:
    append = cloudwatch_logs._append_log_events
    cloudwatch_logs._append_log_events = lambda stream, events: _append(append, stream, events)
    cloudwatch_logs._put_log_events = _put
    cloudwatch_logs._fanout_to_subscription_filters = _on_ingested


def on_stored(listener: Listener, *, first: bool = False) -> None:
    """Call `listener` with group, stream, and stored events, in the request's account and region.

    With `first`, it is called before the others.
    """
    _listeners.insert(0 if first else len(_listeners), listener)


def event_id(timestamp_ms: int) -> str:
    """Return 56 digits that sort by time, and then by arrival, like CloudWatch's event IDs."""
    return f"{max(timestamp_ms, 0):013d}{next(_arrivals):025d}{uuid.uuid4().int % 10**18:018d}"


def size(events: Sequence[Event]) -> int:
    """Return the bytes that CloudWatch counts and charges."""
    return sum(len(event["message"].encode()) + EVENT_OVERHEAD for event in events)


def _append(original: Callable[[Any, Any], None], stream: Any, events: list[Event]) -> None:
    """Give every event an ID, and remember the stored events for the fan-out that follows."""
    for event in events:
        event.setdefault("eventId", event_id(event["timestamp"]))
    _last_stored.events = events
    original(stream, events)


def _on_ingested(group: str, stream: str, events: list[Event]) -> None:
    """Count stored events and pass them to the listeners. The emulator passes events without IDs."""
    with_ids = _last_stored.__dict__.pop("events", None) or []
    if len(with_ids) == len(events):
        events = with_ids
    if not events:
        return
    for dimensions in ({"LogGroupName": group}, {}):
        flow_metrics.count("AWS/Logs", dimensions, "None", IncomingLogEvents=len(events))
        flow_metrics.count("AWS/Logs", dimensions, "Bytes", IncomingBytes=size(events))
    for listener in _listeners:
        listener(group, stream, events)


def ingest(group: str, stream: str, lines: Sequence[tuple[datetime, str]]) -> None:
    """Ingest past events as if each had arrived when it happened. `lines` must be in chronological order."""
    log_stream = cloudwatch_logs._log_groups[group]["streams"][stream]
    for hour, hour_lines in groupby(
        lines, key=lambda line: line[0].replace(minute=0, second=0, microsecond=0)
    ):
        events = [_event(moment, message) for moment, message in hour_lines]
        cloudwatch_logs._append_log_events(log_stream, events)
        with flow_metrics.at(hour.timestamp()):
            cloudwatch_logs._fanout_to_subscription_filters(group, stream, events)


def _event(moment: datetime, message: str) -> Event:
    timestamp = int(moment.timestamp() * 1000)
    return {"timestamp": timestamp, "message": message, "ingestionTime": timestamp}


def _put(data: dict[str, Any]) -> Response:
    group, stream, events = data.get("logGroupName"), data.get("logStreamName"), data.get("logEvents", [])
    log_group = cloudwatch_logs._log_groups.get(group)
    if log_group is None or stream not in log_group["streams"]:
        missing = "log group" if log_group is None else "log stream"
        return _error_response("ResourceNotFoundException", f"The specified {missing} does not exist.")
    for event in events:
        event["message"] = _with_valid_characters(event["message"])
    if problem := _find_problem(events):
        return _error_response("InvalidParameterException", problem)
    now = int(time.time() * 1000)
    accepted, rejected = _split_by_time(events, now, log_group.get("retentionInDays"))
    stored = [
        {"timestamp": event["timestamp"], "message": event["message"], "ingestionTime": now}
        for event in accepted
    ]
    cloudwatch_logs._append_log_events(log_group["streams"][stream], stored)
    cloudwatch_logs._fanout_to_subscription_filters(group, stream, stored)
    cloudwatch_logs._fanout_to_live_tail_sessions(group, stream, stored)
    response: dict[str, Any] = {"nextSequenceToken": event_id(now)}
    return _response(json_response({**response, "rejectedLogEventsInfo": rejected} if rejected else response))


def _with_valid_characters(message: str) -> str:
    """Replace unpaired surrogates, which are not characters, with the replacement character."""
    try:
        message.encode()
    except UnicodeEncodeError:
        return message.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return message


def _find_problem(events: Sequence[Event]) -> str:
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


def _split_by_time(
    events: Sequence[Event], now: int, retention_days: int | None
) -> tuple[Sequence[Event], dict[str, int]]:
    """Return the accepted events and AWS's rejection info; events are in order, so only the ends are cut."""
    oldest = now - OLDEST_MS
    retention_ms = (retention_days or 10_000) * SPAN_MS
    expired = sum(event["timestamp"] < now - retention_ms for event in events)
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


def _error_response(code: str, message: str) -> Response:
    return _response(error_response_json(code, message, 400))


def _response(answer: Any) -> Response:
    status, headers, body = answer
    return status, headers, body
