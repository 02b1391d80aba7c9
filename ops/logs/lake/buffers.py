"""Columns of text as what they are in memory: one buffer of bytes, and where each value begins.

Everything here looks at the whole buffer at once; nothing runs once a value.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Positions = NDArray[np.int64]
STRETCH = 1 << 18  # bytes


def pieces(data: bytes | Bytes, borders: Positions) -> pa.Array:
    """The bytes between each border and the next, without a copy."""
    offsets = pa.py_buffer(np.ascontiguousarray(borders, np.int64))
    return pa.Array.from_buffers(
        pa.large_binary(), max(len(borders) - 1, 0), [None, offsets, pa.py_buffer(data)]
    )


def positions_of(byte: int, data: Bytes) -> Positions:
    """Where the byte is; a stretch at a time, which stays in the processor's cache."""
    found = [np.flatnonzero(data[at : at + STRETCH] == byte) + at for at in range(0, len(data), STRETCH)]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def translated(data: Bytes, table: bytes) -> Bytes:
    """Each byte as the table of 256 has it."""
    result = np.empty_like(data)
    for at in range(0, len(data), STRETCH):
        stretch = data[at : at + STRETCH].tobytes().translate(table)
        result[at : at + STRETCH] = np.frombuffer(stretch, np.uint8)
    return result


def every(column: pa.Array, step: int, first: int) -> pa.Array:
    """Each `step`th value from `first` on."""
    return column.take(pa.array(np.arange(first, len(column), step)))


def parts_of(column: pa.Array) -> tuple[Bytes, Positions]:
    """The bytes of a column without NULLs, and the borders of its values in them."""
    column = column.cast(pa.large_binary())
    _, offsets, data = column.buffers()
    borders = np.frombuffer(offsets, np.int64, len(column) + 1, column.offset * 8) if offsets else np.zeros(1)
    start, end = int(borders[0]), int(borders[-1])
    body = np.frombuffer(data, np.uint8, end) if data and end else np.zeros(0, np.uint8)
    return body[start:], borders.astype(np.int64) - start


def text(data: bytes | Bytes, borders: Positions) -> pa.Array:
    """A column of strings out of bytes that are UTF-8, each border at a character's."""
    cut = pieces(data, borders)
    return pa.Array.from_buffers(pa.large_string(), len(cut), cut.buffers())


def picked(column: pa.Array, step: int, first: int) -> pa.DictionaryArray:
    """Each `step`th value from `first` on, without a copy: by its number among all."""
    numbers = np.arange(first, len(column), step, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(numbers), column)


def as_text(column: pa.Array) -> pa.Array:
    """Large binary values that are UTF-8 as strings; unlike a cast from binary it looks at none of them."""
    return as_large_text(column).cast(pa.string())


def as_large_text(column: pa.Array) -> pa.Array:
    return pa.Array.from_buffers(pa.large_string(), len(column), column.buffers(), offset=column.offset)


def is_utf8(data: bytes) -> bool:
    try:
        text(data, np.array([0, len(data)])).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def without(data: Bytes, borders: Positions, starts: Positions, ends: Positions) -> pa.Array:
    """The column, as bytes, without the runs that begin at `starts` and stop before `ends`.

    Runs are in order, do not touch, and cross no border.
    """
    cuts = np.empty(2 * len(starts) + 2, np.int64)
    cuts[0], cuts[-1] = 0, len(data)
    cuts[1:-1:2], cuts[2:-1:2] = starts, ends
    rest = every(pieces(data, cuts), 2, 0)
    gone = np.concatenate(([0], np.cumsum(ends - starts)))
    moved = borders - gone[np.searchsorted(ends, borders, "right")]
    return pieces(np.frombuffer(rest.buffers()[2] or b"", np.uint8), moved)
