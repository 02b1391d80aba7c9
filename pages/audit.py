"""Audit: who changed what, when, from where, and how it ended."""

import streamlit as st

from app.audit import views
from app.shared.components import plain
from app.shared.session import workbench

bench = workbench()
st.title("Audit")
st.caption(
    f"Every change that a page or the command line makes is recorded before and after, in "
    f"{plain(str(bench.settings.audit_group or bench.settings.audit_file))}."
)
records = views.newest(bench)
text, results = views.ask_search()
views.show(records, views.matching(records, text, results))
