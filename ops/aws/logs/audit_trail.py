"""The audit log in a CloudWatch Logs group, whose records Slipway cannot change or delete."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.audit import AuditLog, FileAudit, Record
from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud
from ops.errors import AuditUnavailable, NotFound, SlipwayError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

RETENTION_DAYS = 731
LONGEST_TEXT = 10_000  # characters per field, because CloudWatch Logs limits the size of an event
# To return the newest records without reading all, search these periods until there are enough.
WINDOWS = tuple(timedelta(days=days) for days in (1, 7, 30, 90, 365, RETENTION_DAYS))
FIELDS = {field.name for field in fields(Record)}


def open_audit(cloud: Cloud) -> AuditLog:
    """Return the configured audit log: a log group of the first account, or a local file."""
    if cloud.settings.audit_group:
        return GroupAudit(cloud, cloud.settings.audit_group)
    return FileAudit(cloud.settings.audit_file)


class GroupAudit:
    """Audit records as JSON events of one log group, one stream per day, created on first write."""

    def __init__(
        self, cloud: Cloud, group: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.group = group
        self._cloud = cloud
        self._now = now
        self._lock = threading.Lock()

    @property
    def _logs(self) -> "CloudWatchLogsClient":
        client: CloudWatchLogsClient = self._cloud.client("logs")
        return client

    def write(self, record: Record) -> None:
        """Write a record and wait until CloudWatch Logs has stored it. Raises AuditUnavailable."""
        values = {name: _cut(value) for name, value in asdict(record).items()}
        text = json.dumps(values, ensure_ascii=False)
        try:
            with self._lock, translated(f"Writing to the audit log {self.group}"):
                self._put(f"{self._now():%Y/%m/%d}", text)
        except SlipwayError as error:
            raise AuditUnavailable(
                f"{error} Nothing was changed, because every change must be recorded.",
                hint=f"Allow logs:CreateLogGroup, logs:PutRetentionPolicy, logs:CreateLogStream and "
                f"logs:PutLogEvents on {self.group}, or name another group in the setting audit_group.",
                detail=error.detail,
            ) from error

    def _put(self, stream: str, text: str) -> None:
        event = {"timestamp": time.time_ns() // 1_000_000, "message": text}
        request: Any = {"logGroupName": self.group, "logStreamName": stream, "logEvents": [event]}
        try:
            answer = self._logs.put_log_events(**request)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            self._create(stream)
            answer = self._logs.put_log_events(**request)
        if rejected := answer.get("rejectedLogEventsInfo"):
            raise NotFound(f"CloudWatch Logs rejected the audit record: {rejected}.")

    def _create(self, stream: str) -> None:
        with _ignore_existing():
            self._logs.create_log_group(logGroupName=self.group)
        with _ignore_existing():
            self._logs.create_log_stream(logGroupName=self.group, logStreamName=stream)
        self._logs.put_retention_policy(logGroupName=self.group, retentionInDays=RETENTION_DAYS)

    def read(self, limit: int) -> list[Record]:
        """Return the newest `limit` records, newest first; other events in the log group are skipped."""
        records: list[Record] = []
        for window in WINDOWS:
            with translated(f"Reading the audit log {self.group}"):
                records = list(self._since(self._now() - window))
            if len(records) >= limit:
                break
        return sorted(records, key=lambda record: record.at, reverse=True)[:limit]

    def _since(self, start: datetime) -> Iterator[Record]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.group, startTime=int(start.timestamp() * 1000)
        )
        try:
            for page in pages:
                yield from filter(None, (_record(event["message"]) for event in page["events"]))
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":  # nothing has been recorded yet
                raise


@contextmanager
def _ignore_existing() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if code(error) != "ResourceAlreadyExistsException":
            raise


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:LONGEST_TEXT]}… ({len(value)} characters)"
    return value


def _record(text: str) -> Record | None:
    try:
        values = json.loads(text)
        return Record(**{name: value for name, value in values.items() if name in FIELDS})
    except (ValueError, TypeError, AttributeError):
        return None
