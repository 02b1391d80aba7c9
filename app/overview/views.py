"""What the overview is made of: one reading of every place, then tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import streamlit as st

from app.shared import statuses
from app.shared.components import empty_state, plain
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, listed
from ops.audit import Record
from ops.aws.cloud import Place, Reading
from ops.aws.rds import databases as rds
from ops.aws.stepfunctions.executions import Summary
from ops.snapshots.pipeline import catalogue
from ops.snapshots.pipeline.catalogue import Deployed, Leftover
from ops.snapshots.runs import control as runs

READ_TTL_S = 30
CHANGES_TTL_S = 10
RECENT_CHANGES = 20


@dataclass(frozen=True)
class Seen:
    """One place: its databases, pipelines with their last run, and temporary things without a run."""

    databases: int
    pipelines: tuple[tuple[Deployed, Summary | None], ...]
    leftovers: tuple[Leftover, ...]


@dataclass(frozen=True)
class State:
    """Every place, read at once; what could not be read holds its error."""

    readings: tuple[Reading[Seen], ...]

    @property
    def pipelines(self) -> list[tuple[Deployed, Summary | None]]:
        return [pair for reading in self.readings if reading.value for pair in reading.value.pipelines]


@st.cache_data(ttl=READ_TTL_S, show_spinner="Reading every account and region…")
def read(_bench: Workbench) -> State:
    """However many look, AWS is asked once in READ_TTL_S."""
    return State(tuple(_bench.cloud.read(lambda place: _see(_bench, place))))


def _see(bench: Workbench, place: Place) -> Seen:
    databases = rds.list_databases(bench.cloud, place)
    temporary = catalogue.list_temporary(bench.cloud, place)
    pipelines, under_way = [], set()
    for pipeline in catalogue.list_pipelines(bench.cloud, place):
        found = runs.list_runs(bench.cloud, pipeline) if pipeline.machine else []
        real = [summary for summary in found if not runs.is_clean_up(summary.name)]
        pipelines.append((pipeline, real[0] if real else None))
        under_way |= {(pipeline.name, summary.name) for summary in found if summary.status == "RUNNING"}
    cleaned = {name.removeprefix(runs.CLEAN_UP_PREFIX) for _, name in under_way}
    lost = [
        item for item in temporary if (item.pipeline, item.run) not in under_way and item.run not in cleaned
    ]
    shown = [each for each in databases if catalogue.TEMPORARY_TAG not in each.tags and not each.cluster]
    return Seen(len(shown), tuple(pipelines), tuple(lost))


def show_attention(state: State, others: Sequence[str]) -> None:
    """What somebody has to look at; silence when there is nothing."""
    notes = [*_unreadable(state), *_failed(state), *_left(state), *others]
    if not notes:
        st.success("Nothing needs attention.", icon=":material/check_circle:")
        return
    st.markdown("#### Needs attention")
    for note in notes:
        st.warning(note, icon=":material/warning:")


def _unreadable(state: State) -> list[str]:
    return [
        f"{plain(r.place.account.name)}, {r.place.region} cannot be read: {plain(str(r.error))} "
        f"{plain(r.error.hint)}"
        for r in state.readings
        if r.error
    ]


def _failed(state: State) -> list[str]:
    notes = []
    for pipeline, last in state.pipelines:
        where = f"{plain(pipeline.database)} in {plain(pipeline.place.account.name)}, {pipeline.place.region}"
        if pipeline.stack.failed:
            notes.append(f"The pipeline of {where} is {plain(pipeline.stack.status)}.")
        if last and last.status in ("FAILED", "TIMED_OUT"):
            notes.append(
                f"The last run of {where} failed: {plain(last.name)}. Open Snapshots to see where and why."
            )
    return notes


def _left(state: State) -> list[str]:
    return [
        f"{plain(item.id)} in {plain(r.place.account.name)}, {r.place.region} was left behind by "
        f"{plain(item.run)}. Clean up after that run on the page Snapshots."
        for r in state.readings
        if r.value
        for item in r.value.leftovers
    ]


def show_pipelines(state: State, now: datetime) -> None:
    """Every pipeline with its last run."""
    st.markdown("#### Snapshot pipelines")
    if not state.pipelines:
        empty_state(
            "No pipeline is deployed", "Choose a database on the page Snapshots, then Set up pipeline."
        )
        return
    rows = [
        {
            "Database": pipeline.database,
            "Account": pipeline.place.account.name,
            "Region": pipeline.place.region,
            "Stack": statuses.stack(pipeline.stack.status).word,
            "Last run": statuses.run(last.status).word if last else "none yet",
            "Started": ago(last.started, now) if last else "",
            "Open": _link(pipeline),
        }
        for pipeline, last in state.pipelines
    ]
    show_table(
        rows,
        column_config={"Open": st.column_config.LinkColumn("Open", display_text="open")},
    )


def _link(pipeline: Deployed) -> str:
    place = pipeline.place
    query = {"account": place.account.name, "region": place.region, "database": pipeline.database}
    return f"/snapshots?{urlencode(query)}"


def show_accounts(state: State) -> None:
    """What is where."""
    st.markdown("#### Accounts")
    rows = [
        {
            "Account": r.place.account.name,
            "Id": r.place.account.id,
            "Region": r.place.region,
            "Databases": r.value.databases if r.value else None,
            "Pipelines": len(r.value.pipelines) if r.value else None,
            "State": "not readable" if r.error else "read",
        }
        for r in state.readings
    ]
    show_table(rows)


@st.cache_data(ttl=CHANGES_TTL_S, show_spinner=False)
def _changes(_bench: Workbench) -> list[Record]:
    return [record for record in _bench.audit.read(5 * RECENT_CHANGES) if record.result != "started"]


def show_changes(bench: Workbench) -> None:
    """Who changed what, newest first."""
    st.markdown("#### Changes")
    records = _changes(bench)
    if not records:
        empty_state("Nothing was changed yet", "Whatever a page or the command line changes is listed here.")
        return
    now = datetime.now(UTC)
    rows = [
        {
            "When": ago(datetime.fromisoformat(record.at), now),
            "Who": f"{record.actor} ({record.via})",
            "What": record.does,
            "Resource": record.resource,
            "Account": record.account,
            "Region": record.region,
            "Result": record.result,
        }
        for record in records[:RECENT_CHANGES]
    ]
    show_table(rows, key="audit")
    st.caption(f"{count(len(rows), 'change')} of {listed(sorted({record.via for record in records}))}.")
