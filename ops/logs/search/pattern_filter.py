"""What a pattern on messages says of their templates: the shortcut that makes compacted logs quick to search.

Thousands of templates stand for millions of messages. Here a pattern (RE2) becomes one that every template of
a matching message matches; where it is `exact` the converse holds too, and no message need be read.

Why it holds. Masking (`templates`) takes digits, and words that are hexadecimal numbers. So a literal stays
as it is unless it has a digit, or a word of hexadecimal letters only, which may be part of a longer number.
What stays keeps its order and its neighbours, and a gap `.*` between two such is one in the template as well.
Whatever else is in a pattern becomes a gap, which makes the answer weaker and never wrong.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ops.logs.search.model import Term

GAP = "(?s:.*)"
_HEX = set("abcdefABCDEF")
_SPECIAL = set(r"\.+*?()|[]{}^$")
_WORD = re.compile(r"[0-9A-Za-z_]+|[^0-9A-Za-z_]+")
_PLAIN = re.compile(r"\\(.)", re.DOTALL)
_FLAG = "(?i)"
_TOKEN = re.compile(r"\\.|\((?:\?s?:)?|.", re.DOTALL)
_PLAINLY = re.compile(r"[ -\[\]-~]{3,}")  # printable ASCII but the backslash
_FOLDED = re.compile(r"[ -HJLM-RT-\[\]-hjlm-rt-~]{3,}")  # nor I, K, S


@dataclass(frozen=True)
class OnTemplates:
    """A pattern that a template matches; texts that it holds. Both empty when nothing can be said."""

    regex: str = ""
    texts: tuple[str, ...] = ()
    exact: bool = False

    def __bool__(self) -> bool:
        return bool(self.regex or self.texts)


def needles(terms: Iterable[Term]) -> tuple[str, ...]:
    """Texts that a raw line holds, in whatever case, if its message meets all the terms.

    In lower case, without what is escaped in a raw line, and without letters that letters beyond ASCII stand
    for where case does not count.
    """
    found: dict[str, None] = {}
    for term in terms:
        hint = OnTemplates() if term.negated else on_templates(term)
        folded = hint.regex.startswith(_FLAG) or not term.case_sensitive
        for text in hint.texts or _literals(hint.regex.removeprefix(_FLAG)):
            for piece in (_FOLDED if folded else _PLAINLY).findall(text):
                found.setdefault(piece.lower())
    return tuple(found)


def _literals(regex: str) -> Iterator[str]:
    """The texts that a template's pattern demands, outside of its groups."""
    text, depth = "", 0
    for token in _TOKEN.findall(regex):
        depth += (token[0] == "(") - (token == ")")
        if depth == 0 and (len(token) == 2 or token not in _SPECIAL):
            text += token[-1]
        else:
            yield text
            text = ""
    yield text


@dataclass
class _Piece:
    regex: str
    exact: bool


class _Unknown(Exception):
    """Syntax that this module does not follow."""


def escaped(text: str) -> str:
    """The text as a pattern of RE2 that matches just it."""
    return "".join("\\" + char if char in _SPECIAL else char for char in text)


def on_templates(term: Term) -> OnTemplates:
    """What the term says of templates. Without case, both letters' cases in regexes, `lower` in texts."""
    pattern, folded = term.pattern, not term.case_sensitive
    if term.kind == "text":
        piece = _literal(pattern, folded)
        texts = [_PLAIN.sub(r"\1", text) for text in piece.regex.split(GAP)]
        return OnTemplates(texts=tuple(filter(None, texts)), exact=piece.exact)
    if pattern.startswith(_FLAG):
        pattern, folded = pattern[len(_FLAG) :], True
    try:
        piece = _Parser(pattern, folded).parse()
    except _Unknown:
        return OnTemplates()
    if not re.sub(rf"{re.escape(GAP)}|[\^$]", "", piece.regex):
        return OnTemplates()
    return OnTemplates((_FLAG if folded else "") + piece.regex, exact=piece.exact)


def _literal(text: str, folded: bool) -> _Piece:
    """The literal with what may be masked as gaps."""
    regex, exact = "", True
    for run in _WORD.findall(text):
        if not re.match("[0-9A-Za-z_]", run):
            regex += escaped(run)
            exact = exact and "*" not in run
            continue
        for piece in re.findall("[0-9]+|[A-Za-z_]+", run):
            if _survives(piece, folded):
                regex += piece
            else:
                regex += "" if regex.endswith(GAP) else GAP
                exact = False
    return _Piece(regex, exact)


