"""Requests that violate one constraint of a botocore model each, generated from the model."""

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from hypothesis import HealthCheck, find, settings
from hypothesis.errors import HypothesisException
from hypothesis.strategies import from_regex

DEEPEST = 4  # levels of members that get variants
LONGEST = 70_000  # a limit above is not tried: the request would be larger than the service reads
UUID = "a1b2c3d4-0000-0000-0000-000000000000"
ARNS = (
    "arn:aws:iam::111111111111:role/example",
    "arn:aws:logs:eu-west-1:111111111111:log-group:example",
    "arn:aws:kinesis:eu-west-1:111111111111:stream/example",
    "arn:aws:lambda:eu-west-1:111111111111:function:example",
    "arn:aws:codepipeline:eu-west-1:111111111111:example",
)
QUIET = settings(max_examples=200, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


class NoExample(Exception):
    """A pattern for which no text was found."""


@dataclass(frozen=True)
class Variant:
    """Parameters with one violation; `path` names the member as AWS's message does."""

    kind: str
    path: str
    parameters: dict[str, Any]


def variants(operation: OperationModel) -> Iterator[Variant]:
    """Yield one request for each constraint of the operation's input."""
    shape = operation.input_shape
    if shape is None:
        return
    base = valid(shape)
    yield from _of_structure(shape, base, base, "", 0)


def valid(shape: Shape, depth: int = 0) -> Any:
    """Return a value with the required members that violates nothing. Raises NoExample."""
    if isinstance(shape, StructureShape):
        return {name: valid(shape.members[name], depth + 1) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [valid(shape.member, depth + 1)] * shape.metadata.get("min", 0)
    if isinstance(shape, MapShape):
        least = shape.metadata.get("min", 0)
        return {valid(shape.key): valid(shape.value)} if least else {}
    if shape.type_name == "string":
        return str(allowed[0]) if (allowed := shape.metadata.get("enum")) else _text(shape)
    if shape.type_name == "blob":
        return b"x" * max(shape.metadata.get("min", 0), 1)
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "timestamp":
        return 0
    return max(shape.metadata.get("min", 1), 1)


def _text(shape: Shape) -> str:
    pattern, least = shape.metadata.get("pattern"), shape.metadata.get("min", 1)
    most = shape.metadata.get("max", 1 << 20)
    return _matching(pattern, max(least, 1), most) if pattern else "x" * max(least, 1)


@cache
def _matching(pattern: str, least: int, most: int) -> str:
    for text in (*(letter * max(least, 1) for letter in "x1/"), UUID, *ARNS):
        if least <= len(text) <= most and _fits(pattern, text):
            return text
    try:
        expression = from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
        return find(expression, lambda text: least <= len(text) <= most, settings=QUIET)
    except (re.error, HypothesisException) as error:
        raise NoExample(pattern) from error


def _fits(pattern: str, text: str) -> bool:
    """Whether the text matches; a pattern that Python cannot read fits letters."""
    try:
        return bool(re.fullmatch(pattern, text))
    except re.error:
        return text.isalpha()


def _of_structure(
    shape: StructureShape, value: dict[str, Any], root: dict[str, Any], path: str, depth: int
) -> Iterator[Variant]:
    """Yield variants of a structure that is already in `root`; each is put there and taken out again."""
    for name in shape.required_members:
        if not shape.members[name].metadata.get("idempotencyToken"):  # botocore fills in the token
            kept = value.pop(name)
            yield Variant("required", joined(path, name), deepcopy(root))
            value[name] = kept
    for name, member in shape.members.items():
        given, kept = name in value, value.get(name)
        for kind, wrong in _wrong(member):
            value[name] = wrong
            yield Variant(kind, joined(path, name), deepcopy(root))
        if isinstance(member, StructureShape) and depth < DEEPEST:
            try:
                value[name] = valid(member)
            except NoExample:
                value.pop(name, None)
            else:
                yield from _of_structure(member, value[name], root, joined(path, name), depth + 1)
        value.pop(name, None)
        if given:
            value[name] = kept


def _wrong(shape: Shape) -> Iterator[tuple[str, Any]]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name == "string":
        yield from _wrong_texts(shape, least or 0, most or LONGEST)
    elif shape.type_name in ("integer", "long"):
        if least is not None:
            yield "range", least - 1
        if most is not None:
            yield "range", most + 1
    elif isinstance(shape, ListShape):
        if least:
            yield "empty list", []
        if most is not None and most < 1000:
            yield from _too_many(shape, most + 1)


def _too_many(shape: ListShape, count: int) -> Iterator[tuple[str, Any]]:
    try:
        item = valid(shape.member)
    except NoExample:
        return
    if item != {}:  # a form has no empty structures
        yield "length", [item] * count


def _wrong_texts(shape: Shape, least: int, most: int) -> Iterator[tuple[str, str]]:
    if shape.metadata.get("enum"):
        yield "enum", "not-a-value"
    if least > 1:
        yield "length", "x" * (least - 1)
    if most < LONGEST:
        yield "length", "x" * (most + 1)
    pattern = shape.metadata.get("pattern")
    if pattern and _refuses(pattern, text := "\N{SNOWMAN}" * (least or 1)):
        yield "pattern", text


def _refuses(pattern: str, text: str) -> bool:
    """Whether Python can read the pattern, and the text does not match."""
    try:
        return not re.fullmatch(pattern, text)
    except re.error:
        return False


def joined(path: str, name: str) -> str:
    return f"{path}.{name[:1].lower()}{name[1:]}".lstrip(".")
