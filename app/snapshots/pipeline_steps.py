"""From a pipeline that is asked for to one that is deployed: preview, deployment, deletion."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from app.shared import navigation, statuses
from app.shared.components import (
    clear_caches_once,
    confirm_plan,
    operation_button,
    plain,
    show_error,
    show_plan_progress,
    start,
    wait_for,
)
from app.shared.dialogs import close_dialog, dialog
from app.shared.plan_runs import PlanRun
from app.shared.session import Workbench
from app.shared.statuses import Badge
from app.shared.words import count
from app.snapshots import pipeline_form as form
from ops.aws import network
from ops.aws.cloud import Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.deploy import Preview
from ops.aws.network import Subnet
from ops.operations import Operation
from ops.snapshots.pipeline import catalogue
from ops.snapshots.pipeline.catalogue import Deployed
from ops.snapshots.pipeline.model import STACK_PREFIX, Pipeline, from_parameters
from ops.snapshots.pipeline.preflight import Verdict, preflight
from ops.snapshots.pipeline.setup import prepare
from ops.snapshots.policy.suggest import Suggestion
from ops.snapshots.policy.text import with_suggestions

LOOKS = {
    Verdict.FINE: Badge("fine", "check_circle", "green"),
    Verdict.FAILS: Badge("will fail", "error", "red"),
    Verdict.UNKNOWN: Badge("cannot tell", "help", "orange"),
}
_PROPOSED = "proposed"  # a stack's name, and suggestions for its policy
FOLLOW_S = 1
PREVIEW_S = 120
READ_TTL_S = 30


@st.cache_data(ttl=READ_TTL_S, show_spinner="Reading the subnets…")
def subnets(_bench: Workbench, place: Place) -> list[Subnet]:
    return network.list_subnets(_bench.cloud, place)


def find(bench: Workbench, place: Place, database: str) -> Deployed | None:
    """The pipeline of the database, if there is one."""
    found = catalogue.list_pipelines(bench.cloud, place)
    return next((pipeline for pipeline in found if pipeline.database == database), None)


def begin(
    bench: Workbench, place: Place, deployed: Deployed | None, database: str, found: list[Subnet]
) -> Pipeline:
    """What the form begins with: the pipeline as it is, or sensible defaults."""
    if deployed is None or deployed.stack.status == "REVIEW_IN_PROGRESS":
        there = catalogue.find_database(bench.cloud, place, database)
        engine = there.engine if there else "postgres"
        return form.fresh(database, engine, found, bench.settings.poll_seconds)
    return _with_proposal(_as_deployed(bench, deployed, deployed.stack.parameters["ScriptPrefix"]))


def propose(pipeline: Deployed, suggestions: Sequence[Suggestion]) -> None:
    """Opens the form with the suggestions in the policy."""
    st.session_state[_PROPOSED] = (pipeline.name, suggestions)
    query = {
        "account": pipeline.place.account.name,
        "region": pipeline.place.region,
        "database": pipeline.database,
    }
    st.switch_page(navigation.snapshot_pipeline(), query_params=query)


def withdraw() -> None:
    """Nothing is proposed any more."""
    st.session_state.pop(_PROPOSED, None)


def _with_proposal(pipeline: Pipeline) -> Pipeline:
    """What was proposed stays in the form until it is left: a form's first value must not change."""
    name, suggestions = st.session_state.get(_PROPOSED, ("", ()))
    if name != pipeline.stack_name:
        return pipeline
    st.info(
        f"The policy holds {count(len(suggestions), 'line')} that {'is' if len(suggestions) == 1 else 'are'} "
        "suggested, each with its reason: read and correct them, then preview the changes.",
        icon=":material/edit_note:",
    )
    return replace(pipeline, policy=with_suggestions(pipeline.policy, suggestions))


@st.cache_data(ttl=READ_TTL_S, show_spinner="Reading the policy…")
def _as_deployed(_bench: Workbench, _deployed: Deployed, prefix: str) -> Pipeline:
    return from_parameters(_deployed.stack.parameters, catalogue.read_policy(_bench.cloud, _deployed))


def show_stack(deployed: Deployed | None) -> None:
    """Whether there is a pipeline, in a sentence."""
    if deployed is None:
        st.markdown("No pipeline yet. Nothing is deployed before you have seen and confirmed the changes.")
        return
    look = statuses.stack(deployed.stack.status)
    st.markdown(f"{look.markdown} {plain(deployed.name)} {plain(deployed.stack.status_reason)}")


