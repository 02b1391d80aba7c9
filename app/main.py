"""The entry point: who is there, pages, navigation, the frame around every page."""

import streamlit as st

from app.shared.components import show_error
from app.shared.navigation import menu
from app.shared.session import workbench
from app.shared.sign_in import guard, show_actor
from ops import settings
from ops.errors import SlipwayError

st.set_page_config(page_title="Slipway", page_icon=":material/sailing:", layout="wide")

navigation = st.navigation(menu())

try:
    person = guard(settings.load())
    bench = workbench()
except SlipwayError as error:
    st.title("Slipway cannot connect")
    show_error(error)
    st.stop()

with st.sidebar:
    st.caption(f"Works with {'the embedded cloud on this machine' if bench.embedded else 'AWS'}")
    show_actor(person)

try:
    navigation.run()
except SlipwayError as error:  # what no part of the page has shown in its place
    show_error(error)
