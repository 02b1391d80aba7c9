"""What changed last, and what could be read of each account."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app.shared import navigation, statuses, time_zone
from app.shared.components import empty_state, plain
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count
from ops.audit import Record
from ops.aws.readings import Reading
from ops.status.facts import PlaceFacts

CHANGES_TTL_S = 10
RECENT = 8
GRID_ACCOUNTS = 12  # more are listed in a table
RESULT_ICONS = {"done": ":green[:material/check_circle:]", "failed": ":red[:material/error:]"}


@st.cache_data(ttl=CHANGES_TTL_S, show_spinner=False)
def _changes(_bench: Workbench) -> list[Record]:
    return [record for record in _bench.audit.read(5 * RECENT) if record.result != "started"]


def show_changes(bench: Workbench, now: datetime) -> None:
    """Show the latest changes, newest first, as a timeline."""
    st.markdown("#### Recent changes")
    records = _changes(bench)[:RECENT]
    if not records:
        empty_state("No changes yet", "Changes made on a page or on the command line appear here.")
        return
    with st.container(border=True, gap="xsmall"):
        for record in records:
            _show_change(record, now)
        st.page_link(
            navigation.audit(), label="Audit", icon=":material/arrow_forward:", icon_position="right"
        )


def _show_change(record: Record, now: datetime) -> None:
    at = datetime.fromisoformat(record.at)
    icon = RESULT_ICONS.get(record.result, ":gray[:material/skip_next:]")
    result = statuses.AUDIT_RESULTS.get(record.result, record.result)
    where = ", ".join(plain(part) for part in (record.account, record.region) if part)
    st.markdown(
        f"{icon} {plain(record.does)}",
        help=f"{plain(result)} · {plain(record.resource)} · {time_zone.stamp(at)}",
    )
    st.caption(f"{ago(at, now)} · {plain(record.actor)} ({plain(record.via)}) · {where}")


def show_accounts(places: Sequence[Reading[PlaceFacts]]) -> None:
    """Show each account with its regions, and which of them could not be read."""
    st.markdown("#### Accounts")
    accounts: dict[str, list[Reading[PlaceFacts]]] = {}
    for reading in places:
        accounts.setdefault(reading.place.account.id, []).append(reading)
    with st.container(border=True, gap="small"):
        for readings in list(accounts.values())[:GRID_ACCOUNTS]:
            _show_account(readings)
        if len(accounts) > GRID_ACCOUNTS:
            unread = sum(reading.error is not None for reading in places)
            label = f"All {count(len(accounts), 'account')}, {count(unread, 'unread region')}"
            with st.expander(label):
                show_table([_row(reading) for reading in places], key="accounts")


def _show_account(readings: list[Reading[PlaceFacts]]) -> None:
    account = readings[0].place.account
    badges = " ".join(_badge(reading) for reading in readings)
    st.markdown(f"**{plain(account.name)}** {plain(account.id)}  \n{badges}")


def _badge(reading: Reading[PlaceFacts]) -> str:
    region = plain(reading.place.region)
    if reading.value is None:
        return f":gray-badge[:material/visibility_off: {region}: not read]"
    return f":green-badge[{region}: {count(reading.value.databases, 'database')}]"


def _row(reading: Reading[PlaceFacts]) -> dict[str, object]:
    facts = reading.value
    return {
        "Account": reading.place.account.name,
        "Account ID": reading.place.account.id,
        "Region": reading.place.region,
        "Databases": facts.databases if facts else None,
        "Pipelines": len(facts.pipelines) if facts else None,
        "Status": "Not read" if reading.error else "Read",
    }
