"""Past events of a log group: read page by page, or exported to a bucket by an export task."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place
from ops.aws.logs.groups import client_of
from ops.errors import AwsError, Conflict

POLL_S = 5.0
FINAL_STATUSES = ("CANCELLED", "COMPLETED", "FAILED")


@dataclass(frozen=True, slots=True)
class FilteredLogEvent:
    """One event as FilterLogEvents returns it; times in milliseconds."""

    stream: str
    timestamp: int
    ingested: int
    id: str
    message: str


def read_events(
    cloud: Cloud, place: Place, group: str, start_ms: int, end_ms: int, pattern: str = ""
) -> Iterator[FilteredLogEvent]:
    """Yield the group's events from `start_ms` to before `end_ms`, in the order of the service's pages.

    `pattern` is a CloudWatch filter pattern; empty for all events.
    """
    options: Any = {"filterPattern": pattern} if pattern else {}
    pages = client_of(cloud, place).get_paginator("filter_log_events")
    with translated(f"Reading the events of {group}"):
        for page in pages.paginate(logGroupName=group, startTime=start_ms, endTime=end_ms - 1, **options):
            for event in page["events"]:
                yield FilteredLogEvent(
                    event["logStreamName"],
                    event["timestamp"],
                    event.get("ingestionTime", event["timestamp"]),
                    event.get("eventId", ""),
                    event["message"],
                )


def list_stream_names(cloud: Cloud, place: Place, group: str) -> Iterator[str]:
    """Yield the names of the group's log streams."""
    pages = client_of(cloud, place).get_paginator("describe_log_streams")
    with translated(f"Listing the log streams of {group}"):
        for page in pages.paginate(logGroupName=group):
            for stream in page["logStreams"]:
                yield stream["logStreamName"]


def start_export_task(
    cloud: Cloud, place: Place, group: str, span_ms: tuple[int, int], bucket: str, prefix: str
) -> str:
    """Start an export task of a half-open time range and return its ID. Raises Conflict if one is running."""
    with translated(f"Starting an export task of {group}"):
        try:
            answer = client_of(cloud, place).create_export_task(
                taskName="slipway",
                logGroupName=group,
                fromTime=span_ms[0],
                to=span_ms[1] - 1,
                destination=bucket,
                destinationPrefix=prefix.rstrip("/"),
            )
        except ClientError as error:
            if code(error) == "LimitExceededException":
                raise Conflict(
                    f"Another export task is running in {place.account.name}, {place.region}.",
                    hint="AWS runs one per account and region: wait until it has finished, then retry.",
                ) from error
            raise
    return answer["taskId"]


def wait_for_export_task(
    cloud: Cloud,
    place: Place,
    task: str,
    *,
    stopped: Callable[[], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until the task has completed; return False if stopped first. Raises AwsError if it fails."""
    client: Any = client_of(cloud, place)
    while not stopped():
        with translated(f"Reading the export task {task}"):
            (task_description,) = client.describe_export_tasks(taskId=task)["exportTasks"]
        status = task_description["status"]
        if status["code"] == "COMPLETED":
            return True
        if status["code"] in FINAL_STATUSES:
            raise AwsError(
                f"The export task {task} is {status['code']}: {status.get('message', '')}",
                hint="Check that the bucket policy allows CloudWatch Logs to write, then retry.",
            )
        sleep(POLL_S)
    return False


def to_milliseconds(moment: datetime) -> int:
    """Convert a datetime to CloudWatch's milliseconds."""
    return round(moment.timestamp() * 1000)
