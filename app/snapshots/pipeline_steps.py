"""Preview, deployment, and deletion of a pipeline."""

from datetime import UTC, datetime
from functools import partial

import streamlit as st

from app.shared import navigation, statuses
from app.shared.components import (
    clear_caches_once,
    confirm_destruction,
    confirm_plan,
    operation_button,
    perform_call,
    plain,
    show_error,
    show_plan_progress,
    start,
    wait_for,
)
from app.shared.dialogs import close_dialog, dialog
from app.shared.plans.runs import PlanRun
from app.shared.refreshing import show_refreshing
from app.shared.session import Workbench
from app.shared.statuses import Badge
from app.shared.words import count
from app.snapshots import pipeline_form as form
from ops.aws import network
from ops.aws.cloud import Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.change_sets import Preview, read_preview
from ops.aws.network import Subnet
from ops.operations import Operation
from ops.plan import Resource
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.pipeline.model import STACK_PREFIX, PipelineSettings, from_parameters
from ops.snapshots.pipeline.preflight import PreflightVerdict, preflight
from ops.snapshots.pipeline.setup import prepare_pipeline

STATUSES = {
    PreflightVerdict.PASSED: Badge("Passed", "check_circle", "green"),
    PreflightVerdict.WILL_FAIL: Badge("Will fail", "error", "red"),
    PreflightVerdict.UNKNOWN: Badge("Unknown", "help", "orange"),
}
REFRESH_S = 1
PREVIEW_S = 120
READ_TTL_S = 30


@st.cache_data(ttl=READ_TTL_S, show_spinner="Loading subnets…")
def subnets(_bench: Workbench, place: Place) -> list[Subnet]:
    return network.list_subnets(_bench.cloud, place)


def find(bench: Workbench, place: Place, database: str) -> DeployedPipeline | None:
    """Return the pipeline of a database, or None."""
    pipelines = catalog.list_pipelines(bench.cloud, place)
    return next((pipeline for pipeline in pipelines if pipeline.database == database), None)


def initial_settings(
    bench: Workbench, place: Place, deployed: DeployedPipeline | None, database: str, choices: list[Subnet]
) -> PipelineSettings:
    """Return the initial settings of the form: those of the deployed pipeline, or defaults."""
    if deployed is None or deployed.stack.status == "REVIEW_IN_PROGRESS":
        source = catalog.find_database(bench.cloud, place, database)
        engine = source.engine if source else "postgres"
        return form.default_settings(database, engine, choices, bench.settings.poll_seconds)
    return _as_deployed(bench, deployed, deployed.scripts[1])


def open_review(pipeline: DeployedPipeline, run: str) -> None:
    """Open the form with the suggestions of a run."""
    query = {
        "account": pipeline.place.account.name,
        "region": pipeline.place.region,
        "database": pipeline.database,
        "run": run,
    }
    st.switch_page(navigation.snapshot_pipeline(), query_params=query)


@st.cache_data(ttl=READ_TTL_S, show_spinner="Loading policy…")
def _as_deployed(_bench: Workbench, _deployed: DeployedPipeline, prefix: str) -> PipelineSettings:
    return from_parameters(_deployed.stack.parameters, catalog.read_policy(_bench.cloud, _deployed))


def show_stack(deployed: DeployedPipeline | None) -> None:
    """Show the status of the stack."""
    if deployed is None:
        st.markdown("Not deployed. You review the changes before they are deployed.")
        return
    look = statuses.stack(deployed.stack.status)
    st.markdown(f"{look.markdown} {plain(deployed.name)} {plain(deployed.stack.status_reason)}")


def preview(bench: Workbench, place: Place, settings: PipelineSettings) -> None:
    """Create the change set, and keep its preview in the session."""
    prepared = prepare_pipeline(bench.cloud, place, settings, datetime.now(UTC))
    with st.spinner("Creating change set…"):
        work = wait_for(start(bench, prepared.plan), PREVIEW_S)
    if error := work.error or (work.outcome and work.outcome.error):
        show_error(error)
        return
    st.session_state["preview"] = read_preview(bench.cloud, prepared.spec)


def show_checks(bench: Workbench, place: Place, settings: PipelineSettings) -> None:
    """Show the results of the preflight checks."""
    results = preflight(bench.cloud, place, settings, datetime.now(UTC))
    st.markdown("#### Checks")
    for item in results:
        st.markdown(f"{STATUSES[item.verdict].markdown} **{plain(item.subject)}** · {plain(item.reason)}")


