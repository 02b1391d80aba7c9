"""Message patterns: a message with its variable parts masked as `*`.

A word (letters, digits, underscores) that is a hexadecimal number with a digit becomes `*`; in any other
word, each run of digits does. `req-3f2a took 17ms` becomes `req-* took *ms`. Nothing else changes: text
between two stars of a pattern is in the message unchanged (`ops.logs.search.message_filter` relies on it).
"""

import string

import numpy as np
import pyarrow as pa

from ops.logs.lake.buffers import Flags, Positions, as_text, parts_of, pieces, translated, without
from ops.logs.lake.rules import MASK

_SKELETON = bytes.maketrans(b"123456789", b"000000000")
_LETTERS = string.ascii_letters
_HEX_LETTER, _DIGIT, _OTHER = 1, 2, 4
_KIND = bytes(  # class of each character of a word; 0 for all others
    _DIGIT * (48 <= n <= 57)
    or _HEX_LETTER * (n in b"abcdefABCDEF")
    or _OTHER * (n == 95 or chr(n) in _LETTERS)
    for n in range(256)
)


def patterns_of(*messages: pa.Array) -> pa.DictionaryArray:
    """Return the pattern of each message, dictionary encoded; messages may come from `buffers.picked`.

    Messages that differ only in digits share a skeleton (each digit replaced by 0), and only distinct
    skeletons are masked.
    """
    skeletons = pa.concat_arrays([_skeletons(chunk) for chunk in messages])
    masked = _masked(skeletons.dictionary).dictionary_encode()
    codes = masked.indices.to_numpy()[skeletons.indices.to_numpy()]
    used = np.flatnonzero(np.bincount(codes, minlength=len(masked.dictionary)))
    place = np.zeros(len(masked.dictionary), np.int32)
    place[used] = np.arange(len(used))
    return pa.DictionaryArray.from_arrays(place[codes], masked.dictionary.take(pa.array(used)))


def _skeletons(messages: pa.Array) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(messages.type):
        data, borders = parts_of(messages)
        return pieces(translated(data, _SKELETON), borders).dictionary_encode()
    # The text between messages is encoded too: it rarely varies, and encoding it is cheaper than skipping it.
    data, borders = parts_of(messages.dictionary)
    numbers = messages.indices.to_numpy()
    borders = np.column_stack((borders[numbers], borders[numbers + 1])).ravel()
    coded = pieces(translated(data, _SKELETON), borders).dictionary_encode()
    return pa.DictionaryArray.from_arrays(coded.indices.to_numpy()[::2], coded.dictionary)


def _masked(values: pa.Array) -> pa.Array:
    """Mask the words of each value by the module's rule, vectorized over all bytes."""
    data, borders = parts_of(values)
    kinds = translated(data, _KIND)
    starts, ends = _runs(kinds > 0, borders)
    in_word = np.bitwise_or.reduceat(kinds, starts) if len(starts) else kinds[:0]
    numbers = (in_word & (_OTHER | _DIGIT)) == _DIGIT  # hexadecimal numbers
    inside = np.zeros(len(data) + 1, np.int8)
    inside[starts[numbers]] = 1
    inside[ends[numbers]] -= 1  # adds up to 0 where the next value's word starts immediately
    taken = np.cumsum(inside[:-1], dtype=np.int8) > 0
    starts, ends = _runs(taken | (kinds == _DIGIT), borders)
    data = data.copy()
    data[starts] = ord(MASK)
    longer = ends - starts > 1
    return as_text(without(data, borders, starts[longer] + 1, ends[longer]))


def _runs(flags: Flags, borders: Positions) -> tuple[Positions, Positions]:
    """Return the starts and ends of runs of flagged bytes; a border ends a run as well."""
    padded = np.zeros(len(flags) + 2, bool)
    padded[1:-1] = flags
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    inside = borders[padded[borders] & padded[borders + 1]]
    inside = inside[np.append(True, inside[1:] != inside[:-1])] if len(inside) else inside
    return _merged(changes[::2], inside), _merged(changes[1::2], inside)


def _merged(first: Positions, second: Positions) -> Positions:
    both = np.concatenate((first, second))
    both.sort(kind="stable")  # fast for two sorted runs
    return both
