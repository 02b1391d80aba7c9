"""Settings: what is connected, who is here, what each job may do and lacks, every setting in force."""

import streamlit as st

from app.settings import views
from app.shared.session import workbench

bench = workbench()
st.title("Settings")
st.caption(
    "What Slipway is connected to, and what it may do there. Changed in slipway.toml or the environment."
)
views.show_connection(bench)
person, permissions, values = st.tabs(["You", "Permissions", "Values"])
with person:
    views.show_person(bench)
with permissions:
    views.show_rights(bench)
with values:
    views.show_settings(bench)
