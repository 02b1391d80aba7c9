"""What the page Snapshots is made of, in the order in which it shows it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from app.shared import navigation, statuses
from app.shared.components import (
    confirm_plan,
    empty_state,
    errors_shown,
    operation_button,
    plain,
    show_error,
    start,
    wait_for,
)
from app.shared.dialogs import close_when_done, dialog
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, duration, listed, utc
from app.snapshots import pipeline_steps as steps
from app.snapshots.restore import offer_restore, show_restores
from app.snapshots.run import show_run
from ops.aws.cloud import Place
from ops.aws.rds import databases as rds
from ops.aws.rds.databases import Database
from ops.aws.stepfunctions.executions import Summary
from ops.errors import SlipwayError
from ops.operations import Operation
from ops.snapshots.pipeline import catalogue
from ops.snapshots.pipeline.catalogue import Deployed
from ops.snapshots.pipeline.forecast import Forecast, forecast
from ops.snapshots.pipeline.model import refusal, supported
from ops.snapshots.policy.model import parse
from ops.snapshots.report import Report
from ops.snapshots.runs import control as runs

CATALOGUE_TTL_S = 15
RUNS_TTL_S = 2
SHORT_PLAN_S = 10


@st.cache_data(ttl=CATALOGUE_TTL_S, show_spinner="Reading the databases…")
def databases(_bench: Workbench, place: Place) -> list[Database]:
    """Databases of the place without the pipelines' temporary ones; a cluster stands for its instances."""
    found = rds.list_databases(_bench.cloud, place)
    return [item for item in found if catalogue.TEMPORARY_TAG not in item.tags and not item.cluster]


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


@st.cache_data(ttl=RUNS_TTL_S, show_spinner=False)
def _temporary(_bench: Workbench, place: Place) -> list[catalogue.Leftover]:
    return catalogue.list_temporary(_bench.cloud, place)


def choose_database(found: Sequence[Database], by_database: Mapping[str, Deployed]) -> Database:
    """A table of the databases; the chosen one stands in the address. First choice: one with a pipeline."""
    wanted = st.query_params.get("database", "")
    ids = [database.id for database in found]
    if wanted and wanted not in ids:
        st.warning(f"There is no database {plain(wanted)} here; another one is shown.")
    if wanted not in ids:
        wanted = next((id for id in ids if id in by_database), ids[0])
    event = show_table(
        [_database_row(database, by_database) for database in found],
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
        "Kind": database.kind,
        "Status": database.status,
        "Size": f"{database.size_gib} GiB" if database.size_gib else "–",
        "Encrypted": "yes" if database.kms_key else "no",
        "Pipeline": statuses.stack(pipeline.stack.status).word if pipeline else "none",
    }


def show_no_pipeline(place: Place, database: Database) -> None:
    """How to get one, or why there can be none."""
    if reason := refusal(database):
        empty_state(plain(reason), f"A pipeline sanitizes {listed(supported())}.")
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
    steps.withdraw()
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
        expected = _expected(bench, pipeline, found)
        st.caption(plain(f"{_settings(pipeline)} {expected.words if expected else ''}"))
        if _keeps_unlisted(bench, pipeline, pipeline.stack.parameters.get("ScriptPrefix", "")):
            st.error(
                'The policy says `unlisted = "keep"`: columns that it does not name pass untreated.',
                icon=":material/warning:",
            )


@st.cache_data(ttl=CATALOGUE_TTL_S, show_spinner=False)
def _keeps_unlisted(_bench: Workbench, _pipeline: Deployed, prefix: str) -> bool:
    try:
        return parse(catalogue.read_policy(_bench.cloud, _pipeline)).unlisted == "keep"
    except SlipwayError:
        return False  # scripts of somebody's own have no policy


def _state(bench: Workbench, pipeline: Deployed) -> str:
    now = datetime.now(UTC)
    found = sanitized(bench, pipeline, pipeline.machine)
    names = {account.id: account.name for account in bench.cloud.accounts}
    shares = [names.get(id, id) for id in pipeline.shares]
    shared = f"shared with {plain(listed(shares))}" if shares else "shared with nobody"
    if not found:
        return f"No sanitized snapshot yet; it will be {shared}."
    return f"The newest sanitized snapshot was made {ago(found[0].snapshot.created, now)}, {shared}."


def _forecast(bench: Workbench, pipeline: Deployed, found: list[Summary]) -> str:
    expected = _expected(bench, pipeline, found)
    took = f": about {duration(expected.took)}" if expected and expected.took else ""
    words = f" {expected.words}" if expected else ""
    return f"Copies, sanitizes, proves, snapshots, shares{took}.{plain(words)}"


