"""Everything that is understood of a line: level, time, fields, kind, pattern, and the rule that decided."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pyarrow as pa

from ops.logs.lake.grouping.tree import Groups
from ops.logs.lake.lines.forms import form_of_text, kind_of_json
from ops.logs.lake.lines.levels import Levels
from ops.logs.lake.lines.times import time_in, time_of
from ops.logs.lake.patterns import patterns_of

AT_ONCE = 10_000  # lines read at a time
DEEPEST = 8  # nested JSON in strings
_PAIR = re.compile(r'(?:^|(?<=\s))([A-Za-z_@][\w.@-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CRI = re.compile(r"(\S+) (stdout|stderr) ([FP]) (.*)", re.DOTALL)


@dataclass(frozen=True)
class Explanation:
    """A line as it is understood; `fields` may be nested.

    `pattern` is the one of its group among the lines that were read together, and `pattern_id` identifies it.
    """

    level: str | None
    time: datetime | None
    fields: Mapping[str, Any]
    kind: str
    pattern: str
    pattern_id: str
    rule: str | None

    def to_json(self) -> str:
        time = self.time and self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps({**vars(self), "time": time}, ensure_ascii=True)


def explain(lines: Iterable[str], levels: Levels, now: datetime | None = None) -> Iterator[Explanation]:
    """Explain each line. `now` places times that are written without a year."""
    now = now or datetime.now(UTC)
    lines, groups = iter(lines), Groups()
    while some := list(islice(lines, AT_ONCE)):
        yield from _explained(some, levels, groups, now)


def fields_of(line: str, now: datetime) -> dict[str, Any]:
    """Return the fields of a line, which may be nested."""
    return _read(_ANSI.sub("", line), now)[1]


def _explained(lines: Sequence[str], levels: Levels, groups: Groups, now: datetime) -> Iterator[Explanation]:
    messages = pa.array([line.encode("utf-8", "replace").decode() for line in lines], pa.string())
    patterns = patterns_of(messages)
    known = groups.add(patterns.dictionary.to_pylist())
    verdicts = levels.explain(messages, patterns)
    for line, pattern, verdict in zip(lines, patterns.to_pylist(), verdicts, strict=True):
        kind, fields, time = _read(_ANSI.sub("", line), now)
        found = known[pattern]
        yield Explanation(verdict.level, time, fields, kind, found.text, found.id, verdict.rule)


def _read(line: str, now: datetime, depth: int = 0) -> tuple[str, dict[str, Any], datetime | None]:
    """Return the kind of a line, its fields, and its time."""
    if match := _CRI.fullmatch(line):
        _, inner, inside = _read(match[4], now, depth + 1) if depth < DEEPEST else ("", {}, None)
        return "cri", {"stream": match[2], **inner}, inside or time_in(match[1], now)
    start = line.find("{")
    document = _json(line[start:]) if start >= 0 else None
    if document is not None:
        before = line[:start].strip()
        fields = _decoded(document, depth)
        time = time_of(fields, now) or time_in(before, now) or _inner_time(fields, now)
        return kind_of_json(fields) if not before else "text with json", fields, time
    text = line.strip()
    if written := form_of_text(text):
        kind, fields = written
        return kind, _pairs(text) | fields, time_in(text, now)
    pairs = _pairs(text)
    kind = "logfmt" if len(pairs) > 1 or "level" in pairs else "text"
    return kind, pairs, time_of(pairs, now) or time_in(text, now)


def _json(text: str) -> dict[str, Any] | None:
    """Return the JSON object that the text is; None if it is not one."""
    try:
        document = json.loads(text, parse_constant=str)  # NaN is not JSON
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _decoded(document: dict[str, Any], depth: int) -> dict[str, Any]:
    """Decode the strings that are JSON objects themselves."""
    if depth >= DEEPEST:
        return document
    return {
        key: _decoded(inner, depth + 1)
        if isinstance(value, str) and value[:1] == "{" and (inner := _json(value)) is not None
        else value
        for key, value in document.items()
    }


def _inner_time(fields: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return the time in the wrapped message."""
    for name in ("log", "message", "msg", "body", "record"):
        inner = fields.get(name)
        moment = time_of(inner, now) if isinstance(inner, dict) else time_in(str(inner or ""), now)
        if moment:
            return moment
    return None


def _pairs(text: str) -> dict[str, Any]:
    """Return the `key=value` pairs of the text."""
    return {
        match[1]: match[2][1:-1].replace('\\"', '"') if match[2][:1] == '"' else match[2]
        for match in _PAIR.finditer(text)
    }
