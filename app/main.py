"""The script of the Streamlit app: sign-in, navigation, and the frame of every page."""

import streamlit as st

from app.shared.components import show_error
from app.shared.navigation import menu
from app.shared.session import workbench
from app.shared.sign_in import require_sign_in, show_user
from ops import settings
from ops.errors import SlipwayError

st.set_page_config(page_title="Slipway", page_icon=":material/sailing:", layout="wide")

navigation = st.navigation(menu())

try:
    user = require_sign_in(settings.load())
    bench = workbench()
except SlipwayError as error:
    st.title("Cannot connect")
    show_error(error)
    st.stop()

with st.sidebar:
    st.caption(f"Connected to: {'embedded cloud (local)' if bench.embedded else 'AWS'}")
    show_user(user)

try:
    navigation.run()
except SlipwayError as error:  # not handled by a part of the page
    show_error(error)