def _expected(bench: Workbench, pipeline: Deployed, found: list[Summary]) -> Forecast | None:
    asked = pipeline.stack.parameters
    database = next((d for d in databases(bench, pipeline.place) if d.id == pipeline.database), None)
    if database is None:
        return None
    usual, keep = runs.usual_duration(found), int(asked["KeepSnapshots"])
    return forecast(database, usual, instance_class=asked["InstanceClass"], keep=keep)


def _settings(pipeline: Deployed) -> str:
    """What the pipeline does by itself: schedule, what is kept, who is told."""
    asked = pipeline.stack.parameters
    schedule, email = asked.get("Schedule", ""), asked.get("NotifyEmail", "")
    when = f"refreshed by {schedule}, UTC" if schedule else "refreshed by hand only"
    told = f"{email} is told of runs" if email else "nobody is told by e-mail of runs"
    return f"Keeps the newest {asked.get('KeepSnapshots', '?')}; {when}; {told}."


def _refresh_button(bench: Workbench, pipeline: Deployed, found: list[Summary]) -> None:
    under_way = runs.running(found)
    clicked = operation_button(
        bench,
        Operation.REFRESH_SNAPSHOT,
        "Refresh snapshot",
        key="refresh",  # one button, whatever its help says
        type="primary",
        icon=":material/refresh:",
        disabled=under_way is not None,
        help=f"{plain(under_way.name)} is under way" if under_way else _forecast(bench, pipeline, found),
    )
    if not clicked:
        return
    plan = runs.plan_refresh(bench.cloud, pipeline, datetime.now(UTC))
    work = wait_for(start(bench, plan), SHORT_PLAN_S)
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
        left = [item for item in _temporary(bench, pipeline.place) if item.pipeline == pipeline.name]
        for run in sorted({item.run for item in left}):
            things = listed([item.id for item in left if item.run == run])
            st.warning(f"{plain(run)} has left behind {plain(things)}.", icon=":material/warning:")
            label = f"Clean up after {plain(run)}"
            if operation_button(
                bench, Operation.CLEAN_UP_REFRESH, label, icon=":material/cleaning_services:"
            ):
                _clean_up(bench, pipeline, run)


@dialog("Clean up")
def _clean_up(bench: Workbench, pipeline: Deployed, run: str) -> None:
    plan = runs.plan_clean_up(bench.cloud, pipeline, run, datetime.now(UTC))
    close_when_done(confirm_plan(bench, plan, button="Clean up"))


def show_sanitized(bench: Workbench, pipeline: Deployed) -> None:
    """The pipeline's sanitized snapshots, newest first."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("#### Sanitized snapshots", width="content")
        button = st.container(width="content")
    show_restores(bench, pipeline)
    with errors_shown():
        found = sanitized(bench, pipeline, pipeline.machine)
        with button:
            offer_restore(bench, pipeline, possible=bool(found))
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
                "Size": f"{item.snapshot.size_gib} GiB" if item.snapshot.size_gib else "–",
                "Encrypted": "yes" if item.snapshot.kms_key else "no",
                "Shared with": listed([names.get(id, id) for id in item.shared_with]) or "nobody",
                "Run": item.run,
            }
            for item in found
        ]
        show_table(rows, key="sanitized")


def show_proof(bench: Workbench, pipeline: Deployed) -> None:
    """What was proven of the newest snapshot before it was shared."""
    with errors_shown():
        found = sanitized(bench, pipeline, pipeline.machine)
        if not found:
            return
        newest = found[0]
        report = _report(bench, pipeline, newest, newest.snapshot.id)
        title = f"Proof of {newest.snapshot.id}: {count(len(report.checks), 'check')}, all passed"
        if report.unlisted:
            st.error(
                f"{count(len(report.unlisted), 'column')} of {plain(newest.snapshot.id)} passed untreated: "
                "the policy does not name what it keeps.",
                icon=":material/warning:",
            )
        with st.expander(title, icon=":material/verified:"):
            treating, proving = (duration(timedelta(seconds=each)) for each in report.took)
            took = f" Treated in {treating}, proven in {proving}." if report.seconds else ""
            st.caption(
                f"Policy version {plain(report.policy)}.{took} Counts only: no datum leaves the database."
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
            show_table(rows, key="proof")


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
        event = show_table(
            [_run_row(summary, now) for summary in found],
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
