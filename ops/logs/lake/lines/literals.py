"""Which texts a match of a regular expression contains, so that most expressions need not be compiled. Pure.

Arrow compiles an expression on every call, which takes longer than searching a batch of lines with it.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from re import _constants as code  # type: ignore[attr-defined]  # the parser of `re` has no public name
from re import _parser as parser  # type: ignore[attr-defined]
from re import error
from typing import Any

Texts = frozenset[str]


@lru_cache(512)
def required(regex: str) -> tuple[Texts, ...]:
    """Return sets of case-folded texts: each match has a text of each set, when it is case-folded.

    The sets with the longest texts are first. Empty if nothing is known, for example because Python does not
    read the expression.
    """
    try:
        return tuple(sorted(set(_choices(parser.parse(regex))), key=_worth, reverse=True))
    except (error, RecursionError, OverflowError):
        return ()


def _choices(parts: Iterable[tuple[Any, Any]]) -> Iterator[Texts]:
    literal = ""
    for kind, what in [*parts, (code.AT, None)]:
        if kind is code.LITERAL:
            literal += chr(what).casefold()
            continue
        if literal:
            yield frozenset([literal])
        literal = ""
        yield from _inside(kind, what)


def _inside(kind: Any, what: Any) -> Iterator[Texts]:
    """Yield what one part requires."""
    if kind is code.SUBPATTERN:
        yield from _choices(what[3])
    elif kind in (code.MAX_REPEAT, code.MIN_REPEAT) and what[0] > 0:
        yield from _choices(what[2])
    elif kind is code.BRANCH:
        branches = [max(_choices(branch), key=_worth, default=Texts()) for branch in what[1]]
        if all(branches):
            yield Texts().union(*branches)
    elif kind is code.IN and all(one is code.LITERAL for one, _ in what):
        yield frozenset(chr(char).casefold() for _, char in what)


def _worth(texts: Texts) -> float:
    """Prefer long texts, and few of them."""
    return min(map(len, texts)) - len(texts) / 8
