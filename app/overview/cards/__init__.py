"""One card for each job: its state, its trend, and the page to open.

frame           what all cards have in common
snapshots       the last runs and verified snapshots of the pipelines
rollouts        rollouts in progress and the last ones
log_export      what the log exports receive, their lag and alarms
support_stacks  orphaned resources and their cost
"""

from datetime import datetime

import streamlit as st

from app.overview.cards import log_export, rollouts, snapshots, support_stacks
from app.overview.cards.frame import HEIGHT, MIN_WIDTH
from app.shared.inventory import InventoryScan
from ops.status.facts import Status


def show_cards(status: Status, scan: InventoryScan, now: datetime) -> None:
    """Show the cards of all jobs side by side, or below each other on a narrow screen."""
    with st.grid(min_column_width=MIN_WIDTH):
        snapshots.show(status, now)
        rollouts.show(status, now)
        log_export.show(status)
        support_stacks.show(status.support, scan, now)


def show_skeletons() -> None:
    """Show where the cards will be while the first status is read."""
    with st.grid(min_column_width=MIN_WIDTH):
        for _ in range(4):
            st.skeleton(height=HEIGHT)
