"""Decompress gzip as found in buckets: several members, truncated, or not gzip at all."""

import zlib
from collections.abc import Iterator
from typing import cast

from isal import igzip, isal_zlib

MAGIC = b"\x1f\x8b"
_STEP = 1 << 18
# isal's stubs do not declare its error class as an exception.
_BROKEN = (cast("type[Exception]", isal_zlib.IsalError), OSError, EOFError)


def is_gzip(data: bytes) -> bool:
    return data[:2] == MAGIC


def members(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield each member's content and whether it is complete; stop after a damaged one."""
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
            elif bytes(view[position:]).strip(b"\0"):  # zero padding after the last member is not damage
                yield b"", False
            return
        yield b"".join(pieces), inflate.eof


def inflate(data: bytes) -> tuple[bytes, bool]:
    """Return the content and whether it is complete; data that is not gzip is returned unchanged."""
    if not is_gzip(data):
        return data, True
    try:
        return bytes(igzip.decompress(data)), True  # type: ignore[no-untyped-call]  # three times as fast
    except _BROKEN:
        pass  # zlib recovers what can be read
    contents = list(members(data))
    return b"".join(content for content, _ in contents), all(whole for _, whole in contents)
