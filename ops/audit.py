"""Who did what to which resource, and how it ended: append-only JSON lines, written before and after.

A change whose first record cannot be written does not happen.
"""

import getpass
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ops.errors import AuditUnavailable
from ops.roles import Role


@dataclass(frozen=True)
class Actor:
    """Who acts, through what (`page` or `cli`), in which role, and from which address where it is known."""

    name: str
    via: str
    role: Role = Role.ADMINISTRATOR
    origin: str = ""

    @classmethod
    def local(cls, via: str, role: Role = Role.ADMINISTRATOR) -> "Actor":
        """Whoever has a shell on this machine acts with its credentials: a lower role keeps from mistakes."""
        return cls(getpass.getuser(), via, role)


@dataclass(frozen=True)
class Record:
    """One line of the audit. `result` is `started`, `done`, `failed`, `skipped` or `already done`;
    `duration_s` stands in the closing one."""

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
    """Where records go. `write` raises AuditUnavailable when the record is not safely kept."""

    def write(self, record: Record) -> None: ...

    def read(self, limit: int) -> list[Record]: ...


class FileAudit:
    """Records in one file, each line written whole and synced to disk before `write` returns."""

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
                f"No audit record could be written to {self.path}: {error.strerror}. Nothing was changed.",
                hint="Free the disk or mend the file's permissions, then try again.",
            ) from error

    def read(self, limit: int) -> list[Record]:
        """The newest `limit` records, newest first; a torn last line is left out."""
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
LONGEST = 1000  # characters of a parameter's value
_SECRET = re.compile(  # a parameter's name
    "password|passwd|passphrase|secret|token|credential|webhook|authorization|(api|access|private)[-_]?key",
    re.IGNORECASE,
)
_SECRETS = re.compile(  # within a value
    r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # name and password of an address
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?i:(?<=\bbearer )\S+)"
    r"|(?i:(?<=password=)[^\s;,&]+|(?<=secret=)[^\s;,&]+|(?<=token=)[^\s;,&]+)",
    re.DOTALL,
)


def redacted(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters as the audit keeps them: long values cut, no secret; where one lies is none."""
    return {name: _redacted(name, value) for name, value in parameters.items()}


def _redacted(name: str, value: str) -> str:
    if value.startswith("arn:"):
        return value[:LONGEST]
    return REDACTED if _SECRET.search(name) else _SECRETS.sub(REDACTED, value)[:LONGEST]


def timestamp(moment: datetime) -> str:
    """UTC to the millisecond, as the audit and the pages write it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
