"""The card of support stacks: orphaned resources and their cost."""

from datetime import datetime

import streamlit as st

from app.overview.cards.frame import NOT_READ, card
from app.shared import navigation, statuses
from app.shared.components import plain
from app.shared.inventory import InventoryScan
from app.shared.statuses import Badge
from app.shared.words import ago, money
from ops.support_stacks.liveness import UsageGraph, UsageState


def show(graph: UsageGraph | None, scan: InventoryScan, now: datetime) -> None:
    with card(navigation.support_stacks, _badge(graph, scan)):
        if graph is None:
            st.caption(
                "Reading pipelines, stacks, and buckets of all regions…" if scan.running else _why(scan)
            )
            return
        orphaned = graph.with_state(UsageState.ORPHANED)
        st.metric(
            "Orphaned resources",
            f"{'≥ ' if graph.inventory.gaps else ''}{len(orphaned)}",
            delta=f"{graph.orphaned_monthly.text(money)}/month".replace("$", "\\$") if orphaned else None,
            delta_color="off",
            delta_arrow="off",
        )
        states = [
            f"{len(found)} {statuses.VERDICTS[str(state)][0].word.lower()}"
            for state in UsageState
            if state is not UsageState.ORPHANED and (found := graph.with_state(state))
        ]
        st.caption(" · ".join([*states, f"read {ago(graph.inventory.at, now)}"]))
        if orphaned:
            st.page_link(
                navigation.support_stacks(),
                label="Review cleanup",
                icon=":material/delete_sweep:",
                query_params={"view": "Cleanup"},
            )


def _why(scan: InventoryScan) -> str:
    return f"Not read: {plain(str(scan.error))}" if scan.error else "Not read yet."


def _badge(graph: UsageGraph | None, scan: InventoryScan) -> Badge:
    if graph is None:
        return Badge("Reading", "progress_activity", "blue") if scan.running else NOT_READ
    if graph.with_state(UsageState.ORPHANED):
        return statuses.VERDICTS["orphaned"][0]
    if graph.inventory.gaps or graph.with_state(UsageState.UNKNOWN):
        return statuses.VERDICTS["unknown"][0]
    return Badge("Nothing orphaned", "check_circle", "green")
