"""What the page Settings is made of: what is connected, who is here, what each job may do."""

import pandas as pd
import streamlit as st

from app.shared.access import sign_in_is_configured
from app.shared.components import plain, show_error
from app.shared.session import Workbench
from app.shared.statuses import Look
from app.shared.tables import show_table
from app.shared.words import count
from ops import operations
from ops.access import SIMULATION, Right, Rights, Verdict, read_rights
from ops.aws import iam
from ops.aws.cloud import Place, Reading
from ops.errors import SlipwayError
from ops.settings import SETTINGS

READ_TTL_S = 300
LOOKS = {
    Verdict.MAY: Look("may", "check_circle", "green"),
    Verdict.LACKS: Look("lacks something", "error", "red"),
    Verdict.UNKNOWN: Look("cannot tell", "help", "orange"),
}


@st.cache_data(ttl=READ_TTL_S, show_spinner="Asking every account who we are…")
def identities(_bench: Workbench) -> list[Reading[str]]:
    """Who we are in each account, or why it does not answer."""
    places = [Place(account, _bench.settings.home_region) for account in _bench.cloud.accounts]
    return _bench.cloud.read(lambda place: iam.our_principal(_bench.cloud, place), places)


@st.cache_data(ttl=READ_TTL_S, show_spinner="Simulating what may be done…")
def rights(_bench: Workbench, place: Place) -> Rights:
    return read_rights(_bench.cloud, place)


def show_connection(bench: Workbench) -> None:
    """What answers, and as whom we work there."""
    found = identities(bench)
    failed = [each for each in found if each.error]
    where = "A cloud on this machine" if bench.embedded else "AWS"
    state = f"{len(failed)} of them not answering" if failed else "each answers"
    st.markdown(f"{where}: {count(len(found), 'account')}, {state}.")
    rows = [
        {
            "Account": each.place.account.name,
            "Id": each.place.account.id,
            "Works there as": each.value or "–",
            "Regions": ", ".join(each.place.account.regions or bench.settings.regions),
            "Answers": "yes" if each.error is None else str(each.error),
        }
        for each in found
    ]
    show_table(rows, key="settings-accounts")


def show_person(bench: Workbench) -> None:
    """Who is at the page, and what that role may."""
    person = bench.actor
    how = "signed in" if sign_in_is_configured() else "on this machine, without sign-in"
    st.markdown(f"**{plain(person.name)}** is {how}, in the role **{person.role}**.")
    with st.expander("What each role may"):
        show_table(
            pd.DataFrame(operations.table()).rename(columns=str.capitalize),
            key="settings-operations",
        )


def show_rights(bench: Workbench) -> None:
    """Job by job in one account, with the statement that is missing."""
    accounts = {account.name: account for account in bench.cloud.accounts}
    if st.session_state.get("settings-account") not in accounts:
        wanted = st.query_params.get("account")
        st.session_state["settings-account"] = wanted if wanted in accounts else next(iter(accounts))
    name = st.selectbox("Account", list(accounts), key="settings-account", width=260)
    st.query_params["account"] = name
    try:
        found = rights(bench, Place(accounts[name], bench.settings.home_region))
    except SlipwayError as error:
        show_error(error)
        return
    if found.principal:
        st.caption(
            f"{plain(found.principal)}, by simulation of its policies: what resource policies or an "
            "organization forbid besides, nobody can tell beforehand."
        )
    else:
        st.warning(plain(found.rights[0].reason), icon=":material/help:")
        st.caption("To be told what is missing, the role in use needs this:")
        st.code(found.statement([SIMULATION]), language="json")
    for right in found.rights:
        _show_right(found, right)


def _show_right(found: Rights, right: Right) -> None:
    does = "change" if right.changes else "read"
    st.markdown(f"{LOOKS[right.verdict].markdown} **{right.job.name}: {does}** · {right.job.does}")
    if right.missing:
        lacking = sum(len(grant.actions) for grant in right.missing)
        with st.expander(f"{count(lacking, 'action')} missing: the statement to add"):
            st.code(found.statement(right.missing), language="json")


def show_settings(bench: Workbench) -> None:
    """Every setting in force; none is a secret."""
    rows = [
        {
            "Setting": each.name,
            "Value": _words(getattr(bench.settings, each.name)),
            "Default": _words(each.default),
            "Variable": each.variable,
            "What for": each.help.replace("`", ""),
        }
        for each in SETTINGS
    ]
    show_table(rows, key="settings-values")


def _words(value: object) -> str:
    return (", ".join(map(str, value)) if isinstance(value, tuple) else str(value)) or "–"
