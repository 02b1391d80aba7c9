"""Judges the record file of a running embedded cloud."""

import json
from pathlib import Path

from tests.faults.monitor.attribution import Attribution
from tests.faults.monitor.judge import Judge, Violation, all_invariants
from tests.faults.monitor.records import parse


class Watch:
    """Judges what a cloud has recorded since the last look.

    The file has no audit records, and tests call AWS by themselves: attribution is judged in the matrices.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self.judge = Judge(each for each in all_invariants() if not isinstance(each, Attribution))

    def look(self) -> list[Violation]:
        """Judge the new records; return their violations."""
        if not self._path.exists():
            return []
        found: list[Violation] = []
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # being written
                self._read += len(line)
                found += self.judge.take(parse(json.loads(line)))
        return found
