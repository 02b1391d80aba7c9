"""The pages: their files, titles and addresses, for the menu and for links between them."""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parents[1] / "pages"


def overview() -> st.Page:
    return st.Page(PAGES / "overview.py", title="Overview", icon=":material/dashboard:", default=True)


def snapshots() -> st.Page:
    return st.Page(PAGES / "snapshots.py", title="Snapshots", icon=":material/database:")


def snapshot_pipeline() -> st.Page:
    """Reached from a database; the menu does not show it."""
    return st.Page(
        PAGES / "snapshot_pipeline.py",
        title="Snapshot pipeline",
        icon=":material/build:",
        visibility="hidden",
    )


def menu() -> dict[str, list[st.Page]]:
    """Sections and their pages, as `st.navigation` takes them."""
    return {"": [overview()], "Databases": [snapshots(), snapshot_pipeline()]}
