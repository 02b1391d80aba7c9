"""Exported logs: search, histogram, facets, events with their context, templates, SQL."""

import streamlit as st

from app import logs_bar, logs_data, logs_sql, logs_views
from app.components import empty_state, plain, show_error
from app.session import workbench
from ops.errors import InputError, NotFound, SlipwayError

bench = workbench()
view = logs_bar.current()
st.title("Logs")
logs_bar.hide_plain_export()

try:
    source = logs_data.source(bench, view.dataset)
except NotFound as error:
    empty_state(plain(str(error)), plain(error.hint))
    st.stop()
st.caption(f"Exported to {plain(source.name)}")

logs_bar.show_bar(bench, view)
try:
    search = view.search(logs_bar.now())
    with st.spinner("Listing what there is…", show_time=True):
        estimate = logs_data.estimate(source, source.name, search.scope, view.engine)
except InputError as error:
    logs_bar.show_query_error(error)
    st.stop()
except SlipwayError as error:
    show_error(error)
    st.stop()

logs_bar.show_engine(view, estimate)
if view.view == "sql":
    logs_sql.show_sql(bench, source, estimate, view, search)
elif view.view == "templates":
    logs_views.show_templates(source, estimate, view, search)
else:
    logs_views.show_found(source, estimate, view, search)
