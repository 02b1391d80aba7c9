"""What people read for the states and events of a run: stored values → words.

The stored values are a contract with runs that are in progress; only their words may change.
"""

from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.rules.gates.hooks import HookState

NOT_STARTED = "Not started"

RUN_STATUSES = {
    "RUNNING": "In progress",
    "DONE": "Succeeded",
    "ROLLED_BACK": "Rolled back",
    "STUCK": "Needs attention",
}

TARGET_STATES = {
    TargetState.DEPLOYING: "In progress",
    TargetState.DEPLOYED: "Succeeded",
    TargetState.FAILED: "Failed",
    TargetState.ROLLING_BACK: "Rolling back",
    TargetState.ROLLED_BACK: "Rolled back",
    TargetState.STUCK: "Needs attention",
}

HOOK_STATES = {
    HookState.IN_PROGRESS: "In progress",
    HookState.SUCCEEDED: "Succeeded",
    HookState.FAILED: "Failed",
    HookState.HELD: "Failed",
}

# What a run does now, as its next step is stored.
ACTIVITIES = {
    "publish": "Publishing assets",
    "deploy": "Deploying",
    "hook": "Calling a hook",
    "wait": "Waiting",
    "roll back": "Rolling back",
    "end": "Ended",
}

# The entries of a run's log, and the actions of a simulation.
EVENTS = {
    "started": "Rollout started",
    "published": "Assets published",
    "starts": "Deployment started",
    "deployed": "Deployment succeeded",
    "failed": "Deployment failed",
    "waits": "Waiting",
    "looked": "Evidence checked",
    "bakes": "Bake started",
    "baked": "Bake succeeded",
    "alarm": "Alarm fired",
    "stops": "Rollout stopped",
    "rolls back": "Rollback started",
    "rolled back": "Rollback succeeded",
    "cannot roll back": "Rollback failed",
    "ended": "Rollout ended",
    "freeze on": "Freeze started",
    "freeze off": "Freeze ended",
    "asks": "Approval requested",
    "calls": "Hook called",
    "called": "Hook succeeded",
    "hook failed": "Hook failed",
    "pauses": "Rollout paused",
    "approved": "Approved",
    "outage": "Home Region unavailable",
    "ordered": "Operator command",
    "ordered: pause": "Paused by operator",
    "ordered: resume": "Resumed by operator",
    "ordered: stop": "Rollback requested by operator",
    "ordered: skip": "Bake skipped by operator",
    "ordered: approve": "Approved by operator",
    "ordered: override": "Blockers overridden by operator",
}


def run_status(status: str) -> str:
    """Return the words for a run's status."""
    return RUN_STATUSES.get(status, status.lower().replace("_", " ").capitalize())


def target_state(state: TargetState | None) -> str:
    """Return the words for a target's state."""
    return TARGET_STATES[state] if state else NOT_STARTED


def hook_state(state: HookState | None) -> str:
    """Return the words for a hook's state."""
    return HOOK_STATES[state] if state else NOT_STARTED


def event(name: str) -> str:
    """Return the words for an entry of the log."""
    return EVENTS.get(name, name)


def activity(step: str) -> str:
    """Return the words for what a run does now."""
    return ACTIVITIES.get(step, step)
