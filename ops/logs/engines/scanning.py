"""A search's texts looked for in raw objects before they are parsed: only lines that hold them become events.

One text is looked for in the bytes, and each line that holds it is checked for the others. A line is an
event of its own where it and the next one begin like events; where that is in doubt, or the object has any
fault, the caller reads it whole.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from ops.logs.lake.gzipped import inflate
from ops.logs.lake.layout import Kind, Partition
from ops.logs.lake.parts import finish
from ops.logs.lake.raw_lines import begins_with_event
from ops.logs.lake.readers import EVENTS, faultless, read_lines

LOOKED_AT_FIRST = 1 << 18  # bytes
KEPT_BYTES = 64 << 20  # of lines, in memory: a text that is everywhere is no shortcut


class Scan:
    """Collects the events of raw objects that hold every one of `needles` (ASCII, in lower case)."""

    def __init__(self, needles: Sequence[str]) -> None:
        self._needles = sorted((one.encode() for one in needles), key=len, reverse=True)
        self._found: dict[Partition, list[bytes]] = {}
        self._size = 0
        self._lock = threading.Lock()
        self._cores = threading.BoundedSemaphore(os.cpu_count() or 2)  # an object each is in memory

    def take(self, path: Path, partition: Partition) -> bool:
        """Whether the object was looked through; False where it must be read whole. Raises OSError."""
        if self._size > KEPT_BYTES:
            return False
        with self._cores:
            content, whole = inflate(path.read_bytes())
            if not whole or not faultless(content):
                return False
            lines: list[bytes] = []
            for line in self._lines(content):
                if line is None:
                    return False
                lines.append(line)
        with self._lock:
            self._found.setdefault(partition, []).extend(lines)
            self._size += sum(map(len, lines))
        return True

    def tables(self) -> list[pa.Table]:
        """What was found, finished: one table or none."""
        found = [
            read_lines(Kind.RAW, [b"".join(lines)], partition).cast(EVENTS)
            for partition, lines in self._found.items()
            if lines
        ]
        return [finish(pa.concat_tables(found))] if found else []

    def _lines(self, content: bytes) -> Iterator[bytes | None]:
        """The lines that hold all needles, in any case; None where a line is no event of its own."""
        folded = content.lower()
        # Any of them finds all; the rarest in what is looked at first finds the least besides.
        needle = min(self._needles, key=lambda one: folded.count(one, 0, LOOKED_AT_FIRST))
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
