"""CloudWatch's filter patterns, as subscriptions use them: which messages match.

Terms that must all be there, "phrases", -exclusions, ?alternatives and %regular expressions%. Patterns of
JSON fields and of space-delimited columns are refused: the embedded cloud does not pretend to know them.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import re
from collections.abc import Callable

Matcher = Callable[[str], bool]

_TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|([\w.@#$*/\\:-]+))(?:\s+|$)')


class UnknownPattern(ValueError):
    """Not a filter pattern, or one that is not known here."""


def matcher(pattern: str) -> Matcher:
    """Tells of a message whether it matches; the empty pattern matches every one. Raises UnknownPattern."""
    text = pattern.strip()
    if not text:
        return lambda message: True
    if text[0] in "{[":
        raise UnknownPattern("The embedded cloud knows filter patterns of terms, not of fields.")
    required, excluded, optional = _terms(text)
    return lambda message: (
        all(term(message) for term in required)
        and not any(term(message) for term in excluded)
        and (not optional or any(term(message) for term in optional))
    )


def _terms(text: str) -> tuple[list[Matcher], list[Matcher], list[Matcher]]:
    kinds: dict[str, list[Matcher]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if not found:
            raise UnknownPattern(f"Invalid filter pattern at {text[at:]!r}.")
        sign, phrase, expression, word = found.groups()
        kinds[sign].append(_regex(expression) if expression else _literal(phrase or word or ""))
        at = found.end()
    return kinds[""], kinds["-"], kinds["?"]


def _literal(text: str) -> Matcher:
    wanted = text.replace('\\"', '"')
    return lambda message: wanted in message


def _regex(expression: str) -> Matcher:
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise UnknownPattern(f"Invalid regular expression in the filter pattern: {error}.") from error
    return lambda message: bool(compiled.search(message))
