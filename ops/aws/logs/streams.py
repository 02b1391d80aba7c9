"""CloudWatch Logs: reading one stream as it grows."""

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
    """The stream's lines from its beginning, at most `limit`; empty while the stream does not exist yet."""
    logs: CloudWatchLogsClient = cloud.client("logs", place.account.id, place.region)
    lines: list[Line] = []
    token: dict[str, str] = {}
    with translated(f"Reading the log {group} {stream}"):
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
            lines += [Line(_moment(event["timestamp"]), event["message"]) for event in answer["events"]]
            following = answer["nextForwardToken"]
            if token.get("nextToken") == following:  # the same token again: the end, says the API
                break
            token = {"nextToken": following}
    return lines[:limit]


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
