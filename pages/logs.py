"""Exported logs: search, histogram, facets, events with their context, templates, SQL."""

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
    source = logs_data.source(bench, view.dataset)
except NotFound as error:
    empty_state(plain(str(error)), plain(error.hint))
    st.stop()
st.caption(f"Exported to {plain(source.name)}")

search_bar.show_bar(bench, view)
try:
    search = view.search(search_bar.now())
    with st.spinner("Listing what there is…", show_time=True):
        estimate = logs_data.estimate(source, source.name, search.scope, view.engine)
except InputError as error:
    search_bar.show_query_error(error)
    st.stop()
except SlipwayError as error:
    show_error(error)
    st.stop()

search_bar.show_engine(view, estimate)
if view.view == "sql":
    sql_mode.show_sql(bench, source, estimate, view, search)
elif view.view == "templates":
    logs_views.show_templates(source, estimate, view, search)
else:
    logs_views.show_found(source, estimate, view, search)
