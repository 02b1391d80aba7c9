"""The inventory of support stacks, read in a background thread and shared by all sessions and pages."""

import streamlit as st

from app.shared.scans import Scan
from app.shared.session import Workbench
from ops.operations import Operation
from ops.support_stacks.facts import Inventory
from ops.support_stacks.inventory import InventoryProgress, read_inventory

InventoryScan = Scan[Inventory, str, InventoryProgress]  # the progress by phase
SHORT_SCAN_S = 0.5


@st.cache_resource(show_spinner=False)
def inventory_scan(_bench: Workbench) -> InventoryScan:
    """Return the scan, which all sessions share."""
    return Scan()


def start_scan(bench: Workbench, scan: InventoryScan, wait_s: float = SHORT_SCAN_S) -> None:
    """Read the inventory in the background. A short read completes before this returns."""
    scan.start(lambda now, note: read_inventory(bench.cloud, now, lambda done: note(done.phase, done)))
    scan.wait(wait_s)


def is_outdated(bench: Workbench, scan: InventoryScan) -> bool:
    """Whether a cleanup has completed since the inventory was read."""
    work = bench.plan_runs.latest(Operation.CLEAN_UP_SUPPORT)
    if work is None or work.running or not work.progress or scan.started_at is None:
        return False
    return work.progress[-1].at > scan.started_at
