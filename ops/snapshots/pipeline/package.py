"""The deployment package of the function that compiles the policy: Slipway's compiler, and sqlglot."""

from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

import mypy_extensions

from ops.templates.functions import deployment_package, tree

_MODULES = ("__init__", "compiler", "script_files")
_DIALECTS = ("__init__", "dialect", "mysql", "postgres")  # of sqlglot; it loads them by name
_DIALECT_FOLDERS = ("dialects", "generators", "parsers", "typing")


def build() -> bytes:
    """Return the zip. The same sources give the same bytes."""
    return deployment_package(_entries())


def _entries() -> Iterator[tuple[str, bytes]]:
    ops = files("ops")
    for name in ("__init__", "errors"):
        yield f"ops/{name}.py", ops.joinpath(f"{name}.py").read_bytes()
    yield from tree(ops.joinpath("text"), "ops/text")
    for name in _MODULES:
        yield f"ops/snapshots/{name}.py", ops.joinpath("snapshots", f"{name}.py").read_bytes()
    for folder in ("policy", "postgres", "mysql"):
        for name, content in tree(ops.joinpath("snapshots", folder), f"ops/snapshots/{folder}"):
            if "/classifier/" not in name:
                yield name, content
    yield "ops/functions/__init__.py", ops.joinpath("functions", "__init__.py").read_bytes()
    for folder in ("shared", "policy_compiler"):
        yield from tree(ops.joinpath("functions", folder), f"ops/functions/{folder}")
    yield from _sqlglot()


def _sqlglot() -> Iterator[tuple[str, bytes]]:
    for name, content in tree(files("sqlglot"), "sqlglot"):
        folder, _, module = name.removeprefix("sqlglot/").removesuffix(".py").rpartition("/")
        left_out = folder.partition("/")[0] in ("executor", "optimizer") and module not in (
            "__init__",
            "scope",
        )
        if not (left_out or (folder in _DIALECT_FOLDERS and module not in (*_DIALECTS, "base"))):
            yield name, content
    yield "mypy_extensions.py", Path(mypy_extensions.__file__).read_bytes()
    for package in ("sqlglot", "mypy_extensions"):
        for path in distribution(package).files or ():
            if "LICENSE" in path.name:
                yield f"licenses/{package}", path.read_binary()
