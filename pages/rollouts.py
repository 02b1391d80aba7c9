"""The page Rollouts: runs, the plan of a rollout, and the simulator."""

import streamlit as st

from app.rollouts import commands, form, views
from app.rollouts import planning as plan
from app.shared import address, rollout_runs
from app.shared.components import empty_state, show_error
from app.shared.dialogs import show_dialog
from app.shared.session import workbench
from app.shared.words import count
from ops.errors import SlipwayError

VIEWS = ("Runs", "Plan", "Simulate")

bench = workbench()
show_dialog()
st.title("Rollouts")

if run := plan.take_started_run():
    address.push({"view": "", "run": run})
view = address.choose(
    st.radio,
    "View",
    VIEWS,
    name="view",
    key="rollout-view",
    clears=("run",),
    label_visibility="collapsed",
    horizontal=True,
)

try:
    if view == "Simulate":
        st.caption("Simulates the rollout with faults and operator commands, using the controller's rules.")
        if document := plan.edit_document(bench):
            plan.show_simulation(bench, document)
        st.stop()
    if not rollout_runs.has_controller(bench):
        views.show_not_deployed(bench)
        st.stop()
    controller = rollout_runs.controller(bench)
    if view == "Plan":
        form.show_form(bench, plan.FOLDER)
        if document := plan.edit_document(bench):
            plan.show_calendar(document)
            plan.offer_start(bench, controller, document)
        st.stop()
    runs = rollout_runs.list_runs(bench, controller, controller.table)
    in_progress = sum(run.status == "RUNNING" for run in runs)
    stuck = sum(run.status == "STUCK" for run in runs)
    st.caption(
        f"{count(len(runs), 'run')} · {in_progress or 'none'} in progress"
        f" · {stuck or 'none'} {'needs' if stuck == 1 else 'need'} attention"
    )
    if not runs:
        empty_state(
            "No rollouts yet",
            "A rollout deploys one stack to many accounts and regions in waves, monitors it, and rolls back "
            "automatically. Choose Plan above to review the calendar and the changes, then start it.",
        )
        st.stop()
    run = views.choose_run(runs)
    live = next(summary for summary in runs if summary.run == run).status == "RUNNING"
    views.show_run(bench, controller, run, live=live)
    commands.show_freeze(bench, controller)
except SlipwayError as error:
    show_error(error)
