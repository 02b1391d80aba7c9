"""The level of messages by the table of rules (`rules`), a column at a time.

A message's level is that of its pattern, so each distinct pattern is read once. Where a level depends on
digits, which are masked in a pattern, the message itself is read.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.logs.lake.lines.literals import required
from ops.logs.lake.lines.rules import (
    DIGITS,
    ESCAPES,
    HEAD,
    LEVEL_OF,
    LEVELS,
    NEEDS_DIGITS,
    NONE,
    RULES,
    RULES_VERSION,
    WRAPPER,
    Rule,
)

KEPT = 200_000  # verdicts in memory: about 50 MB
_DIGITS = re.compile(DIGITS)
_CODE = {level: code for code, level in enumerate(LEVELS)}


@dataclass(frozen=True)
class Verdict:
    """A line's level, or None, and the name of the rule that decided; None if no rule matched."""

    level: str | None = None
    rule: str | None = None


class Levels:
    """Determines levels by the given own rules, then by RULES; safe for many threads.

    `id` identifies the rules: a part whose levels were determined by other rules has another one.
    """

    def __init__(self, own: Sequence[Rule] = ()) -> None:
        self.own = tuple(own)
        digest = hashlib.sha256(repr([astuple(rule) for rule in own]).encode()).hexdigest()[:8]
        self.id = f"{RULES_VERSION}-{digest}" if own else str(RULES_VERSION)
        self._known: dict[tuple[str, ...], Verdict | None] = {}  # None: the digits decide

    def of(self, messages: pa.Array, patterns: pa.DictionaryArray) -> pa.DictionaryArray:
        """Return the level of each message; `messages` may come from `buffers.picked`."""
        verdicts = self._of_patterns(patterns.dictionary)
        codes = np.array([_code(verdict) for verdict in verdicts], np.int8)[patterns.indices.to_numpy()]
        for row, verdict in self._by_message(messages, patterns, verdicts):
            codes[row] = _code(verdict)
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(LEVELS, pa.string()))

    def explain(self, messages: pa.Array, patterns: pa.DictionaryArray) -> list[Verdict]:
        """Return the verdict on each message."""
        verdicts = self._of_patterns(patterns.dictionary)
        explained = [verdicts[code] or Verdict() for code in patterns.indices.to_pylist()]
        for row, verdict in self._by_message(messages, patterns, verdicts):
            explained[row] = verdict
        return explained

    def _of_patterns(self, patterns: pa.Array) -> list[Verdict | None]:
        texts = patterns.to_pylist()
        known = self._known
        verdicts = {text: known[(text,)] for text in texts if (text,) in known}
        if new := [text for text in texts if text not in verdicts]:
            heads = pc.utf8_slice_codeunits(pa.array(new, pa.string()), 0, HEAD)
            digits = pc.match_substring_regex(heads, NEEDS_DIGITS).to_pylist()
            found = {
                text: None if needs else verdict
                for text, needs, verdict in zip(new, digits, _verdicts(heads, RULES), strict=True)
            }
            self._keep({(text,): verdict for text, verdict in found.items()})
            verdicts |= found
        return [verdicts[text] for text in texts]

    def _by_message(
        self, messages: pa.Array, patterns: pa.DictionaryArray, verdicts: Sequence[Verdict | None]
    ) -> Iterator[tuple[int, Verdict]]:
        """Yield the rows whose message decides: by its digits, then by the own rules."""
        codes = patterns.indices.to_numpy()
        rows = np.flatnonzero(np.array([verdict is None for verdict in verdicts], bool)[codes])
        if len(rows):
            texts = _taken(messages, rows)
            names = patterns.dictionary.to_pylist()
            keys = [
                (names[code], *_DIGITS.findall(text))
                for code, text in zip(codes[rows].tolist(), texts.to_pylist(), strict=True)
            ]
            yield from zip(rows.tolist(), self._of_digits(keys, texts), strict=True)
        if self.own:
            every = np.arange(len(codes))
            for row, verdict in zip(
                every.tolist(), _verdicts(_taken(messages, every), self.own), strict=True
            ):
                if verdict.rule:
                    yield row, verdict

    def _of_digits(self, keys: Sequence[tuple[str, ...]], texts: pa.Array) -> Iterable[Verdict]:
        """Return the verdict for each key, a pattern and the digits that decide, from a message with it."""
        known = {key: self._known.get(key) for key in keys}
        first = {key: row for row, key in reversed(list(enumerate(keys))) if known[key] is None}
        if first:
            heads = texts.take(pa.array(list(first.values()), pa.int64()))
            new = dict(zip(first, _verdicts(heads, RULES), strict=True))
            self._keep(new)
            known |= new
        return (known[key] or Verdict() for key in keys)

    def _keep(self, new: Mapping[tuple[str, ...], Verdict | None]) -> None:
        if len(self._known) + len(new) > KEPT:
            self._known = {}
        self._known.update(new)


def _code(verdict: Verdict | None) -> int:
    return _CODE[verdict.level] if verdict and verdict.level else -1


def _taken(messages: pa.Array, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pa.Array:
    """Return the heads of the messages in those rows."""
    taken = messages.take(pa.array(rows, pa.int64()))
    if pa.types.is_dictionary(taken.type):
        taken = taken.dictionary_decode()
    return pc.utf8_slice_codeunits(taken.cast(pa.string()), 0, HEAD)


def _verdicts(heads: pa.Array, rules: Sequence[Rule]) -> list[Verdict]:
    """Return the verdict of the first rule that matches each text."""
    whole = pc.replace_substring_regex(heads, ESCAPES, "")
    read = {"whole": whole, "body": pc.replace_substring_regex(whole, WRAPPER, "", max_replacements=1)}
    folded = [text.casefold() for text in whole.to_pylist()]  # a body is a part of the whole
    verdicts = [Verdict()] * len(heads)
    left = list(range(len(heads)))
    for rule in rules:
        rows = left
        for texts in required(rule.regex):
            rows = [row for row in rows if any(text in folded[row] for text in texts)]
        if not rows:
            continue
        matched = _matched(rule, read[rule.text].take(pa.array(rows, pa.int64())))
        found = {row: token for row, token in zip(rows, matched, strict=True) if token is not None}
        for row, token in found.items():
            verdicts[row] = Verdict(None if token == NONE else LEVEL_OF.get(token), rule.name)
        left = [row for row in left if row not in found]
    return verdicts


def _matched(rule: Rule, texts: pa.Array) -> list[str | None]:
    """Return the token that the rule finds in each text."""
    if rule.token:
        matches = pc.match_substring_regex(texts, rule.regex)
        tokens: list[str | None] = [rule.token if match else None for match in matches.to_pylist()]
    else:
        found = pc.struct_field(pc.extract_regex(texts, rule.regex), "token").to_pylist()
        tokens = [None if token is None else _token(rule, token) for token in found]
    if rule.needs:
        fits = pc.match_substring_regex(texts, rule.needs).to_pylist()
        tokens = [token if fit else None for token, fit in zip(tokens, fits, strict=True)]
    return tokens


def _token(rule: Rule, text: str) -> str:
    return f"{rule.kind}{int(text) % 8 if rule.octal else text}".lower()


class NoLevels(Levels):
    """For events that have no level, such as records of AWS services: nothing is searched in them."""

    def __init__(self) -> None:
        super().__init__()
        self.id = "none"

    def of(self, messages: pa.Array, patterns: pa.DictionaryArray) -> pa.DictionaryArray:
        codes = pa.nulls(len(patterns), pa.int8())
        return pa.DictionaryArray.from_arrays(codes, pa.array(LEVELS, pa.string()))
