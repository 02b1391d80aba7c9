"""Every page in the menu has a shortcut of its own."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.shared import navigation
from app.shared.shortcuts import LETTERS


def test_every_page_in_the_menu_has_a_letter_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(path: Any, **options: Any) -> SimpleNamespace:  # a page has a title only while it is served
        return SimpleNamespace(**options)

    monkeypatch.setattr("app.shared.navigation.st.Page", page)
    pages: list[Any] = [page for section in navigation.menu().values() for page in section]
    titles = {page.title for page in pages if getattr(page, "visibility", "") != "hidden"}
    assert titles == set(LETTERS)
    assert len(set(LETTERS.values())) == len(LETTERS) and "g" not in LETTERS.values()
