"""Constraints of botocore's shapes: required members, lengths, ranges, patterns, and enumerations.

A violation is worded as AWS words it:
"Value 'x' at 'name' failed to satisfy constraint: Member must have length less than or equal to 64".
https://smithy.io/2.0/spec/constraint-traits.html
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

# What Java's regular expressions allow inside brackets, and Python's do not.
FROM_JAVA = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Print}": r"\x20-\x7e",
    r"\uD800\uDC00-\uDBFF\uDFFF": "\U00010000-\U0010ffff",
    r"\w-_": r"\w\-_",
}
NUMBERS = ("integer", "long", "float", "double")


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Yield how the value violates its shape; the value is in botocore's form, with bytes or base64 blobs."""
    if isinstance(shape, StructureShape):
        yield from _structure(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _list(shape, value, path)
    elif isinstance(shape, MapShape):
        yield from _map(shape, value, path)
    else:
        yield from _scalar(shape, value, path)


def _structure(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield _violated(None, _joined(path, name), "Member must not be null")
    for name, member in value.items():
        if member is not None and name in shape.members:
            yield from violations(shape.members[name], member, _joined(path, name))


def _list(shape: ListShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        return
    yield from _length(shape, len(value), value, path)
    for number, member in enumerate(value, 1):
        if member is not None:
            yield from violations(shape.member, member, f"{path}.{number}.member")


def _map(shape: MapShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        return
    yield from _length(shape, len(value), value, path)
    for key, member in value.items():
        yield from violations(shape.key, key, path)
        if member is not None:
            yield from violations(shape.value, member, f"{path}.{key}.member")


def _scalar(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "blob":
        yield from _length(shape, _size_bytes(value), value, path)
    elif shape.type_name in NUMBERS and isinstance(value, int | float):
        yield from _range(shape, value, path)
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _length(shape, len(value), value, path)
        allowed = shape.metadata.get("enum", ())
        if allowed and value not in allowed:
            yield _violated(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
        pattern = _compiled(shape.metadata.get("pattern", ""))
        if pattern and not pattern.fullmatch(value):
            yield _violated(
                value, path, f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}"
            )


def _length(shape: Shape, length: int, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        yield _violated(value, path, f"Member must have length greater than or equal to {least}")
    if most is not None and length > most:
        yield _violated(value, path, f"Member must have length less than or equal to {most}")


def _range(shape: Shape, value: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield _violated(value, path, f"Member must have value greater than or equal to {least}")
    if most is not None and value > most:
        yield _violated(value, path, f"Member must have value less than or equal to {most}")


def _violated(value: Any, path: str, constraint: str) -> str:
    given = "null" if value is None else f"'{value}'"
    return f"Value {given} at '{path}' failed to satisfy constraint: {constraint}"


def _joined(path: str, name: str) -> str:
    """Return the path of a member; AWS starts each name in lower case."""
    return f"{path}.{name[:1].lower()}{name[1:]}".lstrip(".")


def _size_bytes(value: Any) -> int:
    if isinstance(value, bytes):
        return len(value)
    try:
        return len(base64.b64decode(value, validate=True))
    except (binascii.Error, TypeError, ValueError):
        return 0


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern, or None if there is none or Python cannot express it: then it is not enforced."""
    for java, python in FROM_JAVA.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(pattern) if pattern else None
    except re.error:
        return None
