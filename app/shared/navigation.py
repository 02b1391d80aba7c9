"""The pages with their files, titles, and URLs, for the menu and for links between pages."""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parents[2] / "pages"


def overview() -> st.Page:
    return st.Page(PAGES / "overview.py", title="Overview", icon=":material/dashboard:", default=True)


def snapshots() -> st.Page:
    return st.Page(PAGES / "snapshots.py", title="Snapshots", icon=":material/database:")


def snapshot_pipeline() -> st.Page:
    """Hidden in the menu: users open it from a database."""
    return st.Page(
        PAGES / "snapshot_pipeline.py",
        title="Snapshot pipeline",
        icon=":material/build:",
        visibility="hidden",
    )


def rollouts() -> st.Page:
    return st.Page(PAGES / "rollouts.py", title="Rollouts", icon=":material/rocket_launch:")


def log_export() -> st.Page:
    return st.Page(PAGES / "log_export.py", title="Log export", icon=":material/move_up:")


def logs() -> st.Page:
    return st.Page(PAGES / "logs.py", title="Logs", icon=":material/manage_search:")


def support_stacks() -> st.Page:
    return st.Page(PAGES / "support_stacks.py", title="Support stacks", icon=":material/account_tree:")


def audit() -> st.Page:
    return st.Page(PAGES / "audit.py", title="Audit", icon=":material/history:")


def settings() -> st.Page:
    return st.Page(PAGES / "settings.py", title="Settings", icon=":material/settings:")


def menu() -> dict[str, list[st.Page]]:
    """Return the sections of the menu with their pages, for `st.navigation`."""
    return {
        "": [
            overview(),
            snapshots(),
            snapshot_pipeline(),
            rollouts(),
            support_stacks(),
            logs(),
            log_export(),
            audit(),
            settings(),
        ]
    }
