"""The controller of rollouts and its runs, read once for every page that shows them."""

import streamlit as st

from app.shared.session import Workbench
from ops.rollouts import runs
from ops.rollouts.controller import Engine, find, look
from ops.rollouts.runs import Summary

FRESH_S = 2
CONTROLLER_TTL_S = 15


@st.cache_resource(show_spinner="Looking for the controller…", ttl=300)
def controller(_bench: Workbench) -> Engine:
    """Return the controller. Raises NotFound where none is deployed."""
    return find(_bench.cloud)


@st.cache_data(ttl=CONTROLLER_TTL_S, show_spinner=False)
def has_controller(_bench: Workbench) -> bool:
    return look(_bench.cloud) is not None


@st.cache_data(ttl=FRESH_S, show_spinner="Reading the runs…")
def list_runs(_bench: Workbench, _controller: Engine, table: str) -> list[Summary]:
    return runs.list_runs(_bench.cloud, _controller)
