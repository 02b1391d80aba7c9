"""The generated pages of the reference are those of the code."""

import pytest

from tests.reference.pages import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name]() + "\n", "run: make golden"


def test_no_page_is_left_that_nothing_generates() -> None:
    assert {path.name for path in FOLDER.glob("*.md")} == set(PAGES)


def test_every_command_has_its_options_and_its_role() -> None:
    text = PAGES["commands.md"]()
    section = text.split("### slipway rollouts roll-back\n")[1].split("\n### ")[0]
    assert "--reason" in section and "Requires the role operator." in section and "mcp.md" not in section
    assert "An assistant can" in text.split("### slipway rollouts status\n")[1].split("\n### ")[0]
