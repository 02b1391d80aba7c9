"""The controller of rollouts and its runs, cached for all pages that show them."""

import streamlit as st

from app.shared.session import Workbench
from ops.rollouts import runs
from ops.rollouts.controller import Controller, find_controller, read_controller
from ops.rollouts.runs import RunSummary

FRESH_S = 2
CONTROLLER_TTL_S = 15


@st.cache_resource(show_spinner="Reading the controller…", ttl=300)
def controller(_bench: Workbench) -> Controller:
    """Return the controller. Raises NotFound when it is not deployed."""
    return find_controller(_bench.cloud)


@st.cache_data(ttl=CONTROLLER_TTL_S, show_spinner=False)
def has_controller(_bench: Workbench) -> bool:
    return read_controller(_bench.cloud) is not None


@st.cache_data(ttl=FRESH_S, show_spinner="Reading runs…")
def list_runs(_bench: Workbench, _controller: Controller, table: str) -> list[RunSummary]:
    return runs.list_runs(_bench.cloud, _controller)
