"""The runs of rollouts: the list, the live run, its orders and its log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import streamlit as st

from app.rollouts.charts import Bar, calendar, cells, grid
from app.shared import statuses
from app.shared.components import (
    confirm_plan,
    empty_state,
    errors_shown,
    forget_once,
    operation_button,
    plain,
)
from app.shared.dialogs import close_when_done, dialog
from app.shared.drawn import shared, show_chart
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, duration, utc
from ops.operations import Operation
from ops.rollouts import runs
from ops.rollouts.calendar import Entry, expected
from ops.rollouts.controller import Engine
from ops.rollouts.rules.decisions import Does
from ops.rollouts.rules.waves import Stage
from ops.rollouts.runs import LogLine, Summary, Watched

WATCH_S = 2
AROUND = timedelta(minutes=15)  # of an alarm, in the logs
LOG_HEIGHT = 300
MOST_REASONS = 5
LATEST = datetime.max.replace(tzinfo=UTC)


def show_no_engine(bench: Workbench) -> None:
    """How to get one."""
    empty_state(
        "The rollouts' engine is not deployed yet",
        "It is one stack in the first account: a state machine, its handler, a table and a bucket; and two "
        "roles in each account that it deploys to. Deploy it once from the command line:",
    )
    st.code("python -m ops rollouts deploy", language="sh")


@st.cache_data(ttl=WATCH_S - 0.5, show_spinner=False)
def _watched(_bench: Workbench, _engine: Engine, run: str) -> Watched:
    """However many sessions watch, AWS is asked once an interval."""
    return runs.watch(_bench.cloud, _engine, run)


@st.cache_data(ttl=WATCH_S, show_spinner=False)
def _frozen(_bench: Workbench, _engine: Engine, table: str) -> str:
    return runs.frozen(_bench.cloud, _engine)


def choose_run(found: list[Summary]) -> str:
    """The run that the address names, else the newest; chosen from a list."""
    names = [each.run for each in found]
    wanted = st.query_params.get("run")
    if st.session_state.get("rollout-run") not in names:
        st.session_state["rollout-run"] = wanted if wanted in names else names[0]
    looks = {each.run: statuses.rollout(each.status).word for each in found}
    chosen: str = st.selectbox(
        "Run",
        names,
        key="rollout-run",
        format_func=lambda run: f"{run} · {looks[run]}",
        width=420,
    )
    if st.query_params.get("run") != chosen:
        st.query_params["run"] = chosen
    return chosen


def show_run(bench: Workbench, where: Engine, run: str, *, live: bool) -> None:
    """The run; redraws itself alone while it is under way, then the page once."""

    @st.fragment(run_every=WATCH_S if live else None)
    def panel() -> None:
        with errors_shown():
            watched = _watched(bench, where, run)
            _show(bench, where, watched)
            if live and watched.summary.status != "RUNNING":
                forget_once(f"{run} {watched.summary.status} {watched.summary.ended}")
                st.rerun()

    panel()


def _show(bench: Workbench, where: Engine, watched: Watched) -> None:
    names = {account.id: account.name for account in bench.cloud.accounts}
    stages = [stage.name for stage in watched.document.stages]
    _headline(bench, where, watched)
    _state(watched)
    drawn = cells(watched.targets, stages, names)
    show_chart(grid, drawn, width="stretch")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Stages**")
        now = shared(datetime.now(UTC))
        line = now if watched.summary.status == "RUNNING" else None
        show_chart(calendar, _bars(watched, now), line, width="stretch")
    with right:
        _alarms(watched, names)
    st.markdown("**Decision log**")
    _log(watched.log, names)


def _headline(bench: Workbench, where: Engine, watched: Watched) -> None:
    summary, now = watched.summary, datetime.now(UTC)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        badge = statuses.rollout(summary.status).markdown
        took = duration((summary.ended or now) - summary.started)
        st.markdown(
            f"{badge} **{plain(summary.run)}** · started {ago(summary.started, now)} by {plain(summary.by)}"
            f" · {took}",
            width="content",
            help=utc(summary.started),
        )
        if summary.status == "RUNNING" and not watched.stopped:
            with st.container(horizontal=True, width="content"):
                _order_buttons(bench, where, watched)
        elif summary.status == "STUCK":
            if operation_button(
                bench,
                Operation.ORDER_ROLLOUT,
                "Roll back once more",
                key="rollout-again",
                icon=":material/undo:",
                type="primary",
            ):
                _ask_order(bench, where, summary.run, Does.STOP)


def _order_buttons(bench: Workbench, where: Engine, watched: Watched) -> None:
    run = watched.summary.run
    if watched.paused:
        if operation_button(
            bench,
            Operation.ORDER_ROLLOUT,
            "Resume",
            key="rollout-resume",
            icon=":material/play_arrow:",
            type="primary",
        ):
            _ask_order(bench, where, run, Does.RESUME)
    elif operation_button(
        bench, Operation.ORDER_ROLLOUT, "Pause", key="rollout-pause", icon=":material/pause:"
    ):
        _ask_order(bench, where, run, Does.PAUSE)
    baking = watched.stage in watched.baking and watched.stage not in watched.baked
    if baking and operation_button(
        bench, Operation.ORDER_ROLLOUT, "Skip bake", key="rollout-skip", icon=":material/fast_forward:"
    ):
        _ask_order(bench, where, run, Does.SKIP)
    if not baking and watched.does == "wait" and not watched.paused:
        if operation_button(
            bench,
            Operation.ORDER_ROLLOUT,
            "Override blockers",
            key="rollout-override",
            icon=":material/emergency:",
        ):
            _ask_order(bench, where, run, Does.OVERRIDE)
    if operation_button(
        bench, Operation.ORDER_ROLLOUT, "Roll back", key="rollout-stop", icon=":material/undo:"
    ):
        _ask_order(bench, where, run, Does.STOP)


@dialog("Give an order")
def _ask_order(bench: Workbench, where: Engine, run: str, does: Does) -> None:
    """Reason, plan, typed name where it cannot be taken back."""
    why = st.text_input("Reason, for those who read the log later", key=f"why-{does}")
    if not why.strip():
        st.caption("Write a reason to go on.")
        return
    plan = runs.plan_order(bench.cloud, where, run, does, why, bench.actor)
    close_when_done(confirm_plan(bench, plan, button="Roll back" if does is Does.STOP else does.capitalize()))


def _state(watched: Watched) -> None:
    """What it does or waits for now, and why."""
    stage = watched.document.stages[watched.stage].name
    if watched.stopped:
        st.warning(
            f"Stopped: {plain(watched.stopped)}{_reasons(watched, 'failed')}", icon=":material/warning:"
        )
    if watched.summary.status != "RUNNING":
        if watched.summary.status == "STUCK":
            reasons = _reasons(watched, "cannot roll back")
            st.error(f"{plain(watched.why)}{reasons}", icon=":material/error:")
        return
    if watched.paused:
        st.info(f"Paused: {plain(watched.paused)}", icon=":material/pause:")
    left = f" · {duration(watched.until - datetime.now(UTC))} left" if watched.until else ""
    done = sum(each.ended is not None for each in watched.targets)
    doing = {"deploy": "deploys", "wait": "waits", "roll back": "rolls back"}.get(watched.does, watched.does)
    st.markdown(
        f"**{stage.capitalize()}** {doing}{': ' if watched.why else ''}{plain(watched.why)}{left}"
        f" · {done} of {count(len(watched.targets), 'target')}"
    )


def _reasons(watched: Watched, did: str) -> str:
    """What the log says of each target that this happened to, as a list."""
    found = {line.target: line.why for line in watched.log if line.did == did}
    lines = [f"\n- {plain(target)}: {plain(why)}" for target, why in found.items()]
    more = f"\n- and {len(lines) - MOST_REASONS} more: see the log" if len(lines) > MOST_REASONS else ""
    return "\n" + "".join(lines[:MOST_REASONS]) + more if lines else ""


def _bars(watched: Watched, now: datetime) -> list[Bar]:
    """What has been, and what is expected of the stages that are left."""
    stages = watched.document.stages
    bars = [bar for number in range(len(stages)) for bar in _been(watched, number, now)]
    left = [stage for stage in stages if stage.name not in {bar.stage for bar in bars}]
    if watched.summary.status != "RUNNING" or watched.stopped or not left:
        return bars
    start = max([now, *(bar.end for bar in bars)])
    return [*bars, *expected_bars(expected(watched.document.rollout, left, start))]


def _been(watched: Watched, number: int, now: datetime) -> list[Bar]:
    stage = watched.document.stages[number]
    mine = [each for each in watched.targets if each.stage == number and each.begun]
    if not mine:
        return []
    begun = min(each.begun for each in mine if each.begun)
    baked = watched.baking.get(number)
    ended = baked or max(each.ended or now for each in mine)
    over = (watched.summary.ended or now) if watched.stopped else _bake_ended(watched, stage) or LATEST
    baking = [Bar(stage.name, "bakes", baked, min(baked + stage.bake.time, over))] if baked else []
    return [Bar(stage.name, "deploys", begun, max(ended, begun)), *baking]


def _bake_ended(watched: Watched, stage: Stage) -> datetime | None:
    """Sooner than was meant where a person has skipped it; None while it goes on."""
    baked = (line for line in watched.log if line.did == "baked")
    return next((line.at for line in baked if f"{line.why} ".startswith(f"{stage.name} ")), None)


def expected_bars(entries: Iterable[Entry]) -> list[Bar]:
    """The calendar of stages that have not begun; a stage that never may has none."""
    bars: list[Bar] = []
    for entry in entries:
        if entry.starts and entry.deployed and entry.baked:
            if entry.waits and entry.waits[0].at < entry.starts:
                bars.append(Bar(entry.stage.name, "waits", entry.waits[0].at, entry.starts))
            bars.append(Bar(entry.stage.name, "deploys", entry.starts, entry.deployed))
            bars.append(Bar(entry.stage.name, "bakes", entry.deployed, entry.baked))
    return bars


def _alarms(watched: Watched, names: Mapping[str, str]) -> None:
    """The alarms that are watched; those that fired lead to the logs around that moment."""
    fired = [line for line in watched.log if line.did in ("alarm", "stops") and "alarm " in line.why]
    rollout = watched.document.rollout
    own = sorted({name for each in watched.targets for name in each.target.alarms})
    neighbours = [_named(each.name, names) for each in rollout.neighbours]
    st.markdown("**Alarms**")
    if not own and not neighbours:
        st.caption("The file names none: only failures of CloudFormation stop this rollout.")
        return
    st.caption(
        f"In every target: {plain(', '.join(own)) or 'none'}. "
        f"Neighbours: {plain(', '.join(neighbours)) or 'none'}."
    )
    for line in {line.why: line for line in fired}.values():
        st.markdown(f":red-badge[:material/notifications_active: fired] {plain(line.why)}")
        for account, region in _places(watched, line.why):
            st.link_button(
                f"Logs of {names.get(account, account)}, {region} around it",
                logs_link(account, region, line.at),
                icon=":material/search:",
            )


def _places(watched: Watched, words: str) -> list[tuple[str, str]]:
    """Where the targets and neighbours are that the words name."""
    known = [(each.target.id, each.target.account, each.target.region) for each in watched.targets]
    known += [(each.name, each.account, each.region) for each in watched.document.rollout.neighbours]
    return list(dict.fromkeys((account, region) for name, account, region in known if name in words))


def logs_link(account: str, region: str, at: datetime) -> str:
    """The page Logs with that account, region and the time around the moment."""
    start, end = (moment.astimezone(UTC) for moment in (at - AROUND, at + AROUND))
    time = f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
    return "/logs?" + urlencode({"q": f"account:{account} region:{region}", "t": time})


def _log(lines: Sequence[LogLine], names: Mapping[str, str]) -> None:
    rows = [
        {
            "At (UTC)": f"{line.at:%Y-%m-%d %H:%M:%S}",
            "What": line.did,
            "Why": line.why,
            "Target": _named(line.target, names),
            "Who": line.who,
        }
        for line in reversed(lines)
    ]
    show_table(
        rows,
        height=LOG_HEIGHT,
        key="rollout-log",
        column_config={
            "Why": st.column_config.TextColumn(width="large"),
            "Target": st.column_config.TextColumn(width="medium"),
        },
    )


def _named(target: str, names: Mapping[str, str]) -> str:
    account, slash, rest = target.partition("/")
    return f"{names.get(account, account)}{slash}{rest}"


def show_freeze(bench: Workbench, where: Engine) -> None:
    """The switch for every rollout."""
    why = _frozen(bench, where, where.table)
    if why:
        st.warning(f"Every rollout is frozen: {plain(why)}", icon=":material/ac_unit:")
    label = "Lift the freeze" if why else "Freeze every rollout"
    if operation_button(
        bench, Operation.FREEZE_ROLLOUTS, label, key="rollout-freeze", icon=":material/ac_unit:"
    ):
        _ask_freeze(bench, where, lift=bool(why))


@dialog("Freeze")
def _ask_freeze(bench: Workbench, where: Engine, *, lift: bool) -> None:
    why = "" if lift else st.text_input("Why, and until when", key="why-freeze").strip()
    if not lift and not why:
        st.caption("Write a reason to go on.")
        return
    plan = runs.plan_freeze(bench.cloud, where, why, bench.actor)
    close_when_done(confirm_plan(bench, plan, button="Lift" if lift else "Freeze"), _frozen.clear)
