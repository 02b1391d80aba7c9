"""The overview: reads all accounts and regions once, and shows the result as tables."""

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
from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.errors import ExpiredCredentials, Unreachable
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.catalog import DeployedPipeline, Leftover
from ops.snapshots.runs import control as runs

READ_TTL_S = 30
CHANGES_TTL_S = 10
RECENT_CHANGES = 20


@dataclass(frozen=True)
class PlaceSummary:
    """A place's number of databases, its pipelines with their last run, and leftover temporary resources."""

    databases: int
    pipelines: tuple[tuple[DeployedPipeline, ExecutionSummary | None], ...]
    leftovers: tuple[Leftover, ...]


@dataclass(frozen=True)
class Overview:
    """The summaries of all places. A place that could not be read has an error instead."""

    readings: tuple[Reading[PlaceSummary], ...]

    @property
    def unread(self) -> int:
        """The number of places that could not be read."""
        return sum(reading.error is not None for reading in self.readings)

    @property
    def pipelines(self) -> list[tuple[DeployedPipeline, ExecutionSummary | None]]:
        return [pair for reading in self.readings if reading.value for pair in reading.value.pipelines]


def read(bench: Workbench) -> Overview:
    """Read all places. The result is cached for READ_TTL_S and shared by all sessions, but not an outage."""
    overview = _read(bench)
    if any(isinstance(reading.error, Unreachable | ExpiredCredentials) for reading in overview.readings):
        _read.clear()
    return overview


@st.cache_data(ttl=READ_TTL_S, show_spinner="Reading every account and region…")
def _read(_bench: Workbench) -> Overview:
    return Overview(tuple(_bench.cloud.read(lambda place: _read_place(_bench, place))))


def _read_place(bench: Workbench, place: Place) -> PlaceSummary:
    databases = rds.list_databases(bench.cloud, place)
    temporary = catalog.list_temporary(bench.cloud, place)
    pipelines, running = [], set()
    for pipeline in catalog.list_pipelines(bench.cloud, place):
        executions = runs.list_runs(bench.cloud, pipeline) if pipeline.machine else []
        refreshes = [summary for summary in executions if not runs.is_clean_up(summary.name)]
        pipelines.append((pipeline, refreshes[0] if refreshes else None))
        running |= {(pipeline.name, summary.name) for summary in executions if summary.status == "RUNNING"}
    being_cleaned = {name.removeprefix(runs.CLEAN_UP_PREFIX) for _, name in running}
    leftovers = [
        item
        for item in temporary
        if (item.pipeline, item.run) not in running and item.run not in being_cleaned
    ]
    permanent = [
        database
        for database in databases
        if catalog.TEMPORARY_TAG not in database.tags and not database.cluster
    ]
    return PlaceSummary(len(permanent), tuple(pipelines), tuple(leftovers))


def show_attention(overview: Overview, others: Sequence[str]) -> None:
    """Show what needs attention: unread places, failed runs, leftovers, and the notes in `others`."""
    notes = [*_unread(overview), *_failed(overview), *_leftovers(overview), *others]
    if not notes:
        st.success("Nothing needs attention.", icon=":material/check_circle:")
        return
    st.markdown("#### Needs attention")
    for note in notes:
        st.warning(note, icon=":material/warning:")


def _unread(overview: Overview) -> list[str]:
    """Return a note for each place that could not be read; one for all that could not be reached."""
    unread = [(reading.place, reading.error) for reading in overview.readings if reading.error]
    unreachable = [error for _, error in unread if isinstance(error, Unreachable)]
    notes = [
        f"Cannot read {plain(place.account.name)}, {place.region}: {plain(str(error))} {plain(error.hint)}"
        for place, error in unread
        if not isinstance(error, Unreachable)
    ]
    if unreachable:
        first = unreachable[0]
        where = count(len(unreachable), "region")
        notes.insert(0, f"Cannot read {where}. {plain(str(first))} {plain(first.hint)}")
    return notes


def _failed(overview: Overview) -> list[str]:
    notes = []
    for pipeline, last in overview.pipelines:
        database = f"{plain(pipeline.database)} in {plain(pipeline.place.account.name)}"
        database += f", {pipeline.place.region}"
        if pipeline.stack.failed:
            notes.append(f"The pipeline stack of {database} has the status {plain(pipeline.stack.status)}.")
        if last and last.status in ("FAILED", "TIMED_OUT"):
            notes.append(
                f"The last run of {database} failed: {plain(last.name)}. Open Snapshots to see the error."
            )
    return notes


def _leftovers(overview: Overview) -> list[str]:
    return [
        f"The run {plain(item.run)} left {plain(item.id)} behind in {plain(r.place.account.name)}, "
        f"{r.place.region}. Open Snapshots to clean up."
        for r in overview.readings
        if r.value
        for item in r.value.leftovers
    ]


def show_pipelines(overview: Overview, now: datetime) -> None:
    """Show every snapshot pipeline with its last run."""
    st.markdown("#### Snapshot pipelines")
    if not overview.pipelines and overview.unread:
        empty_state(
            "Not read", f"{count(overview.unread, 'region')} could not be read; pipelines there are unknown."
        )
        return
    if not overview.pipelines:
        empty_state("No snapshot pipelines", "To set up a pipeline, open Snapshots and choose a database.")
        return
    rows = [
        {
            "Database": pipeline.database,
            "Account": pipeline.place.account.name,
            "Region": pipeline.place.region,
            "Stack": statuses.stack(pipeline.stack.status).word,
            "Last run": statuses.run(last.status).word if last else "–",
            "Started": ago(last.started, now) if last else "",
            "Open": _link(pipeline),
        }
        for pipeline, last in overview.pipelines
    ]
    show_table(
        rows,
        column_config={"Open": st.column_config.LinkColumn("Open", display_text="Open")},
    )


def _link(pipeline: DeployedPipeline) -> str:
    place = pipeline.place
    query = {"account": place.account.name, "region": place.region, "database": pipeline.database}
    return f"/snapshots?{urlencode(query)}"


def show_accounts(overview: Overview) -> None:
    """Show the number of databases and pipelines in every account and region."""
    st.markdown("#### Accounts")
    rows = [
        {
            "Account": r.place.account.name,
            "Account ID": r.place.account.id,
            "Region": r.place.region,
            "Databases": r.value.databases if r.value else None,
            "Pipelines": len(r.value.pipelines) if r.value else None,
            "Status": "Not read" if r.error else "Read",
        }
        for r in overview.readings
    ]
    show_table(rows)


@st.cache_data(ttl=CHANGES_TTL_S, show_spinner=False)
def _changes(_bench: Workbench) -> list[Record]:
    return [record for record in _bench.audit.read(5 * RECENT_CHANGES) if record.result != "started"]


def show_changes(bench: Workbench) -> None:
    """Show the latest changes, newest first."""
    st.markdown("#### Recent changes")
    records = _changes(bench)
    if not records:
        empty_state("No changes yet", "Changes made on a page or on the command line appear here.")
        return
    now = datetime.now(UTC)
    rows = [
        {
            "Time": ago(datetime.fromisoformat(record.at), now),
            "User": f"{record.actor} ({record.via})",
            "Change": record.does,
            "Resource": record.resource,
            "Account": record.account,
            "Region": record.region,
            "Result": statuses.AUDIT_RESULTS.get(record.result, record.result),
        }
        for record in records[:RECENT_CHANGES]
    ]
    show_table(rows, key="audit")
    st.caption(f"{count(len(rows), 'change')} from {listed(sorted({record.via for record in records}))}.")
