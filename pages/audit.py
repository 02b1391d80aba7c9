"""Audit: who changed which resource, when, from where, and with which result."""

import streamlit as st

from app.audit import views
from app.shared.components import plain
from app.shared.session import workbench

bench = workbench()
st.title("Audit")
st.caption(
    "Every change made on a page or on the command line, recorded before and after it runs in "
    f"{plain(str(bench.settings.audit_group or bench.settings.audit_file))}."
)
records = views.latest(bench)
text, results = views.filter_inputs()
views.show(records, views.matching(records, text, results))
