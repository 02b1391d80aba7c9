"""Parse the text of a search bar: AND, OR, NOT, and parentheses around terms and conditions on fields. Pure.

AND binds more tightly than OR; terms next to each other must all match. Values of the same field next to each
other (`level:error level:fatal`) are alternatives. A mistake is a QueryError with its position.
"""

import re
from collections.abc import Sequence

from ops.logs.search.language import refusals
from ops.logs.search.language.fields import FieldReader
from ops.logs.search.language.scanner import Scanner
from ops.logs.search.language.terms import read_term
from ops.logs.search.model import (
    ALTERNATIVE,
    EVERYTHING,
    Condition,
    Filter,
    Not,
    all_of,
    any_of,
)

_WORD_ENDS = r"(?=[\s()]|$)"
_OR = re.compile(rf"\s*(?:OR{_WORD_ENDS}|\|\|)")
_AND = re.compile(rf"\s*(?:AND{_WORD_ENDS}|&&)")
_NOT = re.compile(rf"NOT{_WORD_ENDS}|!(?=[^\s=~!])")
_MINUS = re.compile(r"-(?=[^\s-])")
_PLUS = re.compile(r"\+(?=[A-Za-z_\"(/$])")


def parse(text: str) -> Condition:
    """Return the condition that the text means. Raises QueryError with the position of a mistake."""
    scanner = Scanner(text)
    refusals.refuse_other_languages(scanner)
    if not scanner.skip_space():
        return EVERYTHING
    condition = _alternatives(scanner)
    if scanner.skip_space():
        raise scanner.fail(
            f"Unexpected {scanner.next!r}", scanner.place, "Remove it, or put the text in quotation marks."
        )
    return condition


def _alternatives(scanner: Scanner) -> Condition:
    parts = [_conjunction(scanner)]
    while scanner.take(_OR):
        parts.append(_conjunction(scanner))
    return any_of(tuple(parts))


def _conjunction(scanner: Scanner) -> Condition:
    parts = [_sequence(scanner)]
    while scanner.take(_AND):
        parts.append(_sequence(scanner))
    return all_of(tuple(parts))


def _sequence(scanner: Scanner) -> Condition:
    """Read conditions next to each other, up to an operator, a closing parenthesis, or the end."""
    parts: list[Condition] = []
    while scanner.skip_space() and scanner.next != ")":
        if scanner.match(_OR) or scanner.match(_AND):
            break
        refusals.refuse_lower_case(scanner, first=not parts)
        parts.append(_unit(scanner))
    if not parts:
        raise refusals.incomplete(scanner)
    return all_of(_with_alternatives(parts))


def _with_alternatives(parts: Sequence[Condition]) -> tuple[Condition, ...]:
    """Join the values of the same field, at the place of the first one."""
    by_field: dict[str, list[Condition]] = {}
    joined: list[Condition | str] = []
    for part in parts:
        if isinstance(part, Filter) and part.operator in ALTERNATIVE:
            if part.field not in by_field:
                joined.append(part.field)
            by_field.setdefault(part.field, []).append(part)
        else:
            joined.append(part)
    return tuple(any_of(tuple(by_field[one])) if isinstance(one, str) else one for one in joined)


def _unit(scanner: Scanner) -> Condition:
    start = scanner.place
    if scanner.take(_NOT) or scanner.take(_MINUS):
        if not scanner.skip_space() or scanner.next == ")" or scanner.match(_OR) or scanner.match(_AND):
            raise scanner.fail(
                "NOT has no condition", start, "Add what must not match, as in NOT level:debug."
            )
        return Not(_unit(scanner))
    scanner.take(_PLUS)
    if scanner.next != "(":
        return FieldReader(scanner).read() or read_term(scanner)
    start = scanner.place
    scanner.place += 1
    if not scanner.skip_space() or scanner.next == ")":
        raise scanner.fail("The parentheses are empty", start, "Put a condition between them.")
    inner = _alternatives(scanner)
    if not scanner.skip_space():
        raise scanner.fail("The closing parenthesis is missing", start, "Add the closing ).")
    scanner.place += 1
    return inner
