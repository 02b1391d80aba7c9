"""Which message patterns can match a filter on messages: this is what makes searches in compacted logs fast.

Millions of messages share a few thousand patterns. This module turns a filter (a text or an RE2 regular
expression) into a condition that the pattern of every matching message meets. If the condition is `exact`,
every message of a matching pattern matches as well, and no message has to be read.

Why this is correct: masking (`ops.logs.lake.patterns`) changes only digits and words that are hexadecimal
numbers. A literal is unchanged unless it has a digit, or a word of hexadecimal letters only, which may be
part of a longer number. Unchanged text keeps its order and its neighbors, and a gap `.*` in the message is a
gap in the pattern. Everything else in a regular expression becomes a gap: the condition gets weaker, never
wrong.
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
_PLAINLY = re.compile(r"[ -\[\]-~]{3,}")  # printable ASCII except the backslash
_FOLDED = re.compile(r"[ -HJLM-RT-\[\]-hjlm-rt-~]{3,}")  # and except I, K, S


@dataclass(frozen=True)
class PatternCondition:
    """A condition on a pattern: an RE2 expression that it matches, or texts that it contains.

    Both are empty if the filter implies no condition.
    """

    regex: str = ""
    texts: tuple[str, ...] = ()
    exact: bool = False

    def __bool__(self) -> bool:
        return bool(self.regex or self.texts)


def needles(terms: Iterable[Term]) -> tuple[str, ...]:
    """Return the texts that a raw line contains, in any case, if its message matches all the terms.

    They are in lower case, without characters that raw lines escape, and, if case is ignored, without letters
    whose other case may be outside of ASCII.
    """
    texts: dict[str, None] = {}
    for term in terms:
        condition = PatternCondition() if term.negated else pattern_condition(term)
        folded = condition.regex.startswith(_FLAG) or not term.case_sensitive
        for text in condition.texts or _literals(condition.regex.removeprefix(_FLAG)):
            for piece in (_FOLDED if folded else _PLAINLY).findall(text):
                texts.setdefault(piece.lower())
    return tuple(texts)


def _literals(regex: str) -> Iterator[str]:
    """Yield the literal texts of a condition's regular expression, outside of its groups."""
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
    """The regular expression has syntax that this module does not analyze."""


def escaped(text: str) -> str:
    """Return the RE2 expression that matches exactly the text."""
    return "".join("\\" + char if char in _SPECIAL else char for char in text)


def pattern_condition(term: Term) -> PatternCondition:
    """Return the condition on patterns that the term implies; without case, compare texts in lower case."""
    regex, folded = term.text, not term.case_sensitive
    if term.kind == "text":
        piece = _literal(regex, folded)
        texts = [_PLAIN.sub(r"\1", text) for text in piece.regex.split(GAP)]
        return PatternCondition(texts=tuple(filter(None, texts)), exact=piece.exact)
    if regex.startswith(_FLAG):
        regex, folded = regex[len(_FLAG) :], True
    try:
        piece = _Parser(regex, folded).parse()
    except _Unknown:
        return PatternCondition()
    if not re.sub(rf"{re.escape(GAP)}|[\^$]", "", piece.regex):
        return PatternCondition()
    return PatternCondition((_FLAG if folded else "") + piece.regex, exact=piece.exact)


def _literal(text: str, folded: bool) -> _Piece:
    """Return the literal with everything that may be masked replaced by gaps."""
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
    """Return whether the letters are never masked, whatever the word: one of them is not hexadecimal.

    If case is ignored, `s`, `k`, and `i` also match letters outside of ASCII, which end a word: each part
    between them must be safe by itself.
    """
    if piece[0].isdigit():
        return False
    parts = re.split("[sSkKiI]+", piece) if folded else [piece]
    return all(set(part) - _HEX for part in parts if part)


class _Parser:
    """Parses alternatives of sequences of literals, gaps, and groups; everything else becomes a gap."""

    def __init__(self, regex: str, folded: bool) -> None:
        self.regex = regex
        self.folded = folded
        self.at = 0

    def parse(self) -> _Piece:
        piece = self.alternatives()
        if self.at < len(self.regex):
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
        """Read a literal character if there is one; else return an empty string."""
        char = self.peek()
        if char == "\\":
            follows = self.regex[self.at + 1 : self.at + 2]
            if follows in _SPECIAL or (follows and follows in "/-\"'#&,:;<=>@_`~!% "):
                self.at += 2
                return follows
            return ""
        if char in _SPECIAL:
            return ""
        self.at += 1
        return char

    def element(self) -> _Piece:
        """Read anything but a literal."""
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
        """Read `.*` or `.+`, which mean the same in message and pattern; any other number of `.` does not."""
        match = re.compile(r"([*+])\??(?![*+?{])").match(self.regex, self.at)
        if match:
            self.at = match.end()
            return _Piece("." + match[1], True)
        self.skip_quantifiers()
        return _Piece(GAP, False)

    def group(self) -> _Piece:
        self.at += 3 if self.regex.startswith("(?:", self.at) else 1
        if self.peek() == "?":  # flags and names are not analyzed
            raise _Unknown
        piece = self.alternatives()
        if self.peek() != ")":
            raise _Unknown
        self.at += 1
        return _Piece(f"(?:{piece.regex})", piece.exact)

    def escape(self) -> _Piece:
        """Read a class, boundary, or control character: one letter, so that its end is known."""
        if self.regex[self.at + 1 : self.at + 2] not in set("dDwWsSbBntrfv"):
            raise _Unknown
        self.at += 2
        return _Piece(GAP, False)

    def skip_class(self) -> None:
        match = re.compile(r"\[\^?\]?(?:\\[dDwWsSntrfv\W]|\[:\^?[a-z]+:\]|[^\]\\\[])*\]").match(
            self.regex, self.at
        )
        if not match:
            raise _Unknown
        self.at = match.end()

    def quantified(self) -> bool:
        return self.peek() in ("*", "+", "?", "{")

    def skip_quantifiers(self) -> None:
        while self.quantified():
            match = re.compile(r"[*+?]|\{\d*,?\d*\}").match(self.regex, self.at)
            if not match:
                raise _Unknown
            self.at = match.end()

    def peek(self) -> str:
        return self.regex[self.at : self.at + 1]
