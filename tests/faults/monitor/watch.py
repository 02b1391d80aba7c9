"""Judges the record file of a running embedded cloud."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.faults.monitor.attribution import Attribution
from tests.faults.monitor.deletion import Deletion
from tests.faults.monitor.judge import Invariant, Judge, Violation, all_invariants
from tests.faults.monitor.records import Delivery, Item, parse


class Watch:
    """Judges what a running cloud records, from the byte `start` of its file.

    `audited`: the file has the audit records, and all calls of the workbench come from plans. Otherwise tests
    call AWS through the workbench by themselves, so attribution cannot be judged.
    """

    def __init__(
        self, path: Path, *, start: int = 0, audited: bool = False, judge: Judge | None = None
    ) -> None:
        self._path = path
        self._read = start
        self.judge = judge or Judge(_invariants(audited))
        self._ignored: set[str] = set()

    def look(self) -> list[Violation]:
        """Judge the new records; return their violations."""
        found: list[Violation] = []
        for line in self._new_lines():
            item = parse(json.loads(line))
            if not self._ignores(item):
                found += self.judge.take(item)
        return found

    def skip(self) -> None:
        """Judge the new records without a report of their violations, which are not the product's."""
        self.look()

    def ignore(self, bucket: str) -> None:
        """Do not judge deliveries to the bucket, now and later: its delivery stream is broken on purpose."""
        self._ignored.add(bucket)

    def _ignores(self, item: Item) -> bool:
        return isinstance(item, Delivery) and item.bucket in self._ignored

    def _new_lines(self) -> Iterator[bytes]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # being written
                self._read += len(line)
                yield line


def _invariants(audited: bool) -> Iterator[Invariant]:
    for invariant in all_invariants():
        if isinstance(invariant, Deletion):
            yield Deletion(complete=False)  # the sample data is older than the record
        elif audited or not isinstance(invariant, Attribution):
            yield invariant
