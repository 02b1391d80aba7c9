"""Times, sizes and names in words for people. Pure."""

import re
from datetime import UTC, datetime, timedelta


def duration(span: timedelta) -> str:
    """`47 s`, `3 min 05 s`, `2 h 10 min`, `4 days`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} days"


def ago(moment: datetime | None, now: datetime) -> str:
    """`3 minutes ago`; `never` without a moment."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def utc(moment: datetime | None) -> str:
    """`2026-11-23 14:05:09 UTC`; a dash without a moment."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "–"


def count(number: int, noun: str, plural: str = "") -> str:
    """`no databases`, `1 database`, `3 databases`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number or 'no'} {plural or noun + 's'}"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


# What could hide or reorder text, as in the list of events: control and bidirectional characters.
_HIDDEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff]"
)


def visible(text: str) -> str:
    """Text from outside with its control and direction characters as `\\u{1b}`; lines and tabs stay."""
    return _HIDDEN.sub(lambda match: f"\\u{{{ord(match[0]):x}}}", text)


def code(text: str) -> str:
    """Text from outside as Markdown code: it is shown, never interpreted."""
    clean = "".join(character if character.isprintable() else "�" for character in text)
    longest = max((len(run) for run in re.findall("`+", clean)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {clean} {fence}" if longest else f"`{clean}`"


def money(dollars: float) -> str:
    """`$1,234.50`; what is less than a cent is not nothing."""
    return "< $0.01" if 0 < dollars < 0.005 else f"${dollars:,.2f}"


def size(number: int) -> str:
    """`512 B`, `1.5 MB`: decimal units, as S3 and Athena charge."""
    for unit, each in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if number >= each:
            return f"{number / each:.3g} {unit}"
    return f"{number} B"
