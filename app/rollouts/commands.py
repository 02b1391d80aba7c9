"""The operator commands of a run, with their dialogs, and the freeze of all rollouts."""

from collections.abc import Mapping
from typing import NoReturn

import streamlit as st

from app.shared.components import errors_shown, operation_button, perform_call, plain, start
from app.shared.dialogs import close_dialog, close_when_done, dialog
from app.shared.session import Workbench
from app.shared.words import count
from ops.operations import Operation
from ops.rollouts import runs
from ops.rollouts.controller import Controller
from ops.rollouts.rules.decisions import OperatorCommand
from ops.rollouts.runs import RunDetails

FROZEN_TTL_S = 2
RETRY_ROLLBACK = "Retry rollback"
FREEZE, UNFREEZE = "Freeze all rollouts", "Unfreeze all rollouts"
COMMAND_EFFECTS = {
    OperatorCommand.STOP: "The rollout stops, and these targets return to their previous version. "
    "This cannot be undone.",
    OperatorCommand.SKIP: "The current bake ends now, and the next stage can start. Alarms still stop the "
    "rollout. This cannot be undone.",
    OperatorCommand.OVERRIDE: "The next targets start despite blockers. This cannot be undone.",
    OperatorCommand.APPROVE: "The stage that waits for this approval starts when nothing else holds it. This "
    "cannot be undone.",
}


def named(target: str, names: Mapping[str, str]) -> str:
    """Return the ID of a target with the name of its account."""
    account, slash, rest = target.partition("/")
    return f"{names.get(account, account)}{slash}{rest}"


def show_commands(bench: Workbench, controller: Controller, details: RunDetails) -> None:
    """Show the buttons of the commands that the run accepts now."""
    if details.summary.status == "RUNNING" and not details.stopped:
        with st.container(horizontal=True, width="content"):
            _command_buttons(bench, controller, details)
    elif details.summary.status == "STUCK":
        if operation_button(
            bench,
            Operation.CONTROL_ROLLOUT,
            RETRY_ROLLBACK,
            key="rollout-again",
            icon=":material/undo:",
            type="primary",
        ):
            _open_command_dialog(bench, controller, details, OperatorCommand.STOP, RETRY_ROLLBACK)


def _command_buttons(bench: Workbench, controller: Controller, details: RunDetails) -> None:
    def button(command: OperatorCommand, icon: str, *, primary: bool = False) -> None:
        if operation_button(
            bench,
            Operation.CONTROL_ROLLOUT,
            runs.COMMAND_TITLES[command],
            key=f"rollout-{command}",
            icon=f":material/{icon}:",
            type="primary" if primary else "secondary",
        ):
            if command in (OperatorCommand.PAUSE, OperatorCommand.RESUME):
                _pause_or_resume(bench, controller, details, command)
            else:
                _open_command_dialog(bench, controller, details, command)

    if details.gate:
        button(OperatorCommand.APPROVE, "check", primary=not details.paused)
    if details.paused:
        button(OperatorCommand.RESUME, "play_arrow", primary=True)
    else:
        button(OperatorCommand.PAUSE, "pause")
    baking = details.stage in details.baking and details.stage not in details.baked
    if baking:
        button(OperatorCommand.SKIP, "fast_forward")
    elif details.does == "wait" and not details.paused and not details.gate:
        button(OperatorCommand.OVERRIDE, "emergency")
    button(OperatorCommand.STOP, "undo")


def _open_command_dialog(
    bench: Workbench, controller: Controller, details: RunDetails, command: OperatorCommand, title: str = ""
) -> NoReturn:
    """Open the dialog of an operator command; its title names the action, as its button does."""
    title = title or command_title(details, command)
    dialog(title)(_ask_command)(bench, controller, details, command, title)


def command_title(details: RunDetails, command: OperatorCommand) -> str:
    """Return what the dialog does, with the number of targets that a rollback changes."""
    if command is OperatorCommand.STOP:
        return f"Roll back {count(len(_begun(details)), 'target')}"
    return runs.COMMAND_TITLES[command]


def _begun(details: RunDetails) -> list[str]:
    return [target.target.id for target in details.targets if target.begun]


def _ask_command(
    bench: Workbench, controller: Controller, details: RunDetails, command: OperatorCommand, title: str
) -> None:
    """Show what the command does, and ask for a reason and for the name of the run."""
    run = details.summary.run
    if command is OperatorCommand.STOP:
        names = {account.id: account.name for account in bench.cloud.accounts}
        st.markdown("\n".join(f"- {plain(named(target, names))}" for target in _begun(details)))
    if command is OperatorCommand.APPROVE:
        st.markdown(f"Stage: {plain(details.gate)}")
    st.warning(COMMAND_EFFECTS[command], icon=":material/warning:")
    with st.form(f"command-{command}", border=False):
        reason = st.text_input("Reason (kept in the decision log)", key=f"why-{command}").strip()
        typed = st.text_input(f"Type {plain(run)} to confirm", key=f"confirm-{command}")
        submitted = st.form_submit_button(title, type="primary", key=f"execute-{command}")
    if not submitted:
        return
    if not reason or typed != run:
        st.error(f"{'Type the name of the run.' if reason else 'Enter a reason.'} Nothing has been changed.")
        return
    plan = runs.plan_command(bench.cloud, controller, run, command, reason, bench.actor)
    close_when_done(start(bench, plan, confirmed=typed))


def _pause_or_resume(
    bench: Workbench, controller: Controller, details: RunDetails, command: OperatorCommand
) -> None:
    """Pause or resume with one click: each undoes the other."""
    reason = f"{runs.COMMAND_TITLES[command]}, requested by {bench.actor.name}"
    plan = runs.plan_command(bench.cloud, controller, details.summary.run, command, reason, bench.actor)
    with errors_shown():
        close_when_done(start(bench, plan))


@st.cache_data(ttl=FROZEN_TTL_S, show_spinner=False)
def _frozen(_bench: Workbench, _controller: Controller, table: str) -> str:
    return runs.freeze_reason(_bench.cloud, _controller)


def show_freeze(bench: Workbench, controller: Controller) -> None:
    """Show whether all rollouts are frozen, and the button that changes it."""
    reason = _frozen(bench, controller, controller.table)
    if reason:
        st.warning(f"All rollouts are frozen: {plain(reason)}", icon=":material/ac_unit:")
    label = UNFREEZE if reason else FREEZE
    if operation_button(
        bench, Operation.FREEZE_ROLLOUTS, label, key="rollout-freeze", icon=":material/ac_unit:"
    ):
        dialog(label)(_ask_freeze)(bench, controller, unfreeze=bool(reason))


def _ask_freeze(bench: Workbench, controller: Controller, *, unfreeze: bool) -> None:
    label = UNFREEZE if unfreeze else FREEZE
    with st.form("freeze", border=False):
        reason = "" if unfreeze else st.text_input("Reason, and expected end", key="why-freeze").strip()
        submitted = st.form_submit_button(label, type="primary", key="execute-freeze")
    if not submitted:
        return
    if not unfreeze and not reason:
        st.error("Enter a reason. Nothing has been changed.")
        return
    perform_call(bench, runs.freeze_call(bench.cloud, controller, reason, bench.actor))
    _frozen.clear()
    close_dialog()
