"""The history of an execution, with what AWS records and the emulator omits.

Adds the link to the previous event, the parameters of a task, events for started, submitted, and timed-out
tasks and for Lambda functions by ARN, and nothing after the end.
"""

import json
import threading
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_region
from ministack.services import stepfunctions as sf

from ops.embedded.context import OverlayContext

SEAMS = ("ministack.services.stepfunctions._add_event",)

Record = dict[str, Any]

# ID of the last event of a branch, which the next one links to; the branch's threads share it.
_last_event: ContextVar[list[int] | None] = ContextVar("branch", default=None)
_lock = threading.Lock()


def install(context: OverlayContext) -> None:
    sf._add_event = add


def begin_branch() -> None:
    """Make events of this thread's context follow the last event, separately from other branches."""
    _last_event.set([*(_last_event.get() or [1])])


def begin_execution() -> None:
    _last_event.set([1])


def add(execution: Record, event_type: str, details: Record | None = None) -> Record:
    """Append an event in AWS's form. An execution that has ended accepts only its closing event."""
    if execution["status"] != "RUNNING" and not event_type.startswith("Execution"):
        return {}
    if event_type.startswith("Task") and details:
        event_type, details = _in_aws_form(event_type, details)
    event = _append(execution, event_type, details or {})
    if event_type == "TaskScheduled":
        scheduled_details = event["taskScheduledEventDetails"]
        _append(
            execution, "TaskStarted", {"taskStartedEventDetails": _select(scheduled_details, *_RESOURCE_KEYS)}
        )
    elif event_type == "LambdaFunctionScheduled":
        _append(execution, "LambdaFunctionStarted", {})
    return event


def record_parameters(execution: Record, parameters: Any) -> None:
    """Add the parameters to the event of the task that this branch has just scheduled."""
    last = _last_event.get()
    if not last:
        return
    scheduled = execution["events"][last[0] - 2]  # before TaskStarted
    if details := scheduled.get("taskScheduledEventDetails"):
        details.update(parameters=json.dumps(parameters), region=get_region())
    elif details := scheduled.get("lambdaFunctionScheduledEventDetails"):
        details["input"] = json.dumps(parameters)


def record_submitted(execution: Record, resource: str, response: Any) -> None:
    """Record that a .sync task was submitted."""
    details = {"resource": resource, "output": json.dumps(response)}
    add(execution, "TaskSubmitted", {"taskSubmittedEventDetails": details})


_RESOURCE_KEYS = ("resourceType", "resource")


def _append(execution: Record, event_type: str, details: Record) -> Record:
    last = _last_event.get()
    with _lock:
        events = execution["events"]
        event = {
            "id": len(events) + 1,
            "previousEventId": last[0] if last else len(events),
            "type": event_type,
            "timestamp": sf.now_iso(),
            **details,
        }
        events.append(event)
        if last:
            last[0] = event["id"]
    return event


def _in_aws_form(event_type: str, details: Record) -> tuple[str, Record]:
    key = f"{event_type[0].lower()}{event_type[1:]}EventDetails"
    task_details = details.get(key)
    if task_details is None or "resource" not in task_details:
        return event_type, details
    resource = task_details["resource"]
    if ":function:" in resource and not resource.startswith("arn:aws:states:::"):
        return _lambda_event(event_type, task_details)
    if event_type == "TaskFailed" and task_details["error"] == "States.Timeout":
        event_type, key = "TaskTimedOut", "taskTimedOutEventDetails"
    service, name = _split(resource)
    return event_type, {key: {**task_details, "resourceType": service, "resource": name}}


def _lambda_event(event_type: str, task_details: Record) -> tuple[str, Record]:
    """Convert to the event types of a function that is invoked by its ARN."""
    ending = event_type.removeprefix("Task")
    if ending == "Failed" and task_details["error"] == "States.Timeout":
        ending = "TimedOut"
    keys = {
        "Scheduled": ("resource",),
        "Succeeded": ("output",),
        "Failed": ("error", "cause"),
        "TimedOut": ("error", "cause"),
    }[ending]
    return f"LambdaFunction{ending}", {f"lambdaFunction{ending}EventDetails": _select(task_details, *keys)}


def _split(resource: str) -> tuple[str, str]:
    """Split a resource: `arn:aws:states:::ecs:runTask.sync` is ("ecs", "runTask.sync")."""
    service, _, name = resource.partition(":::")[2].rpartition(":")
    return service or "activity", name or resource


def _select(details: Record, *names: str) -> Record:
    return {name: details[name] for name in names}
