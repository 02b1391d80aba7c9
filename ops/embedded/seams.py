"""Checks the private names of the emulator that the overlays depend on: all must exist at startup."""

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version
from typing import Any

from ops.errors import EmbeddedError

EMULATOR_VERSION = "1.5.33"


def check(seams: Iterable[str]) -> None:
    """Raise EmbeddedError if the emulator has another version or lacks one of these names."""
    installed = version("ministack")
    if installed != EMULATOR_VERSION:
        raise EmbeddedError(
            f"The embedded cloud needs ministack {EMULATOR_VERSION}, but {installed} is installed.",
            hint="Install the pinned requirements. `make run` installs them in .venv.",
        )
    if missing := [seam for seam in seams if not _exists(seam)]:
        raise EmbeddedError(
            f"ministack {installed} lacks {missing[0]}, which the embedded cloud depends on.",
            hint="Adapt the overlay that lists it in its SEAMS.",
        )


def declared() -> list[str]:
    """Return the SEAMS of every loaded module of the embedded cloud."""
    package = __name__.rpartition(".")[0]
    modules = [module for name, module in list(sys.modules.items()) if name.startswith(f"{package}.")]
    return sorted({seam for module in modules for seam in getattr(module, "SEAMS", ())})


def _exists(seam: str) -> bool:
    module, _, names = _split(seam)
    target: Any = module
    for name in names.split("."):
        if not hasattr(target, name):
            return False
        target = getattr(target, name)
    return True


def _split(seam: str) -> tuple[Any, str, str]:
    """Return the longest prefix that is a module, and the rest."""
    parts = seam.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            return import_module(".".join(parts[:count])), ".", ".".join(parts[count:])
        except ModuleNotFoundError:
            continue
    return None, "", seam
