"""Text columns in Arrow's memory layout: one buffer of bytes, and the offset of each value.

All operations are vectorized over the whole buffer; none loops over values.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Positions = NDArray[np.int64]
STRETCH = 1 << 18  # bytes at a time: they stay in the CPU cache


def pieces(data: bytes | Bytes, borders: Positions) -> pa.Array:
    """Return the bytes between each border and the next, without copying."""
    offsets = pa.py_buffer(np.ascontiguousarray(borders, np.int64))
    return pa.Array.from_buffers(
        pa.large_binary(), max(len(borders) - 1, 0), [None, offsets, pa.py_buffer(data)]
    )


def positions_of(byte: int, data: Bytes) -> Positions:
    """Return the positions of the byte."""
    positions = [np.flatnonzero(data[at : at + STRETCH] == byte) + at for at in range(0, len(data), STRETCH)]
    return np.concatenate(positions) if positions else np.zeros(0, np.int64)


def translated(data: Bytes, table: bytes) -> Bytes:
    """Map each byte through a table of 256."""
    result = np.empty_like(data)
    for at in range(0, len(data), STRETCH):
        stretch = data[at : at + STRETCH].tobytes().translate(table)
        result[at : at + STRETCH] = np.frombuffer(stretch, np.uint8)
    return result


def every(column: pa.Array, step: int, first: int) -> pa.Array:
    """Return each `step`th value, starting at `first`."""
    return column.take(pa.array(np.arange(first, len(column), step)))


def parts_of(column: pa.Array) -> tuple[Bytes, Positions]:
    """Return the bytes of a column without NULLs, and the borders of its values."""
    column = column.cast(pa.large_binary())
    _, offsets, data = column.buffers()
    borders = np.frombuffer(offsets, np.int64, len(column) + 1, column.offset * 8) if offsets else np.zeros(1)
    start, end = int(borders[0]), int(borders[-1])
    body = np.frombuffer(data, np.uint8, end) if data and end else np.zeros(0, np.uint8)
    return body[start:], borders.astype(np.int64) - start


def text(data: bytes | Bytes, borders: Positions) -> pa.Array:
    """Return UTF-8 bytes as a string column; each border must be a character boundary."""
    cut = pieces(data, borders)
    return pa.Array.from_buffers(pa.large_string(), len(cut), cut.buffers())


def picked(column: pa.Array, step: int, first: int) -> pa.DictionaryArray:
    """Return each `step`th value, starting at `first`, as a dictionary over all values: nothing is copied."""
    numbers = np.arange(first, len(column), step, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(numbers), column)


def as_text(column: pa.Array) -> pa.Array:
    """Return large binary values that are UTF-8 as strings, without validating them as a cast would."""
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
    """Return the column, as bytes, without the runs from `starts` to before `ends`.

    Runs are ordered, do not touch, and do not cross a border.
    """
    cuts = np.empty(2 * len(starts) + 2, np.int64)
    cuts[0], cuts[-1] = 0, len(data)
    cuts[1:-1:2], cuts[2:-1:2] = starts, ends
    rest = every(pieces(data, cuts), 2, 0)
    gone = np.concatenate(([0], np.cumsum(ends - starts)))
    moved = borders - gone[np.searchsorted(ends, borders, "right")]
    return pieces(np.frombuffer(rest.buffers()[2] or b"", np.uint8), moved)
