"""The Logs page: search exported logs, with histogram, facets, context, patterns, SQL, and alerts."""

import streamlit as st

from app.logs import dashboard_view, datasets, deltas_view, live_view, patterns_view, search_bar, sql_mode
from app.logs import data as logs_data
from app.logs import views as logs_views
from app.logs.alerts.view import show_alerts
from app.shared.components import empty_state, plain, show_error
from app.shared.session import workbench
from ops.errors import InputError, NotFound, SlipwayError

bench = workbench()
view = search_bar.current()
search_bar.style_page()
head = st.container(horizontal=True, vertical_alignment="center", gap="small", key="logs_head")
with head:
    st.title("Logs", width="content")
    search_bar.show_views(view)

try:
    dataset = logs_data.dataset(bench, view.dataset)
except NotFound as error:
    empty_state(plain(str(error)), plain(error.hint))
    st.stop()

search_bar.show_bar(bench, view)
if view.error:  # another range than the link's would show other events as if they were those
    search_bar.show_query_error(view.error)
    st.stop()
try:
    search = view.search(search_bar.now(), bench.cloud.accounts)
    with st.spinner("Listing objects…", show_time=True):
        datasets.show_datasets(bench, dataset, view)
        estimate = logs_data.estimate(dataset, dataset.name, search.scope, view.engine)
except InputError as error:
    search_bar.show_query_error(error)
    st.stop()
except SlipwayError as error:
    show_error(error)
    st.stop()

with head:
    search_bar.show_engine(view, estimate, dataset.name)
if view.view == "sql":
    sql_mode.show_sql(bench, dataset, estimate, view, search)
elif view.view == "dashboard":
    dashboard_view.show_dashboard(bench, dataset, estimate, view, search)
elif view.view == "alerts":
    show_alerts(bench, dataset, view)
elif view.view == "patterns":
    patterns_view.show_patterns(dataset, estimate, view, search)
elif view.view == "deltas":
    deltas_view.show_deltas(dataset, estimate, view, search)
elif view.live:
    live_view.show_live(bench, dataset, estimate, view, search)
else:
    logs_views.show_events_view(dataset, estimate, view, search)
