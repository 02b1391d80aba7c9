"""Names of tables and columns as a policy writes them: a part with a dot is in double quotes, as in SQL."""

import re
from collections.abc import Iterable

_PART = re.compile(r'"((?:[^"]|"")+)"|([^."][^.]*)')


def join_name(parts: Iterable[str]) -> str:
    """Return the full name: `billing.customers`, `"My.App"."User.Profile"`. Empty parts are left out."""
    return ".".join(_quoted(part) for part in parts if part)


def split_name(name: str) -> tuple[str, ...]:
    """Return the parts of a full name. Raises ValueError if quotes and dots do not fit."""
    parts, place = [], 0
    while match := _PART.match(name, place):
        parts.append(match[1].replace('""', '"') if match[1] else match[2])
        place = match.end()
        if place == len(name):
            return tuple(parts)
        if name[place] != ".":
            break
        place += 1
    raise ValueError(name)


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"' if re.search(r'\.|^"', part) else part
