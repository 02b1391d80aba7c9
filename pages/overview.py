"""Overview: what needs attention, snapshot pipelines, rollouts, accounts, and recent changes."""

from datetime import UTC, datetime

import streamlit as st

from app.overview import rollouts, views
from app.shared.components import errors_shown
from app.shared.session import workbench
from app.shared.words import count

bench = workbench()
st.title("Overview")

overview = views.read(bench)
unread = f", of which {overview.unread} not read" if overview.unread else ""
at_least = "at least " if overview.unread else ""
st.caption(
    f"{count(len(bench.cloud.accounts), 'account')}, {count(len(overview.readings), 'region')}{unread}, "
    f"{at_least}{count(len(overview.pipelines), 'snapshot pipeline')}."
)
now = datetime.now(UTC)
runs = []
with errors_shown():
    runs = rollouts.newest_runs(bench)
views.show_attention(overview, rollouts.attention_notes(runs))
views.show_pipelines(overview, now)
rollouts.show_rollouts(runs, now)
views.show_accounts(overview)
views.show_changes(bench)
