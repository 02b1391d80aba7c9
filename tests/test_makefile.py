"""Environments are made and updated in place; one that is a link, or holds something, stays as it is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def make(folder: Path, target: str) -> str:
    shutil.copy(ROOT / "Makefile", folder)
    command = ["make", target, f"PYTHON={sys.executable}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.thorough
def test_a_linked_environment_is_updated_and_never_cleared(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for each in (folder, elsewhere):
        each.mkdir()
    (elsewhere / "kept").touch()
    (folder / ".venv").symlink_to(elsewhere)
    (folder / "requirements-embedded.txt").touch()
    assert "Installing" in make(folder, ".venv/.run")
    assert (folder / ".venv").is_symlink() and (elsewhere / "kept").exists()
    python = (elsewhere / "bin/python").lstat().st_ino
    os.utime(folder / "requirements-embedded.txt", (2**31, 2**31))
    assert "Installing" in make(folder, ".venv/.run")  # the requirements have changed
    assert (elsewhere / "bin/python").lstat().st_ino == python and (elsewhere / "kept").exists()


@pytest.mark.thorough
def test_the_command_runs_from_any_folder_and_from_a_path_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "my project"
    (folder / "ops").mkdir(parents=True)
    (folder / "ops/__main__.py").write_text("import sys\nprint(sys.argv[1:])\n")
    make(folder, ".venv/bin/slipway")
    (tmp_path / "elsewhere/ops").mkdir(parents=True)  # a project of the user's own
    (tmp_path / "elsewhere/ops/__main__.py").write_text("raise AssertionError('of the working folder')\n")
    command = [str(folder / ".venv/bin/slipway"), "a b", "--json"]
    done = subprocess.run(command, cwd=tmp_path / "elsewhere", capture_output=True, text=True)
    assert done.stdout == "['a b', '--json']\n", done.stderr


def test_no_target_clears_an_environment() -> None:
    assert "--clear" not in (ROOT / "Makefile").read_text()


def test_each_target_installs_only_what_it_needs() -> None:
    for target, installed in (("run", ["requirements-embedded.txt"]), ("test", ["requirements-dev.txt"])):
        command = ["make", "--dry-run", "--always-make", target]
        recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert [name for name in recipe.split() if name.startswith("requirements-")] == installed
