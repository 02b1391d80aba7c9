"""Decompress gzip as found in buckets: several members, truncated, endless, or not gzip at all.

Every function returns a fault with the content: the reason why it is not everything, or an empty text.
"""

import io
import zlib
from collections.abc import Iterator
from typing import cast

from isal import igzip, isal_zlib

MAGIC = b"\x1f\x8b"
# Of text per object. Firehose buffers at most 128 MB; deflate turns 1 KB into up to 1 MB.
LARGEST_BYTES = 512 << 20
DAMAGED = "The file is truncated or damaged; everything before that point is shown."
TOO_LARGE = "The file decompresses to more than {0} MB and is not read any further."
_FIRST_STEP, _STEP = 1 << 12, 1 << 18
# isal's stubs do not declare its error class as an exception.
_BROKEN = (cast("type[Exception]", isal_zlib.IsalError), OSError, EOFError)


def is_gzip(data: bytes) -> bool:
    return data[:2] == MAGIC


def members(data: bytes, limit_bytes: int = 0) -> Iterator[tuple[bytes, str]]:
    """Yield each member's content and its fault; stop after a faulty one.

    The member that exceeds the limit of all members together (LARGEST_BYTES) is left out.
    """
    limit = limit_bytes or LARGEST_BYTES
    view, position, left = memoryview(data), 0, limit
    while position < len(data):
        inflate = zlib.decompressobj(31)
        pieces: list[bytes] = []
        step = _FIRST_STEP  # small at first: what follows a small member is copied
        try:
            while not inflate.eof and position < len(data):
                piece = view[position : position + step]
                pieces.append(inflate.decompress(piece, left + 1))
                position += len(piece) - len(inflate.unused_data) - len(inflate.unconsumed_tail)
                left -= len(pieces[-1])
                if left < 0:
                    yield b"", TOO_LARGE.format(limit >> 20)
                    return
                step = min(2 * step, _STEP)
        except zlib.error:
            if pieces or not position:
                yield b"".join(pieces), DAMAGED
            elif bytes(view[position:]).strip(b"\0"):  # zero padding after the last member is not damage
                yield b"", DAMAGED
            return
        yield b"".join(pieces), "" if inflate.eof else DAMAGED


def inflate(data: bytes) -> tuple[bytes, str]:
    """Return the content and its fault; data that is not gzip is returned unchanged."""
    if not is_gzip(data):
        return data, ""
    try:
        # Three times as fast as zlib.
        content = bytes(igzip.IGzipFile(fileobj=io.BytesIO(data)).read(LARGEST_BYTES + 1))  # type: ignore[no-untyped-call]
        if len(content) <= LARGEST_BYTES:
            return content, ""
        del content
    except _BROKEN:
        pass  # zlib recovers what can be read
    contents = list(members(data))
    return b"".join(content for content, _ in contents), contents[-1][1]
