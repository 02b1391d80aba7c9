"""The tab Deployment: deploys, updates, and removes the log export in many accounts and regions."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NoReturn

import streamlit as st

from app.log_export import data
from app.shared.components import confirm_plan, empty_state, errors_shown, plain, start, wait_for
from app.shared.dialogs import close_dialog, dialog
from app.shared.plans.panel import show_plan_panel
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import count
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.change_sets import Preview
from ops.logs.export.deployment.deployed import ExportDeployment, find_central, place_name, read_deployments
from ops.logs.export.deployment.plan import DeploymentRequest, plan_deploy, plan_previews, plan_remove
from ops.operations import Operation
from ops.plan import Plan
from ops.templates.logs import CENTRAL
from ops.templates.parameters import StackParameter

POLL_S = 1.0
OPERATIONS = (Operation.DEPLOY_EXPORT, Operation.REMOVE_EXPORT)
DEPLOYMENTS_TTL_S = 30
# Set by the deployment.
HIDDEN_PARAMETERS = ("ProcessorPackage",)


@st.cache_data(ttl=DEPLOYMENTS_TTL_S, show_spinner="Searching for the export in all accounts and regions…")
def _deployments(_cloud: Cloud, places: tuple[Place, ...]) -> list[ExportDeployment]:
    return read_deployments(_cloud, places)


def show_deployment(bench: Workbench) -> None:
    """Show the deployed stacks and the form to deploy, update, and remove them."""
    with errors_shown():
        _show_latest(bench)
        deployments = _deployments(bench.cloud, bench.cloud.places)
        central = find_central(deployments)
        if central:
            _show_deployments(deployments)
        else:
            empty_state(
                "No export is deployed",
                "Select the account and region of the bucket and those that send their logs, then preview "
                "the plan. Nothing changes until you confirm it.",
            )
        _show_form(bench, deployments, central)


def _show_deployments(deployments: Sequence[ExportDeployment]) -> None:
    rows = [
        {
            "Account": deployment.place.account.name,
            "Region": deployment.place.region,
            "Stack": ("Central" if deployment.is_central else "Member") if deployment.stack else "–",
            "Status": _status(deployment),
        }
        for deployment in deployments
    ]
    show_table(rows, key="deployment-stacks")


def _status(deployment: ExportDeployment) -> str:
    if deployment.error:
        return f"Not read: {deployment.error}"
    return deployment.stack.status if deployment.stack else "Not deployed"


def _show_form(
    bench: Workbench, deployments: Sequence[ExportDeployment], central: ExportDeployment | None
) -> None:
    names = {place_name(deployment.place): deployment.place for deployment in deployments}
    home = _choose_central(names, central)
    deployed = [place_name(deployment.place) for deployment in deployments if deployment.stack]
    selected = st.multiselect(
        "Accounts and regions that send their logs",
        list(names),
        default=deployed or list(names),
        key="deployment-places",
    )
    present = central.stack.parameters if central and central.stack else {}
    changes = _ask_parameters(present)
    latest = bench.plan_runs.latest(*OPERATIONS)
    busy = latest is not None and latest.running
    places = tuple(names[name] for name in selected)
    with st.container(horizontal=True):
        if st.button(
            "Preview deployment", type="primary", key="deployment-plan", disabled=busy or not places
        ):
            request = DeploymentRequest(home, places, changes)
            previews = _read_previews(bench, deployments, request)
            _confirm(bench, plan_deploy(bench.cloud, deployments, request, previews), "Deploy log export")
        if central and st.button("Remove export", key="deployment-remove", disabled=busy or not places):
            _confirm(bench, plan_remove(bench.cloud, deployments, central.place, places), "Remove log export")


def _read_previews(
    bench: Workbench, deployments: Sequence[ExportDeployment], request: DeploymentRequest
) -> dict[Place, Preview]:
    """Return what change sets would change. A user who may not create one sees what the templates show."""
    if not Operation.PREPARE_STACK.allows(bench.actor.role):
        return {}
    previews = plan_previews(bench.cloud, deployments, request)
    total = count(len(previews.steps), "target")
    with st.status(f"Previewing {total}") as status:
        work = start(bench, previews.plan)
        while work.running:
            finished = sum(work.finished(steps) for steps in previews.plan.parts)
            status.update(label=f"Previewed {finished} of {total}")
            wait_for(work, POLL_S)
    return work.outcome.values(previews.steps) if work.outcome else {}


def _choose_central(names: Mapping[str, Place], central: ExportDeployment | None) -> Place:
    """Ask for the account and region of the central stack, which cannot move once it is deployed."""
    options = [central.name] if central else list(names)
    selected: str = st.selectbox(
        "Central stack, with the bucket",
        options,
        key="deployment-central",
        disabled=central is not None,
        width=320,
    )
    return names[selected]


def _ask_parameters(present: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that differ from the current values, or from the defaults."""
    groups = list(dict.fromkeys(parameter.group for parameter in CENTRAL))
    changes = {}
    with st.expander("Parameters"):
        for group, tab in zip(groups, st.tabs(groups), strict=True):
            with tab:
                for parameter in CENTRAL:
                    if parameter.group == group and parameter.name not in HIDDEN_PARAMETERS:
                        now = present.get(parameter.name, parameter.default or "")
                        value = _ask(
                            parameter, now, fixed=bool(present) and parameter.name == "DestinationName"
                        )
                        if value != now:
                            changes[parameter.name] = value
    return changes


def _ask(parameter: StackParameter, now: str, *, fixed: bool) -> str:
    key = f"deployment-{parameter.name}"
    allowed = list(dict(parameter.checks).get("AllowedValues", ()))
    if allowed:
        index = allowed.index(now) if now in allowed else 0
        selected: str = st.selectbox(parameter.label, allowed, index=index, key=key, help=parameter.help)
        return selected
    return st.text_input(parameter.label, now, key=key, help=parameter.help, disabled=fixed).strip()


def _confirm(bench: Workbench, plan: Plan, action: str) -> NoReturn:
    """Open the dialog that shows and confirms the plan; its title and its button are the action."""
    dialog(action)(_show_confirmation)(bench, plan, action)


def _show_confirmation(bench: Workbench, plan: Plan, action: str) -> None:
    st.markdown(f"**{plain(plan.title)}** · {plan.fingerprint}")
    if confirm_plan(bench, plan, button=action):
        close_dialog()


def _clear_caches(bench: Workbench) -> None:
    """Drop cached data about the export, which has changed."""
    _deployments.clear()
    data.exports.clear()
    data.read_coverage_again(bench)


def _show_latest(bench: Workbench) -> None:
    """Show the progress or result of the last deployment."""
    if work := bench.plan_runs.latest(*OPERATIONS):
        show_plan_panel(
            bench,
            work,
            key="deployment",
            thing="target",
            then=partial(_clear_caches, bench),
            advice="Completed steps are kept. Preview the deployment again to finish.",
        )
