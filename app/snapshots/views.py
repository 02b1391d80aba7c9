"""The sections of the page Snapshots, from top to bottom."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from app.shared import address, navigation, statuses, time_zone
from app.shared.charts import show_chart
from app.shared.components import (
    confirm_plan,
    empty_state,
    errors_shown,
    operation_button,
    perform_call,
    plain,
)
from app.shared.dialogs import close_when_done, dialog
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, duration, listed
from app.snapshots.charts import durations, sizes
from app.snapshots.restore import offer_restore, show_restores
from app.snapshots.run import show_run
from ops.aws.cloud import Place
from ops.aws.rds import databases as rds
from ops.aws.rds.databases import Database
from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.errors import SlipwayError
from ops.operations import Operation
from ops.snapshots.compiler import IN_PLACE
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.pipeline.forecast import Forecast, forecast
from ops.snapshots.pipeline.model import supported_engines, unsupported_reason
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.report import SanitizingReport
from ops.snapshots.runs import control as runs

CATALOG_TTL_S = 15
RUNS_TTL_S = 2


@st.cache_data(ttl=CATALOG_TTL_S, show_spinner="Loading databases…")
def databases(_bench: Workbench, place: Place) -> list[Database]:
    """Return the databases of an account and region, without temporary ones and cluster instances."""
    items = rds.list_databases(_bench.cloud, place)
    return [item for item in items if catalog.TEMPORARY_TAG not in item.tags and not item.cluster]


@st.cache_data(ttl=CATALOG_TTL_S, show_spinner="Loading pipelines…")
def pipelines(_bench: Workbench, place: Place) -> list[DeployedPipeline]:
    return catalog.list_pipelines(_bench.cloud, place)


@st.cache_data(ttl=RUNS_TTL_S, show_spinner=False)
def summaries(_bench: Workbench, _pipeline: DeployedPipeline, machine: str) -> list[ExecutionSummary]:
    """Return the runs of a pipeline. All sessions share one read per RUNS_TTL_S."""
    return runs.list_runs(_bench.cloud, _pipeline)


@st.cache_data(ttl=CATALOG_TTL_S, show_spinner=False)
def sanitized(
    _bench: Workbench, _pipeline: DeployedPipeline, machine: str
) -> list[catalog.SanitizedSnapshot]:
    return catalog.list_sanitized(_bench.cloud, _pipeline)


@st.cache_data(ttl=RUNS_TTL_S, show_spinner=False)
def _temporary(_bench: Workbench, place: Place) -> list[catalog.Leftover]:
    return catalog.list_temporary(_bench.cloud, place)


def choose_database(items: Sequence[Database], by_database: Mapping[str, DeployedPipeline]) -> Database:
    """Show the databases as a table. The URL has the selected one; the default is one with a pipeline."""
    selected = address.current().get("database", "")
    ids = [item.id for item in items]
    if selected and selected not in ids:
        st.warning(f"The database {plain(selected)} does not exist. Showing another one.")
    if selected not in ids:
        selected = next((id for id in ids if id in by_database), ids[0])
    event = show_table(
        [_database_row(item, by_database) for item in items],
        key=f"databases-{selected}",  # as the runs'
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [ids.index(selected)]}},
    )
    database = items[event.selection.rows[0]] if event.selection.rows else items[ids.index(selected)]
    if database.id != selected:
        address.push({"database": database.id, "run": "", "step": ""})
        st.rerun()  # the table's key follows the address
    return database


def _database_row(database: Database, by_database: Mapping[str, DeployedPipeline]) -> dict[str, str]:
    pipeline = by_database.get(database.id)
    return {
        "Database": database.id,
        "Engine": f"{database.engine} {database.version}",
        "Kind": database.kind,
        "Status": database.status,
        "Size": f"{database.size_gib} GiB" if database.size_gib else "–",
        "Encrypted": "Yes" if database.kms_key else "No",
        "Pipeline": statuses.stack(pipeline.stack.status).word if pipeline else "None",
    }


def show_no_pipeline(place: Place, database: Database) -> None:
    """Show how to set up a pipeline, or why the database is not supported."""
    if reason := unsupported_reason(database):
        empty_state(plain(reason), f"Supported engines: {listed(supported_engines())}.")
        return
    empty_state(
        "No snapshot pipeline",
        "A pipeline copies the database, sanitizes the copy, verifies it, takes a snapshot, shares it, and "
        "deletes the copy. The production database is not changed.",
    )
    if st.button("Set up pipeline", type="primary", icon=":material/build:"):
        open_form(place, database.id)


def open_form(place: Place, database: str) -> None:
    """Open the page to set up or change a pipeline."""
    query = {"account": place.account.name, "region": place.region, "database": database}
    st.switch_page(navigation.snapshot_pipeline(), query_params=query)


def show_header(bench: Workbench, pipeline: DeployedPipeline) -> None:
    """Show the state of the pipeline and the buttons."""
    look = statuses.stack(pipeline.stack.status)
    if not pipeline.machine:
        st.markdown(f"{look.markdown} {plain(pipeline.stack.status_reason)}")
        if st.button("Open pipeline", icon=":material/build:"):
            open_form(pipeline.place, pipeline.database)
        return
    with errors_shown():
        executions = summaries(bench, pipeline, pipeline.machine)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(_state(bench, pipeline), width="content")
            with st.container(horizontal=True, width="content"):
                _refresh_button(bench, pipeline, executions)
                if st.button("Change pipeline", icon=":material/tune:"):
                    open_form(pipeline.place, pipeline.database)
        expected = _expected(bench, pipeline, executions)
        st.caption(plain(f"{_settings(pipeline)} {expected.summary if expected else ''}"))
        if _keeps_unlisted(bench, pipeline, pipeline.scripts[1]):
            st.error(
                'The policy has `unlisted = "keep"`: unlisted columns are shared unchanged.',
                icon=":material/warning:",
            )


@st.cache_data(ttl=CATALOG_TTL_S, show_spinner=False)
def _keeps_unlisted(_bench: Workbench, _pipeline: DeployedPipeline, prefix: str) -> bool:
    try:
        return parse_policy(catalog.read_policy(_bench.cloud, _pipeline)).unlisted == "keep"
    except SlipwayError:
        return False  # a pipeline with custom scripts has no policy


def _state(bench: Workbench, pipeline: DeployedPipeline) -> str:
    now = datetime.now(UTC)
    snapshots = sanitized(bench, pipeline, pipeline.machine)
    names = {account.id: account.name for account in bench.cloud.accounts}
    shares = [names.get(id, id) for id in pipeline.shares]
    shared = f"shared with {plain(listed(shares))}" if shares else "not shared"
    if not snapshots:
        return f"No sanitized snapshot yet. Sharing: {shared}."
    return f"Newest sanitized snapshot: created {ago(snapshots[0].snapshot.created, now)}, {shared}."


def _forecast(bench: Workbench, pipeline: DeployedPipeline, executions: list[ExecutionSummary]) -> str:
    expected = _expected(bench, pipeline, executions)
    took = f" Takes about {duration(expected.duration)}." if expected and expected.duration else ""
    summary = f" {expected.summary}" if expected else ""
    return f"Copies and sanitizes the database, verifies and shares a snapshot.{took}{plain(summary)}"


def _expected(
    bench: Workbench, pipeline: DeployedPipeline, executions: list[ExecutionSummary]
) -> Forecast | None:
    parameters = pipeline.stack.parameters
    database = next((d for d in databases(bench, pipeline.place) if d.id == pipeline.database), None)
    if database is None:
        return None
    typical, keep = runs.typical_duration(executions), int(parameters["KeepSnapshots"])
    return forecast(
        database,
        typical,
        instance_class=parameters["InstanceClass"],
        keep=keep,
        method=parameters.get("Method", IN_PLACE),
    )


def _settings(pipeline: DeployedPipeline) -> str:
    """Return the settings of the pipeline: retention, schedule, and notifications."""
    parameters = pipeline.stack.parameters
    keep = parameters.get("KeepSnapshots", "?")
    schedule = parameters.get("Schedule", "")
    return (
        f"Snapshots to keep: {keep} · Schedule: {f'{schedule} UTC' if schedule else 'off'} · "
        f"Email notifications: {parameters.get('NotifyEmail', '') or 'off'}."
    )


def _refresh_button(bench: Workbench, pipeline: DeployedPipeline, executions: list[ExecutionSummary]) -> None:
    running = runs.running_refresh(executions)
    clicked = operation_button(
        bench,
        Operation.REFRESH_SNAPSHOT,
        "Refresh snapshot",
        key="refresh",  # the key must not depend on the help text
        type="primary",
        icon=":material/refresh:",
        disabled=running is not None,
        help=f"{plain(running.name)} is in progress" if running else _forecast(bench, pipeline, executions),
    )
    if not clicked:
        return
    with errors_shown():
        run = perform_call(bench, runs.refresh_call(bench.cloud, pipeline, datetime.now(UTC)))
        address.push({"run": run, "step": ""})
        summaries.clear()
        st.rerun()


def show_runs(bench: Workbench, pipeline: DeployedPipeline) -> None:
    """Show the run in the URL, or the newest."""
    with errors_shown():
        items = summaries(bench, pipeline, pipeline.machine)
        if not items:
            return
        name = address.current().get("run", items[0].name)
        shown = next((summary for summary in items if summary.name == name), None)
        if shown is None:
            st.warning(f"The run {plain(name)} does not exist. Showing the newest run.")
            shown = items[0]
        show_run(bench, pipeline, shown.name, summaries=items)


def show_leftovers(bench: Workbench, pipeline: DeployedPipeline) -> None:
    """Show leftover temporary resources of finished runs, if any."""
    with errors_shown():
        if any(item.status == "RUNNING" for item in summaries(bench, pipeline, pipeline.machine)):
            return
        leftovers = [item for item in _temporary(bench, pipeline.place) if item.pipeline == pipeline.name]
        for run in sorted({item.run for item in leftovers}):
            resources = listed([item.id for item in leftovers if item.run == run])
            st.warning(f"Leftover resources of {plain(run)}: {plain(resources)}.", icon=":material/warning:")
            label = f"Clean up {plain(run)}"
            if operation_button(
                bench, Operation.CLEAN_UP_REFRESH, label, icon=":material/cleaning_services:"
            ):
                _clean_up(bench, pipeline, run)


@dialog("Clean up run")
def _clean_up(bench: Workbench, pipeline: DeployedPipeline, run: str) -> None:
    plan = runs.plan_clean_up(bench.cloud, pipeline, run, datetime.now(UTC))
    close_when_done(confirm_plan(bench, plan, button="Clean up run"))


def show_sanitized(bench: Workbench, pipeline: DeployedPipeline) -> None:
    """Show the sanitized snapshots of the pipeline, newest first."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("#### Sanitized snapshots", width="content")
        button = st.container(width="content")
    show_restores(bench, pipeline)
    with errors_shown():
        snapshots = sanitized(bench, pipeline, pipeline.machine)
        with button:
            offer_restore(bench, pipeline, possible=bool(snapshots))
        if not snapshots:
            empty_state("No sanitized snapshots", "Click Refresh snapshot to create the first one.")
            return
        now = datetime.now(UTC)
        names = {account.id: account.name for account in bench.cloud.accounts}
        rows = [
            {
                "Snapshot": item.snapshot.id,
                "Created": ago(item.snapshot.created, now),
                time_zone.titled("Created"): time_zone.cell(item.snapshot.created),
                "Size": f"{item.snapshot.size_gib} GiB" if item.snapshot.size_gib else "–",
                "Encrypted": "Yes" if item.snapshot.kms_key else "No",
                "Shared with": listed([names.get(id, id) for id in item.shared_with]) or "Not shared",
                "Run": item.run,
            }
            for item in snapshots
        ]
        chosen = show_table(rows, key="sanitized", on_select="rerun", selection_mode="single-row")
        selected = [snapshots[row] for row in chosen.selection.rows if row < len(snapshots)]
        for item in selected:
            st.code(item.snapshot.arn, language=None, wrap_lines=True)
        if not selected:
            st.caption("Select a snapshot to copy its ARN.")


