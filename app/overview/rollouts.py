"""The rollouts on the overview: the most recent runs, and those that need attention."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app.shared import navigation, rollout_runs, statuses
from app.shared.components import plain
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago
from ops.rollouts.runs import RunSummary

NEWEST = 5


def newest_runs(bench: Workbench) -> list[RunSummary]:
    """Return the most recent runs; none when the controller is not deployed."""
    if not rollout_runs.has_controller(bench):
        return []
    controller = rollout_runs.controller(bench)
    return rollout_runs.list_runs(bench, controller, controller.table)[:NEWEST]


def attention_notes(runs: Sequence[RunSummary]) -> list[str]:
    """Return a note for each run that needs attention, and each rollout whose last run was rolled back."""
    rollouts: set[str] = set()
    notes = []
    for run in runs:
        if run.status == "STUCK":
            notes.append(
                f"The rollout {plain(run.run)} needs attention. Open Rollouts to see which targets failed."
            )
        elif run.status == "ROLLED_BACK" and run.rollout not in rollouts:
            notes.append(f"The last rollout of {plain(run.rollout)} was rolled back: {plain(run.run)}.")
        rollouts.add(run.rollout)
    return notes


def show_rollouts(runs: Sequence[RunSummary], now: datetime) -> None:
    if not runs:
        return
    st.markdown("#### Rollouts")
    rows = [
        {
            "Rollout": run.rollout,
            "Run": run.run,
            "Status": statuses.rollout(run.status).word,
            "Started": ago(run.started, now),
            "By": run.by,
        }
        for run in runs
    ]
    show_table(rows, key="overview-rollouts")
    st.page_link(navigation.rollouts(), label="Open Rollouts")
