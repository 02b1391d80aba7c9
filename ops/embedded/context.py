"""The arguments that every overlay module gets at installation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class OverlayContext:
    """Where the embedded cloud keeps its data, and how it behaves.

    `child_environment` marks every process that the cloud starts, so that the next start can terminate it.
    """

    data: Path
    port: int
    delay_s: float = 1.0
    child_environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"
