"""Assigns the events of a history to states.

Works with the history of AWS and with less detailed ones: an event without a link belongs to the last state
that was entered.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Event = Mapping[str, Any]

# Events of a failed attempt of a task; the state can retry, catch, or fail.
ATTEMPTS = ("Task", "LambdaFunction", "Activity", "Evaluation")
FAILURES = ("Failed", "TimedOut", "StartFailed", "ScheduleFailed", "SubmitFailed")


@dataclass(frozen=True)
class StateEvent:
    """An event of a state. The keys of `details` depend on its kind, the type of AWS."""

    state: str
    kind: str
    at: datetime
    details: Mapping[str, Any]


def state_events(events: Sequence[Event]) -> Iterator[StateEvent]:
    """Yield the events with the state that each belongs to, oldest first."""
    owner: dict[int, str] = {}  # event ID → state
    last = ""
    for event in events:
        kind = event["type"]
        details: Mapping[str, Any] = next(
            (value for key, value in event.items() if key.endswith("EventDetails")), {}
        )
        if kind.endswith("StateEntered"):
            last = name = details["name"]
        else:
            name = details.get("name", "") if kind.endswith("StateExited") else ""
            name = name or owner.get(event.get("previousEventId", 0)) or last
        owner[event["id"]] = name
        yield StateEvent(name, kind, _moment(event["timestamp"]), details)


def readable_cause(cause: str) -> str:
    """Return the message in a cause: the error of a Lambda function, or the exit codes of an ECS task."""
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    if not isinstance(document, dict):
        return cause
    if "errorMessage" in document:
        return str(document["errorMessage"])
    if "Containers" in document:
        exits = [
            f"container {container.get('Name')} exited with exit code {container['ExitCode']}"
            for container in document["Containers"]
            if container.get("ExitCode")
        ]
        reasons = [container["Reason"] for container in document["Containers"] if container.get("Reason")]
        return "; ".join([*exits, *reasons]) or str(document.get("StoppedReason", "the task failed"))
    return cause


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value.replace("Z", "+00:00"))
