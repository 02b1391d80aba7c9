"""Parse raw lines, `GROUP:STREAM<TAB>EPOCH_MS<TAB>MESSAGE`, over a whole buffer at a time.

An event starts at a line of that form; any other line belongs to the message before it. A message that
contains such a line cannot be distinguished from two events, so Slipway's own raw format escapes newlines.
Exporters that do not escape them may also write no newline after a message (CloudWatch2S3): there, an event
also starts in the middle of a line (`_inner_heads`).
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
_TAB, _LF, _SLASH, _BACKSLASH = 9, 10, 47, 92
_TIME = re.compile(rb"[0-9]{13}\t")
_GROUP_CHARACTERS = bytes(range(48, 58)) + bytes(range(65, 91)) + bytes(range(97, 123)) + b"_-/.#"
_LONGEST_GROUP, _LONGEST_STREAM = 512, 2048  # bytes
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
    heads, cut, heads_coded = _named(data, _heads(np.frombuffer(data, np.uint8)))
    if not escaped:
        begun = _without_ends(heads, heads_coded)
        if inner := _inner_heads(data, begun):
            heads, cut, heads_coded = _named(data, inner)
        elif begun is not heads:
            heads, cut, heads_coded = _named(data, begun)
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


def _named(data: bytes, heads: _Heads) -> tuple[_Heads, pa.Array, pa.DictionaryArray]:
    """Return the heads with a valid group and stream, the pieces between them, and their names."""
    cut = _cut(data, heads)
    coded = every(cut, 4, 0).dictionary_encode()
    good = np.array([bool(HEAD.fullmatch(head)) for head in coded.dictionary.to_pylist()], bool)
    if good.all():
        return heads, cut, coded
    chosen = good[coded.indices.to_numpy()]
    heads = _Heads(heads.starts[chosen], heads.tabs[chosen], heads.millis[chosen])
    cut = _cut(data, heads)
    return heads, cut, every(cut, 4, 0).dictionary_encode()


def _without_ends(heads: _Heads, coded: pa.DictionaryArray) -> _Heads:
    """Move heads behind the last line of the message before: from `end/app/one` to a known `/app/one`."""
    groups = [head.partition(b":")[0] for head in coded.dictionary.to_pylist()]
    rooted = {group for group in groups if group.startswith(b"/")}
    moves = [
        next((at for at, byte in enumerate(group) if byte == _SLASH and group[at:] in rooted), 0)
        for group in groups
    ]
    if not any(moves):
        return heads
    return replace(heads, starts=heads.starts + np.array(moves, np.int64)[coded.indices.to_numpy()])


def _inner_heads(data: bytes, heads: _Heads) -> _Heads | None:
    """Return the heads with those in the middle of lines: `GROUP:STREAM`, and a time between two tabs.

    None if there are no others.
    """
    buffer = np.frombuffer(data, np.uint8)
    tabs = positions_of(_TAB, buffer)
    tabs = tabs[:-1][np.diff(tabs) == MILLIS + 1]
    if len(tabs) == len(heads.tabs):
        return None
    tabs = tabs[~np.isin(tabs, heads.tabs)]
    digits = buffer[tabs[:, None] + np.arange(1, MILLIS + 1)] - ord("0")
    good = (digits <= 9).all(axis=1)
    tabs, millis = tabs[good], digits[good] @ _POWERS
    texts = np.append(0, heads.tabs + MILLIS + 2)  # where the messages of the heads begin
    floors = texts[np.searchsorted(heads.tabs, tabs)]
    runs: list[_Run] = []
    floor = 0
    for tab, time, first in zip(tabs.tolist(), millis.tolist(), floors.tolist(), strict=True):
        floor = max(floor, first)  # a head begins after the one before it
        head = data[max(floor, tab - _LONGEST_STREAM - _LONGEST_GROUP - 1) : tab].rpartition(b"\n")[2]
        before, _, stream = head.rpartition(b":")
        text = before[len(before.rstrip(_GROUP_CHARACTERS)) :][-_LONGEST_GROUP:]
        if text and HEAD.fullmatch(b"g:" + stream + b"\t"):
            runs.append(_Run(text, stream, tab, time))
            floor = tab + MILLIS + 2
    if not runs:
        return None
    groups = {data[start:tab].partition(b":")[0] for start, tab in zip(heads.starts, heads.tabs, strict=True)}
    starts = np.append(heads.starts, np.array(_starts(runs, groups), np.int64))
    order = np.argsort(starts, kind="stable")
    tabs = np.append(heads.tabs, np.array([run.tab for run in runs], np.int64))
    millis = np.append(heads.millis, np.array([run.time for run in runs], np.int64))
    return _Heads(starts[order], tabs[order], millis[order])


@dataclass(frozen=True)
class _Run:
    """Characters of which the last ones are an inner head's group; the others end the message before it."""

    text: bytes
    stream: bytes
    tab: int
    time: int


def _starts(runs: Sequence[_Run], groups: set[bytes]) -> list[int]:
    """Return where the group of each run begins.

    It is the longest of the `groups`, which begin lines, that the run ends with. Other groups begin with a
    slash, as most do: with the first one of the run, or a later one if another run of the stream has only
    that. A group without a slash is the whole run.
    """
    slashed: dict[bytes, set[bytes]] = defaultdict(set)
    lengths = sorted({len(group) for group in groups}, reverse=True)
    for run in runs:
        slashed[run.stream].add(run.text[max(run.text.find(b"/"), 0) :])
    shortest = {stream: sorted(texts, key=len) for stream, texts in slashed.items()}
    starts: list[int] = []
    for run in runs:
        fitting = (length for length in lengths if length <= len(run.text))
        known = next((length for length in fitting if run.text[-length:] in groups), 0)
        length = known or next(len(text) for text in shortest[run.stream] if run.text.endswith(text))
        starts.append(run.tab - len(run.stream) - 1 - length)
    return starts


def _cut(data: bytes, heads: _Heads) -> pa.Array:
    """Cut each event into four pieces: name and tab, time and tab, message, and the final newline, if any."""
    borders = np.empty(4 * len(heads.starts) + 1, np.int64)
    borders[0::4] = np.append(heads.starts, len(data))
    borders[1::4] = heads.tabs + 1
    borders[2::4] = heads.tabs + MILLIS + 2
    ends = borders[4::4]
    borders[3::4] = ends - (np.frombuffer(data, np.uint8)[ends - 1] == _LF)
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
