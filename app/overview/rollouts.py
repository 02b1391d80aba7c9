"""The rollouts on the overview: the last runs, and those that need a person."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app.shared import navigation, rollout_runs, statuses
from app.shared.components import plain
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago
from ops.rollouts.runs import Summary

NEWEST = 5


def newest(bench: Workbench) -> list[Summary]:
    """The newest runs; none where no controller is deployed."""
    if not rollout_runs.has_controller(bench):
        return []
    controller = rollout_runs.controller(bench)
    return rollout_runs.list_runs(bench, controller, controller.table)[:NEWEST]


def attention(found: Sequence[Summary]) -> list[str]:
    """A rollout that is stuck, or whose last run rolled back."""
    seen: set[str] = set()
    notes = []
    for each in found:
        if each.status == "STUCK":
            notes.append(f"The rollout {plain(each.run)} is stuck: open Rollouts to see what it needs.")
        elif each.status == "ROLLED_BACK" and each.rollout not in seen:
            notes.append(f"The last rollout of {plain(each.rollout)} was rolled back: {plain(each.run)}.")
        seen.add(each.rollout)
    return notes


def show(found: Sequence[Summary], now: datetime) -> None:
    if not found:
        return
    st.markdown("#### Rollouts")
    rows = [
        {
            "Rollout": each.rollout,
            "Run": each.run,
            "State": statuses.rollout(each.status).word,
            "Started": ago(each.started, now),
            "By": each.by,
        }
        for each in found
    ]
    show_table(rows, key="overview-rollouts")
    st.page_link(navigation.rollouts(), label="Open Rollouts")