def _survives(piece: str, folded: bool) -> bool:
    """Whether letters stay as they are in whatever word: one of them is in no hexadecimal number.

    Without case, `s`, `k` and `i` stand for letters beyond ASCII too, which end a word: each part must
    survive alone.
    """
    if piece[0].isdigit():
        return False
    parts = re.split("[sSkKiI]+", piece) if folded else [piece]
    return all(set(part) - _HEX for part in parts if part)


class _Parser:
    """Alternatives of sequences of literals, gaps and groups; everything else is a gap."""

    def __init__(self, pattern: str, folded: bool) -> None:
        self.pattern = pattern
        self.folded = folded
        self.at = 0

    def parse(self) -> _Piece:
        piece = self.alternatives()
        if self.at < len(self.pattern):
            raise _Unknown
        return piece

    def alternatives(self) -> _Piece:
        branches = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.sequence())
        if len(branches) == 1:
            return branches[0]
        return _Piece(
            "(?:" + "|".join(branch.regex for branch in branches) + ")",
            all(branch.exact for branch in branches),
        )

    def sequence(self) -> _Piece:
        regex, exact, literal = "", True, ""

        def close() -> None:
            nonlocal regex, exact, literal
            if literal:
                piece = _literal(literal, self.folded)
                regex, exact, literal = regex + piece.regex, exact and piece.exact, ""

        while (char := self.peek()) and char not in "|)":
            char = self.literal()
            if char and not self.quantified():
                literal += char
                continue
            close()
            piece = _Piece(GAP, False) if char else self.element()
            regex, exact = regex + piece.regex, exact and piece.exact
            if char:
                self.skip_quantifiers()
        close()
        return _Piece(regex, exact)

    def literal(self) -> str:
        """The character, if a literal one stands here; read."""
        char = self.peek()
        if char == "\\":
            follows = self.pattern[self.at + 1 : self.at + 2]
            if follows in _SPECIAL or (follows and follows in "/-\"'#&,:;<=>@_`~!% "):
                self.at += 2
                return follows
            return ""
        if char in _SPECIAL:
            return ""
        self.at += 1
        return char

    def element(self) -> _Piece:
        """Anything but a literal; read."""
        char = self.peek()
        if char == "(":
            piece = self.group()
        elif char == ".":
            self.at += 1
            return self.dots()
        elif char in "^$":
            self.at += 1
            piece = _Piece(char, True)
        elif char == "[":
            self.skip_class()
            piece = _Piece(GAP, False)
        elif char == "\\":
            piece = self.escape()
        else:
            raise _Unknown
        if self.quantified():
            self.skip_quantifiers()
            return _Piece(GAP, False)
        return piece

    def dots(self) -> _Piece:
        """`.*` and `.+` are gaps in message and template alike; any other number of `.` is not."""
        found = re.compile(r"([*+])\??(?![*+?{])").match(self.pattern, self.at)
        if found:
            self.at = found.end()
            return _Piece("." + found[1], True)
        self.skip_quantifiers()
        return _Piece(GAP, False)

    def group(self) -> _Piece:
        self.at += 3 if self.pattern.startswith("(?:", self.at) else 1
        if self.peek() == "?":  # flags, names: not followed
            raise _Unknown
        piece = self.alternatives()
        if self.peek() != ")":
            raise _Unknown
        self.at += 1
        return _Piece(f"(?:{piece.regex})", piece.exact)

    def escape(self) -> _Piece:
        """A class, a boundary or a control character: of one letter, so that its end is known."""
        if self.pattern[self.at + 1 : self.at + 2] not in set("dDwWsSbBntrfv"):
            raise _Unknown
        self.at += 2
        return _Piece(GAP, False)

    def skip_class(self) -> None:
        found = re.compile(r"\[\^?\]?(?:\\[dDwWsSntrfv\W]|\[:\^?[a-z]+:\]|[^\]\\\[])*\]").match(
            self.pattern, self.at
        )
        if not found:
            raise _Unknown
        self.at = found.end()

    def quantified(self) -> bool:
        return self.peek() in ("*", "+", "?", "{")

    def skip_quantifiers(self) -> None:
        while self.quantified():
            found = re.compile(r"[*+?]|\{\d*,?\d*\}").match(self.pattern, self.at)
            if not found:
                raise _Unknown
            self.at = found.end()

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]
