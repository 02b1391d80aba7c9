"""The private names of the emulator that the overlays build on: each must exist, or nothing starts."""

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version
from typing import Any

from ops.errors import EmbeddedError

EMULATOR_VERSION = "1.5.33"


def check(seams: Iterable[str]) -> None:
    """Raises EmbeddedError for another version of the emulator, or for a name that it no longer has."""
    installed = version("ministack")
    if installed != EMULATOR_VERSION:
        raise EmbeddedError(
            f"The embedded cloud is made for ministack {EMULATOR_VERSION}; {installed} is installed.",
            hint="Install the pinned requirements: `make run` does so in .venv.",
        )
    if missing := [seam for seam in seams if not _exists(seam)]:
        raise EmbeddedError(
            f"ministack {installed} lacks {missing[0]}, which the embedded cloud builds on.",
            hint="Adapt the overlay that names it in its SEAMS.",
        )


def declared() -> list[str]:
    """The SEAMS of every module of the embedded cloud that is loaded."""
    package = __name__.rpartition(".")[0]
    modules = [module for name, module in list(sys.modules.items()) if name.startswith(f"{package}.")]
    return sorted({seam for module in modules for seam in getattr(module, "SEAMS", ())})


def _exists(seam: str) -> bool:
    module, _, names = _split(seam)
    found: Any = module
    for name in names.split("."):
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def _split(seam: str) -> tuple[Any, str, str]:
    """The longest part that is a module, and the rest."""
    parts = seam.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            return import_module(".".join(parts[:count])), ".", ".".join(parts[count:])
        except ModuleNotFoundError:
            continue
    return None, "", seam
