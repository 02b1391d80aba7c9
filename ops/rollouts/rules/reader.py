"""A TOML file as tables that know their lines, so that every mistake is told with file, line and key."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ops.errors import InputError

KeyPath = tuple[str | int, ...]

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(\d{1,4}d)?(\d{1,4}h)?(\d{1,4}m)?(\d{1,4}s)?")


def wrong(file: str, line: int, message: str, hint: str) -> InputError:
    """The error for a mistake in that line."""
    return InputError(f"{file}, line {line}: {message}", field="rollout", hint=hint)


def length(text: Any) -> timedelta | None:
    """The length of time that is written as `90m` or `1d12h`; None when it is none."""
    parts = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if not parts:
        return None
    return timedelta(**{_UNITS[part[-1]]: int(part[:-1]) for part in parts.groups() if part})


@dataclass(frozen=True)
class Table:
    """A table of the file. Every reader raises InputError when the key holds something else."""

    file: str
    path: KeyPath
    values: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def line(self, key: str = "") -> int:
        """The line of the key; where the key is missing, that of the table around it."""
        path: KeyPath = (*self.path, key) if key else self.path
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def name(self, key: str = "") -> str:
        """The key as a person would write it: `bake.first.time`."""
        return ".".join(part for part in (*self.path, key) if isinstance(part, str) and part)

    def wrong(self, key: str, message: str, hint: str) -> InputError:
        return wrong(self.file, self.line(key), f"{self.name(key)} {message}", hint)

    def check_keys(self, *known: str) -> None:
        """Raises at the first key that is not known."""
        if unknown := next((key for key in self.values if key not in known), ""):
            raise self.wrong(unknown, "is not known.", f"Known here: {', '.join(known)}.")

    def text(self, key: str, default: str | None = None, *, like: str = ".+", means: str = "a text") -> str:
        """A text that fully matches `like`; required without a default."""
        if key not in self.values and default is not None:
            return default
        return self._matching(key, self._required(key, means), like, means)

    def texts(self, key: str, *, like: str = ".+", means: str = "a text") -> tuple[str, ...]:
        """A list of different texts; empty when the key is missing."""
        found = self.values.get(key, [])
        if not isinstance(found, list):
            raise self.wrong(key, "is not a list.", f"Each entry of the list is {means}.")
        texts = [self._matching(key, each, like, means) for each in found]
        if twice := next((each for each in texts if texts.count(each) > 1), ""):
            raise self.wrong(key, f"names {twice!r} twice.", "Name it once.")
        return tuple(texts)

    def _matching(self, key: str, value: Any, like: str, means: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(like, value, re.DOTALL):
            raise self.wrong(key, f"has {value!r}, which is not {means}.", f"Write {means}, in quotes.")
        return value

    def whole(self, key: str, default: int, *, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        found = self.values.get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or not low <= found <= high:
            raise self.wrong(key, f"is {found!r}.", f"It is a whole number from {low} to {high}.")
        return found

    def duration(self, key: str, default: timedelta) -> timedelta:
        """A length of time such as `90m` or `1d12h`."""
        if key not in self.values:
            return default
        found = self.values[key]
        if (read := length(found)) is None:
            raise self.wrong(key, f"is {found!r}, which is no length of time.", 'Write "90m" or "1d12h".')
        return read

    def pairs(self, key: str) -> dict[str, str]:
        """A table of texts; empty when the key is missing."""
        table = self.table(key)
        return {name: table.text(name, like=".*") for name in table.values}

    def zone(self, key: str, default: str | None = None) -> str:
        """A time zone by its name."""
        name = self.text(key, default, means="a time zone")
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise self.wrong(
                key, f"is {name!r}, which is no time zone.", "Write it as Europe/Berlin."
            ) from error
        return name

    def table(self, key: str) -> "Table":
        """The table under the key; empty when the key is missing."""
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            raise self.wrong(key, "is not a table.", f"Write [{self.name(key)}] with its entries below.")
        return Table(self.file, (*self.path, key), found, self.lines)

    def tables(self, key: str) -> tuple["Table", ...]:
        """The tables under the key, in order; none when the key is missing."""
        found = self.values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.wrong(key, "is not a list of tables.", f"Write [[{self.name(key)}]] for each.")
        return tuple(
            Table(self.file, (*self.path, key, number), each, self.lines) for number, each in enumerate(found)
        )

    def _required(self, key: str, means: str) -> Any:
        if key not in self.values:
            raise self.wrong(key, "is missing.", f"Write {key} = and {means}, in quotes.")
        return self.values[key]


def read(text: str, file: str) -> Table:
    """The root table of the TOML. Raises InputError with the line when it is not valid TOML."""
    text = text.replace("\r\n", "\n")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+), ", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        raise wrong(file, line, f"this is not valid TOML: {error}.", "Mend that line.") from error
    return Table(file, (), values, _lines(text))


def _lines(text: str) -> dict[KeyPath, int]:
    """The line of every key and table of valid TOML; what a statement holds has the statement's line."""
    lines: dict[KeyPath, int] = {(): 1}
    counts: dict[KeyPath, int] = {}  # how many tables each [[list of tables]] has so far
    where: KeyPath = ()
    for number, statement in _statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            where = _header(parsed, counts)
            for length in range(1, len(where) + 1):
                lines.setdefault(where[:length], number)
        else:
            for path in _paths(parsed):
                lines.setdefault((*where, *path), number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement with its first line: the fewest lines that are valid by themselves."""
    begun, statement = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        if not statement:
            begun = number
        statement += line + "\n"
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield begun, statement
        statement = ""


def _header(parsed: Any, counts: dict[KeyPath, int]) -> KeyPath:
    """The path of `[a.b]` or `[[a.b]]`, with the number of the table wherever a list of tables is on it."""
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
    """The path of everything inside the value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,)
        yield from ((key, *path) for path in _paths(inner))
