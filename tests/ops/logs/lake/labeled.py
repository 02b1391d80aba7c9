"""The labeled lines in `lines.txt`: LEVEL¦FORM¦LINE.

`-` is no level, ⏎ a newline, and ␛ an escape character.
"""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ops.logs.lake.lines.levels import Levels, Verdict
from ops.logs.lake.patterns import patterns_of


@dataclass(frozen=True)
class Labeled:
    level: str | None
    form: str
    line: str


def labeled_lines() -> list[Labeled]:
    text = Path(__file__).with_name("lines.txt").read_text("utf-8")
    parts = [row.split("¦", 2) for row in text.rstrip("\n").split("\n")]
    return [
        Labeled(None if level == "-" else level, form, line.replace("⏎", "\n").replace("␛", "\x1b"))
        for level, form, line in parts
    ]


def verdicts_on(lines: list[str], levels: Levels | None = None) -> list[Verdict]:
    messages = pa.array(lines, pa.string())
    return (levels or Levels()).explain(messages, patterns_of(messages))
