"""Parse raw lines, `GROUP:STREAM<TAB>EPOCH_MS<TAB>MESSAGE`, over a whole buffer at a time.

An event starts at a line of that form; any other line belongs to the message before it. A message that
contains such a line cannot be distinguished from two events, so Slipway's own raw format escapes newlines.
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
from ops.logs.lake.rules import MILLIS

# Names of CloudWatch Logs have up to 512 characters; those of log streams up to four bytes each.
HEAD = re.compile(rb"[0-9A-Za-z_\-/.#]{1,512}:[^:*]{1,2048}\t")
_TAB, _LF, _BACKSLASH = 9, 10, 92
_TIME = re.compile(rb"[0-9]{13}\t")
_ESCAPED = re.compile(r"\\(.)")
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
_MEANT = np.zeros(256, np.uint8)  # the character meant by the one after a backslash; 0: not an escape
_MEANT[[ord(char) for char in _PLAIN]] = [ord(char) for char in _PLAIN.values()]
_POWERS = 10 ** np.arange(MILLIS - 1, -1, -1, dtype=np.int64)


@dataclass(frozen=True)
class Lines:
    """The events of a buffer as columns; `starts` are their offsets in the buffer.

    `lost_bytes` are the bytes before the first event, which belong to none.
    """

    log_group: pa.DictionaryArray
    log_stream: pa.DictionaryArray
    ts: pa.Array
    message: pa.DictionaryArray  # indices into the pieces of the buffer: not copied
    lost_bytes: int
    starts: Positions


def parse_lines(data: bytes, *, escaped: bool) -> Lines:
    """Parse the lines of UTF-8 `data`. With `escaped`, unescape log streams and messages."""
    if not data.endswith(b"\n"):
        data += b"\n"
    heads = _heads(np.frombuffer(data, np.uint8))
    cut = _cut(data, heads)
    heads_coded = every(cut, 4, 0).dictionary_encode()
    good = np.array([bool(HEAD.fullmatch(head)) for head in heads_coded.dictionary.to_pylist()], bool)
    if not good.all():
        chosen = good[heads_coded.indices.to_numpy()]
        heads = _Heads(heads.starts[chosen], heads.tabs[chosen], heads.millis[chosen])
        cut = _cut(data, heads)
        heads_coded = every(cut, 4, 0).dictionary_encode()
    names = [head.decode()[:-1].partition(":")[::2] for head in heads_coded.dictionary.to_pylist()]
    streams = [unescape(stream) if escaped else stream for _, stream in names]
    text = as_large_text(_unescaped(cut) if escaped else cut)
    return Lines(
        _coded([group for group, _ in names], heads_coded.indices),
        _coded(streams, heads_coded.indices),
        pa.array(heads.millis.view("datetime64[ms]")),
        picked(text, 4, 2),
        int(heads.starts[0]) if len(heads.starts) else len(data.strip()),
        heads.starts,
    )


def begins_with_event(data: bytes) -> bool:
    """Return whether the first line starts an event, and so does not continue an earlier message."""
    end = data.find(b"\n")
    head, tab, rest = data[: end if end >= 0 else len(data)].partition(b"\t")
    return bool(HEAD.fullmatch(head + tab) and _TIME.match(rest))


def unescape(text: str) -> str:
    """Undo the escapes that the log processor put into a field of a raw line."""
    return _ESCAPED.sub(lambda match: _PLAIN.get(match[1], match[0]), text)


@dataclass(frozen=True)
class _Heads:
    """The start of each event, the position of its first tab, and its time."""

    starts: Positions
    tabs: Positions
    millis: Positions


def _heads(buffer: Bytes) -> _Heads:
    """Return the lines with a time between their first two tabs."""
    ends = positions_of(_LF, buffer)
    starts = np.append(0, ends[:-1] + 1)
    tabs = np.append(positions_of(_TAB, buffer), [len(buffer), len(buffer)])
    first = np.searchsorted(tabs[:-2], starts)
    tab, second = tabs[first], tabs[first + 1]
    chosen = (second < ends) & (second - tab - 1 == MILLIS)
    starts, tab = starts[chosen], tab[chosen]
    digits = buffer[tab[:, None] + np.arange(1, MILLIS + 1)] - ord("0")  # above 9 for other characters
    good = (digits <= 9).all(axis=1)
    return _Heads(starts[good], tab[good], digits[good] @ _POWERS)


def _cut(data: bytes, heads: _Heads) -> pa.Array:
    """Cut each event into four pieces: name and tab, time and tab, message, and the final newline."""
    borders = np.empty(4 * len(heads.starts) + 1, np.int64)
    borders[0::4] = np.append(heads.starts, len(data))
    borders[1::4] = heads.tabs + 1
    borders[2::4] = heads.tabs + MILLIS + 2
    borders[3::4] = borders[4::4] - 1
    return pieces(data, borders)


def _coded(values: list[str], indices: pa.Array) -> pa.DictionaryArray:
    """Return a dictionary array over the distinct values, with one index per row."""
    coded = pa.array(values, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(coded.indices.take(indices), coded.dictionary)


def _unescaped(texts: pa.Array) -> pa.Array:
    data, borders = parts_of(texts)
    backslashes = positions_of(_BACKSLASH, data)
    if not len(backslashes):
        return texts
    end_of = borders[np.searchsorted(borders, backslashes, "right")]  # the end of the value it is in
    begins = np.ones(len(backslashes), bool)  # starts a run of backslashes within one value
    begins[1:] = (np.diff(backslashes) > 1) | (end_of[1:] != end_of[:-1])
    run = backslashes[np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))]
    escapes = ((backslashes - run) % 2 == 0) & (backslashes + 1 < end_of)
    backslashes = backslashes[escapes]
    meant = _MEANT[data[backslashes + 1]]
    backslashes, meant = backslashes[meant > 0], meant[meant > 0]
    data = data.copy()
    data[backslashes + 1] = meant
    # Remove the first character of each escape. Adjacent escapes do not touch: one character stays between.
    return without(data, borders, backslashes, backslashes + 1)
