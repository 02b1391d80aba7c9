"""CloudWatch's filter patterns as subscription filters use them: which messages match.

Supports required terms, "phrases", -exclusions, ?alternatives, and %regular expressions%. Patterns for JSON
fields and space-delimited columns are rejected.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import re
from collections.abc import Callable

Matcher = Callable[[str], bool]

_TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|([\w.@#$*/\\:-]+))(?:\s+|$)')


class UnsupportedFilterPattern(ValueError):
    """Not a filter pattern, or one that the embedded cloud does not support."""


def matcher(pattern: str) -> Matcher:
    """Return a function that matches messages; the empty pattern matches every message.

    Raises UnsupportedFilterPattern.
    """
    text = pattern.strip()
    if not text:
        return lambda message: True
    if text[0] in "{[":
        raise UnsupportedFilterPattern("The embedded cloud does not support filter patterns with fields.")
    required, excluded, optional = _terms(text)
    return lambda message: (
        all(term(message) for term in required)
        and not any(term(message) for term in excluded)
        and (not optional or any(term(message) for term in optional))
    )


def _terms(text: str) -> tuple[list[Matcher], list[Matcher], list[Matcher]]:
    by_sign: dict[str, list[Matcher]] = {"": [], "-": [], "?": []}
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if not match:
            raise UnsupportedFilterPattern(f"Invalid filter pattern at {text[position:]!r}.")
        sign, phrase, expression, word = match.groups()
        by_sign[sign].append(_regex(expression) if expression else _literal(phrase or word or ""))
        position = match.end()
    return by_sign[""], by_sign["-"], by_sign["?"]


def _literal(text: str) -> Matcher:
    literal = text.replace('\\"', '"')
    return lambda message: literal in message


def _regex(expression: str) -> Matcher:
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise UnsupportedFilterPattern(
            f"Invalid regular expression in the filter pattern: {error}."
        ) from error
    return lambda message: bool(compiled.search(message))
