"""Events of one CloudWatch log stream: read them, and write them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place
from ops.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

PAGE = 1000


@dataclass(frozen=True)
class Line:
    at: datetime
    message: str


def read_stream(cloud: Cloud, place: Place, group: str, stream: str, *, limit: int = 5000) -> list[Line]:
    """Return the stream's events from its start, up to `limit`; none while the stream does not exist."""
    logs: CloudWatchLogsClient = cloud.client("logs", place.account.id, place.region)
    lines: list[Line] = []
    token: dict[str, str] = {}
    with translated(f"Reading the log stream {stream} of {group}"):
        while len(lines) < limit:
            try:
                answer = logs.get_log_events(
                    logGroupName=group,
                    logStreamName=stream,
                    startFromHead=True,
                    limit=PAGE,
                    **token,  # type: ignore[arg-type]
                )
            except ClientError as error:
                if code(error) == "ResourceNotFoundException":
                    return lines
                raise
            lines += [
                Line(datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"])
                for event in answer["events"]
            ]
            following = answer["nextForwardToken"]
            if token.get("nextToken") == following:  # the same token again means the end of the stream
                break
            token = {"nextToken": following}
    return lines[:limit]


def put_lines(cloud: Cloud, place: Place, group: str, stream: str, lines: Sequence[Line]) -> None:
    """Write events to a stream, oldest first. Raises Conflict if CloudWatch Logs rejects one of them."""
    logs: CloudWatchLogsClient = cloud.client("logs", place.account.id, place.region)
    with translated(f"Writing events to {group}"):
        answer = logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[
                {"timestamp": round(line.at.timestamp() * 1000), "message": line.message} for line in lines
            ],
        )
    if rejected := answer.get("rejectedLogEventsInfo"):
        raise Conflict(
            f"CloudWatch Logs rejected events of {group}: {', '.join(rejected)}.",
            hint="Check the clock of this machine.",
        )
