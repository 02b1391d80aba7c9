"""The page Snapshot pipeline: set up or change the pipeline of a database."""

import streamlit as st

from app.shared import address, navigation
from app.shared.components import choose_place, empty_state, plain, show_error
from app.shared.dialogs import show_dialog
from app.shared.session import workbench
from app.snapshots import pipeline_form as form
from app.snapshots import pipeline_steps as steps
from app.snapshots import review
from ops.errors import SlipwayError

bench = workbench()
show_dialog()
database = address.current().get("database", "")
st.title("Snapshot pipeline")
place = choose_place(bench)

if not database:
    empty_state(
        "No database selected", "Select a database on the page Snapshots, then click Set up pipeline."
    )
    st.page_link(navigation.snapshots(), label="Snapshots", icon=":material/database:")
    st.stop()

st.subheader(plain(database), divider="gray")
try:
    deployed = steps.find(bench, place, database)
    subnets = steps.subnets(bench, place)
    start = steps.initial_settings(bench, place, deployed, database, subnets)
    steps.show_stack(deployed)
    if not steps.show_deployment(bench, place, database):
        if deployed and deployed.machine:
            review.show_review(bench, deployed, start.policy, form.current_policy(start))
        if settings := form.show_form(bench, place, start, subnets):
            steps.show_checks(bench, place, settings)
            steps.preview(bench, place, settings)
        steps.show_preview(bench, place, database)
        steps.offer_deletion(bench, deployed)
except SlipwayError as error:
    show_error(error)
