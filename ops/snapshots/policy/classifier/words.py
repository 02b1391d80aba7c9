"""Splits the name of a column or table into words of the lexicon."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from ops.snapshots.policy.classifier.lexicon import LEXICON, LISTS, fold

# Letters, or digits: camelCase, ACRONYMWord, snake_case, kebab-case, and `addr1` are split.
_WORD = re.compile(
    r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+",
)
_SHORTEST = 3  # a word within a concatenated name; shorter ones only at its end, such as `ownerid`
_SHORT_ENDS = frozenset({"id", "no", "nr", "ip", "dt", "at"})
_SHORT_STARTS = frozenset({"id", "ip", "is"})
_JOIN = frozenset({"join"})
_ENDINGS = ("s", "es", "n", "en", "e", "er", "r")  # plurals and cases of the languages of the lexicon


@dataclass(frozen=True)
class Part:
    """A word or a phrase of a name, and its tags; none if the lexicon does not have it."""

    text: str
    tags: frozenset[str]


@lru_cache(20_000)
def parts(name: str) -> tuple[Part, ...]:
    """Return the phrases of a name, each as long as possible; words that only join are dropped."""
    words = split(name)
    found = []
    while words:
        for size in range(min(LEXICON.longest + 2, len(words)), 0, -1):
            part = _part(words[:size])
            if part.tags or size == 1:
                found.append(part)
                words = words[size:]
                break
    return tuple(part for part in found if part.tags != _JOIN)


def _part(words: tuple[str, ...]) -> Part:
    """Return the phrase of the words, with its tags: as it is, or without the words that only join."""
    tags = LEXICON.tags.get(words)
    if tags is None and len(words) > 2:
        words = (words[0], *(w for w in words[1:-1] if LEXICON.tags.get((w,)) != _JOIN), words[-1])
        tags = LEXICON.tags.get(words)
    return Part(" ".join(words), tags or frozenset())


@lru_cache(20_000)
def split(name: str) -> tuple[str, ...]:
    """Return the words of a name: lowercase, without accents and digits.

    A part that is not a word is split only if all of it is words: `firstname`; `tournament` has no `name`.
    """
    flat = re.sub(r"\(.*?\)", " ", unicodedata.normalize("NFC", name)) if not name.startswith("(") else name
    words: list[str] = []
    for part in _WORD.findall(_ascii(flat)):
        if part.isdigit():
            if words and words[-1] + part in LEXICON.words:  # ipv4, address1
                words[-1] += part
            continue
        word = fold(part)
        words += [known] if (known := in_lexicon(word)) else _parts(word) or [word]
    return tuple(words)


def _ascii(name: str) -> str:
    """Fold accents and keep case, so that camelCase is split."""
    return "".join(
        fold(c).upper() if c.isupper() and c not in "ẞ" else (c if c.isascii() else fold(c)) for c in name
    )


def in_lexicon(word: str) -> str:
    """Return the word as the lexicon has it, without the ending of a plural or a case; empty if unknown."""
    if word in LEXICON.words:
        return word
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if len(stem) >= 4 and stem != word and stem in LEXICON.words:
            return stem
    return ""


@lru_cache(20_000)
def _parts(word: str) -> list[str]:
    """Return the fewest words that make up the whole word; empty if there are none."""
    best: dict[int, list[str]] = {0: []}
    for end in range(1, len(word) + 1):
        for start, before in list(best.items()):
            part = word[start:end]
            known = _inside(word, start, end) and (in_lexicon(part) or "")
            if known and (end not in best or len(before) + 1 < len(best[end])):
                best[end] = [*before, known]
    return best.get(len(word), [])


def _inside(word: str, start: int, end: int) -> bool:
    part = word[start:end]
    if len(part) >= _SHORTEST:
        return part not in LISTS["never_inside"]
    if end == len(word):
        return part in _SHORT_ENDS
    return start == 0 and part in _SHORT_STARTS
