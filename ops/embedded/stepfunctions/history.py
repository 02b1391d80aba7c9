"""The history of an execution with what AWS writes and the emulator leaves out.

Adds the link to the event before, what a task was called with, the events of started, submitted and
timed-out tasks and of Lambda functions by ARN, and nothing after the end.
"""

import json
import threading
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_region
from ministack.services import stepfunctions as sf

from ops.embedded.context import Context

SEAMS = ("ministack.services.stepfunctions._add_event",)

Record = dict[str, Any]

# Events of one branch follow each other: the id of its last one, shared by the threads that work for it.
_branch: ContextVar[list[int] | None] = ContextVar("branch", default=None)
_lock = threading.Lock()


def install(context: Context) -> None:
    sf._add_event = add


def begin_branch() -> None:
    """Events of this thread's context now follow the event that came last, apart from the other branches'."""
    _branch.set([*(_branch.get() or [1])])


def begin_execution() -> None:
    _branch.set([1])


def add(execution: Record, kind: str, details: Record | None = None) -> Record:
    """Appends an event in AWS's form. An execution that has ended takes its closing event only."""
    if execution["status"] != "RUNNING" and not kind.startswith("Execution"):
        return {}
    if kind.startswith("Task") and details:
        kind, details = _as_aws_writes(kind, details)
    event = _append(execution, kind, details or {})
    if kind == "TaskScheduled":
        named = event["taskScheduledEventDetails"]
        _append(execution, "TaskStarted", {"taskStartedEventDetails": _only(named, *_NAMED)})
    elif kind == "LambdaFunctionScheduled":
        _append(execution, "LambdaFunctionStarted", {})
    return event


def called_with(execution: Record, parameters: Any) -> None:
    """Completes the event of the task that this branch has just scheduled."""
    last = _branch.get()
    if not last:
        return
    scheduled = execution["events"][last[0] - 2]  # before TaskStarted
    if details := scheduled.get("taskScheduledEventDetails"):
        details.update(parameters=json.dumps(parameters), region=get_region())
    elif details := scheduled.get("lambdaFunctionScheduledEventDetails"):
        details["input"] = json.dumps(parameters)


def submitted(execution: Record, resource: str, answer: Any) -> None:
    """A .sync task has been handed over and is being waited for."""
    details = {"resource": resource, "output": json.dumps(answer)}
    add(execution, "TaskSubmitted", {"taskSubmittedEventDetails": details})


_NAMED = ("resourceType", "resource")


def _append(execution: Record, kind: str, details: Record) -> Record:
    last = _branch.get()
    with _lock:
        events = execution["events"]
        event = {
            "id": len(events) + 1,
            "previousEventId": last[0] if last else len(events),
            "type": kind,
            "timestamp": sf.now_iso(),
            **details,
        }
        events.append(event)
        if last:
            last[0] = event["id"]
    return event


def _as_aws_writes(kind: str, details: Record) -> tuple[str, Record]:
    key = f"{kind[0].lower()}{kind[1:]}EventDetails"
    found = details.get(key)
    if found is None or "resource" not in found:
        return kind, details
    resource = found["resource"]
    if ":function:" in resource and not resource.startswith("arn:aws:states:::"):
        return _lambda_event(kind, found)
    if kind == "TaskFailed" and found["error"] == "States.Timeout":
        kind, key = "TaskTimedOut", "taskTimedOutEventDetails"
    service, name = _split(resource)
    return kind, {key: {**found, "resourceType": service, "resource": name}}


def _lambda_event(kind: str, found: Record) -> tuple[str, Record]:
    """A function called by its ARN has events of its own."""
    ending = kind.removeprefix("Task")
    if ending == "Failed" and found["error"] == "States.Timeout":
        ending = "TimedOut"
    kept = {
        "Scheduled": ("resource",),
        "Succeeded": ("output",),
        "Failed": ("error", "cause"),
        "TimedOut": ("error", "cause"),
    }[ending]
    return f"LambdaFunction{ending}", {f"lambdaFunction{ending}EventDetails": _only(found, *kept)}


def _split(resource: str) -> tuple[str, str]:
    """`arn:aws:states:::ecs:runTask.sync` is ("ecs", "runTask.sync")."""
    service, _, name = resource.partition(":::")[2].rpartition(":")
    return service or "activity", name or resource


def _only(details: Record, *names: str) -> Record:
    return {name: details[name] for name in names}
