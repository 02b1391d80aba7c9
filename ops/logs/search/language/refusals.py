"""What the search bar refuses: other languages, and text with more than one meaning. Pure.

Each error is at its place and suggests what to write instead.
"""

import re

from ops.errors import QueryError
from ops.logs.search.insights.recognition import looks_like_insights
from ops.logs.search.language.scanner import Scanner

_SQL = re.compile(r"\s*(?:select\b.+\bfrom\b|with\s+\w+\s+as\s*\()", re.IGNORECASE | re.DOTALL)
_LOWER = re.compile(r"(and|or|not)(?=[\s()]|$)", re.IGNORECASE)
_FUZZY = re.compile(r"\w+(?:~\d?|\^\d+(?:\.\d+)?)")


def refuse_other_languages(scanner: Scanner) -> None:
    """Raise QueryError for SQL and for a CloudWatch Logs Insights query."""
    text = scanner.text
    if _SQL.match(text):
        raise scanner.fail(
            "This is SQL, not a search", 0, "Use the SQL view, or `slipway logs sql` on the command line."
        )
    if looks_like_insights(text):
        raise scanner.fail(
            "This is a CloudWatch Logs Insights query, not a search",
            0,
            "Use the SQL view, or `slipway logs sql` on the command line: it is translated to SQL there.",
        )


def refuse_lower_case(scanner: Scanner, *, first: bool) -> None:
    """Raise QueryError for `and`, `or`, and `not` in lower case where they may be meant as operators."""
    match = scanner.match(_LOWER)
    if not match or match[1].isupper():
        return
    word, rest = match[1], scanner.text[match.end() :].strip()
    if word.lower() == "not":
        if not rest or rest[0] == ")":
            return
    elif first:
        return
    raise scanner.fail(
        f"{word!r} can be a word or an operator",
        match.start(),
        f"Write {word.upper()} for the operator, or put the text in quotation marks: "
        f'"{_around(scanner.text, match)}".',
    )


def _around(text: str, match: re.Match[str]) -> str:
    """Return the word with the ones before and after it."""
    before, after = text[: match.start()].split(), text[match.end() :].split()
    words = [*before[-1:], match[1], *after[:1]]
    return " ".join(word.strip('"()') for word in words)


def incomplete(scanner: Scanner) -> QueryError:
    """Return the error for an operator without a condition before or after it."""
    place = scanner.place
    if scanner.next == ")":
        return scanner.fail("Unexpected ')'", place, "Remove it, or put the text in quotation marks.")
    if scanner.ended:
        place = len(scanner.text.rstrip())
        return scanner.fail("A condition is missing at the end", place, "Add one, or remove the operator.")
    return scanner.fail(
        "A condition is missing before the operator", place, "Add one, or put the text in quotation marks."
    )


def refuse_word(scanner: Scanner, word: str, start: int) -> None:
    """Raise QueryError for a word with syntax of another language."""
    if word.startswith("|"):
        raise scanner.fail(
            "Unexpected '|'",
            start,
            "Write OR for alternatives. To count or group events, use the SQL view, which also translates "
            "CloudWatch Logs Insights queries.",
        )
    if "|" in word.strip("|"):
        either = " OR ".join(part for part in word.split("|") if part)
        raise scanner.fail(
            "Unexpected '|'",
            start + word.index("|"),
            f'Write {either} or /{word}/, or for the text "{word}".',
        )
    if _FUZZY.fullmatch(word):
        raise scanner.fail(
            "Fuzzy search and boosts are not supported", start, f'Use a wildcard, or for the text "{word}".'
        )


def refuse_braces(scanner: Scanner) -> None:
    """Raise QueryError for a filter pattern of CloudWatch Logs or a stream selector of Loki."""
    if re.compile(r"\{\s*\(?\s*\$").match(scanner.text, scanner.place):
        raise scanner.fail(
            "This is a CloudWatch Logs filter pattern",
            scanner.place,
            "Write the conditions without braces, for example $.status:>=500 AND $.method:POST.",
        )
    if re.compile(r"\{\s*\w+\s*(?:=~|!=|!~|=)").match(scanner.text, scanner.place):
        raise scanner.fail(
            "Stream selectors are not supported",
            scanner.place,
            'Write conditions on fields, for example group:/aws/lambda/* level:error "timed out".',
        )
