"""What a request violates besides the constraints of its model: the rules of each service."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """AWS's answer to a request: an error code, its message, and the HTTP status."""

    code: str
    message: str
    status: int = 400


Rule = Callable[[Parameters], Iterator[Problem]]


def violated(value: object, path: str, constraint: str) -> str:
    """Return AWS's message for a value that breaks a constraint of its own, such as `timeout`."""
    return (
        f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
    )
