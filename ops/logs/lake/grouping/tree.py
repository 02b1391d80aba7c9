"""Group patterns whose words differ only where many values occur: Drain's tree, over distinct patterns. Pure.

As in Drain (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017), patterns
are first divided by the number of their words and by fixed words, here the punctuation, and then compared by
the share of equal words. Unlike Drain, which masks every word that differs, a word stays part of the pattern
until it has taken many values at its place: `Started` and `Stopped` are two patterns, eight names are one.
All patterns are compared together, so the groups do not depend on the order of events.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from ops.logs.lake.grouping.words import Words, split
from ops.logs.lake.rules import MASK

VARIABLE = "<*>"  # the word at a place that has taken many values; no pattern contains it
SIMILAR = 0.7  # share of equal words of patterns that are compared word by word
MANY = 8  # values of a word that make it variable,
MANY_NAMES = 2  # if all of them have punctuation inside, such as class names,
MANY_AFTER_CUE = 3  # after a word that introduces a name,
MANY_AFTER_EQUALS = 4  # after an equals sign,
MANY_CAPITALS = 16  # and if most of them are in capitals: states, such as RUNNING
KEPT = 20_000  # groups that are remembered, at most: the most recently found ones
COMPARED = 500  # patterns that are compared with one another, at most
_CUES = frozenset(
    ("user", "username", "for", "from", "host", "by", "to", "of", "named", "node", "client", "account")
)
_NAME = re.compile(r"[\w*][.@$\\/#%][\w*]|^[$@#%\\/]")
_MASKED = (MASK, VARIABLE)


@dataclass(frozen=True)
class Group:
    """A group of patterns. `id` is derived from `text`, the pattern that stands for all of them.

    `glob` matches every pattern of the group, and few others. It has no character with a meaning in the
    search language, so that it is written there as it is.
    """

    words: Words
    loose: bool = False  # whether a pattern has other whitespace than single spaces

    @property
    def text(self) -> str:
        return _text(self.words).strip()

    @property
    def glob(self) -> str:
        text = re.sub(r"\**( \**)+", MASK, f" {self.text} ") if self.loose else self.text
        return re.sub(r"[^\w*./-]", "?", text)

    @property
    def id(self) -> str:
        return sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def group(patterns: Iterable[str]) -> dict[str, Group]:
    """Return the group of each pattern."""
    return group_with(patterns, ())[0]


def group_with(patterns: Iterable[str], known: Iterable[Words]) -> tuple[dict[str, Group], list[Words]]:
    """Return the group of each pattern, and the words of all groups: of those, and of the `known` ones.

    `known` are the words of groups that were found before.
    """
    splits = {pattern: split(pattern) for pattern in patterns}
    leaves: dict[tuple[object, ...], set[Words]] = {}
    for each in splits.values():
        leaves.setdefault(_leaf(each.words), set()).add(each.words)
    others: list[Words] = []  # known groups that no pattern can belong to
    for words in known:
        leaf = leaves.get(_leaf(words))
        others.append(words) if leaf is None else leaf.add(words)
    general = {words: to for leaf in leaves.values() for words, to in _generalized(sorted(leaf)).items()}
    loose = {general[each.words] for each in splits.values() if each.loose}
    groups = {words: Group(words, words in loose) for words in {general[s.words] for s in splits.values()}}
    found = {pattern: groups[general[each.words]] for pattern, each in splits.items()}
    unused = sorted(set(general.values()) - set(groups))
    return found, [*others, *unused, *sorted(groups)]


class Groups:
    """Groups patterns that come one after another, with those before."""

    def __init__(self) -> None:
        self._known: list[Words] = []

    def add(self, patterns: Iterable[str]) -> dict[str, Group]:
        """Return the group of each pattern."""
        groups, words = group_with(patterns, self._known)
        self._known = words[-KEPT:]
        return groups


def _leaf(words: Words) -> tuple[object, ...]:
    """Return the number of words and the punctuation, which are equal in all patterns of a group."""
    return len(words), *(word for word in words if word.strip() not in _MASKED and not _is_word(word))


def _generalized(leaf: list[Words]) -> dict[Words, Words]:
    """Return the words of the group of each."""
    general: dict[Words, Words] = {}
    for part in _divided(leaf):
        found = {words: to for one in _similar(part) for words, to in _generalize(one).items()}
        general |= _absorbed(found)
    return general


def _divided(leaf: list[Words]) -> Iterable[list[Words]]:
    """Divide a large leaf by the place with the fewest values."""
    counts = [len({words[place] for words in leaf}) for place in range(len(leaf[0]))]
    several = [(count, place) for place, count in enumerate(counts) if count > 1]
    if len(leaf) <= COMPARED or not several:
        yield leaf
        return
    _, place = min(several)
    parts: defaultdict[str, list[Words]] = defaultdict(list)
    for words in leaf:
        parts[words[place]].append(words)
    if len(parts) > COMPARED:  # each word is different: nothing is alike
        yield from (leaf[at : at + COMPARED] for at in range(0, len(leaf), COMPARED))
        return
    for part in parts.values():
        yield from _divided(part)


def _similar(leaf: Sequence[Words]) -> Iterable[list[Words]]:
    """Divide patterns of equal length into those that are alike, each compared with what its group shares."""
    if len(leaf) == 1:
        return [[leaf[0]]]
    names = sorted({word for words in leaf for word in words})
    is_word = np.array([_is_word(name) for name in names] + [False])
    masked = len(names)
    place = {name: masked if name.strip() in _MASKED else n for n, name in enumerate(names)}
    rows = np.array([[place[word] for word in words] for words in leaf], np.int32).reshape(len(leaf), -1)
    shared = np.empty_like(rows)
    found: list[list[Words]] = []
    for words, row in zip(leaf, rows, strict=True):
        others = shared[: len(found)]
        equal = ((others == row) & is_word[row]).sum(axis=1)
        total = (is_word[others] | is_word[row]).sum(axis=1)
        alike = np.where(total > 0, equal / np.maximum(total, 1), 1.0)
        best = int(alike.argmax()) if len(found) else -1
        if best >= 0 and alike[best] >= SIMILAR:
            shared[best][shared[best] != row] = masked
            found[best].append(words)
        else:
            shared[len(found)] = row
            found.append([words])
    return found


def _generalize(alike: Sequence[Words]) -> dict[Words, Words]:
    """Mask the places of similar patterns that have taken many values."""
    variable = [
        place
        for place in range(len(alike[0]))
        if _is_variable({words[place] for words in alike}, alike[0][place - 1] if place else "", place)
    ]
    if not variable:
        return {words: words for words in alike}
    general: dict[Words, Words] = {}
    for words in alike:
        to = list(words)
        for place in variable:
            to[place] = _space(words[place]) + VARIABLE
        general[words] = tuple(to)
    return general


def _is_variable(words: set[str], before: str, place: int) -> bool:
    values = {word.strip() for word in words}
    if VARIABLE in values:
        return True
    values.discard(MASK)
    if len(values) < 2 or not all(map(_is_word, values)):
        return False
    if all(map(_NAME.search, values)):
        return len(values) >= MANY_NAMES
    if sum(value.isupper() for value in values) * 2 > len(values):
        return len(values) >= MANY_CAPITALS
    if before.strip().lower() in _CUES:
        return len(values) >= MANY_AFTER_CUE
    if before.strip() == "=":
        return len(values) >= MANY_AFTER_EQUALS
    return place > 0 and len(values) >= MANY  # the first word says what happened


def _absorbed(general: Mapping[Words, Words]) -> dict[Words, Words]:
    """Replace a group by a more general one with the same words elsewhere."""
    wide = sorted(words for words in set(general.values()) if any(w.strip() == VARIABLE for w in words))
    if not wide:
        return dict(general)

    def widest(words: Words) -> Words:
        return next((other for other in wide if other != words and _covers(other, words)), words)

    return {words: widest(to) for words, to in general.items()}


def _covers(wide: Words, words: Words) -> bool:
    return all(
        ours == theirs or (ours.strip() == VARIABLE and theirs.strip() != VARIABLE)
        for ours, theirs in zip(wide, words, strict=True)
    )


def _is_word(word: str) -> bool:
    return word.strip() not in _MASKED and any(char.isalnum() for char in word)


def _space(word: str) -> str:
    return " " if word[:1] == " " else ""


def _text(words: Words) -> str:
    return "".join(_space(word) + MASK if word.strip() == VARIABLE else word for word in words)
