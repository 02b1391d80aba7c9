"""The processor's deployment package: reproducible, built for its function, correct without its libraries."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ops.errors import NotFound
from ops.logs.export.deployment import package
from ops.logs.export.deployment.stacks import central_body
from ops.templates.functions import function_source


def wheel(library: str, module: str) -> bytes:
    """Return a wheel of the library with one module."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.mkdir(library)
        archive.writestr(f"{library}/__init__.py", module)
        archive.writestr(f"{library}-0.dist-info/licenses/LICENSE", "terms")
    return made.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of wheels that do not load, as on another platform; the package index is unavailable."""
    pinned = []
    for library in package.LIBRARIES:
        content = wheel(library.name, "from .compiled import all")
        (tmp_path / library.wheel).write_bytes(content)
        pinned.append(replace(library, digest=hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(package, "LIBRARIES", tuple(pinned))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path


def test_contains_the_source_and_the_libraries_with_their_licenses(folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(package.build(folder))) as archive:
        assert archive.read("index.py").decode() == function_source("log_processor")
        names = set(archive.namelist())
        assert [name for name in names if name.endswith("/")] == []
    for library in ("orjson", "isal"):
        assert {f"{library}/__init__.py", f"{library}-0.dist-info/licenses/LICENSE"} < names


def test_is_reproducible_and_named_by_its_digest(folder: Path) -> None:
    first, second = package.build(folder), package.build(folder)
    assert first == second
    assert package.key(first) == package.key(second) != package.key(first + b"x")


def test_runs_where_the_libraries_do_not_load(folder: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "function"
    with zipfile.ZipFile(io.BytesIO(package.build(folder))) as archive:
        archive.extractall(unpacked)
    environment = {**os.environ, "FORMAT": "json", "STREAM": "s", "BUCKET": "b", "PREFIX": ""}
    code = """
import index, types
context = types.SimpleNamespace(get_remaining_time_in_millis=lambda: 9000)
print(index.loads.__module__, index.decompressobj.__module__, index.handler({"records": []}, context))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=unpacked, env=environment, capture_output=True, text=True
    )
    assert ran.stdout == "json zlib {'records': []}\n", ran.stderr


@pytest.mark.parametrize("library", package.LIBRARIES, ids=lambda library: library.name)
def test_only_the_pinned_wheel_is_packaged(folder: Path, library: package.Library) -> None:
    (folder / library.wheel).write_bytes(wheel(library.name, "import os"))
    with pytest.raises(NotFound, match="Cannot download") as caught:
        package.build(folder)
    assert "deployed without it" in caught.value.hint


def test_matches_the_functions_runtime_and_architecture() -> None:
    function = json.loads(central_body())["Resources"]["Processor"]["Properties"]
    assert function["Runtime"] == f"python{package.PYTHON}"
    assert function["Architectures"] == [{"aarch64": "arm64"}[package.MACHINE]]
    assert function["Handler"] == "index.handler"


@pytest.mark.parametrize("library", package.LIBRARIES, ids=lambda library: library.name)
def test_the_pinned_version_is_the_benchmarked_one(library: package.Library) -> None:
    text = Path("requirements-dev.txt").read_text()
    pinned = text.partition(f"\n{library.name}==")[2].partition("\n    #")[0]
    assert pinned.startswith(f"{library.version} ")
    assert f"--hash=sha256:{library.digest}" in pinned
