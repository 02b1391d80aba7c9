"""Restores the newest sanitized snapshot in an account it is shared with: the dialog and the progress."""

import streamlit as st

from app.shared.components import (
    confirm_plan,
    empty_state,
    errors_shown,
    operation_button,
    plain,
    show_plan_progress,
)
from app.shared.dialogs import close_dialog, dialog
from app.shared.plans.runs import PlanRun
from app.shared.refreshing import show_refreshing
from app.shared.session import Workbench
from ops.aws import network
from ops.aws.cloud import Place
from ops.aws.rds.changes import list_subnet_groups
from ops.operations import Operation
from ops.settings import Account
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.restore.choice import RestoreRequest, newest_snapshot_for, restore_from_request
from ops.snapshots.restore.plan import is_restore_of, plan_restore

CHOICES_TTL_S = 30
REFRESH_S = 2
RDS_DEFAULT = "RDS default"


def offer_restore(bench: Workbench, pipeline: DeployedPipeline, *, possible: bool) -> None:
    """Show the button if there is an account to restore in; enabled if there is a snapshot (`possible`)."""
    accounts = _accounts(bench, pipeline)
    if accounts and operation_button(
        bench,
        Operation.RESTORE_SNAPSHOT,
        "Restore snapshot",
        icon=":material/settings_backup_restore:",
        disabled=not possible,
    ):
        _restore_dialog(bench, pipeline, accounts)


def _accounts(bench: Workbench, pipeline: DeployedPipeline) -> list[Account]:
    """Return the configured accounts that can restore the snapshots."""
    allowed = {*pipeline.shares, pipeline.place.account.id}
    accounts = [account for account in bench.cloud.accounts if account.id in allowed]
    return sorted(accounts, key=lambda account: account == pipeline.place.account)


@dialog("Restore snapshot")
def _restore_dialog(bench: Workbench, pipeline: DeployedPipeline, accounts: list[Account]) -> None:
    with errors_shown():
        request = _choose(bench, pipeline, accounts)
        newest = newest_snapshot_for(bench.cloud, pipeline, bench.cloud.account(request.account).id)
        st.caption(
            f"Snapshot: {plain(newest.snapshot.id)}. "
            "An existing database stays available until the new one is."
        )
        restore = restore_from_request(
            bench.cloud, pipeline, request, poll_s=float(bench.settings.poll_seconds)
        )
        if confirm_plan(bench, plan_restore(restore), button="Restore snapshot"):
            close_dialog()


def _choose(bench: Workbench, pipeline: DeployedPipeline, accounts: list[Account]) -> RestoreRequest:
    left, right = st.columns(2)
    name = left.selectbox("Account", [account.name for account in accounts], key="restore-account")
    stem = f"{pipeline.database}-sanitized"
    database = right.text_input("Database identifier", stem, key="restore-name").strip()
    place = Place(bench.cloud.account(name), pipeline.place.region)
    subnet_groups, security_groups = _choices(bench, place)
    left, right = st.columns(2)  # a new row: on a narrow screen columns are stacked
    group = left.selectbox("Subnet group", [RDS_DEFAULT, *subnet_groups], key="restore-subnets")
    chosen = right.multiselect(
        "Security groups", list(security_groups), format_func=lambda id_: security_groups[id_],
        key="restore-security-groups",
        placeholder=RDS_DEFAULT,
    )  # fmt: skip
    with st.expander("More settings"):
        size = st.text_input(
            "Instance class", placeholder="Default: class of production", key="restore-class"
        ).strip()
        key = st.text_input(
            "KMS key for the copy of an encrypted snapshot", placeholder="alias/aws/rds", key="restore-key"
        ).strip()
    return RestoreRequest(
        account=name,
        name=database,
        subnet_group="" if group == RDS_DEFAULT else group,
        security_groups=tuple(chosen),
        instance_class=size,
        key=key,
    )


@st.cache_data(ttl=CHOICES_TTL_S, show_spinner="Loading network settings…")
def _choices(_bench: Workbench, place: Place) -> tuple[list[str], dict[str, str]]:
    """Return the names of subnet groups, and security groups by ID with a label."""
    security_groups = {
        group.id: f"{group.name} · {group.id} · {group.vpc}"
        for group in network.list_security_groups(_bench.cloud, place)
    }
    return [name for name, _ in list_subnet_groups(_bench.cloud, place)], security_groups


def show_restores(bench: Workbench, pipeline: DeployedPipeline) -> None:
    """Show the last restore of a snapshot of this pipeline, in progress or finished."""
    work = _last(bench, pipeline)
    if work is None:
        return
    if work.running:
        _follow(bench, work)
        return
    ok = bool(work.outcome and work.outcome.ok)
    with st.expander(f"{plain(work.plan.title)}: {'succeeded' if ok else 'failed'}", expanded=not ok):
        show_plan_progress(work)
        if not ok:
            empty_state("Retry the restore", "Completed steps are skipped.")


def _follow(bench: Workbench, work: PlanRun) -> None:
    def panel() -> bool:
        with st.container(border=True):
            st.markdown(f"**{plain(work.plan.title)}**")
            show_plan_progress(work)
            if operation_button(
                bench,
                work.plan.operation,
                "Stop after this step",
                icon=":material/stop_circle:",
                key=f"stop-{work.id}",
            ):
                work.stop()
        return not work.running

    show_refreshing(panel, every=REFRESH_S)


def _last(bench: Workbench, pipeline: DeployedPipeline) -> PlanRun | None:
    """Return the last restore by database: every browser that opens the page shows the same."""
    return next(
        (work for work in bench.plan_runs.recent() if is_restore_of(work.plan, pipeline.database)), None
    )
