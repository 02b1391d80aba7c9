"""The controller's deployment package: the Lambda function and the rules that the simulator also uses."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # constant, so that the same content gives the same zip


def build() -> bytes:
    """Return the zip. The same sources give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_entries()):
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def key(package: bytes) -> str:
    """Return the zip's key in the staging bucket."""
    return f"rollouts/handler-{hashlib.sha256(package).hexdigest()[:16]}.zip"


def _entries() -> Iterator[tuple[str, bytes]]:
    ops = files("ops")
    yield "ops/__init__.py", ops.joinpath("__init__.py").read_bytes()
    yield "ops/errors.py", ops.joinpath("errors.py").read_bytes()
    yield "ops/rollouts/__init__.py", ops.joinpath("rollouts", "__init__.py").read_bytes()
    yield from _tree(ops.joinpath("rollouts", "rules"), "ops/rollouts/rules")
    yield "ops/functions/__init__.py", ops.joinpath("functions", "__init__.py").read_bytes()
    yield from _tree(ops.joinpath("functions", "rollouts"), "ops/functions/rollouts")
    yield from _tree(files("tzdata"), "tzdata")  # Lambda's Python runtime has no time zone database


def _tree(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.is_dir() and item.name != "__pycache__":
            yield from _tree(item, f"{name}/{item.name}")
        elif item.is_file() and not item.name.endswith(".pyc"):
            yield f"{name}/{item.name}", item.read_bytes()
