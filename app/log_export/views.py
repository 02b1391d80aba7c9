"""Selects the log export that the page shows."""

import streamlit as st

from app.log_export import data
from app.shared import address
from app.shared.components import empty_state, plain
from app.shared.session import Workbench
from ops.logs.known_exports import KnownExport, list_known_exports


def select_export(bench: Workbench) -> KnownExport:
    """Return the export of the page; ask if there are several, and keep the choice in the URL."""
    exports = data.exports(bench)
    for reading in exports.unread:
        where = f"{reading.place.account.name}, {reading.place.region}"
        st.warning(
            f"Cannot read {plain(where)}: {plain(str(reading.error))}", icon=":material/visibility_off:"
        )
    options = {
        _label(known_export): known_export
        for known_export in list_known_exports(bench.cloud, exports.central)
    }
    if not options:
        return KnownExport()
    names = list(options)
    if len(names) == 1:
        return options[names[0]]
    return options[address.choose(st.selectbox, "Export", names, name="export", key="log-export")]


def _label(known_export: KnownExport) -> str:
    if known_export.export is None:
        return f"{known_export.location} (bucket only)"
    where = f"{known_export.export.place.account.name}, {known_export.export.place.region}"
    return f"{known_export.export.stack.name} in {where} → {known_export.location or 'being created'}"


def show_no_bucket() -> None:
    empty_state(
        "No exported logs",
        "Deploy the export, or set `logs` in slipway.toml to the bucket of another exporter.",
    )
