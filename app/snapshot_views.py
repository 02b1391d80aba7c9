"""What the page Snapshots is made of, in the order in which it shows it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from app import navigation, statuses
from app.components import confirm_plan, empty_state, errors_shown, plain, show_error, wait_for
from app.run_view import show_run
from app.session import Workbench
from app.words import ago, count, duration, listed, utc
from ops.aws import rds
from ops.aws.cloud import Place
from ops.aws.rds import Database
from ops.aws.stepfunctions import Summary
from ops.snapshots import catalogue, runs
from ops.snapshots.catalogue import Deployed
from ops.snapshots.pipeline import ENGINES
from ops.snapshots.report import Report

CATALOGUE_TTL_S = 15
RUNS_TTL_S = 2
SHORT_PLAN_S = 10


@st.cache_data(ttl=CATALOGUE_TTL_S, show_spinner="Reading the databases…")
def databases(_bench: Workbench, place: Place) -> list[Database]:
    """Databases of the place without the pipelines' temporary ones."""
    found = rds.list_databases(_bench.cloud, place)
    return [database for database in found if catalogue.TEMPORARY_TAG not in database.tags]


@st.cache_data(ttl=CATALOGUE_TTL_S, show_spinner="Reading the pipelines…")
def pipelines(_bench: Workbench, place: Place) -> list[Deployed]:
    return catalogue.list_pipelines(_bench.cloud, place)


@st.cache_data(ttl=RUNS_TTL_S, show_spinner=False)
def summaries(_bench: Workbench, _pipeline: Deployed, machine: str) -> list[Summary]:
    """The pipeline's runs; however many look, AWS is asked once in RUNS_TTL_S."""
    return runs.list_runs(_bench.cloud, _pipeline)


@st.cache_data(ttl=CATALOGUE_TTL_S, show_spinner=False)
def sanitized(_bench: Workbench, _pipeline: Deployed, machine: str) -> list[catalogue.Sanitized]:
    return catalogue.list_sanitized(_bench.cloud, _pipeline)


def choose_database(found: Sequence[Database], by_database: Mapping[str, Deployed]) -> Database:
    """A table of the databases; the chosen one stands in the address. First choice: one with a pipeline."""
    wanted = st.query_params.get("database", "")
    ids = [database.id for database in found]
    if wanted and wanted not in ids:
        st.warning(f"There is no database {plain(wanted)} here; another one is shown.")
    if wanted not in ids:
        wanted = next((id for id in ids if id in by_database), ids[0])
    event = st.dataframe(
        pd.DataFrame([_database_row(database, by_database) for database in found]),
        hide_index=True,
        key="databases",
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [ids.index(wanted)]}},
    )
    chosen = found[event.selection.rows[0]] if event.selection.rows else found[ids.index(wanted)]
    if st.query_params.get("database") != chosen.id:
        st.query_params.pop("run", None)
        st.query_params["database"] = chosen.id
    return chosen


def _database_row(database: Database, by_database: Mapping[str, Deployed]) -> dict[str, str]:
    pipeline = by_database.get(database.id)
    return {
        "Database": database.id,
        "Engine": f"{database.engine} {database.version}",
        "Status": database.status,
        "Size": f"{database.size_gib} GiB",
        "Encrypted": "yes" if database.kms_key else "no",
        "Pipeline": statuses.stack(pipeline.stack.status).word if pipeline else "none",
    }


def show_no_pipeline(place: Place, database: Database) -> None:
    """How to get one, or why there can be none."""
    if database.engine not in ENGINES or database.cluster:
        empty_state(
            f"{database.engine} cannot be sanitized yet",
            f"A pipeline copies single instances of {listed(list(ENGINES))}.",
        )
        return
    empty_state(
        "No pipeline makes sanitized snapshots of this database yet",
        "A pipeline copies the database, runs your SQL on the copy, snapshots and shares the result, "
        "and deletes the copy. Production is only read.",
    )
    if st.button("Set up pipeline", type="primary", icon=":material/build:"):
        open_form(place, database.id)


