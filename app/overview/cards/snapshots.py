"""The card of snapshots: the last run and verified snapshot of each pipeline."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from app.overview.cards.frame import NOT_READ, NOT_SET_UP, SHOWN, card, show_more, show_trend
from app.shared import navigation, statuses
from app.shared.components import plain
from app.shared.statuses import Badge
from app.shared.words import ago, count, duration
from ops.status.facts import PipelineFacts, Status

TREND_RUNS = 10


def show(status: Status, now: datetime) -> None:
    with card(navigation.snapshots, _badge(status)):
        pipelines = sorted(status.pipelines, key=_newest_run, reverse=True)
        if not pipelines:
            databases = sum(reading.value.databases for reading in status.places if reading.value)
            unread = any(reading.error for reading in status.places)
            found = count(databases, "database")
            st.caption(
                f"{'At least ' if unread else ''}{found} without a snapshot pipeline. Choose one to set up."
            )
            return
        for facts in pipelines[:SHOWN]:
            _show_pipeline(facts, now)
        show_more(len(pipelines), "pipeline")
        _show_durations(pipelines[0])


def _badge(status: Status) -> Badge:
    runs = [facts.last for facts in status.pipelines if facts.last]
    if any(facts.pipeline.stack.failed for facts in status.pipelines):
        return Badge("Failed", "error", "red")
    for state in ("FAILED", "TIMED_OUT", "RUNNING"):
        if any(run.status == state for run in runs):
            return statuses.run(state)
    if any(reading.error for reading in status.places):
        return NOT_READ
    if runs:
        return statuses.run(runs[0].status)
    return Badge("Not started", "schedule", "gray") if status.pipelines else NOT_SET_UP


def _newest_run(facts: PipelineFacts) -> datetime:
    return facts.last.started if facts.last else datetime.min.replace(tzinfo=UTC)


def _show_pipeline(facts: PipelineFacts, now: datetime) -> None:
    last = facts.last
    state = f"{statuses.run(last.status).word}, {ago(last.started, now)}" if last else "no run yet"
    proven = f"verified snapshot {ago(facts.proven.created, now)}" if facts.proven else "no verified snapshot"
    schedule = facts.pipeline.stack.parameters.get("Schedule", "")
    st.markdown(f"**{plain(facts.pipeline.database)}** · {state}")
    st.caption(f"{proven} · schedule: {plain(schedule) if schedule else 'off'}")


def _show_durations(facts: PipelineFacts) -> None:
    """Show the durations of the last runs of a pipeline, oldest first."""
    minutes = [
        (run.stopped - run.started).total_seconds() / 60
        for run in reversed(facts.runs[:TREND_RUNS])
        if run.stopped and run.status == "SUCCEEDED"
    ]
    if len(minutes) > 1:
        last = duration(timedelta(minutes=minutes[-1]))
        st.metric(f"Duration of the last {len(minutes)} runs", last)
        show_trend(
            f"Duration of the last {len(minutes)} runs of {facts.pipeline.database}", minutes, "minutes"
        )
