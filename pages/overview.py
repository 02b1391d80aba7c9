"""Overview: what needs attention, the last runs, what is deployed where, who changed what."""

from datetime import UTC, datetime

import streamlit as st

from app.overview import rollouts, views
from app.shared.components import errors_shown
from app.shared.session import workbench
from app.shared.words import count

bench = workbench()
st.title("Overview")

state = views.read(bench)
st.caption(
    f"{count(len(bench.cloud.accounts), 'account')}, {count(len(state.readings), 'region')} read, "
    f"{count(len(state.pipelines), 'snapshot pipeline')}."
)
now = datetime.now(UTC)
found = []
with errors_shown():
    found = rollouts.newest_runs(bench)
views.show_attention(state, rollouts.attention_notes(found))
views.show_pipelines(state, now)
rollouts.show_rollouts(found, now)
views.show_accounts(state)
views.show_changes(bench)
