"""Format durations, sizes, and names for people. Pure."""

import re
from datetime import datetime, timedelta


def duration(span: timedelta) -> str:
    """Format a duration: `47 s`, `3 min 05 s`, `2 h 10 min`, `4 days`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} days"


def ago(moment: datetime | None, now: datetime) -> str:
    """Format a past time: `3 minutes ago`, or `never` for None."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def count(number: int, noun: str, plural: str = "") -> str:
    """Format a number of things: `0 databases`, `1 database`, `1,200 databases`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def sentence(text: str) -> str:
    """Return a phrase as a sentence: with a capital letter and a full stop, unless it begins with a name."""
    first = text.split(" ", 1)[0]
    start = text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text
    return start if text.endswith((".", "!", "?", ":")) else f"{start}."


def listed(words: list[str]) -> str:
    """Join words: `a`, `a and b`, `a, b, and c`."""
    if len(words) < 3:
        return " and ".join(words)
    return f"{', '.join(words[:-1])}, and {words[-1]}"


# Control characters and bidirectional formatting characters, which can hide or reorder text.
_HIDDEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff]"
)


def visible(text: str) -> str:
    """Replace hidden characters in untrusted text by escapes such as `\\u{1b}`; keep line breaks and tabs."""
    return _HIDDEN.sub(lambda match: f"\\u{{{ord(match[0]):x}}}", text)


def code(text: str) -> str:
    """Format untrusted text as Markdown code, so that it is shown as it is."""
    clean = "".join(character if character.isprintable() else "�" for character in text)
    longest = max((len(run) for run in re.findall("`+", clean)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {clean} {fence}" if longest else f"`{clean}`"


def money(dollars: float) -> str:
    """Format dollars: `$1,234.50`, or `< $0.01` for less than half a cent, so that it does not look free."""
    return "< $0.01" if 0 < dollars < 0.005 else f"${dollars:,.2f}"