def preview(bench: Workbench, place: Place, asked: Pipeline) -> None:
    """Makes the change set and keeps it for this browser's session."""
    prepared = prepare(bench.cloud, place, asked, datetime.now(UTC))
    with st.spinner("Asking CloudFormation what would change…"):
        work = wait_for(start(bench, prepared.plan), PREVIEW_S)
    if error := work.error or (work.outcome and work.outcome.error):
        show_error(error)
        return
    st.session_state["preview"] = deploy.read_preview(bench.cloud, prepared.spec)


def show_checks(bench: Workbench, place: Place, asked: Pipeline) -> None:
    """What of the pipeline would work, what would fail, and what nobody can tell beforehand."""
    found = preflight(bench.cloud, place, asked, datetime.now(UTC))
    st.markdown("#### Checks")
    for item in found:
        st.markdown(f"{LOOKS[item.verdict].markdown} **{plain(item.subject)}** · {plain(item.reason)}")


def show_preview(bench: Workbench, place: Place, database: str) -> None:
    """What would change, and the buttons that do it or forget it."""
    found: Preview | None = st.session_state.get("preview")
    here = (STACK_PREFIX + database, place.account.id, place.region)
    if found is None or (found.spec.name, found.spec.account, found.spec.region) != here:
        return
    if found.up_to_date:
        st.success("Nothing would change: the pipeline is up to date.", icon=":material/check_circle:")
        return
    st.markdown("#### Changes")
    verb = "create the pipeline" if found.creates else "change the pipeline"
    st.markdown(f"This would {verb}: {count(len(found.changes), 'resource')}.")
    if found.destructive_changes:
        sure = [
            change
            for change in found.destructive_changes
            if "True" in change.replacement or change.action == "Remove"
        ]
        words = [f"{count(len(sure), 'resource')} would be removed or replaced"] if sure else []
        if unsure := len(found.destructive_changes) - len(sure):
            words.append(f"{count(unsure, 'resource')} may be replaced: CloudFormation knows once others are")
        st.warning(f"{'; '.join(words)}.", icon=":material/warning:")
    form.show_changes(found.changes)
    with st.container(horizontal=True):
        if operation_button(
            bench, Operation.DEPLOY_STACK, "Deploy", type="primary", icon=":material/rocket_launch:"
        ):
            start(bench, deploy.plan_deploy(bench.cloud, found))
            del st.session_state["preview"]
            withdraw()
            st.rerun()
        if operation_button(bench, Operation.DISCARD_CHANGES, "Discard", icon=":material/delete:"):
            plan = deploy.plan_discard(bench.cloud, found)
            wait_for(start(bench, plan), PREVIEW_S)
            del st.session_state["preview"]
            st.rerun()


def show_deployment(bench: Workbench, place: Place, database: str) -> bool:
    """The deployment of this stack that is under way, or ended last; whether one is under way."""
    work = _last_work(bench, place, STACK_PREFIX + database)
    if work is None:
        return False
    if work.running:
        _follow(work)
        return True
    ok = bool(work.outcome and work.outcome.ok)
    with st.expander(f"{plain(work.plan.title)}: {'done' if ok else 'failed'}", expanded=not ok):
        show_plan_progress(work)
    if ok:
        st.page_link(navigation.snapshots(), label="To its snapshots", icon=":material/database:")
    return False


def _follow(work: PlanRun) -> None:
    """Redraws the work alone while it goes on, then the page once."""

    @st.fragment(run_every=FOLLOW_S)
    def panel() -> None:
        show_plan_progress(work)
        if not work.running:
            clear_caches_once(work.id)
            st.rerun()

    panel()


def _last_work(bench: Workbench, place: Place, stack: str) -> PlanRun | None:
    """By stack, account and region: any browser that opens the page sees the same."""
    for work in bench.plan_runs.recent():
        for step in work.plan.steps:
            where = (step.resource.id, step.resource.account, step.resource.region)
            if step.id in ("execute", "delete") and where == (stack, place.account.id, place.region):
                return work
    return None


def offer_deletion(bench: Workbench, deployed: Deployed | None) -> None:
    """Deleting the pipeline; its sanitized snapshots stay."""
    if deployed is None:
        return
    with st.expander("Delete this pipeline"):
        st.markdown("Sanitized snapshots stay, shared as they are. The scripts stay in the staging bucket.")
        if operation_button(
            bench, Operation.DELETE_STACK, "Delete pipeline", icon=":material/delete_forever:"
        ):
            _confirm_deletion(bench, deployed)


@dialog("Delete the pipeline")
def _confirm_deletion(bench: Workbench, deployed: Deployed) -> None:
    where = (deployed.place.account.id, deployed.place.region)
    plan = deploy.plan_delete(bench.cloud, deployed.stack, *where)
    if confirm_plan(bench, plan, button="Delete pipeline"):
        close_dialog()
