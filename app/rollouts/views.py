"""The runs of rollouts: the list, the live state, the operator commands, and the decision log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import streamlit as st

from app.rollouts.charts import Bar, calendar, cells, grid
from app.rollouts.commands import named, show_commands
from app.rollouts.stages import HEIGHT, stage_flow
from app.shared import address, statuses, time_zone
from app.shared.charts import shared_clock, show_chart
from app.shared.components import (
    clear_caches_once,
    empty_state,
    errors_shown,
    plain,
)
from app.shared.flow.component import show_flow
from app.shared.refreshing import show_refreshing
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, duration
from ops.logs.search.time_ranges import between
from ops.rollouts import runs
from ops.rollouts.calendar import CalendarEntry, expected_calendar
from ops.rollouts.controller import Controller
from ops.rollouts.rules import labels
from ops.rollouts.rules.model import RolloutStage
from ops.rollouts.runs import LogLine, RunDetails, RunSummary

WATCH_S = 2
LOG_MARGIN = timedelta(minutes=15)  # before and after an alarm, in the link to its logs
LOG_HEIGHT = 300
MAX_REASONS = 5
LATEST = datetime.max.replace(tzinfo=UTC)


def show_not_deployed(bench: Workbench) -> None:
    """Show how to deploy the controller."""
    empty_state(
        "The rollout controller is not deployed",
        "The controller is a stack in the first account (a state machine, a Lambda function, a table, and a "
        "bucket), with two roles in each target account. Deploy it once from the command line:",
    )
    st.code("slipway rollouts deploy", language="sh")


@st.cache_data(ttl=WATCH_S - 0.5, show_spinner=False)
def _read_run(_bench: Workbench, _controller: Controller, run: str) -> RunDetails:
    """Read a run. Cached, so that AWS is called once per interval for all sessions."""
    return runs.describe_run(_bench.cloud, _controller, run)


def choose_run(summaries: list[RunSummary]) -> str:
    """Choose a run; the default is the one in the URL, or the newest."""
    names = [summary.run for summary in summaries]
    words = {
        summary.run: " · ".join(filter(None, (summary.version, statuses.rollout(summary.status).word)))
        for summary in summaries
    }
    return address.choose(
        st.selectbox,
        "Run",
        names,
        name="run",
        key="rollout-run",
        format_func=lambda run: f"{run} · {words[run]}",
        width=420,
    )


def show_run(bench: Workbench, controller: Controller, run: str, *, live: bool) -> None:
    """Show a run. Refreshes on its own while the run is in progress, and the page once when it ends."""

    def panel() -> bool:
        with errors_shown():
            details = _read_run(bench, controller, run)
            _show(bench, controller, details)
            if live and details.summary.status != "RUNNING":
                clear_caches_once(f"{run} {details.summary.status} {details.summary.ended}")
                return True
        return False

    show_refreshing(panel, every=WATCH_S if live else None)


def _show(bench: Workbench, controller: Controller, details: RunDetails) -> None:
    names = {account.id: account.name for account in bench.cloud.accounts}
    stages = [stage.name for stage in details.document.stages]
    _headline(bench, controller, details)
    _state(details)
    show_flow(
        stage_flow(details, datetime.now(UTC)),
        key="rollout-flow",
        label=f"Stages of {details.summary.run}",
        height=HEIGHT,
        selectable=False,
    )
    drawn = cells(details.targets, stages, names)
    show_chart(grid, drawn, width="stretch")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Stages**")
        now = shared_clock(datetime.now(UTC))
        line = now if details.summary.status == "RUNNING" else None
        show_chart(
            calendar,
            _bars(details, now),
            line,
            time_zone.zone(),
            empty="No chart: no stage has started, and none can be expected to.",
            width="stretch",
        )
    with right:
        _alarms(details, names)
    st.markdown("**Decision log**")
    _log(details.log, names)


def _headline(bench: Workbench, controller: Controller, details: RunDetails) -> None:
    summary, now = details.summary, datetime.now(UTC)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        badge = statuses.rollout(summary.status).markdown
        took = duration((summary.ended or now) - summary.started)
        st.markdown(
            f"{badge} **{plain(summary.run)}** · "
            + (f"version {plain(summary.version)} · " if summary.version else "")
            + f"started {ago(summary.started, now)} by {plain(summary.by)}"
            f" · {took}",
            width="content",
            help=time_zone.stamp(summary.started),
        )
        show_commands(bench, controller, details)


def _state(details: RunDetails) -> None:
    """Show what the run does or waits for now, and why."""
    stage = details.document.stages[details.stage].name
    if details.stopped:
        st.warning(
            f"Stopped: {plain(details.stopped)}{_reasons(details, 'failed')}", icon=":material/warning:"
        )
    if details.summary.status != "RUNNING":
        if details.summary.status == "STUCK":
            reasons = _reasons(details, "cannot roll back")
            st.error(f"{plain(details.why)}{reasons}", icon=":material/error:")
        return
    if details.paused:
        st.info(f"Paused: {plain(details.paused)}", icon=":material/pause:")
    left = f" · {duration(details.until - datetime.now(UTC))} left" if details.until else ""
    done = sum(target.ended is not None for target in details.targets)
    activity = labels.activity(details.does) if details.does else ""
    st.markdown(
        f"**{stage.capitalize()}** {plain(activity)}{': ' if details.why else ''}{plain(details.why)}{left}"
        f" · {done} of {count(len(details.targets), 'target')}"
    )


def _reasons(details: RunDetails, did: str) -> str:
    """Return the reason for each target with that entry in the log, as a list."""
    reasons = {line.target: line.why for line in details.log if line.did == did}
    lines = [f"\n- {plain(target)}: {plain(why)}" for target, why in reasons.items()]
    more = f"\n- and {len(lines) - MAX_REASONS} more: see the log" if len(lines) > MAX_REASONS else ""
    return "\n" + "".join(lines[:MAX_REASONS]) + more if lines else ""


def _bars(details: RunDetails, now: datetime) -> list[Bar]:
    """Return the bars of the started stages, and the expected bars of the others."""
    stages = details.document.stages
    bars = [bar for number in range(len(stages)) for bar in _stage_bars(details, number, now)]
    remaining = [stage for stage in stages if stage.name not in {bar.stage for bar in bars}]
    if details.summary.status != "RUNNING" or details.stopped or not remaining:
        return bars
    start = max([now, *(bar.end for bar in bars)])
    return [*bars, *expected_bars(expected_calendar(details.document.rollout, remaining, start))]


def _stage_bars(details: RunDetails, number: int, now: datetime) -> list[Bar]:
    stage = details.document.stages[number]
    targets = [target for target in details.targets if target.stage == number and target.begun]
    if not targets:
        return []
    started = min(target.begun for target in targets if target.begun)
    bake_started = details.baking.get(number)
    deployed = bake_started or max(target.ended or now for target in targets)
    end = (details.summary.ended or now) if details.stopped else _bake_ended(details, stage) or LATEST
    baking = (
        [Bar(stage.name, "Baking", bake_started, min(bake_started + stage.bake.time, end))]
        if bake_started
        else []
    )
    return [Bar(stage.name, "Deploying", started, max(deployed, started)), *baking]


def _bake_ended(details: RunDetails, stage: RolloutStage) -> datetime | None:
    """Return when the bake ended, which is earlier when it was skipped; None while it continues."""
    baked = (line for line in details.log if line.did == "baked")
    skipped = f"{stage.name} bake skipped: "
    return next((line.at for line in baked if line.why == stage.name or line.why.startswith(skipped)), None)


def expected_bars(entries: Iterable[CalendarEntry]) -> list[Bar]:
    """Return the expected bars of stages that are not started; none for a stage that is blocked forever."""
    bars: list[Bar] = []
    for entry in entries:
        if entry.starts and entry.deployed and entry.baked:
            if entry.waits and entry.waits[0].at < entry.starts:
                bars.append(Bar(entry.stage.name, "Waiting", entry.waits[0].at, entry.starts))
            bars.append(Bar(entry.stage.name, "Deploying", entry.starts, entry.deployed))
            bars.append(Bar(entry.stage.name, "Baking", entry.deployed, entry.baked))
    return bars


def _alarms(details: RunDetails, names: Mapping[str, str]) -> None:
    """Show the monitored alarms, and a link to the logs of each that fired."""
    fired = [line for line in details.log if line.did in ("alarm", "stops") and "alarm " in line.why]
    rollout = details.document.rollout
    own = sorted({name for target in details.targets for name in target.target.alarms})
    neighbors = [named(neighbor.name, names) for neighbor in rollout.neighbors]
    st.markdown("**Alarms**")
    if not own and not neighbors:
        st.caption("No alarms configured: only failed deployments stop this rollout")
        return
    st.caption(
        f"Targets: {plain(', '.join(own)) or 'none'} · Neighbors: {plain(', '.join(neighbors)) or 'none'}"
    )
    for line in {line.why: line for line in fired}.values():
        st.markdown(f":red-badge[:material/notifications_active: Fired] {plain(line.why)}")
        for account, region in _mentioned_places(details, line.why):
            st.link_button(
                f"Open logs of {names.get(account, account)}, {region}",
                logs_link(account, region, line.at),
                icon=":material/search:",
            )


def _mentioned_places(details: RunDetails, text: str) -> list[tuple[str, str]]:
    """Return account and region of the targets and neighbors that the text mentions."""
    known = [(each.target.id, each.target.account, each.target.region) for each in details.targets]
    known += [
        (neighbor.name, neighbor.account, neighbor.region) for neighbor in details.document.rollout.neighbors
    ]
    return list(dict.fromkeys((account, region) for name, account, region in known if name in text))


def logs_link(account: str, region: str, at: datetime) -> str:
    """Return the URL of the page Logs for an account, a region, and the time around `at`."""
    time = between(*(moment.replace(microsecond=0) for moment in (at - LOG_MARGIN, at + LOG_MARGIN))).text
    return "/logs?" + urlencode({"q": f"account:{account} region:{region}", "t": time})


def _log(lines: Sequence[LogLine], names: Mapping[str, str]) -> None:
    rows = [
        {
            time_zone.titled("Time"): time_zone.cell(line.at),
            "Event": labels.event(line.did),
            "Reason": line.why,
            "Target": named(line.target, names),
            "By": line.who,
        }
        for line in reversed(lines)
    ]
    show_table(
        rows,
        height=LOG_HEIGHT,
        key="rollout-log",
        column_config={
            "Reason": st.column_config.TextColumn(width="large"),
            "Target": st.column_config.TextColumn(width="medium"),
        },
    )
