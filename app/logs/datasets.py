"""The choice of datasets on the Logs page: one, or several that are searched together."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app.logs.search_bar import go
from app.logs.state import View
from app.shared.session import Workbench
from ops.logs.datasets import SEPARATOR, Dataset, address_of, configured_datasets

CHOSEN = "logs_datasets"


def show_datasets(bench: Workbench, dataset: Dataset, view: View) -> None:
    """Show a selector if there are several: configured datasets, and those found below the chosen one."""
    chosen = [address_of(*one) for one in dataset.found_together]
    options = list(dict.fromkeys([*(address_of(*one) for one in configured_datasets(bench.cloud)), *chosen]))
    if len(options) < 2:
        return
    st.session_state[CHOSEN] = chosen
    st.multiselect(
        "Datasets",
        options,
        key=CHOSEN,
        help="Logs that are searched together. Each has the fields of its service, such as status.",
        on_change=_choose,
        args=(view, chosen),
    )


def _choose(view: View, before: Sequence[str]) -> None:
    addresses = st.session_state[CHOSEN] or before
    go(replace(view, dataset=SEPARATOR.join(addresses), open=""))
