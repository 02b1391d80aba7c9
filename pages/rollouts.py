"""Hands-off rollouts: the live run, the plan of the next one, the simulator."""

import streamlit as st

from app.rollouts import form, views
from app.rollouts import planning as plan
from app.shared.components import empty_state, show_error
from app.shared.dialogs import show_dialog
from app.shared.rollout_runs import controller, has_controller, list_runs
from app.shared.session import workbench
from app.shared.words import count
from ops.errors import SlipwayError

VIEWS = ("Runs", "Plan", "Simulate")

bench = workbench()
show_dialog()
st.title("Rollouts")

if run := plan.started():
    st.session_state.update({"rollout-view": VIEWS[0], "rollout-run": run})
if st.session_state.get("rollout-view") not in VIEWS:
    wanted = st.query_params.get("view")
    st.session_state["rollout-view"] = wanted if wanted in VIEWS else VIEWS[0]
view = st.radio("View", VIEWS, key="rollout-view", label_visibility="collapsed", horizontal=True)
if st.query_params.get("view") != view:
    st.query_params["view"] = view

try:
    if view == "Simulate":
        st.caption("Plays the rollout on a fake clock, with faults; decided by the same rules as the engine.")
        if document := plan.ask_document(bench):
            plan.show_simulation(bench, document)
        st.stop()
    if not has_controller(bench):
        views.show_no_engine(bench)
        st.stop()
    engine = controller(bench)
    if view == "Plan":
        form.offer(bench, plan.FOLDER)
        if document := plan.ask_document(bench):
            plan.show_calendar(document)
            plan.offer_start(bench, engine, document)
        st.stop()
    found = list_runs(bench, engine, engine.table)
    under_way = sum(each.status == "RUNNING" for each in found)
    stuck = [each.run for each in found if each.status == "STUCK"]
    st.caption(f"{count(len(found), 'run')}, {under_way or 'none'} under way, {len(stuck) or 'none'} stuck.")
    if not found:
        empty_state(
            "No rollout was started yet",
            "A rollout deploys one stack to many accounts and regions, in waves, watches it, and rolls back "
            "by itself. Choose Plan above, look at the calendar and the changes, and start it there.",
        )
        st.stop()
    run = views.choose_run(found)
    live = next(each for each in found if each.run == run).status == "RUNNING"
    views.show_run(bench, engine, run, live=live)
    views.show_freeze(bench, engine)
except SlipwayError as error:
    show_error(error)
