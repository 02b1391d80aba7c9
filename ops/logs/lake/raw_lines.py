"""Raw lines `GROUP:STREAM<TAB>EPOCH_MS<TAB>MESSAGE`, parsed in one go over the whole buffer.

An event begins at a line of that shape; a line of any other shape belongs to the message before it. A message
that itself holds such a line cannot be told from two events, which is why our own format escapes.
"""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.logs.lake.buffers import (
    Bytes,
    Positions,
    as_large_text,
    every,
    parts_of,
    picked,
    pieces,
    positions_of,
    without,
)

# Names as CloudWatch Logs allows them: 512 characters each, a stream's of up to four bytes.
HEAD = re.compile(rb"[0-9A-Za-z_\-/.#]{1,512}:[^:*]{1,2048}\t")
MILLIS = 13  # digits of a time between 2001 and 2286
_TAB, _LF, _BACKSLASH = 9, 10, 92
_TIME = re.compile(rb"[0-9]{13}\t")
_ESCAPED = re.compile(r"\\(.)")
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
_MEANT = np.zeros(256, np.uint8)  # what stands for a character after a backslash; 0: not an escape
_MEANT[[ord(char) for char in _PLAIN]] = [ord(char) for char in _PLAIN.values()]
_POWERS = 10 ** np.arange(MILLIS - 1, -1, -1, dtype=np.int64)


@dataclass(frozen=True)
class Lines:
    """The events of a buffer as columns; `lost_bytes` stand before the first event and belong to none.

    `starts` are their places in the buffer.
    """

    log_group: pa.DictionaryArray
    log_stream: pa.DictionaryArray
    ts: pa.Array
    message: pa.DictionaryArray  # by place among all that the buffer holds: not copied
    lost_bytes: int
    starts: Positions


def parse_lines(data: bytes, *, escaped: bool) -> Lines:
    """`data` is UTF-8. With `escaped`, the escapes of streams and messages are undone."""
    if not data.endswith(b"\n"):
        data += b"\n"
    heads = _heads(np.frombuffer(data, np.uint8))
    cut = _cut(data, heads)
    found = every(cut, 4, 0).dictionary_encode()
    good = np.array([bool(HEAD.fullmatch(head)) for head in found.dictionary.to_pylist()], bool)
    if not good.all():
        chosen = good[found.indices.to_numpy()]
        heads = _Heads(heads.starts[chosen], heads.tabs[chosen], heads.millis[chosen])
        cut = _cut(data, heads)
        found = every(cut, 4, 0).dictionary_encode()
    names = [head.decode()[:-1].partition(":")[::2] for head in found.dictionary.to_pylist()]
    streams = [unescape(stream) if escaped else stream for _, stream in names]
    text = as_large_text(_unescaped(cut) if escaped else cut)
    return Lines(
        _coded([group for group, _ in names], found.indices),
        _coded(streams, found.indices),
        pa.array(heads.millis.view("datetime64[ms]")),
        picked(text, 4, 2),
        int(heads.starts[0]) if len(heads.starts) else len(data.strip()),
        heads.starts,
    )


def begins_with_event(data: bytes) -> bool:
    """Whether the first line is an event's: then nothing of it belongs to what is before it."""
    end = data.find(b"\n")
    head, tab, rest = data[: end if end >= 0 else len(data)].partition(b"\t")
    return bool(HEAD.fullmatch(head + tab) and _TIME.match(rest))


def unescape(text: str) -> str:
    """A field of a raw line as it was before the processor escaped it."""
    return _ESCAPED.sub(lambda match: _PLAIN.get(match[1], match[0]), text)


@dataclass(frozen=True)
class _Heads:
    """Where events start, where their first tab is, and their time."""

    starts: Positions
    tabs: Positions
    millis: Positions


def _heads(buffer: Bytes) -> _Heads:
    """The lines that have a time between their first two tabs."""
    ends = positions_of(_LF, buffer)
    starts = np.append(0, ends[:-1] + 1)
    tabs = np.append(positions_of(_TAB, buffer), [len(buffer), len(buffer)])
    first = np.searchsorted(tabs[:-2], starts)
    tab, second = tabs[first], tabs[first + 1]
    chosen = (second < ends) & (second - tab - 1 == MILLIS)
    starts, tab = starts[chosen], tab[chosen]
    digits = buffer[tab[:, None] + np.arange(1, MILLIS + 1)] - ord("0")  # of others than digits above 9
    good = (digits <= 9).all(axis=1)
    return _Heads(starts[good], tab[good], digits[good] @ _POWERS)


def _cut(data: bytes, heads: _Heads) -> pa.Array:
    """Four pieces an event: name and tab, time and tab, message, and the newline that ends it."""
    borders = np.empty(4 * len(heads.starts) + 1, np.int64)
    borders[0::4] = np.append(heads.starts, len(data))
    borders[1::4] = heads.tabs + 1
    borders[2::4] = heads.tabs + MILLIS + 2
    borders[3::4] = borders[4::4] - 1
    return pieces(data, borders)


def _coded(values: list[str], indices: pa.Array) -> pa.DictionaryArray:
    """Rows by number as rows of the values, each of which stands once."""
    coded = pa.array(values, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(coded.indices.take(indices), coded.dictionary)


def _unescaped(texts: pa.Array) -> pa.Array:
    data, borders = parts_of(texts)
    backslashes = positions_of(_BACKSLASH, data)
    if not len(backslashes):
        return texts
    end_of = borders[np.searchsorted(borders, backslashes, "right")]  # of the text it is in
    begins = np.ones(len(backslashes), bool)  # a run of backslashes, of one text
    begins[1:] = (np.diff(backslashes) > 1) | (end_of[1:] != end_of[:-1])
    run = backslashes[np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))]
    escapes = ((backslashes - run) % 2 == 0) & (backslashes + 1 < end_of)
    backslashes = backslashes[escapes]
    meant = _MEANT[data[backslashes + 1]]
    backslashes, meant = backslashes[meant > 0], meant[meant > 0]
    data = data.copy()
    data[backslashes + 1] = meant
    # Of each escape the first character goes. Two that follow each other do not touch: one stays between.
    return without(data, borders, backslashes, backslashes + 1)
