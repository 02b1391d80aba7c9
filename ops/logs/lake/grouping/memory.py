"""Remember the groups of patterns of one dataset, so that a pattern keeps its group in every time range.

A file on this machine, shared by its processes. A word that took many values in one range is variable in all
later ones. A group's ID is derived from its text alone, so two machines that know the same group give it the
same ID. When a word of a group becomes variable, the group gets a new text and ID, once.
"""

import contextlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ops.logs.lake.grouping.tree import KEPT, Group, group_with
from ops.logs.lake.grouping.words import Words

VERSION = 1  # increase it when patterns are split in another way


@dataclass(frozen=True)
class PatternMemory:
    """Groups patterns with those in the file; safe for many threads and processes.

    A process that overwrites what another one has just added costs nothing but finding it again.
    """

    path: Path

    def group(self, patterns: Iterable[str]) -> dict[str, Group]:
        """Return the group of each pattern, and remember it."""
        known = self._read()
        groups, words = group_with(patterns, known)
        if words != known:
            self._write(words[-KEPT:])
        return groups

    def _read(self) -> list[Words]:
        try:
            content = json.loads(self.path.read_text("utf-8"))
            if content["version"] != VERSION:
                return []
            return [tuple(map(str, words)) for words in content["groups"] if words]
        except (OSError, ValueError, KeyError, TypeError):
            return []  # missing or damaged: the groups are found again

    def _write(self, groups: list[Words]) -> None:
        half = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        with contextlib.suppress(OSError):  # on a full disk, the groups are found again
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                half.write_text(json.dumps({"version": VERSION, "groups": groups}), "utf-8")
                half.replace(self.path)
            finally:
                half.unlink(missing_ok=True)
