"""Split a pattern into words, with everything masked that is variable by its form. Pure.

Masked are dates, MAC addresses, UUIDs, host names, e-mail addresses, paths, URLs, quoted strings, sizes,
durations, thread names, and each word with a digit. Each mask is a `*` in place of text of the pattern, so
the joined words, read as a glob, match the pattern (`Words.text`).
"""

import re
from dataclasses import dataclass

from ops.logs.lake.rules import MASK

LONGEST = 2000  # characters of a pattern that are compared; the rest is masked
Words = tuple[str, ...]  # a word after whitespace begins with a space

_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE)"
_TLD = r"(?:com|net|org|edu|gov|mil|info|biz|local|localdomain|internal|arpa)"
_PART = r"[^\s,;()\[\]{}<>\"'|=]"  # of a path
_UNIT = (
    r"(?:[KMGTP]i?B|B|bytes?|ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?|hours?|days?|nanos|millis|micros)"
)
_MASKS = (
    (rf"\b({_LEVEL}\s+)\[[^\]\n]*\]", r"\1[*]"),  # the name of a thread
    (rf"\[[^\]\n]*\](\s+{_LEVEL})\b", r"[*]\1"),
    (
        rf"\b(?:{_DAY},? +)?(?:{_MONTH} +\*|\* +{_MONTH}\b)(?: +\*:\*[:*.,]*)?(?: [A-Z]{{3,4}}\b)?"
        r"(?: \*(?![.:]))?",
        MASK,
    ),
    (r"(?<![\w*])(?:(?:\*|[0-9A-Fa-f]{2}):){3,}(?:\*|[0-9A-Fa-f]{2})(?![\w*])", MASK),
    (
        r"(?<![\w*])(?:\*|[0-9a-fA-F]{8})(?:-(?:\*|[0-9a-fA-F]{4})){3}-(?:\*|[0-9a-fA-F]{12})(?![\w*])",
        MASK,
    ),
    (r"(?<=\s)([(\[{])\s*(?=[)\]}])", r"\1*"),  # nothing in brackets
    (r"(?<=\w)=(?=[\s,;)\]}]|$)", r"=*"),  # no value
)
_LATER = (
    (
        rf"(?<![\w*.@$-])(?:[\w*-]+\.)+(?:{_TLD}|(?<=[\w*]\.)[\w*-]+\.[a-z]{{2}})(?![\w*.-]*[\w*])",
        MASK,
    ),
    (
        rf"(?<![\w*])(?:[A-Za-z][\w+.-]*:/|/|[A-Za-z]:\\){_PART}*[\w*](?:(?!:){_PART})*",
        MASK,
    ),
    (rf"<?(?<![A-Za-z])\*(?:\.\*)? ?{_UNIT}\b(?![.-]\w)", MASK),
    (r"(?<=[=:])( ?)(?:true|false|null|None|nil|undefined)\b", r"\1*"),
)
_FIRST = tuple((re.compile(regex), text) for regex, text in _MASKS)
_SECOND = tuple((re.compile(regex), text) for regex, text in _LATER)
_REQUEST = re.compile(r'"(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS|CONNECT|TRACE)(?= )')
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"(?P<key>\s*:)?|(?<![\w*])\'[^\'\n]*\'(?![\w*])')
# The fields of JSON and logfmt whose value is a text for people; all others are masked.
_TEXT = re.compile(
    r'(?:^|[\s{,"\\])(?:msg|message|MESSAGE|event|log|body|text|textPayload|short_message|error|err|'
    r"errorMessage|errorType|level|lvl|severity|type|method|logger|@mt|status)"
    r'(?:\\*"\s*:|=)\s*$',
    re.IGNORECASE,
)
_LOOK_BACK = 40  # characters before a quoted value that may name its field
_SPLIT = re.compile(r'\s+|(?<=[=:,;(){}\[\]<>"\'|])|(?=[=:,;(){}\[\]<>"\'|])|(?<=\.\.)(?!\.)|(?<!\.)(?=\.\.)')
_FRAME = re.compile(r'^\s+(?:at |File "|from |\.\.\. \* more)|^goroutine \* \[', re.MULTILINE)


@dataclass(frozen=True)
class Split:
    """The words of a pattern. The pattern has other whitespace than single spaces if it is `loose`."""

    words: Words
    loose: bool


def split(pattern: str) -> Split:
    """Return the words of a pattern."""
    text = pattern if len(pattern) <= LONGEST else pattern[:LONGEST] + MASK
    if "\n" in text:
        text = _without_frames(text)
    for regex, mask in _FIRST:
        text = regex.sub(mask, text)
    text = _QUOTED.sub(_quoted, text)
    for regex, mask in _SECOND:
        text = regex.sub(mask, text)
    loose = bool(re.search(r"\s\s|[^\S ]|^\s|\s$", text))
    return Split(_collapsed(text), loose)


def _without_frames(text: str) -> str:
    """Return the lines of a stack trace that say what happened: those that are not frames or source code."""
    first = _FRAME.search(text)
    if not first:
        return text
    if text[first.start() :].startswith("goroutine"):
        return text[: first.start()] + MASK
    kept: list[str] = []
    for line in text.split("\n"):
        if kept and (not line or line[0] in " \t"):
            kept += [] if kept[-1] == MASK else [MASK]
        else:
            kept.append(line)
    return "\n".join(kept)


def _quoted(match: "re.Match[str]") -> str:
    """Mask a quoted string, unless it is the name of a field or a text for people."""
    quote = match[0][0]
    if match["key"] or _TEXT.search(match.string[max(0, match.start() - _LOOK_BACK) : match.start()]):
        return match[0]
    if request := _REQUEST.match(match[0]):
        return f"{request[0]} {MASK}{quote}"
    return f"{quote}{MASK}{quote}"


def _collapsed(text: str) -> Words:
    """Split the text, with each run of masked words as one."""
    words: list[str] = []
    at = 0
    pieces: list[tuple[str, str]] = []
    for border in _SPLIT.finditer(text):
        if border.start() > at:
            pieces.append((text[at : border.start()], border[0]))
        elif border[0] and pieces:
            pieces[-1] = (pieces[-1][0], border[0])
        at = border.end()
    pieces.append((text[at:], ""))
    space = ""
    for piece, after in pieces:
        if piece:
            _add(words, piece, space)
        space = " " if after else ""
    return tuple(words)


def _add(words: list[str], piece: str, space: str) -> None:
    masked = MASK in piece or "@" in piece[1:]
    before = words[-1].strip() if words else ""
    if masked or (piece == "-" and before in (MASK, "[")):
        if before == MASK:
            return
        if before in (",", ":") and len(words) > 1 and words[-2].strip() == MASK:
            words.pop()
            return
        piece = MASK
    if piece == ")" and [word.strip() for word in words[-3:]] == [MASK, "(", MASK]:
        del words[-2:]  # a value again in parentheses, in another unit
        return
    words.append(space + piece)
