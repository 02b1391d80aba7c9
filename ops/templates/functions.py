"""The code of Lambda functions: a single file with the modules that it imports inlined, or a zip."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # fixed, so that the same content gives the same zip
_IMPORT = re.compile(r"^from ops\.functions\.(\w+)\.(\w+) import (?:\([^)]*\)|[^\n(]*)\n", re.MULTILINE)


def function_source(name: str) -> str:
    """Return `ops/functions/<name>/handler.py` with each imported module of ops.functions inlined."""
    return _inline(name, "handler", set())


def deployment_package(entries: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a zip of the entries, pairs of path and content. The same entries give the same bytes."""
    # Lambda runs as another user, who must be able to read the files.
    return zipped((name, content, 0o644) for name, content in entries)


def zipped(entries: Iterable[tuple[str, bytes, int]]) -> bytes:
    """Return a zip of paths with their content and file mode. The same entries give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in sorted(entries):
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            entry.external_attr = mode << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tree(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a folder, without compiled modules. `name`: the path of the folder in the zip."""
    for item in folder.iterdir():
        if item.is_dir() and item.name != "__pycache__":
            yield from tree(item, f"{name}/{item.name}")
        elif item.is_file() and not item.name.endswith(".pyc"):
            yield f"{name}/{item.name}", item.read_bytes()


def package_key(name: str, package: bytes) -> str:
    """Return the key of the zip in the staging bucket; it changes with the content, so that stacks update."""
    return f"{name}-{hashlib.sha256(package).hexdigest()[:16]}.zip"


def _inline(name: str, module: str, inlined: set[str]) -> str:
    inlined.add(module)
    text = files(f"ops.functions.{name}").joinpath(f"{module}.py").read_text("utf-8")

    def replace_import(match: re.Match[str]) -> str:
        return "" if match[2] in inlined else _inline(match[1], match[2], inlined)

    return _IMPORT.sub(replace_import, text)