def open_form(place: Place, database: str) -> None:
    """Goes to the page where a pipeline is set up or changed."""
    query = {"account": place.account.name, "region": place.region, "database": database}
    st.switch_page(navigation.snapshot_pipeline(), query_params=query)


def show_header(bench: Workbench, pipeline: Deployed) -> None:
    """One sentence of state, and the actions."""
    look = statuses.stack(pipeline.stack.status)
    if not pipeline.machine:
        st.markdown(f"{look.markdown} {plain(pipeline.stack.status_reason)}")
        if st.button("Open the pipeline", icon=":material/build:"):
            open_form(pipeline.place, pipeline.database)
        return
    with errors_shown():
        found = summaries(bench, pipeline, pipeline.machine)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(_state(bench, pipeline), width="content")
            with st.container(horizontal=True, width="content"):
                _refresh_button(bench, pipeline, found)
                if st.button("Change pipeline", icon=":material/tune:"):
                    open_form(pipeline.place, pipeline.database)


def _state(bench: Workbench, pipeline: Deployed) -> str:
    now = datetime.now(UTC)
    found = sanitized(bench, pipeline, pipeline.machine)
    names = {account.id: account.name for account in bench.cloud.accounts}
    shares = [names.get(id, id) for id in pipeline.shares]
    shared = f"shared with {plain(listed(shares))}" if shares else "shared with nobody"
    if not found:
        return f"No sanitized snapshot yet; it will be {shared}."
    return f"The newest sanitized snapshot was made {ago(found[0].snapshot.created, now)}, {shared}."


def _forecast(found: list[Summary]) -> str:
    usual = runs.usual_duration(found)
    return "Copies, sanitizes, proves, snapshots, shares" + (f": about {duration(usual)}" if usual else "")


def _refresh_button(bench: Workbench, pipeline: Deployed, found: list[Summary]) -> None:
    under_way = runs.running(found)
    clicked = st.button(
        "Refresh snapshot",
        key="refresh",  # one button, whatever its help says
        type="primary",
        icon=":material/refresh:",
        disabled=under_way is not None,
        help=f"{under_way.name} is under way" if under_way else _forecast(found),
    )
    if not clicked:
        return
    plan = runs.plan_refresh(bench.cloud, pipeline, datetime.now(UTC))
    work = wait_for(bench.works.start(plan, actor=bench.actor, audit=bench.audit), SHORT_PLAN_S)
    if error := work.error or (work.outcome and work.outcome.error):
        show_error(error)
        return
    st.query_params["run"] = plan.steps[0].id
    summaries.clear()
    st.rerun()


def show_runs(bench: Workbench, pipeline: Deployed) -> None:
    """The run that the address names, else the newest."""
    with errors_shown():
        found = summaries(bench, pipeline, pipeline.machine)
        if not found:
            return
        wanted = st.query_params.get("run", found[0].name)
        shown = next((summary for summary in found if summary.name == wanted), None)
        if shown is None:
            st.warning(f"There is no run {plain(wanted)}; the newest one is shown.")
            shown = found[0]
        usual = runs.usual_duration(found)
        show_run(bench, pipeline, shown.name, live=shown.status == "RUNNING", usual=usual)


def show_leftovers(bench: Workbench, pipeline: Deployed) -> None:
    """Temporary things of runs that have ended: nothing should be here."""
    with errors_shown():
        under_way = {s.name for s in summaries(bench, pipeline, pipeline.machine) if s.status == "RUNNING"}
        if under_way:
            return
        left = [
            item
            for item in catalogue.list_temporary(bench.cloud, pipeline.place)
            if item.pipeline == pipeline.name
        ]
        for run in sorted({item.run for item in left}):
            things = listed([item.id for item in left if item.run == run])
            st.warning(f"{plain(run)} has left behind {plain(things)}.", icon=":material/warning:")
            if st.button(f"Clean up after {plain(run)}", icon=":material/cleaning_services:"):
                _clean_up(bench, pipeline, run)


