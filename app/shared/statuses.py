"""Status labels with icon and color. Pure."""

from dataclasses import dataclass
from typing import Literal

from ops.rollouts.rules import labels
from ops.rollouts.rules.decisions import TargetState

Color = Literal["green", "blue", "orange", "red", "gray"]


@dataclass(frozen=True)
class Badge:
    word: str
    icon: str
    color: Color

    @property
    def markdown(self) -> str:
        """The badge as Streamlit Markdown."""
        return f":{self.color}-badge[:material/{self.icon}: {self.word}]"


RUNS = {
    "RUNNING": Badge("In progress", "progress_activity", "blue"),
    "SUCCEEDED": Badge("Succeeded", "check_circle", "green"),
    "FAILED": Badge("Failed", "error", "red"),
    "TIMED_OUT": Badge("Timed out", "timer_off", "red"),
    "ABORTED": Badge("Stopped", "stop_circle", "orange"),
    "PENDING_REDRIVE": Badge("Pending redrive", "replay", "orange"),
}


def run(status: str) -> Badge:
    """Return the badge for the status of a Step Functions execution."""
    return RUNS.get(status, Badge(_sentence_case(status), "help", "gray"))


def stack(status: str) -> Badge:
    """Return the badge for the status of a CloudFormation stack."""
    word = _sentence_case(status)
    if "FAILED" in status or status == "ROLLBACK_COMPLETE":
        return Badge(word, "error", "red")
    if status.endswith("IN_PROGRESS"):
        return Badge(word, "progress_activity", "blue")
    if status.endswith("ROLLBACK_COMPLETE"):
        return Badge(word, "undo", "orange")
    return Badge("Deployed", "check_circle", "green")


def _sentence_case(status: str) -> str:
    return status.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Fill:
    """Colors of a step in a diagram, readable on light and dark pages."""

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
    "RUNNING": Badge(labels.run_status("RUNNING"), "progress_activity", "blue"),
    "DONE": Badge(labels.run_status("DONE"), "check_circle", "green"),
    "ROLLED_BACK": Badge(labels.run_status("ROLLED_BACK"), "undo", "orange"),
    "STUCK": Badge(labels.run_status("STUCK"), "error", "red"),
}

# States of a rollout's targets, in the order of the legend.
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


def rollout(status: str) -> Badge:
    """Return the badge for the status of a rollout, as the controller stores it."""
    return ROLLOUTS.get(status, Badge(labels.run_status(status), "help", "gray"))


# Support stacks, by the state that the inventory gives them.
VERDICTS = {
    "in use": (Badge("In use", "check_circle", "green"), STEPS["succeeded"]),
    "shared": (Badge("Shared", "group", "blue"), STEPS["running"]),
    "orphaned": (Badge("Orphaned", "delete_sweep", "orange"), STEPS["aborted"]),
    "unknown": (Badge("Unknown", "help", "gray"), STEPS["waiting"]),
    "left alone": (Badge("Ignored", "do_not_touch", "gray"), STEPS["skipped"]),
}

# Results of audit records. A step whose process was killed remains "started".
AUDIT_RESULTS = {"started": "Started", "done": "Succeeded", "failed": "Failed", "skipped": "Skipped"}
