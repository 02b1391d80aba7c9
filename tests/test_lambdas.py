"""Lambda sources: one self-contained file with one handler, which imports only modules of the runtime."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.templates.functions import function_source

FOLDERS = sorted(path.parent for path in Path("ops/functions").glob("*/handler.py"))
# No inline functions: a package makes the zip of each, and its test checks it.
PACKED = {"rollouts", "policy_compiler"}
SHARED = Path("ops/functions/shared")  # no function, but what several of them use
FUNCTIONS = [folder.name for folder in FOLDERS if folder.name not in PACKED]
PARTS = [
    (name, path.stem)
    for name in FUNCTIONS
    for path in sorted(Path("ops/functions", name).glob("*.py"))
    if path.stem not in ("__init__", "handler")
]
ALLOWED = {
    *sys.stdlib_module_names,
    "boto3",
    "botocore",
    "orjson",
    "isal",
}  # the last two: packaged, or without
MAXIMUM_SOURCE = 4_000_000  # bytes of an inline function: AWS::Lambda::Function Code, ZipFile


def modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import does not work in an inline function"
            yield (node.module or "").split(".")[0]


def names(tree: ast.Module) -> list[str]:
    """Return the names that a module defines."""
    found = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    assigned = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return [*found, *(target.id for target in assigned if isinstance(target, ast.Name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_imports_only_what_the_runtime_has(name: str) -> None:
    assert set(modules(ast.parse(function_source(name)))) <= ALLOWED


@pytest.mark.parametrize("name", FUNCTIONS)
def test_is_one_file_with_one_handler_and_no_name_twice(name: str) -> None:
    source = function_source(name)
    found = names(ast.parse(source))
    assert found.count("handler") == 1
    assert [each for each in set(found) if found.count(each) > 1] == []
    assert len(source.encode()) < MAXIMUM_SOURCE


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_every_part_belongs_to_its_function(name: str, part: str) -> None:
    sources = [path.read_text() for path in Path("ops/functions", name).glob("*.py")]
    assert any(f"from ops.functions.{name}.{part} import" in source for source in sources)


def test_every_folder_of_functions_has_a_handler() -> None:
    folders = {path.parent for path in Path("ops/functions").glob("*/__init__.py")}
    assert folders == {*FOLDERS, SHARED}


@pytest.mark.parametrize("part", [path.stem for path in SHARED.glob("*.py") if path.stem != "__init__"])
def test_what_is_shared_has_several_users(part: str) -> None:
    users = {
        path.parent
        for path in Path("ops/functions").glob("*/*.py")
        if f"from ops.functions.shared.{part} import" in path.read_text() and path.parent != SHARED
    }
    assert len(users) > 1  # otherwise it belongs to its only user


def test_there_is_something_to_check() -> None:
    assert FUNCTIONS
