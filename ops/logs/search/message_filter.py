"""Which message patterns can match a filter on messages: this is what makes searches in compacted logs fast.

Millions of messages share a few thousand patterns. This module turns a filter (a text or an RE2 regular
expression) into a condition that the pattern of every matching message meets. If the condition is `exact`,
every message of a matching pattern matches as well, and no message has to be read. If case is ignored, texts
are compared folded (`folding`), those of patterns as well.

Why this is correct: masking (`ops.logs.lake.patterns`) changes only digits and words that are hexadecimal
numbers. A literal is unchanged unless it has a digit, or a word of hexadecimal letters only, which may be
part of a longer number. Unchanged text keeps its order and its neighbors, and a gap `.*` in the message is a
gap in the pattern. Everything else in a regular expression becomes a gap: the condition gets weaker, never
wrong. Folding composes a letter and its accent, and a pattern can mask that letter: that is a gap as well.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from ops.logs.search.folding import folded, may_be_masked
from ops.logs.search.model import Condition, Term, conjuncts

GAP = "(?s:.*)"
_HEX = set("abcdefABCDEF")
_SPECIAL = set(r"\.+*?()|[]{}^$")
_PIECE = re.compile("[0-9]+|[A-Za-z_]+|.", re.DOTALL)
_PLAIN = re.compile(r"\\(.)", re.DOTALL)
_FLAG = "(?i)"
_TOKEN = re.compile(r"\\.|\((?:\?s?:)?|.", re.DOTALL)
_PLAINLY = re.compile(r"[ -\[\]-~]{3,}")  # printable ASCII except the backslash
_FOLDED = re.compile(r"[ -:<-HJLM-RT-\[\]-_a-hjlm-rt-~]{3,}")  # and except I, K, S, `;`, and the grave accent


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


def needles(condition: Condition) -> tuple[str, ...]:
    """Return the texts that a raw line contains, in any case, if its event matches the condition.

    They are in lower case, without characters that raw lines escape, and, if case is ignored, without
    characters that may be written as another one outside of ASCII.
    """
    texts: dict[str, None] = {}
    for term in conjuncts(condition):
        if not isinstance(term, Term):
            continue
        on_pattern = pattern_condition(term)
        ignores_case = on_pattern.regex.startswith(_FLAG) or not term.case_sensitive
        for text in on_pattern.texts or _literals(on_pattern.regex.removeprefix(_FLAG)):
            for piece in (_FOLDED if ignores_case else _PLAINLY).findall(text):
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
    """Return the condition on patterns that the term implies; its texts are folded if case is ignored."""
    ignores_case = not term.case_sensitive
    if term.kind != "regex":
        text = folded(term.text) if ignores_case else term.text
        pieces = [_literal(part, ignores_case) for part in parts_of(term.kind, text)]
        texts = [_PLAIN.sub(r"\1", text) for piece in pieces for text in piece.regex.split(GAP)]
        exact = term.kind == "text" and pieces[0].exact and not _joins(text)
        return PatternCondition(texts=tuple(filter(None, texts)), exact=exact)
    regex = term.text
    if regex.startswith(_FLAG):
        regex, ignores_case = regex[len(_FLAG) :], True
    try:
        piece = _Parser(regex, ignores_case).parse()
    except _Unknown:
        return PatternCondition()
    if not re.sub(rf"{re.escape(GAP)}|[\^$]", "", piece.regex):
        return PatternCondition()
    return PatternCondition((_FLAG if ignores_case else "") + piece.regex, exact=piece.exact)


def parts_of(kind: str, text: str) -> list[str]:
    """Return the texts that a message contains in this order, with a gap at each star of a wildcard."""
    return text.split("*") if kind == "wildcard" else [text]


def literal_pieces(text: str) -> list[str]:
    """Return the texts that the pattern of every message with exactly this text contains."""
    return [_PLAIN.sub(r"\1", piece) for piece in _literal(text, False).regex.split(GAP) if piece]


def _joins(text: str) -> bool:
    """Return whether the text begins with an accent, which joins a character before it that may be masked."""
    return unicodedata.combining(text[:1] or " ") > 0


def _literal(text: str, ignores_case: bool) -> _Piece:
    """Return the literal with everything that may be masked replaced by gaps."""
    regex, exact = "", True
    for piece in _PIECE.findall(text):
        if piece[0] == "_" or (piece[0].isascii() and piece[0].isalnum()):
            kept = _survives(piece, ignores_case)
        else:
            kept = not (ignores_case and may_be_masked(piece))
        if kept:
            regex += escaped(piece)
            exact = exact and "*" not in piece
        else:
            regex += "" if regex.endswith(GAP) else GAP
            exact = False
    return _Piece(regex, exact)


def _survives(piece: str, ignores_case: bool) -> bool:
    """Return whether the letters are never masked, whatever the word: one of them is not hexadecimal.

    If case is ignored, `s`, `k`, and `i` also match letters outside of ASCII, which end a word: each part
    between them must be safe by itself.
    """
    if piece[0].isdigit():
        return False
    parts = re.split("[sSkKiI]+", piece) if ignores_case else [piece]
    return all(set(part) - _HEX for part in parts if part)


class _Parser:
    """Parses alternatives of sequences of literals, gaps, and groups; everything else becomes a gap."""

    def __init__(self, regex: str, ignores_case: bool) -> None:
        self.regex = regex
        self.ignores_case = ignores_case
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
                piece = _literal(literal, self.ignores_case)
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
