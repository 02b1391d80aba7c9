"""Past events as objects in the bucket: JSON lines by hour.

Object keys are deterministic, so that repeating an interrupted window overwrites its objects.
"""

import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from ops.aws.logs.history import FilteredLogEvent
from ops.logs.export.ledger.model import GroupKey
from ops.logs.lake import layout
from ops.logs.lake.layout import Location, LogFormat, Partition

PART_BYTES = 32 << 20  # of lines buffered before they are written
_HEADER = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ")


class BackfillWriter:
    """Buffered writer of events; `name` distinguishes the objects of a window from others."""

    def __init__(
        self, location: Location, group: GroupKey, name: str, write: Callable[[str, bytes], None]
    ) -> None:
        self._location = location
        self._group = group
        self._name = hashlib.sha256(f"{'/'.join(group)} {name}".encode()).hexdigest()[:24]
        self._write = write
        self._lines: dict[datetime, list[bytes]] = defaultdict(list)
        self._buffered = 0
        self._part = 0
        self.events = 0

    def add(self, event: FilteredLogEvent) -> None:
        line = _line(self._group, event)
        self._lines[layout.hour_at(event.timestamp)].append(line)
        self._buffered += len(line)
        self.events += 1
        if self._buffered >= PART_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the buffered events, one object per hour."""
        account, region, _ = self._group
        for hour, lines in sorted(self._lines.items()):
            folder = layout.folder(self._location, LogFormat.JSON, Partition(hour, account, region))
            key = f"{folder}backfill-{self._name}-{self._part:05d}.gz"
            self._write(key, gzip.compress(b"".join(lines), 6, mtime=0))
        self._lines.clear()
        self._buffered = 0
        self._part += 1


def parse_export_object(text: str, stream: str, source: str) -> Iterator[FilteredLogEvent]:
    """Yield the events of an object that an export task has written.

    A line that starts with a timestamp starts an event; other lines continue the event before. Export tasks
    write no event IDs, so the ID is derived from the position, which makes it deterministic.
    """
    at, message, number = "", "", 0
    for line in [*text.split("\n")[:-1], None]:
        header = _HEADER.match(line) if line is not None else None
        if header or line is None:
            if at:
                id_ = hashlib.sha256(f"{source} {number}".encode()).hexdigest()[:56]
                moment = round(datetime.fromisoformat(at).timestamp() * 1000)
                yield FilteredLogEvent(stream, moment, moment, f"x{id_}", message)
                number += 1
            if header and line is not None:
                at, message = header[1], line[header.end() :]
        else:
            message += f"\n{line}"


def streams_by_folder(streams: Iterable[str]) -> dict[str, str]:
    """Map export folders to log stream names; a folder that several names map to keeps its own name."""
    names_by_folder: dict[str, list[str]] = defaultdict(list)
    for name in streams:
        names_by_folder[name.replace("/", "-")].append(name)
    return {folder: names[0] if len(names) == 1 else folder for folder, names in names_by_folder.items()}


def _line(group: GroupKey, event: FilteredLogEvent) -> bytes:
    account, region, name = group
    document = {
        "account": account,
        "region": region,
        "group": name,
        "stream": event.stream,
        "timestamp": event.timestamp,
        "id": event.id,
        "message": event.message,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