def show_report(bench: Workbench, pipeline: DeployedPipeline) -> None:
    """Show the verification report of the newest snapshot."""
    with errors_shown():
        snapshots = sanitized(bench, pipeline, pipeline.machine)
        if not snapshots:
            return
        newest = snapshots[0]
        report = _report(bench, pipeline, newest, newest.snapshot.id)
        title = f"Verification report of {newest.snapshot.id}: {count(len(report.checks), 'check')} passed"
        if report.unlisted:
            st.error(
                f"{count(len(report.unlisted), 'column')} in {plain(newest.snapshot.id)} "
                f"{'is' if len(report.unlisted) == 1 else 'are'} not in the policy and shared unchanged.",
                icon=":material/warning:",
            )
        with st.expander(title, icon=":material/verified:"):
            treatment, verification = (duration(timedelta(seconds=seconds)) for seconds in report.durations)
            took = f" Treatment: {treatment}. Verification: {verification}." if report.seconds else ""
            st.caption(f"Policy version {plain(report.policy)}.{took} The report contains counts, no data.")
            rows = [
                {
                    "Check": check.kind,
                    "Location": f"{check.table}.{check.column}" if check.table else "Database",
                    "Details": check.detail,
                    "Rows": check.rows,
                    "Failed rows": check.bad,
                    "Allowed": "By policy" if check.bad else "",
                }
                for check in sorted(report.checks, key=lambda check: -check.bad)
            ]
            show_table(rows, key="report")


