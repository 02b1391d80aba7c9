"""Planning a rollout: the file in an editor, its calendar, its simulation, and its start."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from app.rollouts.charts import STATE_AFTER, Bar, Cell, calendar, grid
from app.rollouts.views import expected_bars
from app.shared import time_zone
from app.shared.charts import show_chart
from app.shared.components import (
    confirm_plan,
    empty_state,
    operation_button,
    plain,
    show_error,
    start,
    wait_for,
)
from app.shared.dialogs import close_when_done, dialog
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import count, duration
from ops.aws.organizations import accounts_of
from ops.errors import InputError, SlipwayError
from ops.operations import Operation
from ops.rollouts import runs
from ops.rollouts.calendar import CalendarEntry, expected_calendar
from ops.rollouts.controller import Controller
from ops.rollouts.limits import limit_usage
from ops.rollouts.prepare import approve, prepare_run
from ops.rollouts.previews import TargetPreview, plan_previews
from ops.rollouts.rules import labels
from ops.rollouts.rules.document import Document
from ops.rollouts.scenarios import parse_scenario, unreached
from ops.rollouts.simulator import ActionKind, SimulationOutcome, SimulationResult, simulate
from ops.rollouts.writing import team_folder

FOLDER = Path("rollouts")
STARTED = "rollout-started"
EDITOR_HEIGHT = 420
FAULTS = """# One fault or command per line; remove the # to enable it. Times are relative to the start.
# alarm TARGET +14h 30m
# fail TARGET
# late TARGET 3h
# freeze +13h 4h
# pause +1h
# resume +15h
# skip +1h
"""


def edit_document(bench: Workbench) -> Document | None:
    """Choose and edit a rollout file; return None while it is invalid, and show why."""
    team = team_folder(bench.settings)
    files = [*sorted(FOLDER.glob("*.toml")), *sorted(team.glob("*.toml"))]
    if not files:
        empty_state(
            f"No rollout files in {plain(str(FOLDER.absolute()))}",
            "Create a rollout file there, such as rollouts/shop.toml. docs/rollouts.md describes the format.",
        )
        return None
    path = st.selectbox(
        "Rollout file",
        files,
        format_func=lambda file: f"{file.name} (created here)" if file.parent == team else file.name,
        key="rollout-file",
    )
    stored = path.read_text("utf-8")
    refusal = Operation.WRITE_ROLLOUT.refusal(bench.actor.role)
    with st.expander("Edit file (changes are not saved)", key="rollout-editor"):
        typed = st.text_area(
            "Rollout",
            stored,
            height=EDITOR_HEIGHT,
            key=f"rollout-text-{path}",
            label_visibility="collapsed",
            disabled=bool(refusal),
            help=refusal or None,
        )
    text = stored if refusal else typed  # a browser can send text for a disabled input, too

    def resolve(kind: str, name: str) -> Sequence[str]:
        return accounts_of(bench.cloud, kind, name)

    try:
        return prepare_run(path, resolve, bench.actor, datetime.now(UTC), text=text)
    except InputError as error:
        show_error(error)
        return None


def show_calendar(document: Document) -> None:
    """Show the stages with their expected times, and how much of the quotas is used."""
    entries = expected_calendar(document.rollout, document.stages, datetime.now(UTC))
    targets = sum(len(stage.targets) for stage in document.stages)
    end = entries[-1].baked
    st.markdown(
        f"{count(targets, 'target')} in {count(len(document.stages), 'stage')} · "
        + (
            f"started now, expected to end at {time_zone.stamp(end)}"
            if end
            else "blocked: a deployment window never opens"
        )
    )
    show_chart(
        calendar,
        expected_bars(entries),
        None,
        time_zone.zone(),
        empty="No chart: no stage can start, because a deployment window never opens.",
        width="stretch",
    )
    rows = [
        {
            "Stage": entry.stage.name,
            "Regions": ", ".join(entry.stage.regions),
            "Targets": len(entry.stage.targets),
            "Starts": time_zone.stamp(entry.starts),
            "Deployed": time_zone.stamp(entry.deployed),
            "Baked": time_zone.stamp(entry.baked),
            "Waiting for": "; ".join(dict.fromkeys(wait.why for wait in entry.waits)),
        }
        for entry in entries
    ]
    show_table(rows, key="rollout-stages")
    _show_local_starts(entries)
    usages = [
        f"{usage.used:,} of {usage.limit:,} {usage.name}"
        for usage in limit_usage(document.stages, document.run)
    ]
    st.caption(f"Step Functions quotas (worst case): {' · '.join(usages)}")


def _show_local_starts(entries: Sequence[CalendarEntry]) -> None:
    """Show when targets start by the clock of their Region, for windows in local time."""
    rows = [
        {
            "Stage": entry.stage.name,
            "Region": start.region,
            "Targets": start.targets,
            "First start": time_zone.with_weekday(start.first),
            "Last start": time_zone.with_weekday(start.last),
            "Time zone": start.zone,
        }
        for entry in entries
        for start in entry.local_starts
    ]
    if rows:
        st.markdown("**Starts in local time**")
        show_table(rows, key="rollout-local-starts")


def offer_start(bench: Workbench, controller: Controller, document: Document) -> None:
    """Preview the changes in every target, ask for approvals, and start the rollout."""
    key = f"rollout-previews-{hash(document.text)}"
    pressed = operation_button(
        bench,
        Operation.PREVIEW_ROLLOUT,
        "Preview changes",
        key="rollout-preview",
        icon=":material/difference:",
    )
    if pressed and (previewed := _previews(bench, controller, document)):
        st.session_state[key] = previewed
    previews: tuple[TargetPreview, ...] | None = st.session_state.get(key)
    if previews is None:
        st.caption("Creates a change set in every target and deletes it afterward. No resource is changed.")
        return
    with st.container(key="rollout-changes"):
        st.markdown("\n".join(preview_items(previews)))
    to_approve = [line for preview in previews for line in preview.to_approve]
    approved = tuple(
        line
        for number, line in enumerate(to_approve)
        if st.checkbox(f"Approve: {plain(line)}", key=f"approve-{number}")
    )
    if operation_button(
        bench,
        Operation.START_ROLLOUT,
        "Start rollout",
        key="rollout-start",
        type="primary",
        icon=":material/rocket_launch:",
    ):
        _start_dialog(bench, controller, document, previews, approved)


def preview_items(previews: Sequence[TargetPreview]) -> list[str]:
    """Return the items of a Markdown list: the changes and warnings that targets have in common, once."""
    targets: dict[tuple[bool, str, tuple[str, ...]], list[str]] = {}
    for preview in previews:
        changes = ", ".join(preview.changes) or preview.error or "No changes"
        targets.setdefault((preview.creates, changes, tuple(preview.warnings)), []).append(preview.target.id)
    return [
        "".join(
            (
                f"- **{plain(changes)}** in {count(len(ids), 'new stack' if creates else 'stack')}",
                *(f"  \n  :material/warning: {plain(warning)}" for warning in warnings),
                f"  \n  :small[:gray[{plain(', '.join(ids))}]]",
            )
        )
        for (creates, changes, warnings), ids in targets.items()
    ]


def _previews(bench: Workbench, controller: Controller, document: Document) -> tuple[TargetPreview, ...]:
    previews = plan_previews(bench.cloud, controller, document)
    total = count(len(previews.steps), "target")
    with st.status(f"Previewing {total}") as status:
        work = start(bench, previews.plan)
        while work.running:
            finished = sum(work.finished([step]) for step in previews.steps)
            status.update(label=f"Previewed {finished} of {total}")
            wait_for(work, 0.5)
    if error := work.error or (work.outcome and work.outcome.error):
        show_error(error)
    return previews.read(work.outcome) if work.outcome and work.outcome.ok else ()


@dialog("Start rollout")
def _start_dialog(
    bench: Workbench,
    controller: Controller,
    document: Document,
    previews: tuple[TargetPreview, ...],
    approved: tuple[str, ...],
) -> None:
    run = approve(document, approved)
    try:
        plan = runs.plan_start(bench.cloud, controller, run, previews)
    except SlipwayError as error:
        show_error(error)
        return

    def then() -> None:
        st.cache_data.clear()
        st.session_state[STARTED] = run.run

    close_when_done(confirm_plan(bench, plan, button="Start rollout"), then)


def take_started_run() -> str:
    """Return the run that was just started, once, so that the page shows it next."""
    return str(st.session_state.pop(STARTED, ""))


def show_simulation(bench: Workbench, document: Document) -> None:
    """Simulate the rollout with the faults and operator commands of a text field."""
    left, right = st.columns([1, 2], gap="medium")
    with left:
        text = st.text_area("Faults and operator commands", FAULTS, height=260, key="rollout-faults")
        with st.expander("Names of targets and neighbors"):
            names = [*document.targets, *(neighbor.name for neighbor in document.rollout.neighbors)]
            st.code("\n".join(names), language=None)
    start_time = datetime.now(UTC).replace(second=0, microsecond=0)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    with right:
        try:
            scenario = parse_scenario(lines, start_time, document.targets, document.rollout)
        except InputError as error:
            show_error(error)
            return
        result = simulate(document.rollout, document.stages, start_time, scenario=scenario)
        _show_outcome(result, start_time)
        for fault in unreached(scenario, result.ended):
            st.caption(f"No effect, because the rollout had ended: {plain(fault)}")
        show_chart(grid, _cells(bench, document, result), width="stretch")
        show_chart(
            calendar,
            _bars(result),
            None,
            time_zone.zone(),
            empty="No chart: no stage started in the simulation.",
            width="stretch",
        )
    rows = [
        {
            time_zone.titled("Time"): time_zone.cell(action.at),
            "Elapsed": duration(action.at - start_time),
            "Stage": action.stage.name,
            "Event": labels.event(action.did),
            "Target": action.target,
            "Reason": action.why,
        }
        for action in result.actions
    ]
    show_table(rows, key="rollout-actions")


def _show_outcome(result: SimulationResult, start_time: datetime) -> None:
    elapsed = duration(result.ended - start_time)
    if result.outcome is SimulationOutcome.SUCCEEDED:
        st.success(f"Succeeded after {elapsed}", icon=":material/check_circle:")
    elif result.outcome is SimulationOutcome.BLOCKED:
        st.warning("Blocked: a condition can never be met", icon=":material/hourglass:")
    else:
        why = next(action.why for action in result.actions if action.did is ActionKind.STOPPED)
        st.warning(f"Rolled back after {elapsed}: {plain(why)}", icon=":material/undo:")


def _cells(bench: Workbench, document: Document, result: SimulationResult) -> list[Cell]:
    names = {account.id: account.name for account in bench.cloud.accounts}
    last_actions = result.last_actions
    return [
        Cell(
            names.get(target.account, target.account),
            target.region,
            target.stack,
            document.stages[number].name,
            labels.target_state(STATE_AFTER[last_actions[target.id]] if target.id in last_actions else None),
        )
        for number, target in document.targets.values()
    ]


def _bars(result: SimulationResult) -> list[Bar]:
    """Return the bars for deploying and baking of each stage."""
    bars: list[Bar] = []
    for stage in dict.fromkeys(action.stage.name for action in result.actions):
        actions = [action for action in result.actions if action.stage.name == stage]
        started = [action.at for action in actions if action.did is ActionKind.STARTED]
        ended = [action.at for action in actions if action.did in (ActionKind.DEPLOYED, ActionKind.FAILED)]
        if started and ended:
            bars.append(Bar(stage, "Deploying", min(started), max(ended)))
        bake_ended = [action.at for action in actions if action.did in (ActionKind.BAKED, ActionKind.STOPPED)]
        for action in actions:
            if action.did is ActionKind.BAKING:
                bars.append(Bar(stage, "Baking", action.at, min(bake_ended, default=result.ended)))
    return bars
