"""Gzip as it lies in buckets: of several members, cut off in the middle, or not gzip at all."""

import zlib
from collections.abc import Iterator
from typing import cast

from isal import igzip, isal_zlib

MAGIC = b"\x1f\x8b"
_STEP = 1 << 18
# To isal's stubs the class of its errors is an error.
_BROKEN = (cast("type[Exception]", isal_zlib.IsalError), OSError, EOFError)


def is_gzip(data: bytes) -> bool:
    return data[:2] == MAGIC


def members(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Each member's content, and whether it is whole; of a broken one what could be read, and no more."""
    view, position = memoryview(data), 0
    while position < len(data):
        inflate = zlib.decompressobj(31)
        pieces: list[bytes] = []
        try:
            while not inflate.eof and position < len(data):
                piece = view[position : position + _STEP]
                pieces.append(inflate.decompress(piece))
                position += len(piece) - len(inflate.unused_data)
        except zlib.error:
            if pieces or not position:
                yield b"".join(pieces), False
            elif bytes(view[position:]).strip(b"\0"):  # padding after the last member is none
                yield b"", False
            return
        yield b"".join(pieces), inflate.eof


def inflate(data: bytes) -> tuple[bytes, bool]:
    """The whole content, and whether nothing is missing; data that is not gzip as it is."""
    if not is_gzip(data):
        return data, True
    try:
        return bytes(igzip.decompress(data)), True  # type: ignore[no-untyped-call]  # three times as fast
    except _BROKEN:
        pass  # what can be read of it, zlib tells
    found = list(members(data))
    return b"".join(content for content, _ in found), all(whole for _, whole in found)