def show_preview(bench: Workbench, place: Place, database: str) -> None:
    """Show the preview, with the buttons to deploy or discard it."""
    change_set: Preview | None = st.session_state.get("preview")
    stack = (STACK_PREFIX + database, place.account.id, place.region)
    if change_set is None:
        return
    spec = change_set.spec
    if (spec.name, spec.account, spec.region) != stack:
        return
    if change_set.up_to_date:
        st.success("No changes. The pipeline is up to date.", icon=":material/check_circle:")
        return
    st.markdown("#### Changes")
    verb = "creates" if change_set.creates else "updates"
    st.markdown(f"The change set {verb} the stack: {count(len(change_set.changes), 'resource change')}.")
    if change_set.destructive_changes:
        certain = [
            change
            for change in change_set.destructive_changes
            if "True" in change.replacement or change.action == "Remove"
        ]
        warnings = [f"{count(len(certain), 'resource')} will be removed or replaced"] if certain else []
        if possible := len(change_set.destructive_changes) - len(certain):
            warnings.append(f"{count(possible, 'resource')} may be replaced, depending on other changes")
        st.warning(f"{'; '.join(warnings)}.", icon=":material/warning:")
    form.show_changes(change_set.changes)
    plan = deploy.plan_deploy(bench.cloud, change_set)
    may_run = confirm_destruction(plan)
    with st.container(horizontal=True):
        if operation_button(
            bench,
            plan.operation,
            "Deploy changes",
            type="primary",
            icon=":material/rocket_launch:",
            disabled=not may_run,
        ):
            start(bench, plan)
            del st.session_state["preview"]
            st.rerun()
        if operation_button(bench, Operation.DISCARD_CHANGES, "Discard changes", icon=":material/delete:"):
            perform_call(bench, deploy.discard_call(bench.cloud, change_set))
            del st.session_state["preview"]
            st.rerun()


def show_deployment(bench: Workbench, place: Place, database: str) -> bool:
    """Show the last deployment of this stack. Return whether it is in progress."""
    work = _last_work(bench, place, STACK_PREFIX + database)
    if work is None:
        return False
    if not work.followed:  # running, or ended before it was drawn
        _follow(work)
        return True
    ok = bool(work.outcome and work.outcome.ok)
    with st.expander(f"{plain(work.plan.title)}: {'succeeded' if ok else 'failed'}", expanded=not ok):
        show_plan_progress(work)
    if ok:
        st.page_link(navigation.snapshots(), label="View snapshots", icon=":material/database:")
    return False


def _follow(work: PlanRun) -> None:
    """Refresh only this panel while the work runs, then the page once."""

    def panel() -> bool:
        show_plan_progress(work)
        return not work.running

    show_refreshing(panel, every=REFRESH_S, then=lambda: work.follow(partial(clear_caches_once, work.id)))


def _last_work(bench: Workbench, place: Place, stack: str) -> PlanRun | None:
    """Return the last work on a stack. It is the same in every browser that opens the page."""
    resource = Resource("AWS::CloudFormation::Stack", stack, place.account.id, place.region)
    for work in bench.plan_runs.recent():
        if work.plan.operation in (Operation.DEPLOY_STACK, Operation.DELETE_STACK) and any(
            step.resource == resource for step in work.plan.steps
        ):
            return work
    return None


def offer_deletion(bench: Workbench, deployed: DeployedPipeline | None) -> None:
    """Show the section to delete the pipeline."""
    if deployed is None:
        return
    with st.expander("Delete pipeline"):
        st.markdown(
            "The sanitized snapshots and their sharing are kept, as are the scripts in the staging bucket."
        )
        if operation_button(
            bench, Operation.DELETE_STACK, "Delete pipeline", icon=":material/delete_forever:"
        ):
            _confirm_deletion(bench, deployed)


@dialog("Delete pipeline")
def _confirm_deletion(bench: Workbench, deployed: DeployedPipeline) -> None:
    where = (deployed.place.account.id, deployed.place.region)
    plan = deploy.plan_delete(bench.cloud, deployed.stack, *where)
    if confirm_plan(bench, plan, button="Delete pipeline"):
        close_dialog()
