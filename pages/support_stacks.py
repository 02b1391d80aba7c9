"""Support stacks of CDK pipelines: who needs them, cleaning up what nobody does, and doing without."""

import streamlit as st

from app.shared.dialogs import show_dialog
from app.shared.session import workbench
from app.support_stacks import actions, views

bench = workbench()
show_dialog()
reading = views.scan(bench)
if (reading.inventory is None and reading.error is None) or actions.is_outdated(bench, reading):
    views.begin(bench, reading)
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
    st.title("Support stacks")
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        quiet_days = views.ask_quiet_days()
        again = st.button("Read again", key="read-again", icon=":material/refresh:", disabled=reading.running)
if again:
    views.begin(bench, reading)
    st.rerun()
views.show_failure(reading)
if reading.running:
    views.show_progress(reading)

graph = views.graph_of(reading, quiet_days)
if graph is None:
    st.stop()

views.show_state(graph)
views.show_gaps(graph)
names = ["Inventory", "Graph", "Clean-up", "Cure", "Migration"]
tabs = dict(zip(names, st.tabs(names, key="view", bind="query-params"), strict=True))
open_tab = next((name for name, tab in tabs.items() if tab.open), names[0])
with tabs[open_tab]:
    if open_tab == "Graph":
        views.show_graph(graph)
    elif open_tab == "Clean-up":
        actions.show_clean_up(bench, graph, outdated=reading.running)
    elif open_tab == "Cure":
        actions.show_cure(bench, graph)
    elif open_tab == "Migration":
        actions.show_migration(bench, graph)
    elif graph.verdicts:
        views.show_inventory(graph)
    else:
        views.show_nothing()
