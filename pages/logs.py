"""The Logs page: search exported logs, with histogram, facets, context, patterns, and SQL."""

import streamlit as st

from app.logs import data as logs_data
from app.logs import search_bar, sql_mode
from app.logs import views as logs_views
from app.shared.components import empty_state, plain, show_error
from app.shared.session import workbench
from ops.errors import InputError, NotFound, SlipwayError

bench = workbench()
view = search_bar.current()
st.title("Logs")
search_bar.hide_plain_export()

try:
    dataset = logs_data.dataset(bench, view.dataset)
except NotFound as error:
    empty_state(plain(str(error)), plain(error.hint))
    st.stop()
st.caption(f"Dataset: {plain(dataset.name)}")

search_bar.show_bar(bench, view)
if view.error:  # another range than the link's would show other events as if they were those
    search_bar.show_query_error(view.error)
    st.stop()
try:
    search = view.search(search_bar.now())
    with st.spinner("Listing objects…", show_time=True):
        estimate = logs_data.estimate(dataset, dataset.name, search.scope, view.engine)
except InputError as error:
    search_bar.show_query_error(error)
    st.stop()
except SlipwayError as error:
    show_error(error)
    st.stop()

search_bar.show_engine(view, estimate)
if view.view == "sql":
    sql_mode.show_sql(bench, dataset, estimate, view, search)
elif view.view == "patterns":
    logs_views.show_patterns(dataset, estimate, view, search)
else:
    logs_views.show_events_view(dataset, estimate, view, search)
