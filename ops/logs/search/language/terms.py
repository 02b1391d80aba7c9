"""What one word, phrase, regular expression, or line filter means. Pure."""

import re

from ops.logs.search.language import refusals
from ops.logs.search.language.scanner import CLOSING, Scanner
from ops.logs.search.model import EVERYTHING, Condition, Not, Term

_LINE_FILTER = re.compile(r"(\|=|\|~|!=|!~)\s*(?=\S)")  # of Grafana Loki
_REGEX = re.compile(r"/(?:[^/\\\n]|\\.)+/[ci]?(?=[\s)]|$)")
_PATH = re.compile(r"/(?=[\w.%~@-])[\w.%~@:+/-]*(?:\?[^\s)]*)?(?=[\s)]|$)")
_QUOTED_WORDS = re.compile(r"'[^']*'(?=[\s)]|$)")


def read_term(scanner: Scanner) -> Condition:
    """Read the next term."""
    refusals.refuse_braces(scanner)
    if match := scanner.take(_LINE_FILTER):
        term = value_term(scanner, regex=match[1][1] == "~")
        return Not(term) if match[1][0] == "!" else term
    return value_term(scanner)


def value_term(scanner: Scanner, *, regex: bool = False) -> Condition:
    """Read a phrase, a regular expression, or a word; with `regex`, a phrase is a regular expression too."""
    start = scanner.place
    quoted = scanner.next in CLOSING and scanner.next not in "'/"
    if quoted or scanner.match(_QUOTED_WORDS):
        text, flags = scanner.delimited(), scanner.flags(start)
        if not text:
            raise scanner.fail("The phrase is empty", start, "Enter a text between the quotation marks.")
        if regex:
            scanner.check_regex(text, start)
        return Term(text, "regex" if regex else "text", "c" in flags)
    if scanner.next == "/" and (scanner.match(_REGEX) or not scanner.match(_PATH)):
        text, flags = scanner.delimited(), scanner.flags(start)
        scanner.check_regex(text, start)
        return Term(text, "regex", "c" in flags)
    word = scanner.word()
    if regex:
        scanner.check_regex(word, start)
        return Term(word, "regex")
    refusals.refuse_word(scanner, word, start)
    return word_term(word)


def word_term(word: str) -> Condition:
    """Return what a word without quotation marks means; a star stands for any text without spaces."""
    text = re.sub(r"\*+", "*", word).strip("*")
    if not text:
        return EVERYTHING
    return Term(text, "wildcard" if "*" in text else "text")
