"""The card of rollouts: those in progress with their stage and gate, and the last ones."""

from datetime import datetime

import streamlit as st

from app.overview.cards.frame import NOT_READ, NOT_SET_UP, SHOWN, card
from app.shared import navigation, statuses, time_zone
from app.shared.components import plain
from app.shared.statuses import Badge
from app.shared.words import ago
from ops.rollouts.rules import labels
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.runs import RunDetails
from ops.status.facts import Status


def show(status: Status, now: datetime) -> None:
    facts = status.rollouts.value
    with card(navigation.rollouts, _badge(status)):
        if facts is None:
            st.caption("The runs could not be read.")
            return
        if not facts.runs:
            st.caption(
                "No rollout has run yet. Choose a rollout file to preview it."
                if facts.deployed
                else "The controller is not deployed. Deploy it to start rollouts."
            )
            return
        for details in facts.running[:SHOWN]:
            _show_progress(details, now)
        for run in [run for run in facts.runs if run.status != "RUNNING"][: SHOWN - len(facts.running)]:
            ended = ago(run.ended or run.started, now)
            st.markdown(f"{statuses.rollout(run.status).markdown} {plain(run.run)}  \n:gray[:small[{ended}]]")


def _badge(status: Status) -> Badge:
    facts = status.rollouts.value
    if facts is None:
        return NOT_READ
    if facts.frozen:
        return Badge("Frozen", "ac_unit", "orange")
    if facts.running:
        return statuses.rollout("RUNNING")
    return statuses.rollout(facts.runs[0].status) if facts.runs else NOT_SET_UP


def _show_progress(details: RunDetails, now: datetime) -> None:
    """Show how many targets of a run are deployed, its stage, and what it waits for."""
    total = len(details.targets)
    done = sum(target.state is TargetState.DEPLOYED for target in details.targets)
    stages = details.document.stages
    stage = f"{plain(stages[details.stage].name)} ({details.stage + 1} of {len(stages)})"
    text = f"**{plain(details.summary.run)}**  \n{stage} · {done} of {total} targets"
    st.progress(done / total if total else 0.0, text=text)
    doing = "Paused" if details.paused else labels.ACTIVITIES.get(details.does, details.does)
    why = details.paused or details.why
    until = f" · until {time_zone.clock(details.until)}" if details.until and "until" not in why else ""
    st.caption(f"{plain(doing)}{': ' + plain(why) if why else ''}{until}")
