"""Planning a rollout on the page: the file in an editor, its calendar, its simulation, its start."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from app.rollouts.charts import LEFT, NOT_BEGUN, Bar, Cell, calendar, grid
from app.rollouts.views import expected_bars
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
from app.shared.drawn import show_chart
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import count, duration, utc
from ops.aws.organizations import accounts_of
from ops.errors import InputError, SlipwayError
from ops.operations import Operation
from ops.rollouts import runs
from ops.rollouts.calendar import expected
from ops.rollouts.controller import Engine
from ops.rollouts.limits import uses
from ops.rollouts.rules.document import Document
from ops.rollouts.runs import Preview
from ops.rollouts.scripts import parse_script
from ops.rollouts.simulator import Did, Outcome, Run, simulate

FOLDER = Path("rollouts")
STARTED = "rollout-started"
EDITOR_HEIGHT = 420
FAULTS = """# One a line; without a # it happens. Times count from the begin.
# alarm TARGET +14h 30m
# fail TARGET
# late TARGET 3h
# freeze +13h 4h
# pause +1h
# resume +15h
# skip +1h
"""


def ask_document(bench: Workbench) -> Document | None:
    """The rollout file, chosen and edited; None while it is wrong, which is told."""
    files = sorted(FOLDER.glob("*.toml"))
    if not files:
        empty_state(
            f"There is no rollout file in {plain(str(FOLDER.absolute()))}",
            "A rollout is a file there, for instance rollouts/shop.toml; docs/rollouts.md explains it.",
        )
        return None
    path = st.selectbox("Rollout file", files, format_func=lambda each: each.name, key="rollout-file")
    with st.expander("What it says; changes here are not saved", key="rollout-editor"):
        text = st.text_area(
            "Rollout",
            path.read_text("utf-8"),
            height=EDITOR_HEIGHT,
            key=f"rollout-text-{path.name}",
            label_visibility="collapsed",
        )

    def resolve(kind: str, name: str) -> Sequence[str]:
        return accounts_of(bench.cloud, kind, name)

    try:
        return runs.prepare_text(text, path, resolve, bench.actor, datetime.now(UTC))
    except InputError as error:
        show_error(error)
        return None


def show_calendar(document: Document) -> None:
    """The stages with their expected times, and how much of the limits is used at worst."""
    entries = expected(document.rollout, document.stages, datetime.now(UTC))
    targets = sum(len(stage.targets) for stage in document.stages)
    end = entries[-1].baked
    st.markdown(
        f"{count(targets, 'target')} in {count(len(document.stages), 'stage')}; begun now, it is expected to "
        + (f"end at {utc(end)}." if end else "wait for ever: nothing opens.")
    )
    show_chart(calendar, expected_bars(entries), width="stretch")
    rows = [
        {
            "Stage": entry.stage.name,
            "Regions": ", ".join(entry.stage.regions),
            "Targets": len(entry.stage.targets),
            "Starts": utc(entry.starts),
            "Deployed": utc(entry.deployed),
            "Baked": utc(entry.baked),
            "Waits for": "; ".join(dict.fromkeys(wait.why for wait in entry.waits)),
        }
        for entry in entries
    ]
    show_table(rows, key="rollout-stages")
    margins = [f"{use.what}: {use.used:,} of {use.limit:,}" for use in uses(document.stages, document.run)]
    st.caption(f"Of Step Functions' limits at worst: {'; '.join(margins)}.")


def offer_start(bench: Workbench, where: Engine, document: Document) -> None:
    """Change sets for every target, approvals, start."""
    key = f"rollout-previews-{hash(document.text)}"
    pressed = operation_button(
        bench,
        Operation.PREVIEW_ROLLOUT,
        "Preview every target",
        key="rollout-preview",
        icon=":material/difference:",
    )
    if pressed and (previewed := _previews(bench, where, document)):
        st.session_state[key] = previewed
    found: tuple[Preview, ...] | None = st.session_state.get(key)
    if found is None:
        st.caption("Makes a change set in every target, shows it, and deletes it again. Changes nothing.")
        return
    rows = [
        {
            "Target": each.target.id,
            "Stack": "new" if each.creates else "there",
            "Changes": ", ".join(each.changes) or each.error or "nothing",
            "To approve": ", ".join(each.to_approve),
        }
        for each in found
    ]
    show_table(rows, key="rollout-changes")
    asked = [words for each in found for words in each.to_approve]
    approved = tuple(
        words for number, words in enumerate(asked) if st.checkbox(plain(words), key=f"approve-{number}")
    )
    if operation_button(
        bench,
        Operation.START_ROLLOUT,
        "Start rollout",
        key="rollout-start",
        type="primary",
        icon=":material/rocket_launch:",
    ):
        _ask_start(bench, where, document, found, approved)


def _previews(bench: Workbench, where: Engine, document: Document) -> tuple[Preview, ...]:
    found: list[Preview] = []
    plan = runs.plan_previews(bench.cloud, where, document, found)
    with st.status(plain(plan.steps[0].does)) as status:
        work = start(bench, plan)
        while work.running:
            if said := work.messages(plan.steps[0].id):
                status.update(label=plain(said[-1]))
            wait_for(work, 0.5)
    if failed := work.error or (work.outcome and work.outcome.error):
        show_error(failed)
        return ()
    return tuple(found)


@dialog("Start rollout")
def _ask_start(
    bench: Workbench,
    where: Engine,
    document: Document,
    found: tuple[Preview, ...],
    approved: tuple[str, ...],
) -> None:
    path = Path(document.file)
    try:
        asked = runs.prepare_text(
            document.text,
            path,
            lambda kind, name: document.accounts[f"{kind} {name}"],
            bench.actor,
            datetime.strptime(document.run[-15:], "%Y%m%d-%H%M%S"),
            approved=approved,
        )
        plan = runs.plan_start(bench.cloud, where, asked, found)
    except SlipwayError as error:
        show_error(error)
        return

    def then() -> None:
        st.cache_data.clear()
        st.session_state[STARTED] = asked.run

    close_when_done(confirm_plan(bench, plan, button="Start"), then)


def started() -> str:
    """The run that was started just now, once: what the page is to show next."""
    return str(st.session_state.pop(STARTED, ""))


def show_simulation(bench: Workbench, document: Document) -> None:
    """The same decisions on a fake clock."""
    left, right = st.columns([1, 2], gap="medium")
    with left:
        text = st.text_area("Faults and orders", FAULTS, height=260, key="rollout-faults")
        with st.expander("Names of targets and neighbours"):
            names = [*document.targets, *(each.name for each in document.rollout.neighbours)]
            st.code("\n".join(names), language=None)
    begin = datetime.now(UTC).replace(second=0, microsecond=0)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    with right:
        try:
            script = parse_script(lines, begin, document.targets, document.rollout)
        except InputError as error:
            show_error(error)
            return
        result = simulate(document.rollout, document.stages, begin, script=script)
        _show_outcome(result, begin)
        show_chart(grid, _left(bench, document, result), width="stretch")
        show_chart(calendar, _bars(result), width="stretch")
    rows = [
        {
            "At (UTC)": f"{action.at:%Y-%m-%d %H:%M}",
            "After": duration(action.at - begin),
            "Stage": action.stage.name,
            "Did": str(action.did),
            "Target": action.target,
            "Why": action.why,
        }
        for action in result.actions
    ]
    show_table(rows, key="rollout-actions")


def _show_outcome(result: Run, begin: datetime) -> None:
    took = duration(result.ended - begin)
    if result.outcome is Outcome.DONE:
        st.success(f"Done after {took}.", icon=":material/check_circle:")
    elif result.outcome is Outcome.BLOCKED:
        st.warning("It waits for something that never comes.", icon=":material/hourglass:")
    else:
        why = next(action.why for action in result.actions if action.did is Did.STOPPED)
        st.warning(f"Rolled back after {took}: {plain(why)}", icon=":material/undo:")


def _left(bench: Workbench, document: Document, result: Run) -> list[Cell]:
    names = {account.id: account.name for account in bench.cloud.accounts}
    deeds = result.left
    return [
        Cell(
            names.get(target.account, target.account),
            target.region,
            target.stack,
            document.stages[number].name,
            LEFT[deeds[target.id]] if target.id in deeds else NOT_BEGUN,
        )
        for number, target in document.targets.values()
    ]


def _bars(result: Run) -> list[Bar]:
    """Deploying and baking of each stage, as it went."""
    bars: list[Bar] = []
    for stage in dict.fromkeys(action.stage.name for action in result.actions):
        mine = [action for action in result.actions if action.stage.name == stage]
        begun = [action.at for action in mine if action.did is Did.STARTED]
        ended = [action.at for action in mine if action.did in (Did.DEPLOYED, Did.FAILED)]
        if begun and ended:
            bars.append(Bar(stage, "deploys", min(begun), max(ended)))
        for action in mine:
            if action.did is Did.BAKING:
                over = [each.at for each in mine if each.did in (Did.BAKED, Did.STOPPED)]
                bars.append(Bar(stage, "bakes", action.at, min(over, default=result.ended)))
    return bars
