"""Suggestions put into a policy's text, whose comments and order stay as somebody has written them."""

import re
import tomllib
from collections.abc import Iterable

from ops.snapshots.policy.model import DEFAULT_SCHEMAS
from ops.snapshots.policy.suggest import Suggestion, as_toml

_HEADER = re.compile(r"^[ \t]*\[([^\[\]\n]+)\][ \t]*(?:#.*)?$", re.MULTILINE)


def with_suggestions(policy: str, suggestions: Iterable[Suggestion]) -> str:
    """The policy with a line for each suggestion: below its table's others, or below a table of its own."""
    tables: dict[str, list[Suggestion]] = {}
    for each in suggestions:
        tables.setdefault(each.table, []).append(each)
    for columns in tables.values():
        header, _, lines = as_toml(columns).partition("\n")
        place = _end_of_table(policy, _path(header))
        if place is None:
            policy = f"{policy.rstrip()}\n\n{header}\n{lines}"
        else:
            policy = f"{policy[:place]}\n{lines.rstrip()}{policy[place:]}"
    return policy


def _end_of_table(policy: str, wanted: tuple[str, ...]) -> int | None:
    """Behind the last line of the table that holds more than a comment, if the policy has the table."""
    headers = list(_HEADER.finditer(policy))
    ends = [*(header.start() for header in headers[1:]), len(policy)]
    for header, end in zip(headers, ends, strict=False):
        if _path(header[0]) != wanted:
            continue
        body = policy[header.end() : end]
        lines = body.splitlines(keepends=True)
        while lines and lines[-1].strip()[:1] in ("", "#"):
            lines.pop()
        return header.end() + len("".join(lines).rstrip("\n"))
    return None


def _path(header: str) -> tuple[str, ...]:
    """The keys of a table's header: PostgreSQL's schema public may be left out."""
    try:
        found = tomllib.loads(header)
    except tomllib.TOMLDecodeError:
        return ()
    path = []
    while found:
        ((key, found),) = found.items()
        path.append(key)
    return (*path[:-1], path[-1].removeprefix(f"{DEFAULT_SCHEMAS['postgres']}."))
