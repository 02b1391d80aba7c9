"""The docs name every setting with its default and help, and only commands that exist."""

import re
from pathlib import Path

import pytest

from ops.cli import parser
from ops.settings import SETTINGS, Setting

DOCS = [Path("README.md"), *Path("docs").glob("*.md")]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting: Setting) -> None:
    default = ", ".join(setting.default) if isinstance(setting.default, tuple) else setting.default
    row = f"| `{setting.name}` | `{setting.variable}` | `{default}` | {setting.help} |"
    assert row in Path("docs/settings.md").read_text()


@pytest.mark.parametrize("path", DOCS, ids=str)
def test_every_command_exists(path: Path) -> None:
    for line in re.findall(r"python -m ops ([a-z -]+)", path.read_text()):
        words = [word for word in line.split() if not word.startswith("-")]
        with pytest.raises(SystemExit) as ended:
            parser().parse_args([*words[:2], "--help"])
        assert ended.value.code == 0, line


@pytest.mark.parametrize("path", DOCS, ids=str)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target
