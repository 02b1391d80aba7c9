"""Events of one CloudWatch log stream."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place

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
