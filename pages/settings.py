"""Settings: accounts, the current user and role, IAM permissions, and the effective settings."""

import streamlit as st

from app.settings import checks, views
from app.shared.session import workbench

bench = workbench()
st.title("Settings")
st.caption("Accounts, permissions, and settings. To change them, edit slipway.toml or the environment.")
views.show_connection(bench)
user, permissions, doctor, values = st.tabs(["User", "Permissions", "Checks", "Settings"])
with user:
    views.show_user(bench)
with permissions:
    views.show_permissions(bench)
with doctor:
    checks.show_checks(bench)
with values:
    views.show_settings(bench)
