"""The page Snapshots: databases, their pipelines, runs, and sanitized snapshots."""

import streamlit as st

from app.shared.components import choose_place, empty_state, plain, show_error
from app.shared.dialogs import show_dialog
from app.shared.session import workbench
from app.shared.words import count
from app.snapshots import views
from ops.errors import SlipwayError

bench = workbench()
show_dialog()
st.title("Snapshots")

place = choose_place(bench)
try:
    databases = views.databases(bench, place)
    pipelines = views.pipelines(bench, place)
except SlipwayError as error:
    show_error(error)
    st.stop()

if not databases:
    empty_state(
        f"No databases in {plain(place.account.name)}, {place.region}",
        "Choose another account or region.",
    )
    st.stop()

by_database = {pipeline.database: pipeline for pipeline in pipelines}
st.caption(
    f"{count(len(databases), 'database')} in {plain(place.account.name)}, {place.region} · "
    f"{count(len(by_database), 'snapshot pipeline')}"
)
database = views.choose_database(databases, by_database)
pipeline = by_database.get(database.id)

st.subheader(database.id, divider="gray")
if pipeline is None:
    views.show_no_pipeline(place, database)
    st.stop()

views.show_header(bench, pipeline)
if pipeline.machine:
    views.show_runs(bench, pipeline)
    views.show_sanitized(bench, pipeline)
    views.show_report(bench, pipeline)
    views.show_history(bench, pipeline)
    views.show_leftovers(bench, pipeline)
