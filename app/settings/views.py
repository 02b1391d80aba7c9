"""The page Settings: connected accounts, the current user, IAM permissions, and settings."""

import pandas as pd
import streamlit as st

from app.shared import address
from app.shared.access import sign_in_is_configured
from app.shared.components import plain, show_error
from app.shared.session import Workbench
from app.shared.statuses import Badge
from app.shared.tables import show_table
from app.shared.words import count
from ops import operations
from ops.access import SIMULATION, AccountPermissions, JobPermission, PermissionStatus, read_permissions
from ops.aws import iam
from ops.aws.cloud import Place
from ops.aws.readings import Reading
from ops.errors import SlipwayError
from ops.settings import EMBEDDED_ACCOUNTS, SETTINGS, load

READ_TTL_S = 300
BADGES = {
    PermissionStatus.ALLOWED: Badge("Allowed", "check_circle", "green"),
    PermissionStatus.MISSING: Badge("Missing permissions", "error", "red"),
    PermissionStatus.UNKNOWN: Badge("Unknown", "help", "orange"),
}


@st.cache_data(ttl=READ_TTL_S, show_spinner="Connecting to every account…")
def identities(_bench: Workbench) -> list[Reading[str]]:
    """Return the current principal in each account, or the error."""
    places = [Place(account, _bench.settings.home_region) for account in _bench.cloud.accounts]
    return _bench.cloud.read(lambda place: iam.current_principal(_bench.cloud, place), places)


@st.cache_data(ttl=READ_TTL_S, show_spinner="Simulating IAM permissions…")
def permissions(_bench: Workbench, place: Place) -> AccountPermissions:
    return read_permissions(_bench.cloud, place)


def show_connection(bench: Workbench) -> None:
    """Show the accounts, with the current principal and the connection status of each."""
    readings = identities(bench)
    failed = sum(reading.error is not None for reading in readings)
    cloud = "embedded cloud (local)" if bench.embedded else "AWS"
    connected = f"{len(readings) - failed} of {count(len(readings), 'account')} connected"
    st.markdown(f"Connected to: **{cloud}** · {connected}")
    rows = [
        {
            "Account": reading.place.account.name,
            "Account ID": reading.place.account.id,
            "Principal": reading.value or "–",
            "Regions": ", ".join(reading.place.account.regions or bench.settings.regions),
            "Status": "Connected" if reading.error is None else f"Failed: {reading.error}",
        }
        for reading in readings
    ]
    show_table(rows, key="settings-accounts")
    if bench.embedded and load().accounts:
        st.info(f"{EMBEDDED_ACCOUNTS[0].upper()}{EMBEDDED_ACCOUNTS[1:]}", icon=":material/info:")


def show_user(bench: Workbench) -> None:
    """Show the current user, and what each role allows."""
    user = bench.actor
    sign_in = "signed in" if sign_in_is_configured() else "local user"
    st.markdown(f"**{plain(user.name)}** · {user.role.capitalize()} · {sign_in}")
    with st.expander("Operations by role"):
        show_table(
            pd.DataFrame(operations.table()).rename(columns=str.capitalize),
            key="settings-operations",
        )


def show_permissions(bench: Workbench) -> None:
    """Show the permissions of every job in one account, with a policy that adds the missing ones."""
    accounts = {account.name: account for account in bench.cloud.accounts}
    name = address.choose(
        st.selectbox, "Account", list(accounts), name="account", key="settings-account", width=260
    )
    try:
        account = permissions(bench, Place(accounts[name], bench.settings.home_region))
    except SlipwayError as error:
        show_error(error)
        return
    if account.principal:
        st.caption(
            f"Permissions of {plain(account.principal)}, from the IAM policy simulator. Resource-based "
            "policies and service control policies can still deny a call."
        )
    else:
        st.warning(plain(account.permissions[0].reason), icon=":material/help:")
        st.caption("To check permissions, add this policy to the role in use:")
        st.code(account.statement([SIMULATION]), language="json")
    for permission in account.permissions:
        _show_permission(account, permission)


def _show_permission(account: AccountPermissions, permission: JobPermission) -> None:
    badge, job = BADGES[permission.status].markdown, permission.job
    st.markdown(f"{badge} **{job.name}: {permission.use}** · {job.does}")
    if permission.missing:
        missing = sum(len(grant.actions) for grant in permission.missing)
        with st.expander(f"{count(missing, 'missing action')}: policy to add"):
            st.code(account.statement(permission.missing), language="json")


def show_settings(bench: Workbench) -> None:
    """Show the effective settings. None of them is a secret."""
    rows = [
        {
            "Setting": setting.name,
            "Value": _format(getattr(bench.settings, setting.name)),
            "Default": _format(setting.default),
            "Environment variable": setting.variable,
            "Description": setting.help.replace("`", ""),
        }
        for setting in SETTINGS
    ]
    show_table(rows, key="settings-values")


def _format(value: object) -> str:
    return (", ".join(map(str, value)) if isinstance(value, tuple) else str(value)) or "–"
