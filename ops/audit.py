"""Who did what to which resource, and how it ended: append-only JSON lines, written before and after.

A change whose first record cannot be written does not happen.
"""

import getpass
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ops.errors import AuditUnavailable


@dataclass(frozen=True)
class Actor:
    """Who acts, and through what: `page` or `cli`."""

    name: str
    via: str

    @classmethod
    def local(cls, via: str) -> "Actor":
        return cls(getpass.getuser(), via)


@dataclass(frozen=True)
class Record:
    """One line of the audit. `result` is `started`, `done`, `failed`, `skipped` or `already done`."""

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


def timestamp(moment: datetime) -> str:
    """UTC to the millisecond, as the audit and the pages write it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
