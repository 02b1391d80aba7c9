"""Applies suggestions and decisions to the text of a policy, and keeps its comments and order."""

import re
import tomllib
from collections.abc import Iterable

from ops.errors import InputError
from ops.snapshots.policy.model import DEFAULT_SCHEMAS
from ops.snapshots.policy.suggest import Suggestion, suggestions_as_toml

_HEADER = re.compile(r"^[ \t]*\[([^\[\]\n]+)\][ \t]*(?:#.*)?$", re.MULTILINE)


def with_suggestions(policy: str, suggestions: Iterable[Suggestion]) -> str:
    """Return the policy with a line for each suggestion, in its existing table or in a new one."""
    tables: dict[str, list[Suggestion]] = {}
    for suggestion in suggestions:
        tables.setdefault(suggestion.table, []).append(suggestion)
    for columns in tables.values():
        header, _, lines = suggestions_as_toml(columns).partition("\n")
        place = _end_of_table(policy, _path(header))
        if place is None:
            policy = f"{policy.rstrip()}\n\n{header}\n{lines}"
        else:
            policy = f"{policy[:place]}\n{lines.rstrip()}{policy[place:]}"
    return policy


def with_treatment(policy: str, decided: Suggestion) -> str:
    """Return the policy with another treatment of a column that it lists, on the same line.

    Raises InputError if the treatment is not on a line of its own.
    """
    header, line, _ = suggestions_as_toml([decided]).split("\n", 2)
    span = _table(policy, _path(header))
    if span is not None:
        lines = policy[slice(*span)].splitlines(keepends=True)
        for number, old in enumerate(lines):
            if _key(old) == decided.column:
                lines[number] = f"{line}\n"
                return f"{policy[: span[0]]}{''.join(lines)}{policy[span[1] :]}"
    raise InputError(
        f"Cannot find the line of {decided.table}.{decided.column} in the policy.",
        field="policy",
        hint="Change its treatment in the text of the policy.",
    )


def _key(line: str) -> str:
    """Return the key of a line that contains one entry, or empty."""
    try:
        entries = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ""
    return next(iter(entries), "")


def _end_of_table(policy: str, path: tuple[str, ...]) -> int | None:
    """Return the offset after the last entry of the table; None if the policy does not have the table."""
    span = _table(policy, path)
    if span is None:
        return None
    lines = policy[slice(*span)].splitlines(keepends=True)
    while lines and lines[-1].strip()[:1] in ("", "#"):
        lines.pop()
    return span[0] + len("".join(lines).rstrip("\n"))


def _table(policy: str, path: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the offsets of the body of a table, after its header; None if the policy does not have it."""
    headers = list(_HEADER.finditer(policy))
    ends = [*(header.start() for header in headers[1:]), len(policy)]
    for header, end in zip(headers, ends, strict=False):
        if _path(header[0]) == path:
            return header.end(), end
    return None


def _path(header: str) -> tuple[str, ...]:
    """Return the keys of a table header, without the default schema of PostgreSQL."""
    try:
        document = tomllib.loads(header)
    except tomllib.TOMLDecodeError:
        return ()
    path = []
    while document:
        ((key, document),) = document.items()
        path.append(key)
    return (*path[:-1], path[-1].removeprefix(f"{DEFAULT_SCHEMAS['postgres']}."))