@st.cache_data(ttl=CATALOG_TTL_S, show_spinner=False)
def _report(
    _bench: Workbench, _pipeline: DeployedPipeline, _newest: catalog.SanitizedSnapshot, snapshot: str
) -> SanitizingReport:
    return catalog.read_report(_bench.cloud, _pipeline, _newest)


def show_history(bench: Workbench, pipeline: DeployedPipeline) -> None:
    """Show all runs. The selected one is shown above."""
    st.markdown("#### Runs")
    with errors_shown():
        items = summaries(bench, pipeline, pipeline.machine)
        if not items:
            empty_state("No runs", "Click Refresh snapshot to start the first run.")
            return
        now = datetime.now(UTC)
        shown = address.current().get("run", items[0].name)
        event = show_table(
            [_run_row(summary, now) for summary in items],
            key=f"runs-{shown}",  # a selection ends when the address changes
            on_select="rerun",
            selection_mode="single-row",
        )
        if event.selection.rows and (selected := items[event.selection.rows[0]].name) != shown:
            address.push({"run": selected, "step": ""})
            st.rerun()
        st.caption(f"{count(len(items), 'run')}. Select one to show its steps above.")
        _show_charts(bench, pipeline, items)


def _show_charts(bench: Workbench, pipeline: DeployedPipeline, items: list[ExecutionSummary]) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Duration of runs**")
        if any(item.stopped for item in items):
            show_chart(durations, items, time_zone.zone(), width="stretch")
        else:
            st.caption("Available when the first run has ended.")
    with right:
        st.markdown("**Size of snapshots**")
        if snapshots := sanitized(bench, pipeline, pipeline.machine):
            show_chart(
                sizes,
                snapshots,
                time_zone.zone(),
                empty="No chart: AWS has not reported the size of any snapshot yet.",
                width="stretch",
            )
        else:
            st.caption("Available after the first successful run.")


def _run_row(summary: ExecutionSummary, now: datetime) -> dict[str, str]:
    return {
        "Run": summary.name,
        "Status": statuses.run(summary.status).word,
        "Started": ago(summary.started, now),
        time_zone.titled("Started"): time_zone.cell(summary.started),
        "Duration": duration((summary.stopped or now) - summary.started),
    }
