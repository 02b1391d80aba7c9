"""The audit log in a CloudWatch Logs log group, whose records Slipway cannot change or delete."""

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
MAX_FIELD_LENGTH = 10_000  # characters, because an event has at most 1 MiB: API Reference, PutLogEvents
# Time ranges to read, in this order, until there are enough records: the latest ones are found without
# reading the whole log group.
WINDOWS = tuple(timedelta(days=days) for days in (1, 7, 30, 90, 365, RETENTION_DAYS))
FIELDS = {field.name for field in fields(Record)}


def open_audit(cloud: Cloud) -> AuditLog:
    """Return the configured audit log: a log group in the first account, or a local file."""
    if cloud.settings.audit_group:
        return GroupAudit(cloud, cloud.settings.audit_group)
    return FileAudit(cloud.settings.audit_file)


class GroupAudit:
    """Audit records as JSON events in a log group, with one log stream per day.

    The log group and the log streams are created when a record is written.
    """

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
        """Write a record, and return when CloudWatch Logs has stored it. Raises AuditUnavailable."""
        values = {name: _truncate(value) for name, value in asdict(record).items()}
        text = json.dumps(values, ensure_ascii=False)
        try:
            with self._lock, translated(f"Writing the audit record to {self.group}"):
                self._put(f"{self._now():%Y/%m/%d}", text)
        except SlipwayError as error:
            raise AuditUnavailable(
                f"{error} Nothing was changed, because every change must be recorded.",
                hint=f"Allow logs:CreateLogGroup, logs:PutRetentionPolicy, logs:CreateLogStream, and "
                f"logs:PutLogEvents on {self.group}, or change the setting audit_group.",
                detail=error.detail,
            ) from error

    def _put(self, stream: str, text: str) -> None:
        event = {"timestamp": time.time_ns() // 1_000_000, "message": text}
        request: Any = {"logGroupName": self.group, "logStreamName": stream, "logEvents": [event]}
        try:
            response = self._logs.put_log_events(**request)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            self._create_stream(stream)
            response = self._logs.put_log_events(**request)
        if rejected := response.get("rejectedLogEventsInfo"):
            raise NotFound(f"CloudWatch Logs rejected the record: {rejected}.")

    def _create_stream(self, stream: str) -> None:
        with _ignore_existing():
            self._logs.create_log_group(logGroupName=self.group)
        with _ignore_existing():
            self._logs.create_log_stream(logGroupName=self.group, logStreamName=stream)
        self._logs.put_retention_policy(logGroupName=self.group, retentionInDays=RETENTION_DAYS)

    def read(self, limit: int) -> list[Record]:
        """Return the latest `limit` records, newest first. Events in other formats are ignored."""
        records: list[Record] = []
        for window in WINDOWS:
            with translated(f"Reading the audit log from {self.group}"):
                records = list(self._read_since(self._now() - window))
            if len(records) >= limit:
                break
        return sorted(records, key=lambda record: record.at, reverse=True)[:limit]

    def _read_since(self, start: datetime) -> Iterator[Record]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.group, startTime=int(start.timestamp() * 1000)
        )
        try:
            for page in pages:
                yield from filter(None, (_parse_record(event["message"]) for event in page["events"]))
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":  # no change yet, so no log group
                raise


@contextmanager
def _ignore_existing() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if code(error) != "ResourceAlreadyExistsException":
            raise


def _truncate(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_FIELD_LENGTH:
        return f"{value[:MAX_FIELD_LENGTH]}… ({len(value)} characters)"
    return value


def _parse_record(text: str) -> Record | None:
    try:
        values = json.loads(text)
        return Record(**{name: value for name, value in values.items() if name in FIELDS})
    except (ValueError, TypeError, AttributeError):
        return None
