"""The entry point: pages, navigation, the frame around every page."""

import streamlit as st

from app.components import show_error
from app.navigation import menu
from app.session import workbench
from ops.errors import SlipwayError

st.set_page_config(page_title="Slipway", page_icon=":material/sailing:", layout="wide")


navigation = st.navigation(menu())

try:
    bench = workbench()
except SlipwayError as error:
    st.title("Slipway cannot connect")
    show_error(error)
    st.stop()

with st.sidebar:
    where = "the embedded cloud on this machine" if bench.embedded else "AWS"
    st.caption(f"Works with {where} as {bench.actor.name}")

try:
    navigation.run()
except SlipwayError as error:  # what no part of the page has shown in its place
    show_error(error)
