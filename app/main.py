"""The entry point: pages, navigation, the frame around every page."""

from pathlib import Path

import streamlit as st

from app.components import show_error
from app.session import workbench
from ops.errors import SlipwayError

PAGES = Path(__file__).parents[1] / "pages"

st.set_page_config(page_title="Slipway", page_icon=":material/sailing:", layout="wide")


def page(file: str, title: str, icon: str, **options: object) -> st.Page:
    return st.Page(PAGES / file, title=title, icon=f":material/{icon}:", **options)  # type: ignore[arg-type]


navigation = st.navigation(
    {
        "": [page("overview.py", "Overview", "dashboard", default=True)],
        "Databases": [
            page("snapshots.py", "Snapshots", "database"),
            page("snapshot_pipeline.py", "Snapshot pipeline", "build", visibility="hidden"),
        ],
    }
)

try:
    bench = workbench()
except SlipwayError as error:
    st.title("Slipway cannot connect")
    show_error(error)
    st.stop()

with st.sidebar:
    where = "the embedded cloud on this machine" if bench.embedded else "AWS"
    st.caption(f"Works with {where} as {bench.actor.name}")

navigation.run()
