"""The script of the Streamlit app: sign-in, navigation, and the frame of every page."""

from pathlib import Path

import streamlit as st

from app.shared import address, time_zone
from app.shared.components import show_error
from app.shared.navigation import menu
from app.shared.session import workbench
from app.shared.shortcuts import show_shortcuts
from app.shared.sign_in import require_user, show_user
from ops.errors import SlipwayError

FAVICON = Path(__file__).with_name("favicon.png")  # browsers load Streamlit's icons from another server

st.set_page_config(page_title="Slipway", page_icon=FAVICON, layout="wide")

pages = menu()
navigation = st.navigation(pages)
address.current()  # note the page, also of one without parameters

try:
    user = require_user()
    bench = workbench()
except SlipwayError as error:
    st.title("Cannot connect")
    show_error(error)
    st.stop()

with st.sidebar:
    st.caption(f"Connected to: {'embedded cloud (local)' if bench.embedded else 'AWS'}")
    show_user(user)
    time_zone.choose()
    show_shortcuts([page for section in pages.values() for page in section])

try:
    navigation.run()
except SlipwayError as error:  # not handled by a part of the page
    show_error(error)
