"""The handler's zip: the function, and the very modules by which the simulator decides."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

_MOMENT = (1980, 1, 1, 0, 0, 0)  # the same content is the same zip


def build() -> bytes:
    """The zip, byte by byte the same for the same sources."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_entries()):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def key(package: bytes) -> str:
    """Where the zip lies in the staging bucket."""
    return f"rollouts/handler-{hashlib.sha256(package).hexdigest()[:16]}.zip"


def _entries() -> Iterator[tuple[str, bytes]]:
    ops = files("ops")
    yield "ops/__init__.py", ops.joinpath("__init__.py").read_bytes()
    yield "ops/errors.py", ops.joinpath("errors.py").read_bytes()
    yield "ops/rollouts/__init__.py", ops.joinpath("rollouts", "__init__.py").read_bytes()
    yield from _tree(ops.joinpath("rollouts", "rules"), "ops/rollouts/rules")
    yield "ops/functions/__init__.py", ops.joinpath("functions", "__init__.py").read_bytes()
    yield from _tree(ops.joinpath("functions", "rollouts"), "ops/functions/rollouts")
    yield from _tree(files("tzdata"), "tzdata")  # Lambda's Python has no time zones


def _tree(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.is_dir() and item.name != "__pycache__":
            yield from _tree(item, f"{name}/{item.name}")
        elif item.is_file() and not item.name.endswith(".pyc"):
            yield f"{name}/{item.name}", item.read_bytes()
