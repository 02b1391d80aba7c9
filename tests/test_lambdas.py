"""Lambda sources are one self-contained file each: the runtime's own modules only, one handler."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FUNCTIONS = [p for p in Path("ops/functions").glob("*.py") if p.name != "__init__.py"]
ALLOWED = {*sys.stdlib_module_names, "boto3", "botocore"}


def modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import does not work in an inline function"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.stem)
def test_imports_only_what_the_runtime_has(path: Path) -> None:
    assert set(modules(ast.parse(path.read_text()))) <= ALLOWED


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.stem)
def test_has_exactly_one_handler(path: Path) -> None:
    tree = ast.parse(path.read_text())
    handlers = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "handler"]
    assert len(handlers) == 1


def test_there_is_something_to_check() -> None:
    assert FUNCTIONS
