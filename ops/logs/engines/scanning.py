"""Search raw objects for a search's texts before parsing them: only matching lines are parsed.

One text is searched in the bytes, and each line that contains it is checked for the others. A line is a
complete event if it and the next line both start an event; if not, or if the object is damaged, the caller
reads the whole object.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from ops.logs.lake.gzipped import inflate
from ops.logs.lake.layout import LogFormat, LogObject, Partition
from ops.logs.lake.lines.levels import Levels
from ops.logs.lake.parts import finish
from ops.logs.lake.raw_lines import begins_with_event
from ops.logs.lake.readers import EVENTS, is_well_formed, read_lines

SAMPLE_BYTES = 1 << 18
KEPT_BYTES = 64 << 20  # of lines in memory: with a very frequent text, scanning is not faster


class RawObjectScan:
    """Collects the events of raw objects that contain all `needles` (ASCII, lower case)."""

    def __init__(self, needles: Sequence[str], levels: Levels) -> None:
        self._levels = levels
        self._needles = sorted((needle.encode() for needle in needles), key=len, reverse=True)
        self._lines: dict[Partition, dict[str, list[bytes]]] = {}
        self._size = 0
        self._lock = threading.Lock()
        self._cores = threading.BoundedSemaphore(os.cpu_count() or 2)  # each holds one object in memory

    def take(self, path: Path, obj: LogObject) -> bool:
        """Scan the object; return False if it must be read whole instead. Raises OSError."""
        if self._size > KEPT_BYTES:
            return False
        with self._cores:
            content, fault = inflate(path.read_bytes())
            if fault or not is_well_formed(content):
                return False
            lines: list[bytes] = []
            for line in self._matching(content):
                if line is None:
                    return False
                lines.append(line)
        with self._lock:
            self._lines.setdefault(obj.partition, {})[obj.key] = lines
            self._size += sum(map(len, lines))
        return True

    def tables(self) -> list[pa.Table]:
        """Return the matching events, prepared with `finish`: one table or none."""
        tables = [
            read_lines(
                LogFormat.RAW, [b"".join(lines) for _, lines in sorted(by_key.items())], partition
            ).cast(EVENTS)
            for partition, by_key in sorted(self._lines.items())
            if any(by_key.values())
        ]
        return [finish(pa.concat_tables(tables), self._levels)] if tables else []

    def _matching(self, content: bytes) -> Iterator[bytes | None]:
        """Yield the lines that contain all needles, in any case; None if a line is not a complete event."""
        folded = content.lower()
        # Search for the needle that is rarest in a sample: it leaves the fewest lines to check.
        needle = min(self._needles, key=lambda needle: folded.count(needle, 0, SAMPLE_BYTES))
        at = folded.find(needle)
        while at >= 0:
            start = content.rfind(b"\n", 0, at) + 1
            end = content.find(b"\n", at)
            end = len(content) if end < 0 else end + 1
            if not begins_with_event(content[start:end]) or not _event_or_end(content, end):
                yield None
                return
            if all(folded.find(other, start, end) >= 0 for other in self._needles):
                yield content[start:end]
            at = folded.find(needle, end)


def _event_or_end(content: bytes, start: int) -> bool:
    if start >= len(content):
        return True
    end = content.find(b"\n", start)
    return begins_with_event(content[start : end if end >= 0 else len(content)])
