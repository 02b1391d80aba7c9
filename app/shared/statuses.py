"""How states look: word, icon and colour together. Pure."""

from dataclasses import dataclass
from typing import Literal

from ops.rollouts.rules import labels
from ops.rollouts.rules.decisions import TargetState

Colour = Literal["green", "blue", "orange", "red", "gray"]


@dataclass(frozen=True)
class Look:
    word: str
    icon: str
    colour: Colour

    @property
    def markdown(self) -> str:
        """A badge for a Markdown element."""
        return f":{self.colour}-badge[:material/{self.icon}: {self.word}]"


RUNS = {
    "RUNNING": Look("running", "progress_activity", "blue"),
    "SUCCEEDED": Look("succeeded", "check_circle", "green"),
    "FAILED": Look("failed", "error", "red"),
    "TIMED_OUT": Look("timed out", "timer_off", "red"),
    "ABORTED": Look("stopped", "stop_circle", "orange"),
    "PENDING_REDRIVE": Look("to be redriven", "replay", "orange"),
}


def run(status: str) -> Look:
    """An execution's status as Step Functions names it."""
    return RUNS.get(status, Look(status.lower().replace("_", " "), "help", "gray"))


def stack(status: str) -> Look:
    """A stack's status as CloudFormation names it."""
    word = status.lower().replace("_", " ")
    if "FAILED" in status or status == "ROLLBACK_COMPLETE":
        return Look(word, "error", "red")
    if status.endswith("IN_PROGRESS"):
        return Look(word, "progress_activity", "blue")
    if status.endswith("ROLLBACK_COMPLETE"):
        return Look(word, "undo", "orange")
    return Look("deployed", "check_circle", "green")


@dataclass(frozen=True)
class Fill:
    """Colours of a step in a drawing, readable on light and dark pages."""

    background: str
    text: str


STEPS = {
    "pending": Fill("#d8dce3", "#3c4454"),
    "running": Fill("#1f6feb", "#ffffff"),
    "waiting": Fill("#8ab4f8", "#10233f"),
    "succeeded": Fill("#1a7f4b", "#ffffff"),
    "failed": Fill("#c62f3b", "#ffffff"),
    "skipped": Fill("#b9c1cd", "#2b3342"),
    "aborted": Fill("#b35c00", "#ffffff"),
}


ROLLOUTS = {
    "RUNNING": Look(labels.run_status("RUNNING"), "progress_activity", "blue"),
    "DONE": Look(labels.run_status("DONE"), "check_circle", "green"),
    "ROLLED_BACK": Look(labels.run_status("ROLLED_BACK"), "undo", "orange"),
    "STUCK": Look(labels.run_status("STUCK"), "error", "red"),
}

# Targets of a rollout, in the order of a legend.
ROLLOUT_TARGETS = {
    labels.NOT_STARTED: Fill("#e4e8ee", "#5b6474"),
    labels.target_state(TargetState.DEPLOYING): Fill("#1f6feb", "#ffffff"),
    labels.target_state(TargetState.DEPLOYED): Fill("#1a7f4b", "#ffffff"),
    labels.target_state(TargetState.FAILED): Fill("#c62f3b", "#ffffff"),
    labels.target_state(TargetState.ROLLING_BACK): Fill("#e0a458", "#3a2500"),
    labels.target_state(TargetState.ROLLED_BACK): Fill("#8a6d3b", "#ffffff"),
    labels.target_state(TargetState.STUCK): Fill("#7a0c1c", "#ffffff"),
}
ROLLOUT_STAGES = {
    "Waiting": Fill("#c9ced8", "#3c4454"),
    "Deploying": Fill("#1f6feb", "#ffffff"),
    "Baking": Fill("#1a7f4b", "#ffffff"),
}


def rollout(status: str) -> Look:
    """Return how the status of a rollout's run looks."""
    return ROLLOUTS.get(status, Look(labels.run_status(status), "help", "gray"))


VERDICTS = {
    "in use": (Look("in use", "check_circle", "green"), STEPS["succeeded"]),
    "shared": (Look("shared", "group", "blue"), STEPS["running"]),
    "orphaned": (Look("orphaned", "delete_sweep", "orange"), STEPS["aborted"]),
    "unknown": (Look("unknown", "help", "gray"), STEPS["waiting"]),
    "left alone": (Look("left alone", "do_not_touch", "gray"), STEPS["skipped"]),
}
