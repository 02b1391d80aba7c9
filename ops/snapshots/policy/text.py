"""Applies suggestions to the text of a policy and keeps its comments and order."""

import re
import tomllib
from collections.abc import Iterable

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


def _end_of_table(policy: str, path: tuple[str, ...]) -> int | None:
    """Return the offset after the last entry of the table; None if the policy does not have the table."""
    headers = list(_HEADER.finditer(policy))
    ends = [*(header.start() for header in headers[1:]), len(policy)]
    for header, end in zip(headers, ends, strict=False):
        if _path(header[0]) != path:
            continue
        body = policy[header.end() : end]
        lines = body.splitlines(keepends=True)
        while lines and lines[-1].strip()[:1] in ("", "#"):
            lines.pop()
        return header.end() + len("".join(lines).rstrip("\n"))
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
