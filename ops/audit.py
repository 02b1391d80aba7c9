"""The audit log: who changed which resource, when, and with which result.

An append-only log of JSON lines. Each step is recorded before and after it runs; if the first record cannot
be written, the step does not run.
"""

import getpass
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ops.errors import AuditUnavailable
from ops.roles import Role


@dataclass(frozen=True)
class Actor:
    """The user who makes a change: name, interface (`page` or `cli`), role, and IP address if known."""

    name: str
    via: str
    role: Role = Role.ADMINISTRATOR
    origin: str = ""

    @classmethod
    def local(cls, via: str, role: Role = Role.ADMINISTRATOR) -> "Actor":
        """Return the local user.

        Whoever has a shell on this machine can use its AWS credentials directly, so a lower role only
        protects against mistakes.
        """
        return cls(getpass.getuser(), via, role)


_session_name: ContextVar[str] = ContextVar("session_name", default="")
_NOT_IN_SESSION_NAMES = re.compile(r"[^\w+=,.@-]", re.ASCII)
MAX_SESSION_NAME = 64


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Name the actor in the sessions of AWS roles: CloudTrail shows who has made a change."""
    token = _session_name.set(session_name_of(actor.name))
    try:
        yield
    finally:
        _session_name.reset(token)


def session_name() -> str:
    """Return the session name of the actor whose change runs in this thread, or an empty string."""
    return _session_name.get()


def session_name_of(name: str) -> str:
    """Return the name in the characters that AWS STS permits. A name that had to change ends in a hash.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    permitted = _NOT_IN_SESSION_NAMES.sub("-", name)
    if permitted == name and 2 <= len(name) <= MAX_SESSION_NAME:
        return name
    return f"{permitted[: MAX_SESSION_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Record:
    """One record of the audit log.

    `result` is `started`, `done`, `failed`, or `skipped`; `duration_s` is set in the final record of a step.
    """

    at: str
    actor: str
    via: str
    plan: str
    step: str
    does: str
    resource: str
    account: str
    region: str
    result: str
    reason: str = ""
    role: str = ""
    origin: str = ""
    evidence: str = ""
    duration_s: float | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


class AuditLog(Protocol):
    """Storage of audit records. `write` raises AuditUnavailable if the record was not stored."""

    def write(self, record: Record) -> None: ...

    def read(self, limit: int) -> list[Record]: ...


class FileAudit:
    """An audit log in a file. Each record is synced to disk before `write` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, record: Record) -> None:
        line = json.dumps(asdict(record), ensure_ascii=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise AuditUnavailable(
                f"Cannot write the audit record to {self.path}: {error.strerror}. Nothing was changed.",
                hint="Free disk space or fix the file's permissions, then retry.",
            ) from error

    def read(self, limit: int) -> list[Record]:
        """Return the latest `limit` records, newest first. Incomplete lines are ignored."""
        if not self.path.exists():
            return []
        records = []
        for line in reversed(self.path.read_text("utf-8", errors="replace").splitlines()):
            try:
                records.append(Record(**json.loads(line)))
            except (ValueError, TypeError):
                continue
            if len(records) == limit:
                break
        return records


REDACTED = "redacted"
MAX_VALUE_LENGTH = 1000  # characters of a parameter's value
_SECRET_NAMES = re.compile(
    "password|passwd|passphrase|secret|token|credential|webhook|authorization|(api|access|private)[-_]?key",
    re.IGNORECASE,
)
_SECRET_VALUES = re.compile(
    r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # user name and password in a URL
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?i:(?<=\bbearer )\S+)"
    r"|(?i:(?<=password=)[^\s;,&]+|(?<=secret=)[^\s;,&]+|(?<=token=)[^\s;,&]+)",
    re.DOTALL,
)


def redacted(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters without secrets and with long values truncated.

    An ARN is kept even if its parameter is named like a secret: it is where the secret is stored.
    """
    return {name: _redacted(name, value) for name, value in parameters.items()}


def _redacted(name: str, value: str) -> str:
    if value.startswith("arn:"):
        return value[:MAX_VALUE_LENGTH]
    if _SECRET_NAMES.search(name):
        return REDACTED
    return _SECRET_VALUES.sub(REDACTED, value)[:MAX_VALUE_LENGTH]


def timestamp(moment: datetime) -> str:
    """Format a UTC time with milliseconds, such as `2026-11-23T14:05:09.123Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
