"""Restoring the newest sanitized snapshot in an account that may use it: the dialog and its progress."""

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
from app.shared.plan_runs import PlanRun
from app.shared.session import Workbench
from ops.aws import network
from ops.aws.cloud import Place
from ops.aws.rds.changes import list_subnet_groups
from ops.operations import Operation
from ops.settings import Account
from ops.snapshots.pipeline.catalogue import Deployed
from ops.snapshots.restore.choice import Asked, newest_for, restore_of
from ops.snapshots.restore.plan import plan_restore, restores_of

CHOICES_TTL_S = 30
FOLLOW_S = 2
DEFAULT = "RDS's own choice"


def offer_restore(bench: Workbench, pipeline: Deployed, *, possible: bool) -> None:
    """The button, where there is an account to restore in; `possible` once there is a snapshot."""
    accounts = _accounts(bench, pipeline)
    if accounts and operation_button(
        bench,
        Operation.RESTORE_SNAPSHOT,
        "Restore in an account",
        icon=":material/settings_backup_restore:",
        disabled=not possible,
    ):
        _ask(bench, pipeline, accounts)


def _accounts(bench: Workbench, pipeline: Deployed) -> list[Account]:
    """Those that the workbench works in and that may use the snapshots; others do it for themselves."""
    may = {*pipeline.shares, pipeline.place.account.id}
    found = [account for account in bench.cloud.accounts if account.id in may]
    return sorted(found, key=lambda account: account == pipeline.place.account)


@dialog("Restore the newest sanitized snapshot")
def _ask(bench: Workbench, pipeline: Deployed, accounts: list[Account]) -> None:
    with errors_shown():
        asked = _choose(bench, pipeline, accounts)
        newest = newest_for(bench.cloud, pipeline, bench.cloud.account(asked.account).id)
        st.caption(f"From {plain(newest.snapshot.id)}. An old one answers until the new one is available.")
        restore = restore_of(bench.cloud, pipeline, asked, look_s=float(bench.settings.poll_seconds))
        if confirm_plan(bench, plan_restore(restore), button="Restore"):
            close_dialog()


def _choose(bench: Workbench, pipeline: Deployed, accounts: list[Account]) -> Asked:
    left, right = st.columns(2)
    name = left.selectbox("Account", [account.name for account in accounts], key="restore-account")
    stem = f"{pipeline.database}-sanitized"
    database = right.text_input("Name of the database", stem, key="restore-name").strip()
    place = Place(bench.cloud.account(name), pipeline.place.region)
    groups, guards = _choices(bench, place)
    left, right = st.columns(2)  # anew: on a narrow screen one follows the other
    group = left.selectbox("Subnet group", [DEFAULT, *groups], key="restore-subnets")
    chosen = right.multiselect(
        "Security groups", list(guards), format_func=lambda id_: guards[id_], key="restore-guards",
        placeholder=DEFAULT,
    )  # fmt: skip
    with st.expander("More"):
        size = st.text_input("Instance class", placeholder="production's", key="restore-class").strip()
        key = st.text_input(
            "KMS key of an encrypted snapshot's copy", placeholder="alias/aws/rds", key="restore-key"
        ).strip()
    return Asked(
        account=name,
        name=database,
        subnet_group="" if group == DEFAULT else group,
        security_groups=tuple(chosen),
        instance_class=size,
        key=key,
    )


@st.cache_data(ttl=CHOICES_TTL_S, show_spinner="Reading the account's network…")
def _choices(_bench: Workbench, place: Place) -> tuple[list[str], dict[str, str]]:
    """Subnet groups by name, security groups by id with a label."""
    guards = {
        group.id: f"{group.name} · {group.id} · {group.vpc}"
        for group in network.list_security_groups(_bench.cloud, place)
    }
    return [name for name, _ in list_subnet_groups(_bench.cloud, place)], guards


def show_restores(bench: Workbench, pipeline: Deployed) -> None:
    """The last restore of this pipeline's snapshots that was started here, under way or ended."""
    work = _last(bench, pipeline)
    if work is None:
        return
    if work.running:
        _follow(bench, work)
        return
    ok = bool(work.outcome and work.outcome.ok)
    with st.expander(f"{plain(work.plan.title)}: {'done' if ok else 'not finished'}", expanded=not ok):
        show_plan_progress(work)
        if not ok:
            empty_state("It can be started again", "Every step recognizes that it is done.")


def _follow(bench: Workbench, work: PlanRun) -> None:
    @st.fragment(run_every=FOLLOW_S)
    def panel() -> None:
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
        if not work.running:
            st.rerun()

    panel()


def _last(bench: Workbench, pipeline: Deployed) -> PlanRun | None:
    """By the snapshots' own database: any browser that opens the page sees the same."""
    return next(
        (work for work in bench.plan_runs.recent() if restores_of(work.plan, pipeline.database)), None
    )
