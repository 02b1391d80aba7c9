"""Read the tables of a TOML file, so that every error names file, line, and key."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ops.errors import SlipwayError
from ops.text.durations import parse_duration

KeyPath = tuple[str | int, ...]


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
            raise self.mistake(unknown, "is not a known key.", f"Known keys: {', '.join(known)}.")

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
    """Parse the text into its root table. Raises the error, with the line, when it is not valid TOML."""
    text = text.replace("\r\n", "\n")
    file = TomlFile(name, text, error)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as invalid:
        at = re.search(r"\(at line (\d+), ", str(invalid))
        line = int(at[1]) if at else text.count("\n") + 1
        raise file.mistake(line, f"not valid TOML: {invalid}.", "Fix the line and retry.") from invalid
    return TomlTable(file, (), values)


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
    """Yield each statement with its first line: the fewest lines that are valid TOML on their own."""
    first, statement = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        if not statement:
            first = number
        statement += line + "\n"
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield first, statement
        statement = ""


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
