"""The docs describe every setting, and contain only commands and links that exist."""

import json
import re
from pathlib import Path

import pytest

from ops.cli import main
from ops.settings import SETTINGS, Setting

DOCS = [*Path().glob("*.md"), *Path("docs").rglob("*.md")]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting: Setting) -> None:
    default = ", ".join(setting.default) if isinstance(setting.default, tuple) else setting.default
    row = f"| `{setting.name}` | `{setting.variable}` | `{default}` | {setting.help} |"
    assert row in Path("docs/settings.md").read_text()


@pytest.mark.parametrize("path", DOCS, ids=str)
def test_every_command_exists(path: Path) -> None:
    for line in re.findall(r"(?<![\w/.-])slipway ([a-z -]+)", path.read_text()):
        words = [word for word in line.split() if not word.startswith("-")]
        assert main([*words[:2], "--help"]) == 0, line


@pytest.mark.parametrize("path", DOCS, ids=str)
def test_every_link_leads_somewhere(path: Path) -> None:
    for name, part in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", path.read_text()):
        target = path.parent / name if name else path
        assert target.exists(), name
        assert not part or part in parts(target), f"{name}#{part}"


def parts(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_test_that_a_guide_names_exists() -> None:
    named = {name for path in DOCS for name in re.findall(r"`(test_\w+)`", path.read_text())}
    written = "".join(path.read_text() for path in Path("tests").rglob("test_*.py"))
    assert [name for name in sorted(named) if f"def {name}(" not in written] == []


def test_every_picture_is_shown_and_taken_by_a_test() -> None:
    pictures = re.compile(r"!\[[^]]+\]\((?:docs/)?([^)]+)\)")
    shown = {name for path in DOCS for name in pictures.findall(path.read_text())}
    assert shown == {path.name for path in Path("docs").glob("*.png")}
    tests = "".join(path.read_text() for path in Path("tests/browser").glob("test_*.py"))
    assert [name for name in shown if f'"{name.removesuffix(".png")}"' not in tests] == []


def test_what_is_shipped_is_listed_with_its_licence() -> None:
    pinned = set(re.findall(r"^([\w.-]+)==([^ \\]+)", Path("requirements.txt").read_text(), re.MULTILINE))
    components = json.loads(Path("docs/sbom.json").read_text())["components"]
    assert {(each["name"], each["version"]) for each in components} == pinned
    rows = re.findall(r"^\| ([\w.-]+) +\| ([^ ]+)", Path("docs/licences.md").read_text(), re.MULTILINE)
    listed = {(canonical(name), version) for name, version in rows if name != "Name"}
    # Packages for other platforms or Python versions are pinned, but not installed.
    assert listed <= {(canonical(name), version) for name, version in pinned}
    named = {name for name, _ in listed}
    assert {"streamlit", "boto3", "duckdb", "pandas", "pyarrow", "awswrangler"} <= named


def canonical(name: str) -> str:
    """PyPA, "Package name normalization"."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_test_that_shows_a_control_exists() -> None:
    named = set(re.findall(r"\btest_\w+", Path("docs/threat-model.md").read_text()))
    files = list(Path("tests").rglob("test_*.py"))
    known = {file.stem for file in files}
    known |= {
        name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 25 and named - known == set()
