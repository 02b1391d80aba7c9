"""Stands before the rollouts' handler in the fault matrix: packed into its zip, it is the function's handler.

A rollout's faults lie in a file: the action, the kind of fault, how often, on which target. Each that is met
leaves a mark in a file of its own. The controller's code is untouched.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from ops.functions.rollouts import handler as rollouts
from ops.functions.rollouts.aws import Denied, TargetFailed, Throttled, Unreachable

FOLDER = Path(os.environ.get("FAULTS", "/nonexistent"))
PATIENCE_S = 200.0  # less than the function's time limit

INSTEAD = {
    "crash before": RuntimeError("killed before it began"),
    "throttled": Throttled("Rate exceeded"),
    "unreachable": Unreachable("Could not connect to the endpoint URL"),
    "denied": Denied("AccessDenied"),
    "cannot": TargetFailed("a test does not let it"),
}


def handler(event: dict[str, Any], context: object) -> Any:
    on = event.get("on") or {}
    name = str(on.get("run", "")).rpartition("-")[0].rpartition("-")[0]
    fault = _take(name, event["action"], on)
    if fault in INSTEAD:
        raise INSTEAD[fault]
    if fault == "late":
        _wait_for(FOLDER / f"{name}.done")
    answer = rollouts.handler(event, context)
    if fault == "crash after":
        raise RuntimeError("killed after all was done, before it could answer")
    if fault == "stopped":
        _wait_for(FOLDER / f"{name}.done")
    return answer


def _wait_for(mark: Path) -> None:
    """The test stops the execution, or changes the stack, while the call goes on."""
    deadline = time.monotonic() + PATIENCE_S
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def _take(name: str, action: str, on: dict[str, Any]) -> str:
    """The fault that this call meets: the first that is not used up."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return ""
    for number, fault in enumerate(json.loads(path.read_text())):
        if fault["action"] == action and fault["target"] in ("", on.get("target", "")):
            met = FOLDER / f"{name}.{number}.met"
            if (len(met.read_text()) if met.exists() else 0) < fault["times"]:
                with met.open("a") as file:
                    file.write("x")
                return str(fault["kind"])
    return ""
