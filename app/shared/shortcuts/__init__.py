"""Keyboard shortcuts of every page: `g` and a letter change the page, `/` searches, `?` lists them."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
LETTERS = {
    "Overview": "o",
    "Snapshots": "s",
    "Rollouts": "r",
    "Support stacks": "u",
    "Logs": "l",
    "Log export": "e",
    "Audit": "a",
    "Settings": "t",
}

_shortcuts = st.components.v2.component(
    "slipway_shortcuts",
    html='<button type="button" class="open">Keyboard shortcuts <kbd>?</kbd></button>'
    '<dialog aria-label="Keyboard shortcuts"></dialog>',
    css=(HERE / "shortcuts.css").read_text("utf-8"),
    js=(HERE / "shortcuts.js").read_text("utf-8"),
)


def show_shortcuts(pages: Sequence[st.Page]) -> None:
    """Show the button that lists the shortcuts, and listen for them."""
    listed = [
        {"letter": LETTERS[page.title], "title": page.title, "path": f"/{page.url_path}"}
        for page in pages
        if page.title in LETTERS
    ]
    _shortcuts(data={"pages": listed}, key="shortcuts")
