"""The canaries of the accounts and regions: when each last arrived, and which stopped."""

from datetime import datetime

import streamlit as st

from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count
from ops.logs.export.canary import Canaries, CanaryState

NO_CANARY = (
    "No canary arrived in the last 7 days. Exports deployed before Slipway wrote canaries need an update."
)


def show_canaries(bench: Workbench, canaries: Canaries, now: datetime, key: str) -> None:
    """Show one line, and a table of all accounts and regions on request."""
    st.caption(canary_summary(canaries, now))
    if not canaries.found:
        return
    names = {place.account.id: place.account.name for place in bench.cloud.places}
    with st.expander("Canaries", expanded=bool(canaries.in_state(CanaryState.STOPPED, now))):
        rows = [
            {
                "State": canary.state(now).value.capitalize(),
                "Last canary": ago(canary.written, now) if canary.written else "Not read",
                "Account": names.get(canary.account, canary.account),
                "Region": canary.region,
            }
            for canary in canaries.found
        ]
        show_table(rows, key=f"{key}-canaries")


def canary_summary(canaries: Canaries, now: datetime) -> str:
    if canaries.error:
        return "Canaries: not read"
    if not canaries.found:
        return NO_CANARY
    stopped, unread = (len(canaries.in_state(s, now)) for s in (CanaryState.STOPPED, CanaryState.NOT_READ))
    parts = [f"Canaries of {count(len(canaries.found), 'account and Region', 'accounts and Regions')}"]
    parts += [f"{stopped} stopped"] * bool(stopped) + [f"{unread} not read"] * bool(unread)
    written = [canary.written for canary in canaries.found if canary.written]
    if written:
        parts.append(f"oldest {ago(min(written), now)}")
    return " · ".join(parts)
