"""Support stacks of CDK pipelines: inventory, cleanup, shared replication buckets, and migration."""

import streamlit as st

from app.shared import address
from app.shared.dialogs import show_dialog
from app.shared.inventory import inventory_scan, is_outdated, start_scan
from app.shared.session import workbench
from app.support_stacks import actions, views

bench = workbench()
show_dialog()
scan = inventory_scan(bench)
if scan.unread or is_outdated(bench, scan):
    start_scan(bench, scan)
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
    st.title("Support stacks")
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        min_idle_days = views.input_min_idle_days()
        st.button(
            "Refresh",
            key="refresh",
            icon=":material/refresh:",
            disabled=scan.running,
            on_click=start_scan,
            args=(bench, scan),
        )
views.show_failure(scan)
if scan.running:
    views.show_progress(scan)

graph = views.graph_of(scan, min_idle_days)
if graph is None:
    st.stop()

views.show_summary(graph)
views.show_gaps(graph)
names = ["Inventory", "Graph", "Cleanup", "Shared replication buckets", "Migration"]
open_tab, container = address.tabs(names)
with container:
    if open_tab == "Graph":
        views.show_graph(graph)
    elif open_tab == "Cleanup":
        actions.show_clean_up(bench, graph, outdated=scan.running)
    elif open_tab == "Shared replication buckets":
        actions.show_shared_buckets(bench, graph)
    elif open_tab == "Migration":
        actions.show_migration(bench, graph)
    elif graph.verdicts:
        views.show_inventory(graph)
    else:
        views.show_no_resources()
