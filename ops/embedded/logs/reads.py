"""FilterLogEvents with pages of 10,000 events or 1 MB and with stream name prefixes.

The emulator returns one page only.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import cloudwatch_logs

from ops.embedded.context import OverlayContext
from ops.embedded.logs import events as log_events

SEAMS = (
    "ministack.services.cloudwatch_logs._compile_filter_pattern",
    "ministack.services.cloudwatch_logs._filter_log_events",
    "ministack.services.cloudwatch_logs._log_groups",
    "ministack.services.cloudwatch_logs._resolve_log_group_name",
)
PAGE_EVENTS = 10_000
PAGE_BYTES = 1_048_576

Response = tuple[int, dict[str, str], bytes]
Record = dict[str, Any]


def install(context: OverlayContext) -> None:
    cloudwatch_logs._filter_log_events = _filter


def _filter(data: Record) -> Response:
    group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(data))
    if group is None:
        status, headers, body = error_response_json(
            "ResourceNotFoundException", "The specified log group does not exist.", 400
        )
        return status, headers, body
    begin = int(data.get("nextToken") or 0)
    page: list[Record] = []
    size = 0
    for event in islice(
        _matching_events(group, data), begin, begin + min(data.get("limit", PAGE_EVENTS), PAGE_EVENTS)
    ):
        size += log_events.size([event])
        if page and size > PAGE_BYTES:
            break
        page.append(event)
    response: Record = {"events": page, "searchedLogStreams": []}
    if page:  # the next page may be empty, as on AWS
        response["nextToken"] = str(begin + len(page))
    status, headers, body = json_response(response)
    return status, headers, body


def _matching_events(group: Record, data: Record) -> Iterator[Record]:
    """Yield matching events by time; events with the same time stay in ingestion order."""
    matches = cloudwatch_logs._compile_filter_pattern(data.get("filterPattern", ""))
    start, end = data.get("startTime", 0), data.get("endTime", 1 << 62)
    names, prefix = data.get("logStreamNames"), data.get("logStreamNamePrefix", "")
    events = [
        {**event, "logStreamName": name}
        for name, stream in list(group["streams"].items())
        if name.startswith(prefix) and (not names or name in names)
        for event in list(stream["events"])
        if start <= event["timestamp"] <= end and matches(event["message"])
    ]
    events.sort(key=lambda event: (event["timestamp"], event["ingestionTime"]))
    yield from events