@st.dialog("Clean up", width="large")
def _clean_up(bench: Workbench, pipeline: Deployed, run: str) -> None:
    plan = runs.plan_clean_up(bench.cloud, pipeline, run, datetime.now(UTC))
    work = confirm_plan(bench, plan, button="Clean up")
    if work is None:
        return
    wait_for(work, SHORT_PLAN_S)
    if error := work.error or (work.outcome and work.outcome.error):
        show_error(error)
        return
    st.cache_data.clear()
    st.rerun()


def show_sanitized(bench: Workbench, pipeline: Deployed) -> None:
    """The pipeline's sanitized snapshots, newest first."""
    st.markdown("#### Sanitized snapshots")
    with errors_shown():
        found = sanitized(bench, pipeline, pipeline.machine)
        if not found:
            empty_state("None yet", "The first run makes one: press Refresh snapshot.")
            return
        now = datetime.now(UTC)
        names = {account.id: account.name for account in bench.cloud.accounts}
        rows = [
            {
                "Snapshot": item.snapshot.id,
                "Made": ago(item.snapshot.created, now),
                "At": utc(item.snapshot.created),
                "Size": f"{item.snapshot.size_gib} GiB",
                "Encrypted": "yes" if item.snapshot.kms_key else "no",
                "Shared with": listed([names.get(id, id) for id in item.shared_with]) or "nobody",
                "Run": item.run,
            }
            for item in found
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="sanitized")


def show_proof(bench: Workbench, pipeline: Deployed) -> None:
    """What was proven of the newest snapshot before it was shared."""
    with errors_shown():
        found = sanitized(bench, pipeline, pipeline.machine)
        if not found:
            return
        newest = found[0]
        report = _report(bench, pipeline, newest, newest.snapshot.id)
        title = f"Proof of {newest.snapshot.id}: {count(len(report.checks), 'check')}, all passed"
        with st.expander(title, icon=":material/verified:"):
            st.caption(f"Policy version {plain(report.policy)}. Counts only: no datum leaves the database.")
            if report.unlisted:
                st.error(
                    f"The policy lets {count(len(report.unlisted), 'unlisted column')} pass untreated.",
                    icon=":material/warning:",
                )
            rows = [
                {
                    "Check": check.kind,
                    "Where": f"{check.table}.{check.column}" if check.table else "whole database",
                    "For": check.detail,
                    "Rows": check.rows,
                    "Not passed": check.bad,
                    "Allowed": "by the policy" if check.bad else "",
                }
                for check in sorted(report.checks, key=lambda check: -check.bad)
            ]
            st.dataframe(pd.DataFrame(rows), hide_index=True, key="proof")


@st.cache_data(ttl=CATALOGUE_TTL_S, show_spinner=False)
def _report(_bench: Workbench, _pipeline: Deployed, _newest: catalogue.Sanitized, snapshot: str) -> Report:
    return catalogue.read_report(_bench.cloud, _pipeline, _newest)


def show_history(bench: Workbench, pipeline: Deployed) -> None:
    """Earlier runs; the chosen one is shown above."""
    st.markdown("#### Runs")
    with errors_shown():
        found = summaries(bench, pipeline, pipeline.machine)
        if not found:
            empty_state("No run yet", "Runs appear here with their outcome, whoever started them.")
            return
        now = datetime.now(UTC)
        shown = st.query_params.get("run", found[0].name)
        event = st.dataframe(
            pd.DataFrame([_run_row(summary, now) for summary in found]),
            hide_index=True,
            key="runs",
            on_select="rerun",
            selection_mode="single-row",
        )
        if event.selection.rows and (chosen := found[event.selection.rows[0]].name) != shown:
            st.query_params["run"] = chosen
            st.rerun()
        st.caption(f"{count(len(found), 'run')}; choose one to see its steps above.")


def _run_row(summary: Summary, now: datetime) -> dict[str, str]:
    return {
        "Run": summary.name,
        "Outcome": statuses.run(summary.status).word,
        "Started": ago(summary.started, now),
        "At": utc(summary.started),
        "Took": duration((summary.stopped or now) - summary.started),
    }
