"""What a contributor relies on exists: make targets, hooks, workflows, named code, the changelog's form."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

GITHUB = sorted(Path(".github").rglob("*.yml"))
WORKFLOWS = sorted(Path(".github/workflows").glob("*.yml"))
HOOKS = Path(".pre-commit-config.yaml")
GUIDES = [Path("CONTRIBUTING.md"), Path(".github/pull_request_template.md"), HOOKS, Path(".ci/run")]
TARGETS = set(re.findall(r"^([\w./-]+):", Path("Makefile").read_text(), re.MULTILINE))
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def made(text: str) -> set[str]:
    """The targets of the make commands in a text."""
    return set(re.findall(r"(?:^\s*|`)make (?:--\S+ )*([\w./-]+)", text, re.MULTILINE))


@pytest.mark.parametrize("path", [*GUIDES, *GITHUB], ids=str)
def test_every_make_target_exists(path: Path) -> None:
    assert made(path.read_text()) <= TARGETS


@pytest.mark.parametrize("path", WORKFLOWS, ids=str)
def test_a_workflow_runs_what_exists_with_pinned_actions_and_no_rights(path: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["uses"] for step in steps if not re.search(r"@v\d", step.get("uses", "@v1"))] == []
    runs = [line.strip() for step in steps for line in step.get("run", "").splitlines()]
    assert set().union(*map(made, runs)) <= TARGETS
    scripts = [line for line in runs if line.startswith(".")]
    assert ".ci/run" in scripts and all(os.access(line.split()[0], os.X_OK) for line in scripts)


@pytest.mark.parametrize("path", [path for path in GITHUB if path.stem in ("bug", "feature")], ids=str)
def test_a_form_asks_each_question_once(path: Path) -> None:
    form: dict[str, Any] = yaml.safe_load(path.read_text())
    assert form["name"] and form["description"]
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert ids and len(ids) == len(set(ids))


def test_every_hook_runs_a_tool_of_the_environment_or_a_make_target() -> None:
    hooks = [hook for repo in yaml.safe_load(HOOKS.read_text())["repos"] for hook in repo["hooks"]]
    tools = Path(sys.executable).parent
    for entry in [hook["entry"].split() for hook in hooks]:
        if entry[0] == "make":
            assert entry[1] in TARGETS
        else:
            assert Path(entry[0]).parent == Path(".venv/bin")
            assert shutil.which(Path(entry[0]).name, path=tools), entry[0]


def test_the_guide_names_code_that_exists() -> None:
    names = set(re.findall(r"`(_?[A-Z]\w+|\w+\(\))`", Path("CONTRIBUTING.md").read_text()))
    sources = "\n".join(path.read_text() for root in ("ops", "tests") for path in Path(root).rglob("*.py"))
    defined = set(re.findall(r"^(?:def |class )?(\w+)(?=[(:= ])", sources, re.MULTILINE))
    assert names and {name.removesuffix("()") for name in names} <= defined


def test_the_changelog_is_kept() -> None:
    """As keepachangelog.com 1.1.0 has it: newest first, each version with its date."""
    text = Path("CHANGELOG.md").read_text()
    first, *releases = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert first == "[Unreleased]"
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", each) for each in releases]
    assert all(found), releases
    versions = [tuple(map(int, each.groups()[:3])) for each in found if each]
    dates = [each[4] for each in found if each]
    assert versions == sorted(set(versions), reverse=True) and dates == sorted(dates, reverse=True)
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= KINDS


def test_the_guide_names_folders_that_exist() -> None:
    named = re.findall(r"`((?:ops|app|pages|tests|docs)/[\w./-]*)`", Path("CONTRIBUTING.md").read_text())
    assert [path for path in sorted(set(named)) if not Path(path).exists()] == []
