"""Whether a text is a query of CloudWatch Logs Insights. Pure."""

import re

COMMANDS = ("fields", "display", "filter", "stats", "sort", "limit", "parse", "dedup", "pattern")
# Commands that Logs Insights has, and that have no translation.
UNSUPPORTED = ("diff", "anomaly", "unmask", "unnest", "filterindex", "source", "lookup", "join", "subqueries")

_START = re.compile(
    rf"\s*({'|'.join((*COMMANDS, *UNSUPPORTED))})\b(?!\s*[:=])(.*)", re.IGNORECASE | re.DOTALL
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`|/(?:[^/\\\n]|\\.)+/')
_COMMENT = re.compile(rf"{_QUOTED.pattern}|(?P<comment>#[^\n]*)")
_TYPICAL = re.compile(
    r"@\w+|\bi?like\s*$|\bi?like\b|=~|\b(?:count|sum|avg|min|max|pct|bin|count_distinct|stddev)\s*\(|[<>]=?|!=",
    re.IGNORECASE,
)


def without_comments(text: str) -> str:
    """Replace comments with spaces, so that positions stay the same."""
    return _COMMENT.sub(lambda match: " " * len(match[0]) if match["comment"] else match[0], text)


def looks_like_insights(text: str) -> bool:
    """Return whether the text begins with a command, and has a pipe or syntax that a search does not have."""
    match = _START.fullmatch(without_comments(text))
    if not match:
        return False
    rest = _QUOTED.sub(" ", match[2])
    return "|" in rest.replace("||", " ") or _TYPICAL.search(rest) is not None
