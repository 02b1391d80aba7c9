"""Deploying, changing and removing the log export in many accounts and regions, as part of a page."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from app.log_export import data
from app.shared.components import confirm_plan, empty_state, errors_shown, plain
from app.shared.dialogs import close_dialog, dialog
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.work import Work
from app.shared.work_panel import show_work_panel
from ops.aws.cloud import Cloud, Place
from ops.logs.export.deployment.deployed import Standing, find_central, name_of, read_standing
from ops.logs.export.deployment.plan import DEPLOY, REMOVE, Wish, plan_deploy, plan_remove
from ops.plan import Plan
from ops.templates.logs import CENTRAL
from ops.templates.logs.parameters import Asked

LOOK_S = 1.0
STANDING_TTL_S = 30
# Found by the deployment itself.
NOT_ASKED = ("ProcessorPackage",)


@st.cache_data(ttl=STANDING_TTL_S, show_spinner="Looking for the export in every account and region…")
def _standings(_cloud: Cloud, places: tuple[Place, ...]) -> list[Standing]:
    return read_standing(_cloud, places)


def show_deployment(bench: Workbench) -> None:
    """What stands where; the form that deploys and changes; the way to remove."""
    with errors_shown():
        _show_latest(bench)
        standings = _standings(bench.cloud, bench.cloud.places)
        central = find_central(standings)
        if central:
            _show_standing(standings)
        else:
            empty_state(
                "No export is deployed",
                "Choose where its bucket is to be and which accounts and regions send their logs, then look "
                "at the plan. Nothing is done before you confirm it.",
            )
        _offer(bench, standings, central)


def _show_standing(standings: Sequence[Standing]) -> None:
    rows = [
        {
            "Account": each.place.account.name,
            "Region": each.place.region,
            "Part": ("centre" if each.is_central else "sends") if each.stack else "–",
            "State": _state(each),
        }
        for each in standings
    ]
    show_table(rows, key="deployment-standing")


def _state(standing: Standing) -> str:
    if standing.error:
        return f"cannot be read: {standing.error}"
    return standing.stack.status.lower().replace("_", " ") if standing.stack else "not deployed"


def _offer(bench: Workbench, standings: Sequence[Standing], central: Standing | None) -> None:
    names = {name_of(each.place): each.place for each in standings}
    home = _choose_central(names, central)
    deployed = [name_of(each.place) for each in standings if each.stack]
    chosen = st.multiselect(
        "Accounts and regions that send their logs",
        list(names),
        default=deployed or list(names),
        key="deployment-places",
    )
    present = central.stack.parameters if central and central.stack else {}
    given = _ask_parameters(present)
    busy = any(work.running for work in _works(bench))
    places = tuple(names[name] for name in chosen)
    with st.container(horizontal=True):
        if st.button("Show plan", type="primary", key="deployment-plan", disabled=busy or not places):
            _confirm(bench, plan_deploy(bench.cloud, standings, Wish(home, places, given)), "Deploy")
        if central and st.button("Remove from these", key="deployment-remove", disabled=busy or not places):
            _confirm(bench, plan_remove(bench.cloud, standings, central.place, places), "Remove")


def _choose_central(names: Mapping[str, Place], central: Standing | None) -> Place:
    """Where it stands it stays: the bucket does not move."""
    options = [central.name] if central else list(names)
    chosen: str = st.selectbox(
        "Centre, with the bucket", options, key="deployment-central", disabled=central is not None, width=320
    )
    return names[chosen]


def _ask_parameters(present: Mapping[str, str]) -> dict[str, str]:
    """Those that differ from what stands, or from the defaults where nothing does."""
    groups = list(dict.fromkeys(asked.group for asked in CENTRAL))
    given = {}
    with st.expander("Parameters"):
        for group, tab in zip(groups, st.tabs(groups), strict=True):
            with tab:
                for asked in CENTRAL:
                    if asked.group == group and asked.name not in NOT_ASKED:
                        now = present.get(asked.name, asked.default or "")
                        value = _ask(asked, now, fixed=bool(present) and asked.name == "DestinationName")
                        if value != now:
                            given[asked.name] = value
    return given


def _ask(asked: Asked, now: str, *, fixed: bool) -> str:
    key = f"deployment-{asked.name}"
    allowed = list(dict(asked.checks).get("AllowedValues", ()))
    if allowed:
        index = allowed.index(now) if now in allowed else 0
        chosen: str = st.selectbox(asked.label, allowed, index=index, key=key, help=asked.help)
        return chosen
    return st.text_input(asked.label, now, key=key, help=asked.help, disabled=fixed).strip()


@dialog("Plan")
def _confirm(bench: Workbench, plan: Plan, button: str) -> None:
    st.markdown(f"**{plain(plan.title)}** · {plan.fingerprint}")
    if confirm_plan(bench, plan, button=button):
        close_dialog()


def _forget(bench: Workbench) -> None:
    """What the other tabs have read of the export is no longer so."""
    _standings.clear()
    data.exports.clear()
    data.scan(bench).start(bench.cloud)


def _works(bench: Workbench) -> list[Work]:
    return [work for work in bench.works.recent() if work.plan.title.startswith((DEPLOY, REMOVE))]


def _show_latest(bench: Workbench) -> None:
    """The last deployment, a place a row."""
    if works := _works(bench):
        show_work_panel(
            bench,
            works[0],
            key="deployment",
            thing="place",
            then=partial(_forget, bench),
            advice="What is done stays; show the plan again to finish.",
        )
