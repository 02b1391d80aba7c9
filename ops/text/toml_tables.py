"""Read the tables of a TOML file, so that every error names file, line, and key."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ops.errors import SlipwayError
from ops.text.durations import parse_duration

KeyPath = tuple[str | int, ...]

# A larger file is no one's policy, rollout, or settings; reading it could take minutes.
MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 50
_DEEP_KEY = re.compile(rf"(?<![^\s.\[\]{{}}=,#])(?:[^\s.\[\]{{}}=,#]+[ \t]*\.[ \t]*){{{MAX_DEPTH},}}")
_TOKENS = re.compile(
    r'''"""(?:\\.|[^\\])*?"""(?:"{0,2})|"(?:\\.|[^"\\\n])*"|#[^\n]*|[\[\]{}]|\n'''
    r"""|'''.*?'''(?:'{0,2})|'[^'\n]*'""",
    re.DOTALL,
)


@dataclass(frozen=True)
class TomlFile:
    """A file that is valid TOML. `name` is its name in messages; `error` makes the error of a mistake."""

    name: str
    text: str
    error: Callable[..., SlipwayError]

    @cached_property
    def lines(self) -> dict[KeyPath, int]:
        """The line of every key and table. Found when a message needs it: this parses the file again."""
        return _lines(self.text)

    def mistake(self, line: int, message: str, hint: str) -> SlipwayError:
        """Return the error for a mistake in the line."""
        return self.error(f"{self.name}, line {line}: {message}", hint=hint)


@dataclass(frozen=True)
class TomlTable:
    """A table of a file. Every reading method raises the file's error when the value has another type."""

    file: TomlFile
    path: KeyPath
    values: Mapping[str, Any]

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def line(self, key: str = "") -> int:
        """Return the line of the key, or of the table that it is missing from."""
        path: KeyPath = (*self.path, key) if key else self.path
        while path not in self.file.lines:
            path = path[:-1]
        return self.file.lines[path]

    def name(self, key: str = "") -> str:
        """Return the dotted name of the key: `bake.first.time`."""
        return ".".join(part for part in (*self.path, key) if isinstance(part, str) and part)

    def mistake(self, key: str, message: str, hint: str) -> SlipwayError:
        return self.file.mistake(self.line(key), f"{self.name(key)} {message}", hint)

    def check_keys(self, *known: str) -> None:
        """Raise the file's error for the first unknown key."""
        if unknown := next((key for key in self.values if key not in known), ""):
            near = get_close_matches(unknown, known, 1)
            meant = f"Did you mean {near[0]}? " if near else ""
            raise self.mistake(unknown, "is not a known key.", f"{meant}Known keys: {', '.join(known)}.")

    def text(self, key: str, default: str | None = None, *, like: str = ".+", means: str = "a string") -> str:
        """Return a string that fully matches `like`; the key is required when there is no default."""
        if key not in self.values and default is not None:
            return default
        return self._matching(key, self._required(key, means), like, means)

    def texts(self, key: str, *, like: str = ".+", means: str = "a string") -> tuple[str, ...]:
        """Return a list of distinct strings; empty when the key is missing."""
        values = self.values.get(key, [])
        if not isinstance(values, list):
            raise self.mistake(key, "is not a list.", f"Write a list in which each entry is {means}.")
        texts = [self._matching(key, value, like, means) for value in values]
        if duplicate := next((text for text in texts if texts.count(text) > 1), ""):
            raise self.mistake(key, f"lists {duplicate!r} twice.", "Remove the duplicate.")
        return tuple(texts)

    def _matching(self, key: str, value: Any, like: str, means: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(like, value, re.DOTALL):
            raise self.mistake(key, f"has {value!r}, which is not {means}.", f"Write {means} in quotes.")
        return value

    def choice(self, key: str, *allowed: str) -> str:
        """Return one of the allowed strings; by default, the first."""
        value = self.values.get(key, allowed[0])
        if value not in allowed:
            raise self.mistake(key, f"is {value!r}.", f"Use one of: {', '.join(allowed)}.")
        return str(value)

    def whole(self, key: str, default: int, *, low: int, high: int | None = None) -> int:
        """Return an integer from `low` to `high`; None for no limit."""
        value = self.values.get(key, default)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < low or (high is not None and value > high):
            limits = f"of {low} or more" if high is None else f"from {low} to {high}"
            raise self.mistake(key, f"is {value!r}.", f"Write an integer {limits}.")
        return int(value)

    def duration(self, key: str, default: timedelta) -> timedelta:
        """Return a duration such as `90m` or `1d12h`."""
        if key not in self.values:
            return default
        value = self.values[key]
        if (duration := parse_duration(value)) is None:
            raise self.mistake(key, f"is {value!r}, which is not a duration.", 'Write "90m" or "1d12h".')
        return duration

    def pairs(self, key: str) -> dict[str, str]:
        """Return a table of strings; empty when the key is missing."""
        table = self.table(key)
        return {name: table.text(name, like=".*") for name in table.values}

    def zone(self, key: str, default: str | None = None) -> str:
        """Return the name of a time zone."""
        name = self.text(key, default, means="a time zone")
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise self.mistake(
                key, f"is {name!r}, which is not a time zone.", "Write a name such as Europe/Berlin."
            ) from error
        return name

    def table(self, key: str) -> "TomlTable":
        """Return the table at the key; empty when the key is missing."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.mistake(key, "is not a table.", f"Write [{self.name(key)}] and its entries below.")
        return TomlTable(self.file, (*self.path, key), value)

    def tables(self, key: str) -> tuple["TomlTable", ...]:
        """Return the tables at the key, in order; none when the key is missing."""
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise self.mistake(key, "is not a list of tables.", f"Write [[{self.name(key)}]] for each.")
        return tuple(
            TomlTable(self.file, (*self.path, key, number), value) for number, value in enumerate(values)
        )

    def _required(self, key: str, means: str) -> Any:
        if key not in self.values:
            raise self.mistake(key, "is missing.", f'Add {key} = "…" with {means}.')
        return self.values[key]


def read_toml(text: str, name: str, error: Callable[..., SlipwayError]) -> TomlTable:
    """Parse the text into its root table.

    Raises the error, with the line, when it is not valid TOML, too large, or nested too deeply.
    """
    text = text.replace("\r\n", "\n")
    file = TomlFile(name, text, error)
    if len(text) > MAX_CHARACTERS:
        raise error(
            f"{name} is too large: {len(text):,} characters.",
            hint=f"The limit is {MAX_CHARACTERS:,} characters. Split it.",
        )
    if deep := _DEEP_KEY.search(text):
        raise _too_deep(file, text.count("\n", 0, deep.start()) + 1)
    try:
        values = tomllib.loads(text)
    except RecursionError as deep_value:
        raise _too_deep(file, _deepest_line(text)) from deep_value
    except tomllib.TOMLDecodeError as invalid:
        at = re.search(r"\(at line (\d+), ", str(invalid))
        line = int(at[1]) if at else text.count("\n") + 1
        raise file.mistake(line, f"not valid TOML: {invalid}.", "Fix the line and retry.") from invalid
    if _depth(values) > MAX_DEPTH:
        raise _too_deep(file, _deepest_line(text))
    return TomlTable(file, (), values)


def _too_deep(file: TomlFile, line: int) -> SlipwayError:
    return file.mistake(line, "nested too deeply.", f"Nest tables and lists at most {MAX_DEPTH} levels.")


def _depth(value: Any) -> int:
    """Return how many levels of tables and lists the value has, without recursion."""
    depth, level = 0, [value]
    while level := [
        inner
        for outer in level
        if isinstance(outer, dict | list)
        for inner in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        depth += 1
    return depth


def _deepest_line(text: str) -> int:
    """Return the line on which the most brackets are open; the text need not be valid TOML."""
    number, depth, deepest, found = 1, 0, 0, 1
    for token in _TOKENS.finditer(text):
        number += token[0].count("\n")
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > deepest:
            deepest, found = depth, number
    return found


def _lines(text: str) -> dict[KeyPath, int]:
    """Return the line of every key and table of valid TOML.

    A value that spans several lines has the line on which its statement starts.
    """
    lines: dict[KeyPath, int] = {(): 1}
    counts: dict[KeyPath, int] = {}  # how many tables each [[array of tables]] has so far
    table: KeyPath = ()
    for number, statement in _statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _header(parsed, counts)
            for depth in range(1, len(table) + 1):
                lines.setdefault(table[:depth], number)
        else:
            for path in _paths(parsed):
                lines.setdefault((*table, *path), number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement of valid TOML with its first line: it ends with a line outside of any bracket."""
    first = number = 1
    begin = depth = 0
    for token in _TOKENS.finditer(text):
        number += token[0].count("\n")
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and not depth:
            yield first, text[begin : token.end()]
            first, begin = number, token.end()
    yield first, text[begin:]


def _header(parsed: Any, counts: dict[KeyPath, int]) -> KeyPath:
    """Return the path of `[a.b]` or `[[a.b]]`, with the index of the table for each array of tables on it."""
    path: KeyPath = ()
    while parsed:
        key, parsed = next(iter(parsed.items()))
        path = (*path, key)
        if isinstance(parsed, list):
            counts[path] = counts.get(path, 0) + 1
            parsed = parsed[0]
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


def _paths(value: Any) -> Iterator[KeyPath]:
    """Yield the path of everything inside the value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,)
        yield from ((key, *path) for path in _paths(inner))
